/** Copies, extensions and byte swaps. */
import { emit, hw, isHwLiveAfter, type LowerContext, type Op, R10 } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { emitMove, emitZext32, finishWord } from './lower-alu.ts';
import { emitAddImm } from './lower-constant.ts';
import { knownExtension, retarget, SIGNED } from './lower-fuse.ts';
import { SP } from './registers.ts';

const { andi, dsbh, dshd, dsra32, dsrl32, rotr, seb, seh, sll, sra, wsbh } = INSTRUCTIONS;

/** Copies and zero-extensions. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return emitAddImm(cx, d, SP, cx.frame.bias);
  const a = hw(cx, op.a);
  if (op.width < 32) emit(cx, andi, [d, a, op.width === 8 ? 0xff : 0xffff]);
  else if (op.width === 32 && op.zext) emitZext32(cx, d, a);
  else if (d !== a && !(!isHwLiveAfter(cx, a) && retarget(cx, a, d))) emitMove(cx, d, a);
}

/** Sign extension; the 32-bit form zeroes the upper half when anything reads it. */
export function lowerSext(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.from === 32) {
    if ((knownExtension(cx, a) & SIGNED) !== 0) emitMove(cx, d, a);
    else emit(cx, sll, [d, a, 0]);
  } else if ((knownExtension(cx, a) & SIGNED) !== 0) {
    emit(cx, op.from === 8 ? seb : seh, [d, a]);
  } else {
    // seb and seh want a word; a shift to the left takes anything.
    emit(cx, sll, [d, a, 32 - op.from]);
    emit(cx, sra, [d, d, 32 - op.from]);
  }
  finishWord(cx, op, d);
}

/** Byte swap of 16, 32 or 64 bits; what is above them becomes zero (RFC 9669 sec. 4.2). */
export function lowerBswap(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.width === 32 && (knownExtension(cx, a) & SIGNED) !== 0) return swapWord(cx, op, d, a);
  emit(cx, dsbh, [d, a]);
  if (op.width === 16) {
    emit(cx, andi, [d, d, 0xffff]);
    return;
  }
  emit(cx, dshd, [d, d]);
  if (op.width === 32) emit(cx, op.zext ? dsrl32 : dsra32, [d, d, 0]);
}

/** Byte swap of a sign-extended word. */
export function swapWord(cx: LowerContext, op: Op, d: number, a: number): void {
  emit(cx, wsbh, [d, a]);
  emit(cx, rotr, [d, d, 16]);
  if (op.zext) emitZext32(cx, d, d);
}

/** Byte swap of a halfword that lhu has loaded. */
export function swapHalfword(cx: LowerContext, d: number): void {
  emit(cx, wsbh, [d, d]);
}

/** Byte swap of 64 bits. */
export function swapDoubleword(cx: LowerContext, d: number, a: number): void {
  emit(cx, dsbh, [d, a]);
  emit(cx, dshd, [d, d]);
}
