/**
 * The frame of a function, its prologue and its epilogue (SPARC Compliance Definition 2.4, 64-bit "Function Calling
 * Sequence").
 *
 * Stack addresses are 2047 (the bias) above what %sp and %fp say. From there, 128 bytes belong to the registers of a
 * window, and the next 48, which the caller provides, to the called function: to save its arguments in or for anything
 * else. So a function that makes no calls and has a small stack needs no frame. One that makes calls, or runs out of
 * registers, takes a window of its own (`save`), and the C arguments arrive in %i registers:
 *
 * ```text
 *   no calls, small stack      no calls, large stack       with a window, small stack   with a window, large stack
 *
 *   176  r10                   size+176  r10               176  r10                     0  r10
 *        BPF stack                       BPF stack              BPF stack                  BPF stack
 *        may_goto counter                may_goto counter       may_goto counter           may_goto counter
 *   128  swap                       128  swap              128                             176 bytes for called functions
 *     0  registers                    0  registers
 *        %sp (unchanged)                 %sp = old - size       %fp + 2047                 %fp + 2047
 * ```
 *
 * "swap" is what byte swaps go through. In a window it lies in the 48 bytes for called functions, which are free while none
 * is called: at 128 from the stack pointer as well.
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { alignUp16, emit, type Frame, type FunctionInfo, hw, lastNode, type LowerContext } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { restoreOf, retarget } from './lower-fuse.ts';
import { FP, G0, G1, I0, O0, SP } from './registers.ts';

const { add_imm, mov, nop, restore, ret, retl, save_imm, sethi, stx } = INSTRUCTIONS;

/** What is added to %sp and %fp to get an address (SPARC Compliance Definition 2.4, "The Stack Frame"). */
export const STACK_BIAS = 2047;
/** Where the registers of a window are spilled, above the biased stack pointer. */
const WINDOW_AREA = 128;
/** End of the 48 bytes after it that a caller provides: the smallest frame. */
const MIN_FRAME = 176;
const OWN_AREA: number = MIN_FRAME - WINDOW_AREA;
const SLOT = 8;

/** From %sp to the 8 bytes that byte swaps go through. */
export const SWAP_OFFSET: number = STACK_BIAS + WINDOW_AREA;

/** Whether a function takes a register window of its own. */
export function hasWindow(fn: FunctionInfo): boolean {
  return fn.hasCalls || fn.usedCalleeSaved.length > 0;
}

/** Lays out the frame of one function. */
export function planFrame(fn: FunctionInfo): Frame {
  const counter = fn.hasMayGoto ? SLOT : 0;
  const saved: readonly number[] = [];
  if (hasWindow(fn)) {
    const used = fn.stackDepth + counter;
    const isSmall = used <= OWN_AREA;
    const bias = isSmall ? STACK_BIAS + MIN_FRAME : STACK_BIAS;
    return {
      base: FP,
      bias,
      size: isSmall ? MIN_FRAME : MIN_FRAME + alignUp16(used),
      mayGotoOffset: bias - used,
      saved,
    };
  }
  const size = alignUp16(Math.max(0, SLOT + counter + fn.stackDepth - OWN_AREA));
  return { base: SP, bias: size + STACK_BIAS + MIN_FRAME, size, mayGotoOffset: SWAP_OFFSET + SLOT, saved };
}

/** Makes the frame, moves the arguments out of the window's %i registers, starts the may_goto counter. */
export function emitPrologue(cx: LowerContext): void {
  const { fn, frame } = cx;
  if (hasWindow(fn)) {
    emit(cx, save_imm, [SP, -frame.size, SP]);
    for (let argument = 1; argument <= 5; argument++) {
      if ((fn.entryRegisters & (1 << argument)) === 0) continue;
      emit(cx, mov, [I0 + argument - 1, hw(cx, argument)]);
    }
  } else if (frame.size > 0) emit(cx, add_imm, [SP, -frame.size, SP]);
  if (fn.hasMayGoto) {
    emit(cx, sethi, [BPF_MAX_LOOPS, G1]);
    emit(cx, stx, [G1, frame.base, frame.mayGotoOffset]);
  }
}

/** Ends the function: r0 to %o0, the frame undone, return. `restore` is an addition that leaves the window on its way. */
export function emitEpilogue(cx: LowerContext): void {
  const { fn, frame } = cx;
  const r0 = hw(cx, 0);
  if (hasWindow(fn)) {
    const last = lastNode(cx);
    const folded = last === undefined ? undefined : restoreOf(last, r0);
    if (folded !== undefined) cx.nodes.pop();
    emit(cx, ret, []);
    if (folded === undefined) emit(cx, restore, [r0, G0, O0]);
    else emit(cx, folded.form, folded.operands);
    return;
  }
  const isMoved = r0 !== O0 && !retarget(cx, r0, O0);
  if (frame.size === 0) {
    emit(cx, retl, []);
    if (isMoved) emit(cx, mov, [r0, O0]);
    else emit(cx, nop, []);
    return;
  }
  if (isMoved) emit(cx, mov, [r0, O0]);
  emit(cx, retl, []);
  emit(cx, add_imm, [SP, frame.size, SP]);
}

/** Exits jump to one epilogue; the peephole pass makes returns of the jumps where that costs nothing. */
export function inlineEpilogue(): boolean {
  return false;
}
