/**
 * Calling convention (AAPCS32, base standard) and frames.
 *
 * A 64-bit argument takes r0 and r1 or r2 and r3, or eight bytes of the stack; in big-endian order the upper half is in the
 * register with the lower number, as if it had been loaded from memory (AAPCS32, 5.1.1). A frame, from high to low addresses:
 *
 * ```text
 *                       | arguments 3 to 5         |  of the caller's
 *   sp + size ->        +--------------------------+
 *                       | saved registers          |
 *                       | padding to 8             |
 *   r10 ->              +--------------------------+
 *                       | BPF stack, fn.stackDepth |
 *                       | may_goto counter         |  only with may_goto
 *                       | ctx of a tail call       |  only with tail calls
 *                       | BPF registers            |  those that have no hardware registers
 *                       | arguments 3 to 5         |  only with calls
 *   sp              ->  +--------------------------+
 * ```
 *
 * A function without calls, saved registers and stack use has no frame at all.
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { ARENA, type Frame, type FunctionInfo, hw, type LowerContext } from '@polybpf/jit';
import { ownWords } from './assign.ts';
import { hiOf, isMemory, loOf, wordOffset, WORDS } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm } from './lower-constant.ts';
import { ins, move, readHalf, writeHalf } from './operands.ts';
import { IP, LR, PC, R0, R2, SP } from './registers.ts';

const { add_imm, bx, ldr, pop, push, str, sub_imm } = INSTRUCTIONS;

/** Bytes of arguments 3 to 5. */
const STACK_ARGUMENTS = 24;

export interface ArmFrame extends Frame {
  /** Offset from sp of the words of BPF registers. */
  readonly slots: number;
  /** Bytes below the saved registers. */
  readonly local: number;
  /** Offset from sp of the slot where a tail call keeps its context. */
  readonly tailContext: number;
}

/** Lays out the frame of one function. */
export function planFrame(fn: FunctionInfo): ArmFrame {
  const saved = [...fn.usedCalleeSaved].sort((a, b) => a - b);
  const slots = fn.hasCalls ? STACK_ARGUMENTS : 0;
  const tailContext = slots + 4 * ownWords(fn.registers);
  const mayGotoOffset = tailContext + (fn.hasTailCall ? 8 : 0);
  const bias = mayGotoOffset + (fn.hasMayGoto ? 8 : 0) + fn.stackDepth;
  // The call that reports a refused access wants an aligned stack as well.
  const isLeaf = !fn.hasCalls && bias === 0 && fn.registers[ARENA]! < 0;
  const odd = saved.length % 2 === 1 && !isLeaf;
  // One more register is saved where nothing else is to be allocated.
  if (odd && bias === 0) saved.splice(saved.length - 1, 0, IP);
  const local = odd && bias > 0 ? bias + 4 : bias;
  return { base: SP, bias, size: local + 4 * saved.length, mayGotoOffset, saved, slots, local, tailContext };
}

/** Set of registers as `push` and `pop` have it. */
export function registerList(registers: readonly number[]): number {
  return registers.reduce((set, register) => set | (1 << register), 0);
}

/** sp += bytes. */
function adjustStack(cx: LowerContext, bytes: number): void {
  const form = bytes < 0 ? sub_imm : add_imm;
  const size = Math.abs(bytes);
  const low = size & 0x3fc;
  if (low !== 0) ins(cx, form, SP, SP, low);
  if (size - low !== 0) ins(cx, form, SP, SP, size - low);
}

/** Makes the frame, saves what must be saved and takes arguments to their homes. */
export function emitPrologue(cx: LowerContext): void {
  const { saved, local, mayGotoOffset } = cx.frame as ArmFrame;
  if (saved.length > 0) ins(cx, push, registerList(saved));
  adjustStack(cx, -local);
  takeArguments(cx);
  if (cx.fn.hasMayGoto) {
    loadImm(cx, IP, BPF_MAX_LOOPS);
    ins(cx, str, IP, SP, mayGotoOffset);
  }
}

function takeArguments(cx: LowerContext): void {
  const { entryRegisters } = cx.fn;
  const isBig = cx.target.endian === 'big';
  for (let argument = 1; argument <= 5; argument++) {
    if ((entryRegisters & (1 << argument)) === 0) continue;
    const home = hw(cx, argument);
    const [low, high] = [loOf(home), hiOf(home)];
    if (argument <= 2) {
      const first = argument === 1 ? R0 : R2;
      writeHalf(cx, low, isBig ? first + 1 : first);
      writeHalf(cx, high, isBig ? first : first + 1);
      continue;
    }
    const word = WORDS.incoming + 2 * (argument - 3);
    for (const [half, from] of [
      [low, isBig ? word + 1 : word],
      [high, isBig ? word : word + 1],
    ] as const) {
      // prettier-ignore
      if (half === from) continue;
      if (isMemory(half)) ins(cx, str, readHalf(cx, from, IP), SP, wordOffset(cx, half));
      else if (half <= LR) ins(cx, ldr, half, SP, wordOffset(cx, from));
    }
  }
}

/**
 * Restores the saved registers and sp.
 *
 * @param returns - whether to return as well
 */
export function undoFrame(cx: LowerContext, returns: boolean): void {
  const { saved, local } = cx.frame as ArmFrame;
  adjustStack(cx, local);
  const hasReturn = returns && saved.includes(LR);
  if (saved.length > 0) {
    ins(cx, pop, registerList(hasReturn ? saved.map((register) => (register === LR ? PC : register)) : saved));
  }
  if (returns && !hasReturn) ins(cx, bx, LR);
}

/** Ends the function: r0 to the result registers, the frame undone, return. */
export function emitEpilogue(cx: LowerContext): void {
  const isBig = cx.target.endian === 'big';
  const home = hw(cx, 0);
  const [low, high] = isBig ? [1, 0] : [0, 1];
  // The halves of r0 are never in each other's place.
  if (loOf(home) !== low) move(cx, low, readHalf(cx, loOf(home), low));
  if (hiOf(home) !== high) move(cx, high, readHalf(cx, hiOf(home), high));
  undoFrame(cx, true);
}

/** A return without a frame is as short as the jump to one. */
export function inlineEpilogue(fn: FunctionInfo, frame: Frame): boolean {
  const { local, saved } = frame as ArmFrame;
  const isReturned = fn.registers[0] === (loOf(fn.registers[0]!) === 0 ? 0x100 : 0x001);
  if (!isReturned) return false;
  return local === 0 && (saved.length === 0 || saved.includes(LR));
}
