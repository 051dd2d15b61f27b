/** Byte swaps. What lies above the swapped bits becomes zero (RFC 9669 sec. 4.2). */
import { emit, hw, type LowerContext, type Op } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';

const { bstrpick_d, revb_2h, revb_2w, revb_d } = INSTRUCTIONS;

export function lowerBswap(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  emitReversal(cx, op, d, a);
  if (op.width === 16) emit(cx, bstrpick_d, [d, d, 15, 0]);
  else if (op.width === 32 && op.zext) emit(cx, bstrpick_d, [d, d, 31, 0]);
}

/** d = a with the bytes of each part of `op.width` bits reversed: zero-extended when a is. */
export function emitReversal(cx: LowerContext, op: Op, d: number, a: number): void {
  emit(cx, op.width === 16 ? revb_2h : op.width === 32 ? revb_2w : revb_d, [d, a]);
}
