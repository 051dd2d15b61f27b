/** Calls of every kind, and addresses of symbols and functions. */
import { bind, callLowerings, type CallLowerings, emit, emitSymbol, emitTo, type HelperTable, hw, type LowerContext, type Op, TAIL_CALL_FAILED, tailContextOffset, takesResult, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { undoFrame } from './abi.ts';
import { CONDITION_CODES } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { constantLength, fitsCompare, loadImm64 } from './lower-constant.ts';
import { SP, X0, X16, X17 } from './registers.ts';

const { add_lo12_symbol, adr, adrp_symbol, b_cond, bl, bl_symbol, blr, br, cbz_x, cmp_imm12_x, cmp_imm_x, cmp_x, ldr_literal, ldr_reg_x, ldr_x, mov_x, movn_x, str_x } = INSTRUCTIONS; // prettier-ignore

/** -ENOENT as movn operand. */
const NOT_FAILED: number = ~TAIL_CALL_FAILED;
/** Largest displacement of a 64-bit load, plus its step. */
const LOAD_REACH = 0x8000;

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  callSymbol: (cx, symbol, addend) => void emitSymbol(cx, bl_symbol, [], symbol, addend),
  callLabel: (cx, label) => void emitTo(cx, bl, [], label),
  callSlot(cx, slot, table) {
    const rest = Number(slot & BigInt(LOAD_REACH - 1));
    const within = rest % 8 === 0 ? rest : 0;
    loadAddress(cx, X16, slot - BigInt(within), table);
    emit(cx, ldr_x, [X16, X16, within]);
    emit(cx, blr, [X16]);
  },
  callPointer: (cx, register) => void emit(cx, blr, [register]),
  callEither(cx, register, table) {
    const { count, address } = table;
    const call = cx.newLabel();
    emit(cx, mov_x, [X16, register]);
    if (!fitsCompare(count)) {
      loadImm64(cx, X17, 0, count);
      emit(cx, cmp_x, [register, X17]);
    } else emit(cx, count < 4096 ? cmp_imm_x : cmp_imm12_x, [register, count < 4096 ? count : count >>> 12]);
    emitTo(cx, b_cond, [CONDITION_CODES.hs], call);
    loadAddress(cx, X17, address, table);
    emit(cx, ldr_reg_x, [X16, X17, register, 1, 1]);
    bind(cx, call);
    emit(cx, blr, [X16]);
  },
  takeResult: takesResult((cx, to, from) => emit(cx, mov_x, [to, from])),
  keepContext: (cx) => void emit(cx, str_x, [hw(cx, 1), SP, tailContextOffset(cx)]),
  branchIfNone: (cx, label) => void emitTo(cx, cbz_x, [X0], label),
  leaveForAnswer(cx) {
    emit(cx, mov_x, [X16, X0]);
    emit(cx, ldr_x, [X0, SP, tailContextOffset(cx)]);
    undoFrame(cx);
    emit(cx, br, [X16]);
  },
  setFailed: (cx, r0) => void emit(cx, movn_x, [r0, NOT_FAILED, 0]),
});

/** rd = address; when that takes three instructions, from a literal that all calls share. */
function loadAddress(cx: LowerContext, rd: number, address: bigint, { count }: HelperTable): void {
  const [high, low] = wordsOf(address);
  if (count > 0 && constantLength(high, low) >= 3) emitTo(cx, ldr_literal, [rd], cx.literal(low, high));
  else loadImm64(cx, rd, high, low);
}

/**
 * adrp and add reach 4 GiB either way. A weak symbol may be missing, that is at 0, which they cannot reach from
 * everywhere: its address comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak)
    return void emitTo(cx, ldr_literal, [d], cx.symbolLiteral(symbol, op.addend));
  emitSymbol(cx, adrp_symbol, [d], symbol, op.addend);
  emitSymbol(cx, add_lo12_symbol, [d, d], symbol, op.addend);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  emitTo(cx, adr, [hw(cx, op.d)], op.label);
}
