/**
 * Byte swaps: by one instruction of Zbb; without it, in RV64GC, halves are exchanged by shifts, bytes within them under a mask. What
 * lies above the swapped bits becomes zero (RFC 9669 sec. 4.2).
 */
import { emit, hw, type LowerContext, type Op } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { constantRegister } from './lower-constant.ts';
import { freeRegister, has } from './lower-fuse.ts';
import { ZERO } from './registers.ts';

const { addi, and, andi, or, rev8, slli, slliw, srli, xor } = INSTRUCTIONS;

/** Every second byte of 32 bits. */
const BYTES = 0x00ff00ff;

export function lowerBswap(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  emitSwap(cx, op, d, a);
}

/** d = the low `op.width` bits of a with bytes reversed. */
export function emitSwap(cx: LowerContext, op: Op, d: number, a: number): void {
  if (has(cx, 'zbb')) {
    emit(cx, rev8, [d, a]);
    if (op.width < 64) emit(cx, srli, [d, d, 64 - op.width]);
    return;
  }
  const temp = freeRegister(cx, op);
  if (op.width === 16) {
    emit(cx, andi, [temp, a, 0xff]);
    emit(cx, slli, [temp, temp, 8]);
    emit(cx, slli, [d, a, 48]);
    emit(cx, srli, [d, d, 56]);
    emit(cx, or, [d, d, temp]);
    return;
  }
  const mask = freeRegister(cx, op, temp);
  if (op.width === 32) {
    emitExchange(cx, d, a, 8, constantRegister(cx, BYTES, mask, true), temp);
    if (op.zext) {
      emit(cx, slli, [temp, d, 48]);
      emit(cx, srli, [temp, temp, 32]);
    } else emit(cx, slliw, [temp, d, 16]);
    emit(cx, srli, [d, d, 16]);
    emit(cx, or, [d, d, temp]);
    return;
  }
  emit(cx, slli, [temp, a, 32]);
  emit(cx, srli, [d, a, 32]);
  emit(cx, or, [d, d, temp]);
  // 0x00000000ffffffff; exclusive or with itself shifted by 16 makes 0x0000ffff0000ffff, then by 8 0x00ff00ff00ff00ff.
  emit(cx, addi, [mask, ZERO, -1]);
  emit(cx, srli, [mask, mask, 32]);
  for (const bits of [16, 8]) {
    emit(cx, slli, [temp, mask, bits]);
    emit(cx, xor, [mask, mask, temp]);
    emitExchange(cx, d, d, bits, mask, temp);
  }
}

/** d = a with neighbours of `bits` bits exchanged; `mask` has the lower one of each two. */
function emitExchange(cx: LowerContext, d: number, a: number, bits: number, mask: number, temp: number): void {
  emit(cx, srli, [temp, a, bits]);
  emit(cx, and, [temp, temp, mask]);
  emit(cx, and, [d, a, mask]);
  emit(cx, slli, [d, d, bits]);
  emit(cx, or, [d, d, temp]);
}
