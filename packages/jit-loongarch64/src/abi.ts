/**
 * Calling convention (LoongArch ELF psABI, LP64D) and frames.
 *
 * A frame, from high to low addresses; sp stays 16-byte aligned and nothing lies below it, since there is no red zone:
 *
 * ```text
 *   r10 = sp + size ->  +--------------------------+
 *                       | BPF stack, fn.stackDepth |
 *                       | padding to 16            |
 *                       | ctx of a tail call       |  only with tail calls
 *                       | may_goto counter         |  only with may_goto
 *                       | saved registers          |  return address first, then the callee-saved ones in use
 *   sp              ->  +--------------------------+
 * ```
 *
 * Everything is above sp and near it, within reach of loads and stores. A function without calls, saved registers and stack
 * use has no frame at all.
 */
import { emit, enterFrame, type Frame, frameAbove, type FunctionInfo, hw, leaveFrame, type LowerContext, savedRegisters, type StackAccess } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm32 } from './lower-constant.ts';
import { move, retarget } from './lower-fuse.ts';
import { A0, RA, SP, T1, ZERO } from './registers.ts';

const { addi_d, jirl, ld_d, st_d } = INSTRUCTIONS;

/** Lays out the frame of one function. */
export function planFrame(fn: FunctionInfo): Frame {
  return frameAbove(fn, SP, savedRegisters(fn, RA));
}

const STACK: StackAccess = {
  adjust: (cx, bytes) => void emit(cx, addi_d, [SP, SP, bytes]),
  store: (cx, register, offset) => void emit(cx, st_d, [register, SP, offset]),
  load: (cx, register, offset) => void emit(cx, ld_d, [register, SP, offset]),
  constant(cx, value) {
    loadImm32(cx, T1, value);
    return T1;
  },
};

/** Makes the frame and saves what must be saved. */
export function emitPrologue(cx: LowerContext): void {
  enterFrame(cx, STACK);
}

/** Restores the saved registers and sp. */
export function undoFrame(cx: LowerContext): void {
  leaveFrame(cx, STACK);
}

/** Ends the function: r0 to a0, the frame undone, return. */
export function emitEpilogue(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== A0 && !retarget(cx, r0, A0)) move(cx, A0, r0);
  undoFrame(cx);
  emit(cx, jirl, [ZERO, RA, 0]);
}

/** A return without a frame is as short as the jump to one; the copy of r0 is mostly part of what made r0. */
export function inlineEpilogue(_: FunctionInfo, frame: Frame): boolean {
  return frame.size === 0;
}
