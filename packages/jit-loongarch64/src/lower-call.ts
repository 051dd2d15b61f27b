/** Calls of every kind, and addresses of symbols and functions. */
import { bind, callLowerings, type CallLowerings, emit, emitSymbol, emitTo, hw, type LowerContext, type Op, TAIL_CALL_FAILED, tailContextOffset, takesResult, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { undoFrame } from './abi.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm64 } from './lower-constant.ts';
import { move } from './lower-fuse.ts';
import { A0, RA, SP, T1, T2, ZERO } from './registers.ts';

const { addi_d, addi_symbol, alsl_d, beqz, bgeu, bl, bl_symbol, jirl, ld_d, pcaddi, pcalau12i_symbol, st_d } = INSTRUCTIONS; // prettier-ignore

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  callSymbol: (cx, symbol, addend) => void emitSymbol(cx, bl_symbol, [], symbol, addend),
  callLabel: (cx, label) => void emitTo(cx, bl, [], label),
  callSlot(cx, slot) {
    // The load adds what the constant leaves out.
    const rest = BigInt.asIntN(12, slot);
    const base = slot - rest;
    if (base !== 0n) loadImm64(cx, T1, ...wordsOf(base));
    emit(cx, ld_d, [T1, base === 0n ? ZERO : T1, Number(rest)]);
    emit(cx, jirl, [RA, T1, 0]);
  },
  callPointer: (cx, register) => void emit(cx, jirl, [RA, register, 0]),
  callEither(cx, register, { address, count }) {
    const call = cx.newLabel();
    move(cx, T1, register);
    loadImm64(cx, T2, 0, count);
    emitTo(cx, bgeu, [T1, T2], call);
    loadImm64(cx, T2, ...wordsOf(address));
    emit(cx, alsl_d, [T1, T1, T2, 3]);
    emit(cx, ld_d, [T1, T1, 0]);
    bind(cx, call);
    emit(cx, jirl, [RA, T1, 0]);
  },
  takeResult: takesResult(move),
  keepContext: (cx) => void emit(cx, st_d, [hw(cx, 1), SP, tailContextOffset(cx)]),
  branchIfNone: (cx, label) => void emitTo(cx, beqz, [A0], label),
  leaveForAnswer(cx) {
    move(cx, T1, A0);
    emit(cx, ld_d, [A0, SP, tailContextOffset(cx)]);
    undoFrame(cx);
    emit(cx, jirl, [ZERO, T1, 0]);
  },
  setFailed: (cx, r0) => void emit(cx, addi_d, [r0, ZERO, TAIL_CALL_FAILED]),
});

/**
 * pcalau12i and addi.d reach 2 GiB either way. A weak symbol may be missing, that is at 0, which they cannot reach from
 * everywhere: its address comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak) {
    emitTo(cx, pcaddi, [d], cx.symbolLiteral(symbol, op.addend));
    emit(cx, ld_d, [d, d, 0]);
    return;
  }
  emitSymbol(cx, pcalau12i_symbol, [d], symbol, op.addend);
  emitSymbol(cx, addi_symbol, [d, d], symbol, op.addend);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  emitTo(cx, pcaddi, [hw(cx, op.d)], op.label);
}
