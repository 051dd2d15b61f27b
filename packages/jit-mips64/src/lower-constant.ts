/** Constants and additions of constants in as few instructions as there are, and what fits where. */
import { emit, type Fits, hw, type LowerContext, type Op } from '@polybpf/jit';
import { insertField } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { V1, ZERO } from './registers.ts';

const { addiu, daddiu, daddu, dsll, dsll32, dsrl, dsrl32, li, li_unsigned, lui, ori } = INSTRUCTIONS;

/** Whether a value is a signed 16-bit number. */
export function isSigned16(value: number): boolean {
  return value >= -0x8000 && value <= 0x7fff;
}

/** Whether a value is an unsigned 16-bit number. */
export function isUnsigned16(value: number): boolean {
  return value >= 0 && value <= 0xffff;
}

/** log2 of a power of two (32-bit unsigned), or -1. */
export function powerOf(imm: number): number {
  return imm !== 0 && (imm & (imm - 1)) === 0 ? 31 - Math.clz32(imm) : -1;
}

/** One instruction of a constant. `insert` puts a second constant, made in $v1, into the upper half. */
type Step =
  | { readonly kind: 'li' | 'li_unsigned' | 'lui' | 'ori' | 'left' | 'right'; readonly value: number }
  | { readonly kind: 'insert'; readonly steps: readonly Step[] };

/** Instructions that `steps` are. */
function countSteps(steps: readonly Step[]): number {
  let count = 0;
  for (const step of steps) count += step.kind === 'insert' ? 1 + step.steps.length : 1;
  return count;
}

/** The steps for a sign-extended 32-bit constant. */
function wordSteps(low: number): readonly Step[] {
  if (isSigned16(low)) return [{ kind: 'li', value: low }];
  if (isUnsigned16(low)) return [{ kind: 'li_unsigned', value: low }];
  const upper: Step = { kind: 'lui', value: low >>> 16 };
  return (low & 0xffff) === 0 ? [upper] : [upper, { kind: 'ori', value: low & 0xffff }];
}

/** Trailing zeros of a 64-bit value that is not zero. */
function trailingZeros(high: number, low: number): number {
  return low !== 0 ? 31 - Math.clz32(low & -low) : 63 - Math.clz32(high & -high);
}

/** [high, low] shifted right arithmetically. */
function shiftRight(high: number, low: number, count: number): readonly [number, number] {
  if (count >= 32) return [high >> 31, count === 32 ? high : high >> (count - 32)];
  return count === 0 ? [high, low] : [high >> count, (low >>> count) | (high << (32 - count))];
}

/** [high, low] shifted left; `fill` comes in from the right. */
function shiftLeft(high: number, low: number, count: number, fill: 0 | -1): readonly [number, number] {
  if (count === 0) return [high, low];
  const ones = count >= 32 ? -1 : (1 << count) - 1;
  if (count >= 32) {
    const rest = count - 32;
    const upper = rest === 0 ? low : (low << rest) | (fill & ((1 << rest) - 1));
    return [upper, fill];
  }
  return [(high << count) | (low >>> (32 - count)), (low << count) | (fill & ones)];
}

/** The shortest steps that were found for a 64-bit constant; `depth` bounds the search. */
function stepsFor(high: number, low: number, depth: number): readonly Step[] {
  if (high === low >> 31 || (high === 0 && isUnsigned16(low))) return wordSteps(low);
  let best: readonly Step[] = [...wordSteps(low), { kind: 'insert', steps: wordSteps(high) }];
  if (depth === 0) return best;
  const offer = (steps: readonly Step[]): void => {
    if (countSteps(steps) < countSteps(best)) best = steps;
  };
  const zeros = trailingZeros(high, low);
  if (zeros > 0) {
    offer([...stepsFor(...shiftRight(high, low, zeros), depth - 1), { kind: 'left', value: zeros }]);
  } else {
    const [upperHigh, upperLow] = shiftRight(high, low, 16);
    // Above the low halfword there may be more zeros to shift over.
    const gap = low >>> 16 === 0 && high !== 0 ? 16 + trailingZeros(high, 0) - 32 : trailingZeros(upperHigh, upperLow);
    const rest = stepsFor(...shiftRight(upperHigh, upperLow, gap), depth - 1);
    offer([...rest, { kind: 'left', value: 16 + gap }, { kind: 'ori', value: low & 0xffff }]);
  }
  if (high >= 0) {
    const leading = high !== 0 ? Math.clz32(high) : 32 + Math.clz32(low);
    for (const fill of [0, -1] as const) {
      offer([...stepsFor(...shiftLeft(high, low, leading, fill), depth - 1), { kind: 'right', value: leading }]);
    }
  }
  return best;
}

