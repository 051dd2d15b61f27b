/** Constants in as few instructions as there are, and additions of constants. */
import { constantHomes, type ConstantRegister, emit, hw, isSigned12, isUnsigned12, leadingZeros64, low12, type LowerContext, type Op, shiftLeft64, shiftRight64, trailingZeros64 } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { isWritten } from './known.ts';
import { ZERO } from './registers.ts';

const { add_d, addi_d, addi_w, addu16i_d, bstrins_d, lu12i_w, lu32i_d, lu52i_d, ori, slli_d, srli_d } = INSTRUCTIONS;

/** Instructions of `rd = value`, sign-extended from 32 bits: 1 or 2. */
export function constantLength(value: number): number {
  return isSigned12(value) || isUnsigned12(value) || (value & 0xfff) === 0 ? 1 : 2;
}

/** rd = value, sign-extended from 32 bits. */
export function loadImm32(cx: LowerContext, rd: number, value: number): void {
  if (isSigned12(value)) return void emit(cx, addi_w, [rd, ZERO, value]);
  if (isUnsigned12(value)) return void emit(cx, ori, [rd, ZERO, value]);
  emit(cx, lu12i_w, [rd, value >> 12]);
  if ((value & 0xfff) !== 0) emit(cx, ori, [rd, rd, value & 0xfff]);
}

/** Registers that keep constants of two instructions: t8 to t4, a7, a6, a5. */
export const constantRegister: ConstantRegister = /* @__PURE__ */ constantHomes({
  candidates: [20, 19, 18, 17, 16, 11, 10, 9],
  isLong: (value) => constantLength(value) > 1,
  load: loadImm32,
  isWritten,
});

/**
 * rd = high:low. Searched among: the four parts of 12, 20, 20 and 12 bits in turn, those left out that sign extension has
 * made already; a constant without the trailing zeros, shifted; one with ones for the leading zeros, shifted back; equal
 * halves.
 */
export function loadImm64(cx: LowerContext, rd: number, high: number, low: number): void {
  if (high === low >> 31) return loadImm32(cx, rd, low);
  const plain = partsLength(high, low);
  if (plain > 2) {
    const zeros = trailingZeros64(high, low);
    const [rightHigh, rightLow] = shiftRight64(high, low, zeros);
    if (zeros > 0 && partsLength(rightHigh, rightLow) + 1 < plain) {
      loadParts(cx, rd, rightHigh, rightLow);
      emit(cx, slli_d, [rd, rd, zeros]);
      return;
    }
    const leading = leadingZeros64(high, low);
    // What is shifted in from below falls out again.
    const [leftHigh, leftLow] = shiftLeft64(high, low, leading, -1);
    if (leading > 0 && partsLength(leftHigh, leftLow) + 1 < plain) {
      loadParts(cx, rd, leftHigh, leftLow);
      emit(cx, srli_d, [rd, rd, leading]);
      return;
    }
    if (high === low && constantLength(low) + 1 < plain) {
      loadImm32(cx, rd, low);
      emit(cx, bstrins_d, [rd, rd, 63, 32]);
      return;
    }
  }
  loadParts(cx, rd, high, low);
}

/** Whether the upper 12 bits alone make the constant. */
function isTopOnly(high: number, low: number): boolean {
  return low === 0 && (high & 0xfffff) === 0 && high !== 0;
}

/** Instructions of {@link loadParts}. */
function partsLength(high: number, low: number): number {
  if (isTopOnly(high, low)) return 1;
  const middle = (high << 12) >> 12;
  const needsMiddle = middle !== low >> 31;
  return constantLength(low) + (needsMiddle ? 1 : 0) + (high === middle ? 0 : 1);
}

function loadParts(cx: LowerContext, rd: number, high: number, low: number): void {
  if (isTopOnly(high, low)) return void emit(cx, lu52i_d, [rd, ZERO, high >> 20]);
  loadImm32(cx, rd, low);
  const middle = (high << 12) >> 12;
  if (middle !== low >> 31) emit(cx, lu32i_d, [rd, middle]);
  if (high !== middle) emit(cx, lu52i_d, [rd, rd, high >> 20]);
}

/** `const`: when nothing reads the upper half, the sign-extended low word is never longer. */
export function lowerConst(cx: LowerContext, op: Op): void {
  loadImm64(cx, hw(cx, op.d), op.zext ? op.immHi : op.imm >> 31, op.imm);
}

/** Whether {@link emitAddImm} needs no register for the constant. */
export function isShortAddition(imm: number): boolean {
  return imm >= -4096 && imm <= 4094 ? true : isSigned12(imm - upper16(imm) * 65536) && upper16(imm) <= 32767;
}

/** What `addu16i.d` adds, so that the rest is as near to zero as it can be. */
function upper16(imm: number): number {
  return Math.round((imm - low12(imm)) / 65536);
}

/**
 * rd = rj + imm, in two instructions where one does not reach; `temp` holds other constants and may be rd, unless that is
 * rj.
 */
export function emitAddImm(cx: LowerContext, rd: number, rj: number, imm: number, temp: number): void {
  if (imm === 0 && rd === rj) return;
  if (isSigned12(imm)) return void emit(cx, addi_d, [rd, rj, imm]);
  if (isShortAddition(imm)) {
    if (imm >= -4096 && imm <= 4094) emit(cx, addi_d, [rd, rj, imm < 0 ? -2048 : 2047]);
    else emit(cx, addu16i_d, [rd, rj, upper16(imm)]);
    const rest = imm >= -4096 && imm <= 4094 ? imm - (imm < 0 ? -2048 : 2047) : imm - upper16(imm) * 65536;
    if (rest !== 0) emit(cx, addi_d, [rd, rd, rest]);
    return;
  }
  loadImm32(cx, temp, imm);
  emit(cx, add_d, [rd, rj, temp]);
}
