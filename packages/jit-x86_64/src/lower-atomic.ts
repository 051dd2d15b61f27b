/**
 * Atomics (SDM vol. 3 sec. 9.1.2.2): locked instructions are full barriers, which is at least what RFC 9669 sec. 5.3
 * asks. add has xadd; fetch_and, fetch_or and fetch_xor are a loop around cmpxchg.
 */
import { bind, displacement, emit, emitTo, hw, hwBase, isHwLiveAfter, type LowerContext, type Op } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { move, zeroExtend } from './lower-move.ts';
import { RAX, RSP, SCRATCH1, SCRATCH2 } from './registers.ts';

type Sized = readonly [X64Form, X64Form];

const LOCKED: Readonly<Record<string, Sized>> = {
  atomic_add: [I.lock_add_m_r32, I.lock_add_m_r64],
  atomic_or: [I.lock_or_m_r32, I.lock_or_m_r64],
  atomic_and: [I.lock_and_m_r32, I.lock_and_m_r64],
  atomic_xor: [I.lock_xor_m_r32, I.lock_xor_m_r64],
  // 32-bit forms zero-extend what they return in the register
  fetch_add: [I.lock_xadd_m_r32, I.lock_xadd_m_r64],
  xchg: [I.xchg_m_r32, I.xchg_m_r64],
};

const COMBINE: Readonly<Record<string, Sized>> = {
  fetch_or: [I.or_rm_r32, I.or_rm_r64],
  fetch_and: [I.and_rm_r32, I.and_rm_r64],
  fetch_xor: [I.xor_rm_r32, I.xor_rm_r64],
};

/** `atomic_*`, `fetch_add`, `xchg`: one instruction. */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const form = LOCKED[op.kind]![op.width === 64 ? 1 : 0];
  emit(cx, form, [hwBase(cx, op.d), displacement(cx, op.d, op.offset), hw(cx, op.b)]);
}

/** `cmpxchg`: compares with rax, which is r0. */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const operands = [hwBase(cx, op.d), displacement(cx, op.d, op.offset), hw(cx, op.b)];
  emit(cx, wide ? I.lock_cmpxchg_m_r64 : I.lock_cmpxchg_m_r32, operands);
  // when the values are equal, cmpxchg does not write eax, and the upper half of r0 is still there
  if (!wide && op.zext) zeroExtend(cx, RAX, RAX);
}

/**
 * `fetch_or`, `fetch_and`, `fetch_xor`:
 *
 * ```text
 *       mov     rax, [m]
 *   1:  mov     r10, rax
 *       and     r10, b
 *       lock cmpxchg [m], r10       reloads rax when another got there first
 *       jne     1b
 *       mov     b, rax
 * ```
 */
export function lowerFetchLoop(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const width = wide ? 1 : 0;
  const b = hw(cx, op.b);
  let base = hwBase(cx, op.d);
  const disp = displacement(cx, op.d, op.offset);
  let operand = b;
  const keepRax = b !== RAX && isHwLiveAfter(cx, RAX);
  // a push would move [rsp + disp]; a base or operand in rax must live elsewhere during the loop anyway
  const inScratch = base === RAX || b === RAX || (keepRax && base === RSP);
  if (inScratch) emit(cx, I.mov_rm_r64, [SCRATCH1, RAX]);
  else if (keepRax) emit(cx, I.push_r64, [RAX]);
  if (base === RAX) base = SCRATCH1;
  if (b === RAX) operand = SCRATCH1;
  emit(cx, wide ? I.mov_r64_m : I.mov_r32_m, [RAX, base, disp]);
  const again = cx.newLabel();
  bind(cx, again);
  move(cx, SCRATCH2, RAX, wide);
  emit(cx, COMBINE[op.kind]![width], [SCRATCH2, operand]);
  emit(cx, wide ? I.lock_cmpxchg_m_r64 : I.lock_cmpxchg_m_r32, [base, disp, SCRATCH2]);
  emitTo(cx, I.jne_rel8, [], again);
  move(cx, b, RAX, wide);
  if (keepRax) {
    if (inScratch) emit(cx, I.mov_rm_r64, [RAX, SCRATCH1]);
    else emit(cx, I.pop_r64, [RAX]);
  }
}
