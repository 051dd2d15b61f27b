/** Constants in as few bytes as there are, and additions of constants. */
import { constantHomes, type ConstantRegister, emit, emitTo, hw, isSigned12, leadingZeros64, low12, type LowerContext, type Op, shiftLeft64, shiftRight64, trailingZeros64 } from '@polybpf/jit'; // prettier-ignore
import { lengthOf } from './compress.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { isWritten } from './known.ts';
import { isCompressible, ZERO } from './registers.ts';

const { add, addi, addiw, ld_literal, lui, slli, srli } = INSTRUCTIONS;

export const isSigned6 = (value: number): boolean => value >= -32 && value <= 31;

/**
 * A step of making a constant: the 32-bit constant that it starts with, then shifts and additions. `kind` is `left` or
 * `right` for a shift, `add` for an addition of 12 bits.
 */
interface Step {
  readonly kind: 'left' | 'right' | 'add';
  readonly amount: number;
}

interface Recipe {
  readonly bytes: number;
  readonly start: number;
  readonly steps: readonly Step[];
}

/** Longest recipe that beats a literal: `auipc` and `ld` take eight bytes, the literal eight and often padding. */
const LITERAL_BYTES = 18;
/** How often a constant is taken apart at most: each time at least twelve bits get lost. */
const MAX_DEPTH = 4;

/** Bytes of `rd = value`, sign-extended from 32 bits. */
export function constantBytes(value: number): number {
  if (isSigned6(value)) return 2;
  if (isSigned12(value)) return 4;
  const low = low12(value);
  const upper = ((value - low) | 0) >> 12;
  const upperBytes = isSigned6(upper) ? 2 : 4;
  return low === 0 ? upperBytes : upperBytes + (isSigned6(low) ? 2 : 4);
}

/** rd = value, sign-extended from 32 bits. */
export function loadImm32(cx: LowerContext, rd: number, value: number): void {
  if (isSigned12(value)) return void emit(cx, addi, [rd, ZERO, value]);
  const low = low12(value);
  emit(cx, lui, [rd, ((value - low) >> 12) & 0xfffff]);
  // In 32 bits: near 2^31 the upper part is too high by one page, which only wraps around in 32 bits.
  if (low !== 0) emit(cx, addiw, [rd, rd, low]);
}

/**
 * Registers that keep constants of six bytes and more: t6 to t3, a7, a6, which have no compressed instructions but moves
 * and additions.
 */
export const constantRegister: ConstantRegister = /* @__PURE__ */ constantHomes({
  candidates: [31, 30, 29, 28, 17, 16],
  isLong: (value) => constantBytes(value) >= 6,
  load: loadImm32,
  isWritten,
});

/**
 * rd = high:low. Searched among: 32 bits; a recipe without the low 12 bits, shifted and completed; one without trailing
 * zeros; one without leading zeros, shifted back; else a load from the literal pool.
 */
export function loadImm64(cx: LowerContext, rd: number, high: number, low: number): void {
  if (high === low >> 31) return loadImm32(cx, rd, low);
  const recipe = recipeOf(high, low, isCompressible(rd), MAX_DEPTH);
  if (recipe === undefined || recipe.bytes > LITERAL_BYTES)
    return void emitTo(cx, ld_literal, [rd], cx.literal(low, high));
  loadImm32(cx, rd, recipe.start);
  for (const { kind, amount } of recipe.steps)
    emit(cx, kind === 'add' ? addi : kind === 'left' ? slli : srli, [rd, rd, amount]);
}

/** The shortest recipe found, or undefined when there is none of `depth` parts. */
function recipeOf(high: number, low: number, isShortRegister: boolean, depth: number): Recipe | undefined {
  if (high === low >> 31) return { bytes: constantBytes(low), start: low, steps: [] };
  if (depth === 0) return undefined;
  let best: Recipe | undefined;
  const consider = (inner: Recipe | undefined, bytes: number, step: Step): void => {
    if (inner === undefined || (best !== undefined && inner.bytes + bytes >= best.bytes)) return;
    best = { bytes: inner.bytes + bytes, start: inner.start, steps: [...inner.steps, step] };
  };
  const zeros = trailingZeros64(high, low);
  if (zeros > 0) {
    const [h, l] = shiftRight64(high, low, zeros);
    consider(recipeOf(h, l, isShortRegister, depth - 1), 2, { kind: 'left', amount: zeros });
  } else {
    const rest = low12(low);
    const sum = (low >>> 0) - rest;
    const restHigh = sum >= 2 ** 32 ? (high + 1) | 0 : sum < 0 ? (high - 1) | 0 : high;
    const addition = { kind: 'add', amount: rest } as const;
    consider(recipeOf(restHigh, sum | 0, isShortRegister, depth - 1), isSigned6(rest) ? 2 : 4, addition);
  }
  if (high >= 0) {
    const leading = leadingZeros64(high, low);
    const step = { kind: 'right', amount: leading } as const;
    const bytes = isShortRegister ? 2 : 4;
    // What is shifted in from below falls out again: zeros or ones, whichever is easier to make.
    for (const fill of [0, -1] as const) {
      const [h, l] = shiftLeft64(high, low, leading, fill);
      consider(recipeOf(h, l, isShortRegister, depth - 1), bytes, step);
    }
  }
  return best;
}

/** `const`: when nothing reads the upper half, the sign-extended low word is never longer. */
export function lowerConst(cx: LowerContext, op: Op): void {
  loadImm64(cx, hw(cx, op.d), op.zext ? op.immHi : op.imm >> 31, op.imm);
}

/**
 * rd = rs1 + imm, in two instructions where one does not reach; `temp` holds larger constants and may be rd, unless that
 * is rs1.
 */
export function emitAddImm(cx: LowerContext, rd: number, rs1: number, imm: number, temp: number): void {
  if (imm === 0 && rd === rs1) return;
  if (isSigned12(imm)) return void emit(cx, addi, [rd, rs1, imm]);
  const half = imm < 0 ? -2048 : 2047;
  const rest = imm - half;
  const constant = constantBytes(imm) + lengthOf(add, rd, rs1, temp);
  if (isSigned12(rest) && lengthOf(addi, rd, rs1, half) + lengthOf(addi, rd, rd, rest) < constant) {
    emit(cx, addi, [rd, rs1, half]);
    emit(cx, addi, [rd, rd, rest]);
    return;
  }
  loadImm32(cx, temp, imm);
  emit(cx, add, [rd, rs1, temp]);
}
