/**
 * The frame of a function, its prologue and its epilogue (64-Bit ELF V2 ABI 1.5, 2.2.3 "The stack frame").
 *
 * Signal handlers leave 288 bytes below the stack pointer alone, so a function without calls whose BPF stack is small
 * needs no frame at all:
 *
 * ```text
 *   without calls, small stack          else
 *
 *     0  r10, stack pointer             size + 16  return address, in the caller's frame
 *        BPF stack                      size       r10, the caller's stack pointer
 *        may_goto counter                          BPF stack
 *        saved registers                           saved registers, r1 of a tail call, may_goto counter
 *   -288 at most                        16         return address of callees: eight bytes to spare between calls
 *                                        0         stack pointer, back chain
 * ```
 *
 * Offsets are from the stack pointer. The eight bytes at 16 are to spare in a function without a frame as well: there
 * they lie in the caller's frame, for a return address that stays in its register.
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { alignUp16, emit, type Frame, type FunctionInfo, hw, type LowerContext } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { retarget } from './lower-fuse.ts';
import { R0, R1, R3 } from './registers.ts';

const { addi, blr, ld, lis, mflr, mtlr, or, std, stdu } = INSTRUCTIONS;

/** Bytes below the stack pointer that a function may use without moving it. */
const PROTECTED_ZONE = 288;
/** Back chain, condition register, return address and r2: the start of every frame. */
export const HEADER = 32;
/**
 * The same in version 1 of the ABI: two words for compiler and linker beside it, and room where a callee may put the
 * eight arguments that came in registers (64-bit PowerPC ELF ABI Supplement 1.9, 3.2.3).
 */
export const HEADER_V1: number = 48 + 64;
/** Where a function keeps its return address, from the stack pointer of its caller. */
const RETURN_ADDRESS = 16;
/** Eight bytes, from the stack pointer, that hold nothing between calls. */
export const SPARE = 16;

export interface Ppc64Frame extends Frame {
  /** Place of the first saved register, from the stack pointer; the others follow. */
  readonly saveOffset: number;
  /** Place that keeps r1 during the helper call of a tail call, from the stack pointer. */
  readonly contextOffset: number;
}

/** Lays out the frame of a function; `header` is what a frame begins with. */
export function planFrame(fn: FunctionInfo, header: number = HEADER): Ppc64Frame {
  const saved = fn.usedCalleeSaved;
  const counter = fn.hasMayGoto ? 8 : 0;
  const context = fn.hasTailCall ? 8 : 0;
  const used = saved.length * 8 + counter + context + fn.stackDepth;
  const hasFrame = fn.hasCalls || used > PROTECTED_ZONE;
  const size = hasFrame ? alignUp16(header + used) : 0;
  const start = hasFrame ? header : 0 - used; // not -0, which is no small integer
  return {
    base: R1,
    bias: size,
    size,
    mayGotoOffset: start,
    contextOffset: start + counter,
    saveOffset: start + counter + context,
    saved,
  };
}

/** The frame of the function being lowered. */
export function frameOf(cx: LowerContext): Ppc64Frame {
  return cx.frame as Ppc64Frame;
}

/** Makes the frame, saves registers, starts the may_goto counter. */
export function emitPrologue(cx: LowerContext): void {
  const { size, saved, saveOffset, mayGotoOffset } = frameOf(cx);
  const { hasCalls, hasMayGoto } = cx.fn;
  if (hasCalls) emit(cx, mflr, [R0]);
  if (size > 0) emit(cx, stdu, [R1, -size, R1]);
  if (hasCalls) emit(cx, std, [R0, size + RETURN_ADDRESS, R1]);
  saved.forEach((register, k) => emit(cx, std, [register, saveOffset + 8 * k, R1]));
  if (hasMayGoto) {
    emit(cx, lis, [R0, BPF_MAX_LOOPS >>> 16]);
    emit(cx, std, [R0, mayGotoOffset, R1]);
  }
}

/** Restores what the prologue saved, the stack pointer and the link register included. Destroys r0. */
export function emitRestore(cx: LowerContext): void {
  const { size, saved, saveOffset } = frameOf(cx);
  const { hasCalls } = cx.fn;
  if (hasCalls) emit(cx, ld, [R0, size + RETURN_ADDRESS, R1]);
  saved.forEach((register, k) => emit(cx, ld, [register, saveOffset + 8 * k, R1]));
  if (size > 0) emit(cx, addi, [R1, R1, size]);
  if (hasCalls) emit(cx, mtlr, [R0]);
}

/** Ends the function: result, registers, return. */
export function emitEpilogue(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== R3 && !retarget(cx, r0, R3)) emit(cx, or, [R3, r0, r0]);
  emitRestore(cx);
  emit(cx, blr, []);
}

/** A bare return is no longer than the jump to one. */
export function inlineEpilogue(fn: FunctionInfo, frame: Frame): boolean {
  return fn.registers[0] === R3 && frame.size === 0 && frame.saved.length === 0;
}
