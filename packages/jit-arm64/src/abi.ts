/**
 * Calling convention (AAPCS64) and frames.
 *
 * A frame, from high to low addresses; sp stays 16-byte aligned and nothing lies below it, since AAPCS64 has no red zone:
 *
 * ```text
 *   r10 = sp + size ->  +--------------------------+
 *                       | BPF stack, fn.stackDepth |
 *                       | padding to 16            |
 *                       | ctx of a tail call       |  only with tail calls
 *                       | may_goto counter         |  only with may_goto
 *                       | saved registers          |  link register first, then the callee-saved ones in use
 *   sp              ->  +--------------------------+
 * ```
 *
 * The first pair of saved registers is stored while sp moves (`stp ..., [sp, #-size]!`), so that most frames cost one
 * instruction at either end. A function without calls, saved registers and stack use has no frame at all.
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { alignUp16, emit, type Frame, frameAbove, type FunctionInfo, hw, type LowerContext, savedRegisters, slotBytes } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { retarget } from './lower-fuse.ts';
import { LR, SP, X0, X16, X29 } from './registers.ts';

const { add_imm_x, ldp_post_x, ldp_x, ldr_post_x, ldr_x, mov_x, movz_x, ret, stp_pre_x, stp_x, str_pre_x, str_x, sub_imm_x } = INSTRUCTIONS; // prettier-ignore

/** Largest frames that the writeback of `ldr` (9 bits) and `ldp` (7 bits of 8) can undo. */
const MAX_SINGLE_WRITEBACK = 240;
const MAX_PAIR_WRITEBACK = 496;

/** Lays out the frame of one function. */
export function planFrame(fn: FunctionInfo): Frame {
  const saved = savedRegisters(fn, LR);
  // A pair reaches farther than a single register: a second one that nobody needs saves an instruction at either end.
  if (saved.length === 1 && alignUp16(8 + slotBytes(fn) + fn.stackDepth) > MAX_SINGLE_WRITEBACK) saved.push(X29);
  return frameAbove(fn, SP, saved);
}

/** Whether the first saved registers move sp themselves. */
function hasWriteback({ saved, size }: Frame): boolean {
  return saved.length === 1 ? size <= MAX_SINGLE_WRITEBACK : saved.length > 1 && size <= MAX_PAIR_WRITEBACK;
}

/** Makes the frame and saves what must be saved. */
export function emitPrologue(cx: LowerContext): void {
  const { frame, fn } = cx;
  const { saved, size } = frame;
  if (size === 0) return;
  let next = 0;
  if (!hasWriteback(frame)) emit(cx, sub_imm_x, [SP, SP, size]);
  else if (saved.length === 1) emit(cx, str_pre_x, [saved[next++]!, SP, -size]);
  else emit(cx, stp_pre_x, [saved[next++]!, saved[next++]!, SP, -size]);
  for (; next + 1 < saved.length; next += 2) emit(cx, stp_x, [saved[next]!, saved[next + 1]!, SP, next * 8]);
  if (next < saved.length) emit(cx, str_x, [saved[next]!, SP, next * 8]);
  if (fn.hasMayGoto) {
    emit(cx, movz_x, [X16, BPF_MAX_LOOPS >>> 16, 16]);
    emit(cx, str_x, [X16, SP, frame.mayGotoOffset]);
  }
}

/** Restores the saved registers and sp. x16 and the argument registers keep their values. */
export function undoFrame(cx: LowerContext): void {
  const { frame } = cx;
  const { saved, size } = frame;
  if (size === 0) return;
  const writeback = hasWriteback(frame);
  for (let next = writeback ? 2 : 0; next < saved.length; next += 2) {
    if (next + 1 < saved.length) emit(cx, ldp_x, [saved[next]!, saved[next + 1]!, SP, next * 8]);
    else emit(cx, ldr_x, [saved[next]!, SP, next * 8]);
  }
  if (!writeback) emit(cx, add_imm_x, [SP, SP, size]);
  else if (saved.length === 1) emit(cx, ldr_post_x, [saved[0]!, SP, size]);
  else emit(cx, ldp_post_x, [saved[0]!, saved[1]!, SP, size]);
}

/** Ends the function: r0 to x0, the frame undone, return. */
export function emitEpilogue(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== X0 && !retarget(cx, r0, X0)) emit(cx, mov_x, [X0, r0]);
  undoFrame(cx);
  emit(cx, ret, []);
}

/** A bare `ret` is no longer than the jump to one. */
export function inlineEpilogue(fn: FunctionInfo, frame: Frame): boolean {
  return frame.size === 0 && fn.registers[0] === X0;
}
