/** Calls of every kind, and addresses of symbols and functions. */
import { BpfError } from '@polybpf/errors';
import { bind, type CodeSymbol, emitSymbol, emitTo, hw, isLiveAfter, type LowerContext, type Op } from '@polybpf/jit';
import { type ArmFrame, undoFrame } from './abi.ts';
import { CC } from './branches.ts';
import { alignedPair, hi, hiOf, lo, loOf, wordOffset, WORDS } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { isModified, loadImm, setConstant } from './lower-constant.ts';
import { branchTo, clearHalf, ins, isKept, move, readHalf, resultRegister, writeHalf } from './operands.ts';
import { AL, IP, LR, PC, R0, R1, SP } from './registers.ts';

const { add_reg, bl, bl_symbol, blx, bx, cmp_imm, cmp_reg, ldr, ldr_idx, movt_label, movt_symbol, movw_label, movw_symbol, pop, str, strd, sub_imm } = INSTRUCTIONS; // prettier-ignore

/** What a tail call that goes nowhere leaves in r0. */
const ENOENT = 2;
const SHORT = 255;

/** Arguments 3 to 5 that live elsewhere go to the stack. */
function passArguments(cx: LowerContext, last: number): void {
  const isBig = cx.target.endian === 'big';
  for (let argument = 3; argument <= last; argument++) {
    const home = hw(cx, argument);
    const [low, high] = [loOf(home), hiOf(home)];
    const word = WORDS.outgoing + 2 * (argument - 3);
    const [toLow, toHigh] = isBig ? [word + 1, word] : [word, word + 1];
    const pair = alignedPair(low, high, isBig);
    if (pair !== undefined && wordOffset(cx, word) <= SHORT) {
      ins(cx, strd, pair, pair + 1, SP, wordOffset(cx, word));
      continue;
    }
    if (low !== toLow) writeHalf(cx, toLow, readHalf(cx, low, IP));
    if (high !== toHigh) writeHalf(cx, toHigh, readHalf(cx, high, IP));
  }
}

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  passArguments(cx, 5);
  emitHelperCall(cx, op.imm, op.symbol!);
  takeResult(cx);
}

/** Calls a helper; the result is in r0 and r1. */
function emitHelperCall(cx: LowerContext, id: number, symbol: CodeSymbol): void {
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') return void emitSymbol(cx, bl_symbol, [AL], symbol);
  if (id < 0 || id >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: cx.insn }, expected: `less than ${helperCalls.count}`, got: String(id) }); // prettier-ignore
  }
  // The load adds what the constant leaves out.
  const address = tableAddress(cx, helperCalls.address) + 8 * id;
  const rest = address & 0xfff;
  loadImm(cx, IP, address - rest);
  ins(cx, ldr, IP, IP, rest);
  ins(cx, blx, IP);
}

/** Address of the low words of the helper table. */
function tableAddress(cx: LowerContext, address: bigint): number {
  if (address < 0n || address >= 2n ** 32n) {
    throw new BpfError('E_JIT_PROGRAM', 'address of the helper table', { expected: 'below 2^32', got: `0x${address.toString(16)}` }); // prettier-ignore
  }
  return Number(address) + (cx.target.endian === 'big' ? 4 : 0);
}

/** r0 = result, when anything reads it. */
function takeResult(cx: LowerContext): void {
  if (!isLiveAfter(cx, 0)) return;
  const isBig = cx.target.endian === 'big';
  writeHalf(cx, lo(cx, 0), isBig ? R1 : R0);
  writeHalf(cx, hi(cx, 0), isBig ? R0 : R1);
}

export function lowerCallLocal(cx: LowerContext, op: Op): void {
  passArguments(cx, 5);
  emitTo(cx, bl, [AL], op.label);
  takeResult(cx);
}

export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  passArguments(cx, 5);
  emitSymbol(cx, bl_symbol, [AL], op.symbol!, op.addend);
  takeResult(cx);
}

