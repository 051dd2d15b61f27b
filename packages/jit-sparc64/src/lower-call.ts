/** Calls of every kind, and addresses of symbols and functions. */
import { bind, callLowerings, type CallLowerings, emit, emitSymbol, emitTo, hw, isLiveAfter, type LowerContext, type Op, TAIL_CALL_FAILED, takesResult, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { CONDITION_CODES, REGISTER_CONDITIONS, XCC } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { fits13, loadImm64 } from './lower-constant.ts';
import { G0, G1, G4, G5, I5, O0 } from './registers.ts';

const {
  add, add_label, bpcc, bpr, bpr_a, call, call_register, call_symbol, cmp, cmp_imm, jmp, ldx, ldx_literal, ldx_reg, mov,
  mov_imm, nop, or_pc10_symbol, rd_pc, restore, sethi_pc22_symbol, sllx_imm, sra_imm,
} = INSTRUCTIONS; // prettier-ignore

/** Displacements that a load of 64 bits can have above an address, as a power of 2. */
const LOAD_REACH = 0x1000n;

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  callSymbol(cx, symbol, addend) {
    emitSymbol(cx, call_symbol, [], symbol, addend);
    emit(cx, nop, []);
  },
  callLabel(cx, label) {
    emitTo(cx, call, [], label);
    emit(cx, nop, []);
  },
  callSlot(cx, slot) {
    const within = slot & (LOAD_REACH - 1n);
    loadImm64(cx, G1, ...wordsOf(slot - within));
    emit(cx, ldx, [G1, Number(within), G1]);
    callPointer(cx, G1);
  },
  callPointer,
  callEither(cx, register, { address, count }) {
    const isAddress = cx.newLabel();
    if (fits13(count)) emit(cx, cmp_imm, [register, count]);
    else {
      loadImm64(cx, G5, 0, count);
      emit(cx, cmp, [register, G5]);
    }
    emitTo(cx, bpcc, [CONDITION_CODES.cc, XCC], isAddress);
    emit(cx, mov, [register, G1]);
    emit(cx, sllx_imm, [G1, 3, G1]);
    loadImm64(cx, G5, ...wordsOf(address));
    emit(cx, ldx_reg, [G1, G5, G1]);
    bind(cx, isAddress);
    callPointer(cx, G1);
  },
  takeResult: takesResult((cx, to, from) => emit(cx, mov, [from, to])),
  keepContext: (cx) => void emit(cx, mov, [hw(cx, 1), I5]),
  // What r0 becomes is in the delay slot, which is executed when the branch is taken.
  branchIfNone(cx, label) {
    const isRead = isLiveAfter(cx, 0);
    emitTo(cx, isRead ? bpr_a : bpr, [REGISTER_CONDITIONS.z, O0], label);
    if (isRead) emit(cx, mov_imm, [TAIL_CALL_FAILED, hw(cx, 0)]);
    else emit(cx, nop, []);
  },
  // `restore` in the delay slot of the jump leaves the window, where the context was.
  leaveForAnswer(cx) {
    emit(cx, jmp, [O0]);
    emit(cx, restore, [I5, G0, O0]);
  },
  setFailed: () => undefined,
});

function callPointer(cx: LowerContext, register: number): void {
  emit(cx, call_register, [register]);
  emit(cx, nop, []);
}

/**
 * The distance from the program counter, 2 GiB either way. A weak symbol may be missing, that is at 0, which is not in
 * reach from everywhere: its address comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak) {
    emit(cx, rd_pc, [d]);
    emitTo(cx, ldx_literal, [d, d], cx.symbolLiteral(symbol, op.addend));
    return;
  }
  emit(cx, rd_pc, [d]);
  emitSymbol(cx, sethi_pc22_symbol, [G4], symbol, op.addend);
  emitSymbol(cx, or_pc10_symbol, [G4, G4], symbol, op.addend);
  emit(cx, sra_imm, [G4, 0, G4]);
  emit(cx, add, [d, G4, d]);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  emit(cx, rd_pc, [d]);
  emitTo(cx, add_label, [d, d], op.label);
}
