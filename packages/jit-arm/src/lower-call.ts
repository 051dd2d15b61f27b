/** Calls of every kind, and addresses of symbols and functions. */
import { BpfError } from '@polybpf/errors';
import { bind, callLowerings, type CallLowerings, emitSymbol, emitTo, hw, isLiveAfter, type LowerContext, type Op, TAIL_CALL_FAILED } from '@polybpf/jit'; // prettier-ignore
import { type ArmFrame, undoFrame } from './abi.ts';
import { CC } from './branches.ts';
import { alignedPair, hi, hiOf, lo, loOf, wordOffset, WORDS } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { isModified, loadImm, setConstant } from './lower-constant.ts';
import { branchTo, clearHalf, ins, isKept, move, readHalf, resultRegister, writeHalf } from './operands.ts';
import { AL, IP, LR, PC, R0, R1, SP } from './registers.ts';

const { add_reg, bl, bl_symbol, blx, bx, cmp_imm, cmp_reg, ldr, ldr_idx, movt_label, movt_symbol, movw_label, movw_symbol, pop, str, strd, sub_imm } = INSTRUCTIONS; // prettier-ignore

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

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  passArguments,
  callSymbol: (cx, symbol, addend) => void emitSymbol(cx, bl_symbol, [AL], symbol, addend),
  callLabel: (cx, label) => void emitTo(cx, bl, [AL], label),
  callSlot(cx, slot, table) {
    // The load adds what the constant leaves out.
    const address = tableAddress(cx, table.address) + Number(slot - table.address);
    const rest = address & 0xfff;
    loadImm(cx, IP, address - rest);
    ins(cx, ldr, IP, IP, rest);
    ins(cx, blx, IP);
  },
  callPointer: (cx, home) => void ins(cx, blx, readHalf(cx, loOf(home), IP)),
  callEither(cx, home, { address, count }) {
    move(cx, IP, readHalf(cx, loOf(home), IP));
    const skip = cx.newLabel();
    if (isModified(count)) ins(cx, cmp_imm, IP, count);
    else {
      loadImm(cx, LR, count);
      ins(cx, cmp_reg, IP, LR);
    }
    branchTo(cx, CC.cs, skip);
    loadImm(cx, LR, tableAddress(cx, address));
    ins(cx, ldr_idx, IP, LR, IP, 3);
    bind(cx, skip);
    ins(cx, blx, IP);
  },
  takeResult(cx) {
    if (!isLiveAfter(cx, 0)) return;
    const [low, high] = resultHalves(cx);
    writeHalf(cx, lo(cx, 0), low);
    writeHalf(cx, hi(cx, 0), high);
  },
  keepContext(cx) {
    const { tailContext } = cx.frame as ArmFrame;
    const [low, high] = resultHalves(cx);
    ins(cx, str, readHalf(cx, lo(cx, 1), IP), SP, tailContext + 4 * low);
    ins(cx, str, readHalf(cx, hi(cx, 1), IP), SP, tailContext + 4 * high);
  },
  branchIfNone(cx, label) {
    ins(cx, cmp_imm, resultHalves(cx)[0], 0);
    branchTo(cx, CC.eq, label);
  },
  leaveForAnswer(cx) {
    const { tailContext } = cx.frame as ArmFrame;
    move(cx, IP, resultHalves(cx)[0]);
    ins(cx, ldr, R0, SP, tailContext);
    ins(cx, ldr, R1, SP, tailContext + 4);
    undoFrame(cx, false);
    ins(cx, bx, IP);
  },
  setFailed: (cx) => setConstant(cx, lo(cx, 0), hi(cx, 0), [TAIL_CALL_FAILED, -1], true),
});

/** Registers of the low and the high half of a result, which are their places in a pair of words as well. */
function resultHalves({ target }: LowerContext): readonly [low: number, high: number] {
  return target.endian === 'big' ? [R1, R0] : [R0, R1];
}

/** Address of the low words of the helper table. */
function tableAddress(cx: LowerContext, address: bigint): number {
  if (address < 0n || address >= 2n ** 32n) {
    throw new BpfError('E_JIT_PROGRAM', 'address of the helper table', { expected: 'below 2^32', got: `0x${address.toString(16)}` }); // prettier-ignore
  }
  return Number(address) + (cx.target.endian === 'big' ? 4 : 0);
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
