/** Calls of every kind, and addresses of symbols and functions. */
import { bind, callLowerings, type CallLowerings, type CodeSymbol, emit, emitSymbol, emitTo, hw, isSigned16, type LowerContext, noteOf, type Op, TAIL_CALL_FAILED, tailContextOffset, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { emitLeave, savesReturnAddress } from './abi.ts';
import { CALL_SYMBOL, LA_NEAR, LA_SYMBOL } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { emitBranch } from './lower-branch.ts';
import { loadImm64 } from './lower-constant.ts';
import { A0, AT, RA, SP, T9, V0, V1 } from './registers.ts';

const { bal, beqz, daddu, dsll, jalr, ld, li, move, nop, sd, sltiu, sltu } = INSTRUCTIONS;

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  // A weak symbol may be missing: then nothing is called.
  callSymbol(cx, symbol, addend) {
    if (symbol.kind !== 'function' || !symbol.weak) return emitSymbolCall(cx, symbol, addend);
    const missing = cx.newLabel();
    emitLiteral(cx, T9, cx.symbolLiteral(symbol, addend));
    emitTo(cx, beqz, [T9], missing);
    emit(cx, nop, []);
    emitCall(cx, T9);
    bind(cx, missing);
  },
  callLabel: (cx, label) => emitBranch(cx, bal, [], label),
  callSlot(cx, slot) {
    const low = BigInt.asIntN(16, slot);
    loadImm64(cx, T9, ...wordsOf(slot - low));
    emit(cx, ld, [T9, Number(low), T9]);
    emitCall(cx, T9);
  },
  callPointer(cx, register) {
    emit(cx, move, [T9, register]);
    emitCall(cx, T9);
  },
  callEither(cx, register, { address, count }) {
    const call = cx.newLabel();
    if (isSigned16(count)) emit(cx, sltiu, [AT, register, count]);
    else {
      loadImm64(cx, AT, 0, count);
      emit(cx, sltu, [AT, register, AT]);
    }
    emitTo(cx, beqz, [AT], call);
    emit(cx, move, [T9, register]);
    loadImm64(cx, AT, ...wordsOf(address));
    emit(cx, dsll, [T9, T9, 3]);
    emit(cx, daddu, [T9, T9, AT]);
    emit(cx, ld, [T9, 0, T9]);
    bind(cx, call);
    emitCall(cx, T9);
  },
  keepContext: (cx) => void emit(cx, sd, [hw(cx, 1), tailContextOffset(cx), SP]),
  branchIfNone(cx, label) {
    emitTo(cx, beqz, [V0], label);
    emit(cx, move, [T9, V0]);
  },
  leaveForAnswer(cx) {
    emit(cx, ld, [A0, tailContextOffset(cx), SP]);
    emitLeave(cx, T9);
  },
  setFailed: (cx, r0) => void emit(cx, li, [r0, TAIL_CALL_FAILED]),
});

/** jalr and its delay slot. */
function emitCall(cx: LowerContext, register: number): void {
  emit(cx, jalr, [register]);
  emit(cx, nop, []);
}

/** Symbols whose calls of one function share code, with its label: the peephole pass writes that code. */
const SHARED_CALLS = {};

function emitSymbolCall(cx: LowerContext, symbol: CodeSymbol, addend: number): void {
  const labels = noteOf(cx, SHARED_CALLS, () => new Map<string, number>());
  const key = `${symbol.kind} ${symbol.kind === 'helper' ? symbol.id : symbol.name} ${addend}`;
  let label = labels.get(key);
  if (label === undefined) labels.set(key, (label = cx.newLabel()));
  const call = emitSymbol(cx, CALL_SYMBOL, [], symbol, addend);
  call.label = label;
  emit(cx, nop, []);
}

/** Runs `body`, which destroys $ra; a function that has not saved it keeps it in $v1. */
function keepReturnAddress(cx: LowerContext, body: () => void): void {
  const isSaved = savesReturnAddress(cx.frame);
  if (!isSaved) emit(cx, move, [V1, RA]);
  body();
  if (!isSaved) emit(cx, move, [RA, V1]);
}

/** rd = the 8-byte literal at `label`. */
function emitLiteral(cx: LowerContext, rd: number, label: number): void {
  keepReturnAddress(cx, () => emitTo(cx, LA_NEAR, [rd], label));
  emit(cx, ld, [rd, 0, rd]);
}

/**
 * A distance of 32 bits reaches 2 GiB either way. A weak symbol may be missing, that is at 0, which no distance is good
 * for: its address comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak) return emitLiteral(cx, d, cx.symbolLiteral(symbol, op.addend));
  keepReturnAddress(cx, () => emitSymbol(cx, LA_SYMBOL, [d], symbol, op.addend));
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  keepReturnAddress(cx, () => emitTo(cx, LA_NEAR, [hw(cx, op.d)], op.label));
}
