/**
 * Constants: how 64-bit values get into registers, and which immediates instructions take.
 *
 * Immediates have 13 bits with sign; `sethi` sets bits 10 to 31 and zeroes all others (SPARC V9 A.37, A.48). A value is put
 * together from these in up to three instructions; others, which would take five or six, are literals behind the code.
 */
import { emit, emitTo, hw, type FitsFn, type ImmediateOpKind, type LowerContext, type Op } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';

const { add_imm, ldx_literal, mov_imm, or_imm, rd_pc, sethi, sllx_imm, srlx_imm, xor_imm } = INSTRUCTIONS;

/** Whether a number fits the signed 13-bit immediate. */
export function fits13(value: number): boolean {
  return value >= -4096 && value <= 4095;
}

/** n for 2^n - 1 with n from 13 to 31: the low bits that the mask keeps, too many for an immediate; else -1. */
export function lowMask(imm: number): number {
  return imm > 4095 && (imm & (imm + 1)) === 0 ? 32 - Math.clz32(imm) : -1;
}

/** n for -2^n with n from 13 to 31: the low bits that the mask clears; else -1. */
export function highMask(imm: number): number {
  return imm < -4096 && (~imm & (~imm + 1)) === 0 ? 32 - Math.clz32(~imm) : -1;
}

/** rd = high:low. */
export function loadImm64(cx: LowerContext, rd: number, high: number, low: number): void {
  if (high === low >> 31 && fits13(low)) return void emit(cx, mov_imm, [low, rd]);
  if (high === 0) return loadUnsigned32(cx, rd, low);
  if (high === -1 && low < 0) return loadNegative32(cx, rd, low);
  if (loadShifted(cx, rd, high, low)) return;
  if (loadSum(cx, rd, high, low)) return;
  emit(cx, rd_pc, [rd]);
  emitTo(cx, ldx_literal, [rd, rd], cx.literal(low, high));
}

/** A value of 32 bits, zero-extended. */
function loadUnsigned32(cx: LowerContext, rd: number, low: number): void {
  if (low >>> 0 <= 4095) return void emit(cx, mov_imm, [low, rd]);
  emit(cx, sethi, [low & ~0x3ff, rd]);
  if ((low & 0x3ff) !== 0) emit(cx, or_imm, [rd, low & 0x3ff, rd]);
}

/** A negative value of 32 bits, sign-extended: the complement's upper bits, and an xor that turns all of them. */
function loadNegative32(cx: LowerContext, rd: number, low: number): void {
  emit(cx, sethi, [~low & ~0x3ff, rd]);
  emit(cx, xor_imm, [rd, (low & 0x3ff) | ~0x3ff, rd]);
}

/** A field of few bits anywhere: loaded, then shifted into place, in two or three instructions. */
function loadShifted(cx: LowerContext, rd: number, high: number, low: number): boolean {
  const zeros = low !== 0 ? 31 - Math.clz32(low & -low) : 63 - Math.clz32(high & -high);
  // The value without its trailing zeros, signed and unsigned.
  const signedHigh = high >> Math.min(zeros, 31);
  const fieldLow = zeros >= 32 ? high >> (zeros - 32) : zeros === 0 ? low : (low >>> zeros) | (high << (32 - zeros));
  const fieldHigh = zeros >= 32 ? high >> 31 : signedHigh;
  if (fieldHigh === fieldLow >> 31 && fits13(fieldLow)) {
    emit(cx, mov_imm, [fieldLow, rd]);
    emit(cx, sllx_imm, [rd, zeros, rd]);
    return true;
  }
  const unsignedLow = zeros >= 32 ? high >>> (zeros - 32) : fieldLow;
  const unsignedHigh = zeros >= 32 ? 0 : high >>> zeros;
  if (unsignedHigh === 0 && unsignedLow >>> 0 < 0x400000 && zeros >= 10) {
    emit(cx, sethi, [unsignedLow << 10, rd]);
    if (zeros > 10) emit(cx, sllx_imm, [rd, zeros - 10, rd]);
    return true;
  }
  // Ones down to bit 0 or nearly: a small negative number, shifted right logically.
  const lead = high !== 0 ? Math.clz32(high) : 32;
  if (lead > 0 && lead < 32) {
    const ones = (1 << lead) - 1;
    const shiftedLow = (low << lead) | ones;
    const shiftedHigh = (high << lead) | (low >>> (32 - lead));
    if (shiftedHigh === -1 && shiftedLow < 0 && fits13(shiftedLow)) {
      emit(cx, mov_imm, [shiftedLow, rd]);
      emit(cx, srlx_imm, [rd, lead, rd]);
      return true;
    }
  }
  if (zeros === 0) return false;
  if (unsignedHigh === 0) {
    loadUnsigned32(cx, rd, unsignedLow);
    emit(cx, sllx_imm, [rd, zeros, rd]);
    return true;
  }
  if (fieldHigh === -1 && fieldLow < 0) {
    loadNegative32(cx, rd, fieldLow);
    emit(cx, sllx_imm, [rd, zeros, rd]);
    return true;
  }
  return false;
}

/** (field << n) + 13 bits, in three instructions. */
function loadSum(cx: LowerContext, rd: number, high: number, low: number): boolean {
  const addend = (low << 19) >> 19;
  if (addend === 0) return false;
  const rest = (low >>> 0) - addend;
  const restLow = rest | 0;
  const restHigh = (high + Math.floor(rest / 0x1_0000_0000)) | 0;
  const start = cx.nodes.length;
  if ((restLow | restHigh) === 0 || !loadShifted(cx, rd, restHigh, restLow)) return false;
  if (cx.nodes.length - start > 2) {
    cx.nodes.length = start;
    return false;
  }
  emit(cx, add_imm, [rd, addend, rd]);
  return true;
}

/** rd = imm, sign-extended. */
export function loadImm32(cx: LowerContext, rd: number, imm: number): void {
  loadImm64(cx, rd, imm >> 31, imm);
}

export function lowerConst(cx: LowerContext, op: Op): void {
  const { imm } = op;
  // With nobody to read the upper half, it may be what is shortest.
  const high = op.zext ? op.immHi : fits13(imm) ? imm >> 31 : 0;
  loadImm64(cx, hw(cx, op.d), high, imm);
}

const any: FitsFn = () => true;

/** Immediates of arithmetic that need no register. What divisions cannot take, their lowering puts into one itself. */
export const ALU_FITS: Readonly<Record<ImmediateOpKind, FitsFn>> = {
  // Two additions reach twice as far.
  add: (imm) => imm >= -8192 && imm <= 8190,
  sub: (imm) => imm >= -8190 && imm <= 8192,
  mul: fits13,
  udiv: any,
  umod: any,
  sdiv: any,
  smod: any,
  and: (imm) => fits13(imm) || lowMask(imm) > 0 || highMask(imm) > 0,
  or: fits13,
  xor: fits13,
  lsh: any,
  rsh: any,
  arsh: any,
  store_imm: any,
};
