/**
 * The frame of a function, its prologue and its epilogue (ELF ABI s390x Supplement, "The Stack Frame").
 *
 * A caller leaves 160 bytes above the stack pointer to the function it calls. 16 to 159 are the function's own, to save
 * registers in or for anything else; 0 to 15 belong to the caller (back chain). So a function without calls whose BPF
 * stack is small needs no frame at all:
 *
 * ```text
 *   without calls, small stack          without calls, large stack       with calls
 *
 *   160  r10                            16.. saved registers, counter    128  r10, if the stack is at most 32 bytes
 *        BPF stack                        0  r10                          48.. saved registers: usual places
 *        may_goto counter                    BPF stack                    24  r1 of a tail call
 *    16  saved registers                     stack pointer                16  may_goto counter
 *     0  stack pointer, back chain                                         0  r10, if the stack is larger
 *                                                                             BPF stack
 *   offsets are from the stack pointer                                        160 bytes for the functions it calls
 *   at entry, here and there                                                  stack pointer
 * ```
 *
 * Registers are saved and restored as one range. It ends with %r15 where the stack pointer must be restored as well.
 */
import { emit, type Frame, type FunctionInfo, hw, type LowerContext, NO_REG } from '@polybpf/jit';
import { FORMS as F } from './instructions.ts';
import { retarget } from './lower-fuse.ts';
import { NO_BASE, R0, R14, R15, R2 } from './registers.ts';

/** Bytes above the stack pointer that a function leaves to the functions it calls. */
const SAVE_AREA = 160;
/** Where the part of it begins that the called function may use. */
const OWN_AREA = 16;
/** Where the usual places of the general registers end in it. */
const REGISTERS_END = 128;
const MAY_GOTO_PLACE = 16;
const CONTEXT_PLACE = 24;

/** `BPF_MAX_LOOPS` of the kernel (kernel/bpf/verifier.c), 8 Mi, as the high halfword of a word. */
const BPF_MAX_LOOPS_HIGH = 0x80;

export interface S390xFrame extends Frame {
  /** First and last register of the saved range; first is NO_REG when nothing is saved. */
  readonly firstSaved: number;
  readonly lastSaved: number;
  /** Place of the first saved register, from the stack pointer at entry. */
  readonly saveOffset: number;
  /** Place that keeps r1 during the helper call of a tail call, from the base. */
  readonly contextOffset: number;
}

/** Lays out the frame of a function. */
export function planFrame(fn: FunctionInfo): S390xFrame {
  return fn.hasCalls ? planCallingFrame(fn) : planLeafFrame(fn);
}

function planCallingFrame(fn: FunctionInfo): S390xFrame {
  const firstSaved = Math.min(R14, ...fn.usedCalleeSaved);
  const fitsAbove = fn.stackDepth <= SAVE_AREA - REGISTERS_END;
  const size = SAVE_AREA + (fitsAbove ? 0 : fn.stackDepth);
  return {
    base: R15,
    bias: fitsAbove ? size + SAVE_AREA : size,
    size,
    mayGotoOffset: size + MAY_GOTO_PLACE,
    contextOffset: size + CONTEXT_PLACE,
    saved: registerRange(firstSaved, R15),
    firstSaved,
    lastSaved: R15,
    saveOffset: firstSaved * 8,
  };
}

function planLeafFrame(fn: FunctionInfo): S390xFrame {
  const isSaving = fn.usedCalleeSaved.length > 0;
  const firstSaved = isSaving ? Math.min(...fn.usedCalleeSaved) : NO_REG;
  const highest = isSaving ? Math.max(...fn.usedCalleeSaved) : NO_REG;
  const counterSize = fn.hasMayGoto ? 8 : 0;
  const savedSize = isSaving ? (highest - firstSaved + 1) * 8 : 0;
  const hasFrame = fn.stackDepth > SAVE_AREA - OWN_AREA - savedSize - counterSize;
  const size = hasFrame ? fn.stackDepth : 0;
  const lastSaved = isSaving && hasFrame ? R15 : highest;
  const saved = isSaving ? registerRange(firstSaved, lastSaved) : [];
  return {
    base: R15,
    bias: hasFrame ? size : SAVE_AREA,
    size,
    mayGotoOffset: size + OWN_AREA + saved.length * 8,
    contextOffset: 0,
    saved,
    firstSaved,
    lastSaved,
    saveOffset: OWN_AREA,
  };
}

function registerRange(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** The frame of the function being lowered. */
export function frameOf(cx: LowerContext): S390xFrame {
  return cx.frame as S390xFrame;
}

/** Saves registers, makes room, starts the may_goto counter. */
export function emitPrologue(cx: LowerContext): void {
  const { size, firstSaved, lastSaved, saveOffset, mayGotoOffset } = frameOf(cx);
  if (firstSaved !== NO_REG) {
    if (firstSaved === lastSaved) emit(cx, F.stg, [firstSaved, saveOffset, NO_BASE, R15]);
    else emit(cx, F.stmg, [firstSaved, lastSaved, saveOffset, R15]);
  }
  if (size > 0) emit(cx, F.aghi, [R15, -size]);
  if (cx.fn.hasMayGoto) {
    emit(cx, F.llilh, [R0, BPF_MAX_LOOPS_HIGH]);
    emit(cx, F.stg, [R0, mayGotoOffset, NO_BASE, R15]);
  }
}

/** Restores what the prologue saved, the stack pointer included. */
export function emitRestore(cx: LowerContext): void {
  const { size, firstSaved, lastSaved, saveOffset } = frameOf(cx);
  if (firstSaved !== NO_REG) {
    if (firstSaved === lastSaved) emit(cx, F.lg, [firstSaved, saveOffset, NO_BASE, R15]);
    else emit(cx, F.lmg, [firstSaved, lastSaved, size + saveOffset, R15]);
  } else if (size > 0) {
    emit(cx, F.aghi, [R15, size]);
  }
}

/** Ends the function: result, registers, return. */
export function emitEpilogue(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== R2 && !retarget(cx, r0, R2)) emit(cx, F.lgr, [R2, r0]);
  emitRestore(cx);
  emit(cx, F.br, [R14]);
}

/** A return alone is two bytes, a jump to a shared one four. */
export function inlineEpilogue(fn: FunctionInfo, frame: Frame): boolean {
  return fn.registers[0] === R2 && frame.saved.length === 0 && frame.size === 0;
}
