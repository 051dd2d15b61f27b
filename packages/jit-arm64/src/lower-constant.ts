/** Constants and additions of constants in as few instructions as there are, and what fits where. */
import { emit, emitTo, type Fits, hw, type LowerContext, type Op, powerOf } from '@polybpf/jit';
import { encodeMask } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { ZR } from './registers.ts';

const { add_imm12_w, add_imm12_x, add_imm_w, add_imm_x, ldr_literal, movk_w, movk_x, movn_w, movn_x, movz_w, movz_x, orr_imm_w, orr_imm_x, sub_imm12_w, sub_imm12_x, sub_imm_w, sub_imm_x } = INSTRUCTIONS; // prettier-ignore

/** Halfword `i` (0 = least significant) of a 64-bit value. */
function halfword(high: number, low: number, i: number): number {
  return (i & 1 ? (i > 1 ? high : low) >>> 16 : i > 1 ? high : low) & 0xffff;
}

/** How many halfwords differ from `fill`; an instruction each. */
function countDifferent(high: number, low: number, fill: number): number {
  return (
    Number((low & 0xffff) !== fill) +
    Number(low >>> 16 !== fill) +
    Number((high & 0xffff) !== fill) +
    Number(high >>> 16 !== fill)
  );
}

/** Instructions that {@link loadImm64} takes; a load from the literal pool counts as 3, since it takes data as well. */
export function constantLength(high: number, low: number): number {
  const moves = Math.max(1, Math.min(countDifferent(high, low, 0), countDifferent(high, low, 0xffff)));
  if (moves <= 1) return 1;
  if (high === 0 && (low >>> 16 === 0xffff || (low & 0xffff) === 0xffff)) return 1;
  if (encodeMask(high, low) >= 0 || (high === 0 && encodeMask(low, low) >= 0)) return 1;
  return Math.min(moves, 3);
}

/**
 * rd = high:low. Tried in order: one movz or movn (64 or 32 bits), one logical immediate, two instructions, a logical
 * immediate with one halfword replaced, three; what would take four comes from the literal pool.
 */
export function loadImm64(cx: LowerContext, rd: number, high: number, low: number): void {
  const notZero = countDifferent(high, low, 0);
  const notOnes = countDifferent(high, low, 0xffff);
  if (notZero <= 1 || notOnes <= 1) return loadHalfwords(cx, rd, high, low, notOnes < notZero);
  if (high === 0) return loadImm32(cx, rd, low);
  const mask = encodeMask(high, low);
  if (mask >= 0) return void emit(cx, orr_imm_x, [rd, ZR, mask]);
  const moves = Math.min(notZero, notOnes);
  if (moves >= 3) {
    if (loadPatchedMask(cx, rd, high, low)) return;
    if (moves === 4) return void emitTo(cx, ldr_literal, [rd], cx.literal(low, high));
  }
  loadHalfwords(cx, rd, high, low, notOnes < notZero);
}

/** rd = low, upper half zero, neither halfword zero. */
function loadImm32(cx: LowerContext, rd: number, low: number): void {
  const [lower, upper] = [low & 0xffff, low >>> 16];
  if (upper === 0xffff) return void emit(cx, movn_w, [rd, lower ^ 0xffff, 0]);
  if (lower === 0xffff) return void emit(cx, movn_w, [rd, upper ^ 0xffff, 16]);
  const mask = encodeMask(low, low);
  if (mask >= 0) return void emit(cx, orr_imm_w, [rd, ZR, mask]);
  emit(cx, movz_w, [rd, lower, 0]);
  emit(cx, movk_w, [rd, upper, 16]);
}

/** movz or movn of one halfword and movk of the others that differ from what it leaves. */
function loadHalfwords(cx: LowerContext, rd: number, high: number, low: number, ones: boolean): void {
  const fill = ones ? 0xffff : 0;
  let isFirst = true;
  for (let i = 0; i < 4; i++) {
    const value = halfword(high, low, i);
    if (value === fill) continue;
    if (isFirst) emit(cx, ones ? movn_x : movz_x, [rd, ones ? value ^ 0xffff : value, i * 16]);
    else emit(cx, movk_x, [rd, value, i * 16]);
    isFirst = false;
  }
  if (isFirst) emit(cx, ones ? movn_x : movz_x, [rd, 0, 0]);
}