/** How deep {@link stepsFor} searches: constants take at most five instructions. */
const DEPTH = 2;

/** rd = high:low. Constants that need two halves destroy $v1. */
export function loadImm64(cx: LowerContext, rd: number, high: number, low: number): void {
  emitSteps(cx, rd, stepsFor(high | 0, low | 0, DEPTH));
}

function emitSteps(cx: LowerContext, rd: number, steps: readonly Step[]): void {
  for (const step of steps) {
    if (step.kind === 'insert') {
      emitSteps(cx, V1, step.steps);
      const [form, lsb, msb] = insertField(32, 32);
      emit(cx, form, [rd, V1, lsb, msb]);
      continue;
    }
    const { kind, value } = step;
    if (kind === 'li') {
      if (value === 0) emit(cx, INSTRUCTIONS.move, [rd, ZERO]);
      else emit(cx, li, [rd, value]);
    } else if (kind === 'li_unsigned') emit(cx, li_unsigned, [rd, value]);
    else if (kind === 'lui') emit(cx, lui, [rd, value]);
    else if (kind === 'ori') emit(cx, ori, [rd, rd, value]);
    else if (kind === 'left') emit(cx, value < 32 ? dsll : dsll32, [rd, rd, value & 31]);
    else emit(cx, value < 32 ? dsrl : dsrl32, [rd, rd, value & 31]);
  }
}

/** `const`: when nothing reads the upper half, the sign-extended word is never longer. */
export function lowerConst(cx: LowerContext, op: Op): void {
  loadImm64(cx, hw(cx, op.d), op.zext ? op.immHi : op.imm >> 31, op.imm);
}

/** rd = rs + imm in 64 bits. */
export function emitAddImm(cx: LowerContext, rd: number, rs: number, imm: number): void {
  if (isSigned16(imm)) {
    emit(cx, daddiu, [rd, rs, imm]);
    return;
  }
  loadImm64(cx, V1, imm < 0 ? -1 : 0, imm);
  emit(cx, daddu, [rd, rs, V1]);
}

/** rd = rs + imm in the low half; `isWord` says that rs is a sign-extended word, then so is rd. */
export function emitAddWordImm(cx: LowerContext, rd: number, rs: number, imm: number, isWord: boolean): void {
  emit(cx, isWord ? addiu : daddiu, [rd, rs, imm]);
}

/** First and last bit when the set bits of a 32-bit value are adjacent. */
export function runOf(bits: number): readonly [first: number, last: number] | undefined {
  if (bits === 0) return undefined;
  const first = 31 - Math.clz32(bits & -bits);
  const last = 31 - Math.clz32(bits);
  const width = last - first + 1;
  const ones = width === 32 ? -1 : ((1 << width) - 1) << first;
  return bits === ones ? [first, last] : undefined;
}

const always = (): boolean => true;
const isTrivialSigned = (imm: number): boolean => imm === 0 || imm === 1 || imm === -1;

/** 16 bits, low ones, or all ones with a hole. */
function fitsAnd(imm: number): boolean {
  if (isUnsigned16(imm) || imm === -1) return true;
  return imm > 0 ? powerOf(imm + 1) >= 0 || imm === 0x7fffffff : runOf(~imm) !== undefined;
}

const fitsLogical = (imm: number): boolean => isUnsigned16(imm) || imm === -1;

/** 2^n, 2^n + 1, 2^n - 1 and the negatives of powers: a shift and at most one more instruction. */
function fitsMul(imm: number, width: number): boolean {
  if (isTrivialSigned(imm)) return true;
  if (imm === -2147483648) return width === 32;
  if (imm < 0) return powerOf(-imm) >= 0;
  return powerOf(imm) >= 0 || powerOf(imm - 1) >= 0 || (imm !== 0x7fffffff && powerOf(imm + 1) >= 0);
}

/** The immediates that lower-alu.ts and lower-divide.ts take, `branch` excepted. */
export const ALU_FITS: Omit<Fits, 'branch'> = {
  add: isSigned16,
  sub: (imm) => isSigned16(-imm),
  mul: fitsMul,
  udiv: (imm, width) => imm === 0 || imm === 1 || (powerOf(imm) >= 0 && (imm > 0 || width === 32)),
  umod: (imm, width) => imm === 0 || imm === 1 || (powerOf(imm) >= 0 && (imm > 0 || width === 32)),
  sdiv: isTrivialSigned,
  smod: isTrivialSigned,
  and: fitsAnd,
  or: fitsLogical,
  xor: fitsLogical,
  lsh: always,
  rsh: always,
  arsh: always,
  store_imm: always,
  displacement: isSigned16,
};
