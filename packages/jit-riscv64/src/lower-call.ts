/** Calls of every kind, and addresses of symbols and functions. */
import { bind, callLowerings, type CallLowerings, emit, emitSymbol, emitTo, hw, low12, type LowerContext, type Op, TAIL_CALL_FAILED, tailContextOffset, takesResult, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { undoFrame } from './abi.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm64 } from './lower-constant.ts';
import { A0, RA, SP, T1, T2, ZERO } from './registers.ts';

const { add, addi, addi_symbol, auipc_symbol, beq, bgeu, call_symbol, jal, jalr, ld, ld_literal, lla, lui, sd, slli } = INSTRUCTIONS; // prettier-ignore

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  callSymbol: (cx, symbol, addend) => void emitSymbol(cx, call_symbol, [], symbol, addend),
  callLabel: (cx, label) => void emitTo(cx, jal, [RA], label),
  callSlot(cx, slot) {
    loadFrom(cx, T1, slot);
    emit(cx, jalr, [RA, 0, T1]);
  },
  callPointer: (cx, register) => void emit(cx, jalr, [RA, 0, register]),
  callEither(cx, register, { address, count }) {
    const call = cx.newLabel();
    emit(cx, addi, [T1, register, 0]);
    loadImm64(cx, T2, 0, count);
    emitTo(cx, bgeu, [T1, T2], call);
    loadImm64(cx, T2, ...wordsOf(address));
    emit(cx, slli, [T1, T1, 3]);
    emit(cx, add, [T1, T1, T2]);
    emit(cx, ld, [T1, 0, T1]);
    bind(cx, call);
    emit(cx, jalr, [RA, 0, T1]);
  },
  takeResult: takesResult((cx, to, from) => emit(cx, addi, [to, from, 0])),
  keepContext: (cx) => void emit(cx, sd, [hw(cx, 1), tailContextOffset(cx), SP]),
  branchIfNone: (cx, label) => void emitTo(cx, beq, [A0, ZERO], label),
  leaveForAnswer(cx) {
    emit(cx, addi, [T1, A0, 0]);
    emit(cx, ld, [A0, tailContextOffset(cx), SP]);
    undoFrame(cx);
    emit(cx, jalr, [ZERO, 0, T1]);
  },
  setFailed: (cx, r0) => void emit(cx, addi, [r0, ZERO, TAIL_CALL_FAILED]),
});

/** rd = the pointer at an absolute address. */
function loadFrom(cx: LowerContext, rd: number, address: bigint): void {
  const [high, low] = wordsOf(address);
  const rest = low12(low);
  // The load adds what lui leaves out, unless the sum is beyond 32 bits.
  if (high === low >> 31 && low - rest === ((low - rest) | 0) && low - rest !== 0) {
    emit(cx, lui, [rd, ((low - rest) >> 12) & 0xfffff]);
    emit(cx, ld, [rd, rest, rd]);
    return;
  }
  loadImm64(cx, rd, high, low);
  emit(cx, ld, [rd, 0, rd]);
}

/**
 * auipc and addi reach 2 GiB either way. A weak symbol may be missing, that is at 0, which they cannot reach from
 * everywhere: its address comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak)
    return void emitTo(cx, ld_literal, [d], cx.symbolLiteral(symbol, op.addend));
  emitSymbol(cx, auipc_symbol, [d], symbol, op.addend);
  emitSymbol(cx, addi_symbol, [d, d], symbol, op.addend);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  emitTo(cx, lla, [hw(cx, op.d)], op.label);
}
