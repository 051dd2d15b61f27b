/**
 * Copies, extensions, constants, addresses, negation and byte swaps.
 */
import { emit, hw, hwBase, isSigned16, isSpent, type LowerContext, type Op, R10 } from '@polybpf/jit';
import { FORMS as F, type S390xForm } from './instructions.ts';
import { fuseExtract, retarget } from './lower-fuse.ts';
import { NO_BASE } from './registers.ts';

/** Whether a displacement fits the unsigned 12-bit field of the short formats. */
export function isShortDisplacement(value: number): boolean {
  return value >= 0 && value <= 0xfff;
}

/** Whether a displacement fits the signed 20-bit field of the long formats. */
export function isLongDisplacement(value: number): boolean {
  return value >= -0x80000 && value <= 0x7ffff;
}

/** Appends `register = base + offset`; the offset must be a long displacement. */
export function loadAddress(cx: LowerContext, register: number, base: number, offset: number): void {
  emit(cx, isShortDisplacement(offset) ? F.la : F.lay, [register, offset, NO_BASE, base]);
}

/** Appends a zero-extension of the low word of `register`. */
export function zext32(cx: LowerContext, register: number): void {
  emit(cx, F.llgfr, [register, register]);
}

/** `d = a`; see {@link Op} for what the widths mean. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return loadAddress(cx, d, hwBase(cx, R10), cx.frame.bias);
  const a = hw(cx, op.a);
  const isExtension = op.width < 32 || (op.width === 32 && op.zext);
  if (isExtension && fuseExtract(cx, d, { source: a, first: 64 - op.width, last: 63, rotate: 0 })) return;
  if (op.width === 8) emit(cx, F.llgcr, [d, a]);
  else if (op.width === 16) emit(cx, F.llghr, [d, a]);
  else if (op.width === 32 && op.zext) emit(cx, F.llgfr, [d, a]);
  else if (d !== a && !(isSpent(cx, a, d) && retarget(cx, a, d))) emit(cx, op.zext ? F.lgr : F.lr, [d, a]);
}

/** `d` = sign-extended low `from` bits of `a`. */
export function lowerSext(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (op.zext && op.width === 64) {
    emit(cx, op.from === 8 ? F.lgbr : op.from === 16 ? F.lghr : F.lgfr, [d, a]);
    return;
  }
  if (op.from !== 32) emit(cx, op.from === 8 ? F.lbr : F.lhr, [d, a]);
  else if (d !== a) emit(cx, F.lr, [d, a]);
  if (op.zext) zext32(cx, d);
}

/** `d = -a`. */
export function lowerNeg(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (op.width === 64 && op.zext) {
    emit(cx, F.lcgr, [d, a]);
    return;
  }
  emit(cx, F.lcr, [d, a]);
  if (op.zext) zext32(cx, d);
}

/** `d` = low bytes of `a` in reverse order, zero-extended. */
export function lowerBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (op.width === 64 || (op.width === 16 && op.zext)) {
    emit(cx, F.lrvgr, [d, a]);
    if (op.width === 16) emit(cx, F.srlg, [d, d, 48, NO_BASE]);
    return;
  }
  emit(cx, F.lrvr, [d, a]);
  if (op.width === 16) emit(cx, F.srl, [d, 16, NO_BASE]);
  else if (op.zext) zext32(cx, d);
}

/** `d` = constant. */
export function lowerConst(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.zext) loadImm64(cx, d, op.imm, op.immHi);
  else loadImm32(cx, d, op.imm);
}

/** Appends `register = imm`, of which only the low 32 bits matter. */
export function loadImm32(cx: LowerContext, register: number, imm: number): void {
  loadImm64(cx, register, imm, isSigned16(imm) ? imm >> 31 : 0);
}

/** Appends the shortest sequence for `register = high:low`: 4 to 12 bytes, never longer than a literal of its own. */
export function loadImm64(cx: LowerContext, register: number, low: number, high: number): void {
  low |= 0;
  high |= 0;
  if (high === low >> 31 && isSigned16(low)) emit(cx, F.lghi, [register, low]);
  else if (high === 0) emitHalves(cx, register, low, F.llill, F.llilh, F.llilf);
  else if (low === 0) emitHalves(cx, register, high, F.llihl, F.llihh, F.llihf);
  else if (high === -1 && low < 0) emit(cx, F.lgfi, [register, low]);
  else loadWideImm(cx, register, low, high);
}

/** Appends the shortest of three forms that take the low, the high or both halfwords of `word`. */
function emitHalves(
  cx: LowerContext,
  register: number,
  word: number,
  lowHalf: S390xForm,
  highHalf: S390xForm,
  both: S390xForm,
): void {
  if (word >>> 16 === 0) emit(cx, lowHalf, [register, word]);
  else if ((word & 0xffff) === 0) emit(cx, highHalf, [register, word >>> 16]);
  else emit(cx, both, [register, word | 0]);
}

/** Constants with something in both words. */
function loadWideImm(cx: LowerContext, register: number, low: number, high: number): void {
  const halfwords = [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff];
  const inserts = [F.iihh, F.iihl, F.iilh, F.iill];
  // A sign-extended halfword, then the halfwords that came out wrong.
  const fill = low & 0x8000 ? 0xffff : 0;
  const wrong = [0, 1, 2].filter((k) => halfwords[k] !== fill);
  const isOneHalf = (word: number): boolean => word >>> 16 === 0 || (word & 0xffff) === 0;
  const lengthOfHalves = (isOneHalf(high) ? 4 : 6) + (isOneHalf(low) ? 4 : 6);
  if (4 + 4 * wrong.length < lengthOfHalves) {
    emit(cx, F.lghi, [register, (low << 16) >> 16]);
    for (const k of wrong) emit(cx, inserts[k]!, [register, halfwords[k]!]);
    return;
  }
  // A sign-extended word, then the one halfword above it that came out wrong.
  const sign = low < 0 ? 0xffff : 0;
  const wrongHigh = [0, 1].filter((k) => halfwords[k] !== sign);
  if (wrongHigh.length === 1 && 6 + 4 < lengthOfHalves) {
    emit(cx, F.lgfi, [register, low]);
    emit(cx, inserts[wrongHigh[0]!]!, [register, halfwords[wrongHigh[0]!]!]);
    return;
  }
  emitHalves(cx, register, high, F.llihl, F.llihh, F.llihf);
  emitHalves(cx, register, low, F.oill, F.oilh, F.oilf);
}
