/**
 * Calls, tail calls, and addresses of functions and data.
 *
 * r1..r5 are in the argument registers already; only the result moves, when r0 is elsewhere. A call writes its return
 * address to %r14, which the prologue saved.
 */
import { bind, callLowerings, type CallLowerings, emit, emitSymbol, emitTo, hw, type LowerContext, type Op, TAIL_CALL_FAILED, takesResult, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { emitRestore, frameOf } from './abi.ts';
import { BRANCHES as B, branchMask } from './branches.ts';
import { FORMS as F } from './instructions.ts';
import { isLongDisplacement, loadImm64 } from './lower-move.ts';
import { NO_BASE, R0, R1, R14, R15, R2 } from './registers.ts';

const EQUAL = 8;
const NOT_LOW = 10;

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  callSymbol: (cx, symbol, addend) => void emitSymbol(cx, B.brasl, [R14], symbol, addend),
  callLabel: (cx, label) => void emitTo(cx, B.brasl, [R14], label),
  callSlot(cx, slot, { address }) {
    const offset = Number(slot - address);
    const isNear = isLongDisplacement(offset);
    loadTableAddress(cx, R1, isNear ? address : slot);
    emit(cx, F.lg, [R1, isNear ? offset : 0, NO_BASE, R1]);
    emit(cx, F.basr, [R14, R1]);
  },
  callPointer: (cx, register) => void emit(cx, F.basr, [R14, register]),
  callEither(cx, register, { address, count }) {
    const call = cx.newLabel();
    emit(cx, F.lgr, [R1, register]);
    if (count <= 255) emitTo(cx, B.clgij, [NOT_LOW, R1, count], call);
    else {
      emit(cx, F.clgfi, [R1, count]);
      emitTo(cx, B.brc, [branchMask(NOT_LOW)], call);
    }
    emit(cx, F.sllg, [R1, R1, 3, NO_BASE]);
    loadTableAddress(cx, R0, address);
    emit(cx, F.agr, [R1, R0]);
    emit(cx, F.lg, [R1, 0, NO_BASE, R1]);
    bind(cx, call);
    emit(cx, F.basr, [R14, R1]);
  },
  takeResult: takesResult((cx, to, from) => emit(cx, F.lgr, [to, from])),
  keepContext: (cx) => void emit(cx, F.stg, [R2, frameOf(cx).contextOffset, NO_BASE, R15]),
  branchIfNone: (cx, label) => void emitTo(cx, B.cgij, [EQUAL, R2, 0], label),
  leaveForAnswer(cx) {
    emit(cx, F.lgr, [R1, R2]);
    emit(cx, F.lg, [R2, frameOf(cx).contextOffset, NO_BASE, R15]);
    emitRestore(cx);
    emit(cx, F.br, [R1]);
  },
  setFailed: (cx, r0) => void emit(cx, F.lghi, [r0, TAIL_CALL_FAILED]),
});

/** Appends `register = address`, from a literal when the address is too wide for one instruction. */
function loadTableAddress(cx: LowerContext, register: number, address: bigint): void {
  const [high, low] = wordsOf(address);
  if (high === 0 || low === 0) loadImm64(cx, register, low, high);
  else emitTo(cx, B.lgrl, [register], cx.literal(low, high));
}

/**
 * `d` = address of a symbol. LOAD ADDRESS RELATIVE LONG counts in halfwords, so an odd addend is added apart; a weak
 * symbol may be 0, which is out of its reach, so that one comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak) {
    emitTo(cx, B.lgrl, [d], cx.symbolLiteral(symbol, op.addend));
    return;
  }
  const odd = op.addend & 1;
  emitSymbol(cx, B.larl, [d], symbol, op.addend - odd);
  if (odd !== 0) emit(cx, F.la, [d, 1, NO_BASE, d]);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  emitTo(cx, B.larl, [hw(cx, op.d)], op.label);
}
