/**
 * Loads and stores. Words and halfwords may be misaligned; doublewords in one instruction must not (DDI 0406C, A3.2.1), so
 * those that may be take two.
 */
import { displacement, emit, hwBase, type LowerContext, type MachineForm, type Op, R10 } from '@polybpf/jit';
import { alignedPair, hi, isRegister, lo } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { emitAddImm } from './lower-alu.ts';
import { loadImm } from './lower-constant.ts';
import { signInto, swapWords } from './lower-move.ts';
import { clearHalf, ins, isKept, readHalf, resultRegister, secondScratch, writeHalf } from './operands.ts';
import { IP } from './registers.ts';

const { add_imm, dmb, ldr, ldrb, ldrd, ldrh, ldrsb, ldrsh, mov_lsr, rev, str, strb, strd, strh, sub_imm } = INSTRUCTIONS; // prettier-ignore

/** Where an access goes. */
export interface Address {
  readonly base: number;
  readonly offset: number;
}

/** Largest offset of a row, either way. */
const SHORT = 255;
const LONG = 4095;

/**
 * Base register and offset of `[register + offset]`, with both `offset` and `offset + extra` within `limit`.
 *
 * @param temp - holds the base when it is in memory, or the sum
 */
export function addressOf(
  cx: LowerContext,
  register: number,
  offset: number,
  extra: number,
  limit: number,
  temp: number,
): Address {
  const bytes = displacement(cx, register, offset);
  const base = register === R10 ? hwBase(cx, register) : readHalf(cx, lo(cx, register), temp);
  if (bytes >= -limit && bytes + extra <= limit) return { base, offset: bytes };
  // The upper part in one instruction where that leaves an offset that fits.
  const size = Math.abs(bytes);
  const low = limit === LONG ? size & 0xfff : size & 0xff;
  const rest = size - low;
  const sign = bytes < 0 ? -1 : 1;
  if (sign * low + extra <= limit && rest < 2 ** 20) {
    ins(cx, sign < 0 ? sub_imm : add_imm, temp, base, rest & 0xff000 && rest & 0xf00 ? rest & 0xff000 : rest);
    if (rest & 0xff000 && rest & 0xf00) ins(cx, sign < 0 ? sub_imm : add_imm, temp, temp, rest & 0xf00);
    return { base: temp, offset: sign * low };
  }
  emitAddImm(cx, temp, base, bytes, temp);
  return { base: temp, offset: 0 };
}

/** The register with the sum of an access whose instruction takes no offset. */
export function bareAddress(cx: LowerContext, register: number, offset: number, temp: number): number {
  const bytes = displacement(cx, register, offset);
  const base = register === R10 ? hwBase(cx, register) : readHalf(cx, lo(cx, register), temp);
  if (bytes === 0) return base;
  emitAddImm(cx, temp, base, bytes, secondScratch(cx) === temp ? IP : secondScratch(cx));
  return temp;
}

/** Whether the address of this access is known to be a multiple of 4. */
function isWordAligned(cx: LowerContext): boolean {
  const known = cx.addresses[cx.insn] ?? 1;
  return known >= 4 && (known & 3) === 0;
}

/** Offsets of the low and the high word of a doubleword. */
export function wordOffsets(cx: LowerContext): readonly [low: number, high: number] {
  return cx.target.endian === 'big' ? [4, 0] : [0, 4];
}

const isBig = (cx: LowerContext): boolean => cx.target.endian === 'big';

function limitOf(form: MachineForm): number {
  return form === ldr || form === ldrb || form === str || form === strb ? LONG : SHORT;
}

function loadWide(cx: LowerContext, op: Op, dl: number, dh: number): void {
  const pair = alignedPair(dl, dh, isBig(cx));
  if (pair !== undefined && isWordAligned(cx)) {
    const { base, offset } = addressOf(cx, op.a, op.offset, 0, SHORT, IP);
    // Beyond the reach of the pair, two words are as short as the sum.
    ins(cx, ldrd, pair, pair + 1, base, offset);
    return;
  }
  const { base, offset } = addressOf(cx, op.a, op.offset, 4, LONG, IP);
  const [low, high] = wordOffsets(cx);
  const second = secondScratch(cx);
  const [rl, rh] = [resultRegister(dl, second), resultRegister(dh, second)];
  const loadLow = (): void => {
    ins(cx, ldr, rl, base, offset + low);
    writeHalf(cx, dl, rl);
  };
  const loadHigh = (): void => {
    ins(cx, ldr, rh, base, offset + high);
    writeHalf(cx, dh, rh);
  };
  // The register of the base last.
  if (rl === base) {
    loadHigh();
    loadLow();
  } else {
    loadLow();
    loadHigh();
  }
}

