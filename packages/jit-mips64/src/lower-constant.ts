/** Constants and additions of constants in as few instructions as there are, and what fits where. */
import { emit, type Fits, hw, isSigned16, isUnsigned16, leadingZeros64, type LowerContext, type Op, powerOf, runOf, shiftLeft64, shiftRight64, trailingZeros64 } from '@polybpf/jit'; // prettier-ignore
import { insertField } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { V1, ZERO } from './registers.ts';

const { addiu, daddiu, daddu, dsll, dsll32, dsrl, dsrl32, li, li_unsigned, lui, ori } = INSTRUCTIONS;

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

/** The shortest steps that were found for a 64-bit constant; `depth` bounds the search. */
function stepsFor(high: number, low: number, depth: number): readonly Step[] {
  if (high === low >> 31 || (high === 0 && isUnsigned16(low))) return wordSteps(low);
  let best: readonly Step[] = [...wordSteps(low), { kind: 'insert', steps: wordSteps(high) }];
  if (depth === 0) return best;
  const offer = (steps: readonly Step[]): void => {
    if (countSteps(steps) < countSteps(best)) best = steps;
  };
  const zeros = trailingZeros64(high, low);
  if (zeros > 0) {
    offer([...stepsFor(...shiftRight64(high, low, zeros), depth - 1), { kind: 'left', value: zeros }]);
  } else {
    const [upperHigh, upperLow] = shiftRight64(high, low, 16);
    // Above the low halfword there may be more zeros to shift over.
    const gap =
      low >>> 16 === 0 && high !== 0 ? 16 + trailingZeros64(high, 0) - 32 : trailingZeros64(upperHigh, upperLow);
    const rest = stepsFor(...shiftRight64(upperHigh, upperLow, gap), depth - 1);
    offer([...rest, { kind: 'left', value: 16 + gap }, { kind: 'ori', value: low & 0xffff }]);
  }
  if (high >= 0) {
    const leading = leadingZeros64(high, low);
    for (const fill of [0, -1] as const) {
      offer([...stepsFor(...shiftLeft64(high, low, leading, fill), depth - 1), { kind: 'right', value: leading }]);
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
