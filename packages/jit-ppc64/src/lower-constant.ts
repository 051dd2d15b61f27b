/** Constants in registers, and additions of constants. */
import { emit, hw, isSigned16, leadingZeros64, type LowerContext, type Op, trailingZeros64 } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { R0 } from './registers.ts';

const { add, addi, addis, li, lis, ori, oris, rldicl, rldicr, rldimi } = INSTRUCTIONS;

/** Instructions that {@link loadSigned32} appends. */
function signed32Length(value: number): number {
  return isSigned16(value) || (value & 0xffff) === 0 ? 1 : 2;
}

/** Appends `register` = signed 32-bit number: 4 or 8 bytes. */
export function loadSigned32(cx: LowerContext, register: number, value: number): void {
  if (isSigned16(value)) {
    emit(cx, li, [register, value]);
    return;
  }
  emit(cx, lis, [register, value >> 16]);
  if ((value & 0xffff) !== 0) emit(cx, ori, [register, register, value & 0xffff]);
}

/** A signed 32-bit number that is rotated left and loses bits at one end. */
interface RotatedConstant {
  readonly value: number;
  readonly rotate: number;
  /** First bit that is kept, 0 being the most significant, or last one, when `keepsHigh`. */
  readonly bit: number;
  readonly keepsHigh: boolean;
  /** Instructions in all. */
  readonly length: number;
}

/**
 * The shortest way to make a 64-bit constant by rotating a 32-bit one. Where the rotation clears bits, those of the
 * rotated number may be anything: all ones is tried, so that negative numbers fit.
 */
function findRotated(low: number, high: number): RotatedConstant | undefined {
  const leading = leadingZeros64(high, low);
  const trailing = trailingZeros64(high, low);
  const [topLow, topHigh] = onesAbove(leading);
  const [bottomLow, bottomHigh] = onesBelow(trailing);
  let best: RotatedConstant | undefined;
  const consider = (startLow: number, startHigh: number, bit: number, keepsHigh: boolean): void => {
    let [wordLow, wordHigh] = [startLow, startHigh];
    for (let rotate = 0; rotate < 64; rotate++) {
      if (wordHigh === wordLow >> 31) {
        const length = 1 + signed32Length(wordLow);
        if (best === undefined || length < best.length) best = { value: wordLow, rotate, bit, keepsHigh, length };
        if (length === 2) return;
      }
      [wordLow, wordHigh] = [(wordLow >>> 1) | (wordHigh << 31), (wordHigh >>> 1) | (wordLow << 31)];
    }
  };
  consider(low, high, leading, false);
  if (best === undefined || best.length > 2) consider(low | topLow, high | topHigh, leading, false);
  if (best === undefined || best.length > 2) consider(low | bottomLow, high | bottomHigh, 63 - trailing, true);
  return best;
}

/** Low and high word with ones in the `count` most significant bits, 0 to 63. */
function onesAbove(count: number): readonly [low: number, high: number] {
  const ones = (bits: number): number => (bits === 0 ? 0 : -1 << (32 - bits));
  return count > 32 ? [ones(count - 32), -1] : [0, ones(count)];
}

/** Low and high word with ones in the `count` least significant bits, 0 to 63. */
function onesBelow(count: number): readonly [low: number, high: number] {
  const ones = (bits: number): number => (bits === 32 ? -1 : (1 << bits) - 1);
  return count > 32 ? [-1, ones(count - 32)] : [ones(count), 0];
}

/** Appends the shortest sequence for `register` = high:low: 4 to 20 bytes. */
export function loadImm64(cx: LowerContext, register: number, low: number, high: number): void {
  low |= 0;
  high |= 0;
  if (high === low >> 31) return loadSigned32(cx, register, low);
  const joined = signed32Length(high) + 1 + (low >>> 16 === 0 ? 0 : 1) + ((low & 0xffff) === 0 ? 0 : 1);
  const doubled = low === high ? signed32Length(low) + 1 : 99;
  const rotated = findRotated(low, high);
  if (rotated !== undefined && rotated.length <= joined && rotated.length <= doubled) {
    const { value, rotate, bit, keepsHigh } = rotated;
    loadSigned32(cx, register, value);
    emit(cx, keepsHigh ? rldicr : rldicl, [register, register, rotate, bit]);
  } else if (doubled < joined) {
    loadSigned32(cx, register, low);
    emit(cx, rldimi, [register, register, 32, 0]);
  } else {
    loadSigned32(cx, register, high);
    emit(cx, rldicr, [register, register, 32, 31]);
    if (low >>> 16 !== 0) emit(cx, oris, [register, register, low >>> 16]);
    if ((low & 0xffff) !== 0) emit(cx, ori, [register, register, low & 0xffff]);
  }
}

/** `d` = constant; when nothing reads the upper half, it is whatever is shortest. */
export function lowerConst(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.zext) loadImm64(cx, d, op.imm, op.immHi);
  else loadSigned32(cx, d, op.imm);
}

/**
 * The two halves that `addis` and `addi` add up to `imm`. The high one is 32768, which `addis` does not have, from
 * 0x7fff8000 on.
 */
export function splitSum(imm: number): { readonly high: number; readonly low: number } {
  const low = (imm << 16) >> 16;
  return { high: ((imm - low) / 0x10000) | 0, low };
}

/** Appends `d = a + imm` on 64 bits; `imm` is -2^31 to 2^31. Neither register is r0. May destroy r0. */
export function addImmediate(cx: LowerContext, d: number, a: number, imm: number): void {
  const { high, low } = splitSum(imm);
  if (high > 0x7fff) {
    loadImm64(cx, R0, imm | 0, 0);
    emit(cx, add, [d, a, R0]);
    return;
  }
  let from = a;
  if (high !== 0) {
    emit(cx, addis, [d, from, high]);
    from = d;
  }
  if (low !== 0 || from === a) emit(cx, addi, [d, from, low]);
}

/** Appends `d = a + imm`, of which the low 32 bits matter. */
export function addImmediate32(cx: LowerContext, d: number, a: number, imm: number): void {
  const { high, low } = splitSum(imm | 0);
  addImmediate(cx, d, a, high > 0x7fff ? low - 0x8000_0000 : imm | 0);
}
