/**
 * Calling convention (RISC-V ELF psABI, LP64D) and frames.
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
 * Everything is above sp and near it, where compressed loads and stores reach. A function without calls, saved registers
 * and stack use has no frame at all.
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { emit, type Frame, type FunctionInfo, hw, type LowerContext, retargetLast } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm32 } from './lower-constant.ts';
import { A0, RA, SP, T1, ZERO } from './registers.ts';

const { addi, jalr, ld, sd } = INSTRUCTIONS;

/** Lays out the frame of one function. */
export function planFrame(fn: FunctionInfo): Frame {
  const saved = fn.hasCalls || fn.hasTailCall ? [RA, ...fn.usedCalleeSaved] : [...fn.usedCalleeSaved];
  const slots = (fn.hasMayGoto ? 8 : 0) + (fn.hasTailCall ? 8 : 0);
  const size = (saved.length * 8 + slots + fn.stackDepth + 15) & ~15;
  return { base: SP, bias: size, size, mayGotoOffset: saved.length * 8, saved };
}

/** Offset from sp of the slot where a tail call keeps its context. */
export function tailContextOffset(cx: LowerContext): number {
  return cx.frame.mayGotoOffset + (cx.fn.hasMayGoto ? 8 : 0);
}

/** Makes the frame and saves what must be saved. */
export function emitPrologue(cx: LowerContext): void {
  const { saved, size, mayGotoOffset } = cx.frame;
  if (size === 0) return;
  emit(cx, addi, [SP, SP, -size]);
  saved.forEach((register, i) => emit(cx, sd, [register, 8 * i, SP]));
  if (cx.fn.hasMayGoto) {
    loadImm32(cx, T1, BPF_MAX_LOOPS);
    emit(cx, sd, [T1, mayGotoOffset, SP]);
  }
}

/** Restores the saved registers and sp. t1 and the argument registers keep their values. */
export function undoFrame(cx: LowerContext): void {
  const { saved, size } = cx.frame;
  if (size === 0) return;
  saved.forEach((register, i) => emit(cx, ld, [register, 8 * i, SP]));
  emit(cx, addi, [SP, SP, size]);
}

/** Ends the function: r0 to a0, the frame undone, return. */
export function emitEpilogue(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== A0 && !retargetLast(cx, r0, A0)) emit(cx, addi, [A0, r0, 0]);
  undoFrame(cx);
  emit(cx, jalr, [ZERO, 0, RA]);
}

/** A return without a frame is as short as the jump to one; the copy of r0 is mostly part of what made r0. */
export function inlineEpilogue(_: FunctionInfo, frame: Frame): boolean {
  return frame.size === 0;
}