/** A logical immediate that differs in one halfword, and movk for that one. */
function loadPatchedMask(cx: LowerContext, rd: number, high: number, low: number): boolean {
  for (let i = 0; i < 4; i++) {
    const value = halfword(high, low, i);
    // The halfwords beside it are what a repeated pattern has there; 0 and all ones end a run.
    for (const candidate of [halfword(high, low, (i + 1) & 3), halfword(high, low, (i + 2) & 3), 0, 0xffff]) {
      const shift = (i & 1) * 16;
      const keep = ~(0xffff << shift);
      const newHigh = i > 1 ? (high & keep) | (candidate << shift) : high;
      const newLow = i > 1 ? low : (low & keep) | (candidate << shift);
      const mask = encodeMask(newHigh, newLow);
      if (mask < 0) continue;
      emit(cx, orr_imm_x, [rd, ZR, mask]);
      emit(cx, movk_x, [rd, value, i * 16]);
      return true;
    }
  }
  return false;
}

/** `const`: when nothing reads the upper half, a 32-bit constant is never longer than a 64-bit one. */
export function lowerConst(cx: LowerContext, op: Op): void {
  loadImm64(cx, hw(cx, op.d), op.zext ? op.immHi : 0, op.imm);
}

/** Constants below this, and their negatives, are added in at most two instructions. */
export const ADD_LIMIT: number = 1 << 24;

/** rd = rn + imm; |imm| is below {@link ADD_LIMIT}. Registers may be sp when `wide`. */
export function emitAddImm(cx: LowerContext, wide: boolean, rd: number, rn: number, imm: number): void {
  const magnitude = Math.abs(imm);
  const [pages, rest] = [magnitude >>> 12, magnitude & 0xfff];
  let source = rn;
  if (pages !== 0) {
    emit(cx, imm < 0 ? (wide ? sub_imm12_x : sub_imm12_w) : wide ? add_imm12_x : add_imm12_w, [rd, source, pages]);
    source = rd;
  }
  if (rest !== 0 || pages === 0) {
    emit(cx, imm < 0 ? (wide ? sub_imm_x : sub_imm_w) : wide ? add_imm_x : add_imm_w, [rd, source, rest]);
  }
}

/** Whether `imm` is an operand of cmp or cmn: 12 bits, shifted by 0 or 12. */
export function fitsCompare(imm: number): boolean {
  const magnitude = Math.abs(imm);
  return magnitude < 4096 || ((magnitude & 0xfff) === 0 && magnitude < 1 << 24);
}

/** The logical immediate for a sign-extended 32-bit immediate, or -1. */
export function maskOf(imm: number, wide: boolean): number {
  return encodeMask(wide ? imm >> 31 : imm, imm);
}

const fitsAdd = (imm: number): boolean => Math.abs(imm) < ADD_LIMIT;
const isTrivial = (imm: number): boolean => imm === 0 || imm === 1;
const isTrivialSigned = (imm: number): boolean => isTrivial(imm) || imm === -1;
const fitsLogical = (imm: number, width: number): boolean => imm === 0 || imm === -1 || maskOf(imm, width === 64) >= 0;
/** Powers of two; 0x80000000 only where it is not sign-extended to something else. */
const fitsPower = (imm: number, width: number): boolean =>
  imm === 0 || (powerOf(imm) >= 0 && (imm > 0 || width === 32));
const always = (): boolean => true;

/** The immediates that lower-alu.ts takes, `branch` excepted. */
export const ALU_FITS: Omit<Fits, 'branch' | 'displacement'> = {
  add: fitsAdd,
  sub: fitsAdd,
  mul: (imm) => isTrivialSigned(imm) || fitsShiftedProduct(imm),
  udiv: fitsPower,
  umod: fitsPower,
  sdiv: isTrivialSigned,
  smod: isTrivialSigned,
  and: fitsLogical,
  or: fitsLogical,
  xor: fitsLogical,
  lsh: always,
  rsh: always,
  arsh: always,
  store_imm: always,
};

/** 2^n, -(2^n), 2^n + 1, 1 - 2^n in one instruction and 2^n - 1 in two: shifted operands instead of a multiplication. */
function fitsShiftedProduct(imm: number): boolean {
  if (imm > 0) return powerOf(imm) >= 0 || powerOf(imm - 1) >= 0 || (imm !== 0x7fffffff && powerOf(imm + 1) >= 0);
  return imm !== -2147483648 && (powerOf(-imm) >= 0 || powerOf(1 - imm) >= 0);
}
