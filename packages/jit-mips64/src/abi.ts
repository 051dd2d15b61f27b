/**
 * Calling convention (n64) and frames.
 *
 * A frame, from high to low addresses; $sp stays 16-byte aligned and nothing lies below it, since n64 has no red zone:
 *
 * ```text
 *   r10 = sp + size ->  +--------------------------+
 *                       | BPF stack, fn.stackDepth |
 *                       | padding to 16            |
 *                       | ctx of a tail call       |  only with tail calls
 *                       | may_goto counter         |  only with may_goto
 *                       | saved registers          |  $ra first, then the callee-saved ones in use
 *   sp              ->  +--------------------------+
 * ```
 *
 * A function without calls, saved registers and stack use has no frame at all. $gp is neither read nor written.
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { emit, type Frame, type FunctionInfo, type LowerContext } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { AT, RA, SP } from './registers.ts';

const { daddiu, jr, ld, lui, nop, sd } = INSTRUCTIONS;

const alignUp = (size: number): number => (size + 15) & ~15;

/** Lays out the frame of one function. */
export function planFrame(fn: FunctionInfo): Frame {
  const saved = fn.hasCalls || fn.hasTailCall ? [RA, ...fn.usedCalleeSaved] : [...fn.usedCalleeSaved];
  const slots = (fn.hasMayGoto ? 8 : 0) + (fn.hasTailCall ? 8 : 0);
  const size = alignUp(saved.length * 8 + slots + fn.stackDepth);
  return { base: SP, bias: size, size, mayGotoOffset: saved.length * 8, saved };
}

/** Whether the frame keeps the return address, so that $ra may be written. */
export function savesReturnAddress({ saved }: Frame): boolean {
  return saved[0] === RA;
}

/** Offset from $sp of the slot where a tail call keeps its context. */
export function tailContextOffset(cx: LowerContext): number {
  return cx.frame.mayGotoOffset + (cx.fn.hasMayGoto ? 8 : 0);
}

/** Makes the frame and saves what must be saved. */
export function emitPrologue(cx: LowerContext): void {
  const { frame, fn } = cx;
  const { saved, size } = frame;
  if (size === 0) return;
  emit(cx, daddiu, [SP, SP, -size]);
  saved.forEach((register, i) => emit(cx, sd, [register, 8 * i, SP]));
  if (fn.hasMayGoto) {
    emit(cx, lui, [AT, BPF_MAX_LOOPS >>> 16]);
    emit(cx, sd, [AT, frame.mayGotoOffset, SP]);
  }
}

/** Restores the saved registers and leaves the function for the address in `register`: $ra, or $t9 for a tail call. */
export function emitLeave(cx: LowerContext, register: number): void {
  const { saved, size } = cx.frame;
  saved.forEach((each, i) => emit(cx, ld, [each, 8 * i, SP]));
  emit(cx, jr, [register]);
  if (size === 0) emit(cx, nop, []);
  else emit(cx, daddiu, [SP, SP, size]);
}

/** Ends the function; r0 lives in the result register. */
export function emitEpilogue(cx: LowerContext): void {
  emitLeave(cx, RA);
}

/** A bare return is as long as the jump to one. */
export function inlineEpilogue(_: FunctionInfo, frame: Frame): boolean {
  return frame.size === 0;
}
