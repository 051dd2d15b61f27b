/**
 * Frames of CPUs without a red zone: everything lies above the stack pointer and near it. From low to high addresses:
 * saved registers, may_goto counter, context of a tail call, padding to 16 bytes, BPF stack. A function without calls,
 * saved registers and stack use has no frame at all.
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import type { LowerContext } from '../lower-context.ts';
import type { Frame, FunctionInfo } from '../target.ts';

/** A size rounded up to the alignment of stacks. */
export const alignUp16 = (size: number): number => (size + 15) & ~15;

/** What a function saves: the return address if it calls, and the callee-saved registers that it uses. */
export function savedRegisters(fn: FunctionInfo, returnAddress: number): number[] {
  return fn.hasCalls || fn.hasTailCall ? [returnAddress, ...fn.usedCalleeSaved] : [...fn.usedCalleeSaved];
}

/** Bytes of the slots of the may_goto counter and the context of a tail call. */
export function slotBytes(fn: FunctionInfo): number {
  return (fn.hasMayGoto ? 8 : 0) + (fn.hasTailCall ? 8 : 0);
}

/** Lays out the frame. */
export function frameAbove(fn: FunctionInfo, stackPointer: number, saved: readonly number[]): Frame {
  const size = alignUp16(saved.length * 8 + slotBytes(fn) + fn.stackDepth);
  return { base: stackPointer, bias: size, size, mayGotoOffset: saved.length * 8, saved };
}

/** Offset from the stack pointer of the slot where a tail call keeps its context. */
export function tailContextOffset(cx: LowerContext): number {
  return cx.frame.mayGotoOffset + (cx.fn.hasMayGoto ? 8 : 0);
}

/** How a target gets at its stack. */
export interface StackAccess {
  /** Adds to the stack pointer. */
  readonly adjust: (cx: LowerContext, bytes: number) => void;
  readonly store: (cx: LowerContext, register: number, offset: number) => void;
  readonly load: (cx: LowerContext, register: number, offset: number) => void;
  /** Puts a number into a register that holds nothing when a function begins, and returns that. */
  readonly constant: (cx: LowerContext, value: number) => number;
}

/** The prologue: makes the frame, saves registers, starts the may_goto counter. */
export function enterFrame(cx: LowerContext, { adjust, store, constant }: StackAccess): void {
  const { saved, size, mayGotoOffset } = cx.frame;
  if (size === 0) return;
  adjust(cx, -size);
  saved.forEach((register, i) => store(cx, register, 8 * i));
  if (cx.fn.hasMayGoto) store(cx, constant(cx, BPF_MAX_LOOPS), mayGotoOffset);
}

/** Restores the saved registers; the stack pointer stays. */
export function restoreSaved(cx: LowerContext, { load }: StackAccess): void {
  cx.frame.saved.forEach((register, i) => load(cx, register, 8 * i));
}

/** Restores the saved registers and the stack pointer, and nothing else changes. */
export function leaveFrame(cx: LowerContext, access: StackAccess): void {
  restoreSaved(cx, access);
  if (cx.frame.size > 0) access.adjust(cx, cx.frame.size);
}
