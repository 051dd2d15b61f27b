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
import { emit, enterFrame, type Frame, frameAbove, type FunctionInfo, type LowerContext, restoreSaved, savedRegisters, type StackAccess } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { AT, RA, SP } from './registers.ts';

const { daddiu, jr, ld, lui, nop, sd } = INSTRUCTIONS;

/** Lays out the frame of one function. */
export function planFrame(fn: FunctionInfo): Frame {
  return frameAbove(fn, SP, savedRegisters(fn, RA));
}

/** Whether the frame keeps the return address, so that $ra may be written. */
export function savesReturnAddress({ saved }: Frame): boolean {
  return saved[0] === RA;
}

const STACK: StackAccess = {
  adjust: (cx, bytes) => void emit(cx, daddiu, [SP, SP, bytes]),
  store: (cx, register, offset) => void emit(cx, sd, [register, offset, SP]),
  load: (cx, register, offset) => void emit(cx, ld, [register, offset, SP]),
  constant(cx, value) {
    emit(cx, lui, [AT, value >>> 16]);
    return AT;
  },
};

/** Makes the frame and saves what must be saved. */
export function emitPrologue(cx: LowerContext): void {
  enterFrame(cx, STACK);
}

/** Restores the saved registers and leaves the function for the address in `register`: $ra, or $t9 for a tail call. */
export function emitLeave(cx: LowerContext, register: number): void {
  restoreSaved(cx, STACK);
  emit(cx, jr, [register]);
  if (cx.frame.size === 0) emit(cx, nop, []);
  else STACK.adjust(cx, cx.frame.size);
}

/** Ends the function; r0 lives in the result register. */
export function emitEpilogue(cx: LowerContext): void {
  emitLeave(cx, RA);
}

/** A bare return is as long as the jump to one. */
export function inlineEpilogue(_: FunctionInfo, frame: Frame): boolean {
  return frame.size === 0;
}