/** d = the value at an address, as `form` loads it; the upper half is cleared or is the sign. */
function loadNarrow(cx: LowerContext, op: Op, form: MachineForm, isSigned: boolean): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const isWide = op.width === 64;
  const extra = isWide && isBig(cx) ? 4 : 0;
  const { base, offset } = addressOf(cx, op.a, op.offset, extra, limitOf(form), IP);
  const d = resultRegister(dl, IP);
  ins(cx, form, d, base, offset + extra);
  writeHalf(cx, dl, d);
  if (!op.zext) return;
  if (isSigned) signInto(cx, dh, d);
  else clearHalf(cx, dh, IP);
}

export function lowerLoad(cx: LowerContext, op: Op): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  if (op.width === 64) {
    if (op.zext && isKept(dh)) return loadWide(cx, op, dl, dh);
    return loadNarrow(cx, { ...op, zext: false }, ldr, false);
  }
  loadNarrow(cx, op, op.width === 8 ? ldrb : op.width === 16 ? ldrh : ldr, false);
}

export function lowerLoadSext(cx: LowerContext, op: Op): void {
  loadNarrow(cx, op, op.from === 8 ? ldrsb : op.from === 16 ? ldrsh : ldr, true);
}

export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  if (op.width === 64) {
    if (!op.zext || !isKept(dh)) {
      // The low half of the result is the high word of memory.
      const { base, offset } = addressOf(cx, op.a, op.offset, 4, LONG, IP);
      const d = resultRegister(dl, IP);
      ins(cx, ldr, d, base, offset + wordOffsets(cx)[1]);
      ins(cx, rev, d, d);
      return writeHalf(cx, dl, d);
    }
    if (!isRegister(dl)) {
      loadWide(cx, op, dl, dh);
      return swapWords(cx, op, dl, dh);
    }
    // Each word goes where the other would.
    loadWideSwapped(cx, op, dl, dh);
    ins(cx, rev, dl, dl);
    return void ins(cx, rev, dh, dh);
  }
  loadNarrow(cx, { ...op, zext: false }, op.width === 16 ? ldrh : ldr, false);
  const d = readHalf(cx, dl, IP);
  const result = resultRegister(dl, IP);
  ins(cx, rev, result, d);
  if (op.width === 16) ins(cx, mov_lsr, result, result, 16);
  writeHalf(cx, dl, result);
  if (op.zext) clearHalf(cx, dh, IP);
}

function loadWideSwapped(cx: LowerContext, op: Op, dl: number, dh: number): void {
  const { base, offset } = addressOf(cx, op.a, op.offset, 4, LONG, IP);
  const [low, high] = wordOffsets(cx);
  const words = [[dl, high], [dh, low]] as const; // prettier-ignore
  for (const [register, at] of dl === base ? [words[1], words[0]] : words) ins(cx, ldr, register, base, offset + at);
}

function storeForm(width: number): MachineForm {
  return width === 8 ? strb : width === 16 ? strh : str;
}

export function lowerStore(cx: LowerContext, op: Op): void {
  const [bl, bh] = [lo(cx, op.b), hi(cx, op.b)];
  const second = secondScratch(cx);
  if (op.width !== 64) {
    const form = storeForm(op.width);
    const { base, offset } = addressOf(cx, op.d, op.offset, 0, limitOf(form), IP);
    return void ins(cx, form, readHalf(cx, bl, second), base, offset);
  }
  const pair = alignedPair(bl, bh, isBig(cx));
  const bytes = displacement(cx, op.d, op.offset);
  if (pair !== undefined && isWordAligned(cx) && Math.abs(bytes) <= SHORT) {
    const { base, offset } = addressOf(cx, op.d, op.offset, 0, SHORT, IP);
    return void ins(cx, strd, pair, pair + 1, base, offset);
  }
  const { base, offset } = addressOf(cx, op.d, op.offset, 4, LONG, IP);
  const [low, high] = wordOffsets(cx);
  ins(cx, str, readHalf(cx, bl, second), base, offset + low);
  ins(cx, str, readHalf(cx, bh, second), base, offset + high);
}

/** The immediate is sign-extended to the width (RFC 9669 sec. 5.1). */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { imm, width } = op;
  const second = secondScratch(cx);
  const form = storeForm(width);
  const { base, offset } = addressOf(cx, op.d, op.offset, width === 64 ? 4 : 0, limitOf(form), IP);
  loadImm(cx, second, width === 8 ? imm & 0xff : width === 16 ? imm & 0xffff : imm);
  if (width !== 64) return void ins(cx, form, second, base, offset);
  const [low, high] = wordOffsets(cx);
  ins(cx, str, second, base, offset + low);
  if (imm !== 0 && imm !== -1) loadImm(cx, second, imm < 0 ? -1 : 0);
  ins(cx, str, second, base, offset + high);
}

/** All accesses before are seen before all behind. */
export function barrier(cx: LowerContext): void {
  emit(cx, dmb, []);
}