/** A call that does not return, with r1 and r2 wherever they live. */
export function lowerFault(cx: LowerContext, op: Op): void {
  const [low, high] = cx.target.endian === 'big' ? [4, 0] : [0, 4];
  ins(cx, sub_imm, SP, SP, 16);
  for (const argument of [1, 2]) {
    const at = 8 * (argument - 1);
    ins(cx, str, readHalf(cx, lo(cx, argument), IP, 16), SP, at + low);
    ins(cx, str, readHalf(cx, hi(cx, argument), IP, 16), SP, at + high);
  }
  ins(cx, pop, 0b1111);
  emitSymbol(cx, bl_symbol, [AL], op.symbol!, op.addend);
}

/** A value below the size of the helper table is a helper's id, any other an address of code. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  passArguments(cx, 5);
  const { helperCalls } = cx;
  const target = readHalf(cx, lo(cx, op.a), IP);
  if (helperCalls.kind === 'relocation') {
    ins(cx, blx, target);
    return takeResult(cx);
  }
  const { count } = helperCalls;
  move(cx, IP, target);
  const skip = cx.newLabel();
  if (isModified(count)) ins(cx, cmp_imm, IP, count);
  else {
    loadImm(cx, LR, count);
    ins(cx, cmp_reg, IP, LR);
  }
  branchTo(cx, CC.cs, skip);
  loadImm(cx, LR, tableAddress(cx, helperCalls.address));
  ins(cx, ldr_idx, IP, LR, IP, 3);
  bind(cx, skip);
  ins(cx, blx, IP);
  takeResult(cx);
}

/**
 * The helper answers with the address of the next program, or 0. The context stays in the frame meanwhile; the jump
 * leaves nothing of this function behind.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const { tailContext } = cx.frame as ArmFrame;
  const isBig = cx.target.endian === 'big';
  const fails = cx.newLabel();
  const [low, high] = isBig ? [1, 0] : [0, 1];
  ins(cx, str, readHalf(cx, lo(cx, 1), IP), SP, tailContext + 4 * low);
  ins(cx, str, readHalf(cx, hi(cx, 1), IP), SP, tailContext + 4 * high);
  passArguments(cx, 3);
  emitHelperCall(cx, op.imm, op.symbol!);
  ins(cx, cmp_imm, low, 0);
  branchTo(cx, CC.eq, fails);
  move(cx, IP, low);
  ins(cx, ldr, R0, SP, tailContext);
  ins(cx, ldr, R1, SP, tailContext + 4);
  undoFrame(cx, false);
  ins(cx, bx, IP);
  bind(cx, fails);
  if (isLiveAfter(cx, 0)) setConstant(cx, lo(cx, 0), hi(cx, 0), [-ENOENT, -1], true);
}

/**
 * The distance from here, in two halves, and the program counter, which is two instructions ahead. A weak symbol may be
 * missing, that is at 0: its address comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const low = lo(cx, op.d);
  const d = resultRegister(low, IP);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak) {
    const label = cx.symbolLiteral(symbol, op.addend);
    emitLabelDistance(cx, d, label);
    // The literal is data: its low word is the address.
    ins(cx, add_reg, d, PC, d);
    ins(cx, ldr, d, d, cx.target.endian === 'big' ? 4 : 0);
  } else {
    emitSymbol(cx, movw_symbol, [AL, d], symbol, op.addend);
    emitSymbol(cx, movt_symbol, [AL, d], symbol, op.addend);
    ins(cx, add_reg, d, PC, d);
  }
  writeHalf(cx, low, d);
  if (op.zext && isKept(hi(cx, op.d))) clearHalf(cx, hi(cx, op.d), IP);
}

function emitLabelDistance(cx: LowerContext, d: number, label: number): void {
  emitTo(cx, movw_label, [AL, d], label);
  emitTo(cx, movt_label, [AL, d], label);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  const low = lo(cx, op.d);
  const d = resultRegister(low, IP);
  emitLabelDistance(cx, d, op.label);
  ins(cx, add_reg, d, PC, d);
  writeHalf(cx, low, d);
  if (op.zext) clearHalf(cx, hi(cx, op.d), IP);
}
