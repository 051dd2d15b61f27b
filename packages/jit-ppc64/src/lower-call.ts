/**
 * Calls, tail calls, and addresses of functions and data.
 *
 * r1..r5 are in the argument registers already; only the result moves, when r0 is elsewhere. Compiled code neither has
 * nor needs a table of contents in r2: direct calls say so in their relocation, and what is called through a pointer
 * finds its own from r12. Addresses are made from that of the code, which only a branch tells, in the link register.
 */
import { bind, callLowerings, type CallLowerings, emit, emitSymbol, emitTo, hw, isUnsigned16, type LowerContext, type Op, TAIL_CALL_FAILED, takesResult, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { emitRestore, frameOf } from './abi.ts';
import { conditionOf } from './branches.ts';
import { INSTRUCTIONS, SYMBOL_FORMS } from './instructions.ts';
import { loadImm64, loadSigned32 } from './lower-constant.ts';
import { copy } from './lower-move.ts';
import { R0, R1, R11, R12, R3 } from './registers.ts';

const {
  addi_label, bc, bcl_next, bctr, bctrl, bl, bl_symbol, bl_symbol_v1, cmpdi, cmpld, cmpldi, ld, ldx, li, mflr, mtctr, mtlr, ori, rldicr, std,
} = INSTRUCTIONS; // prettier-ignore

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  // In version 1 of the ELF ABI, code that calls has a table of contents, which a linker may have to restore behind the
  // call of another module: that is what the nop is for.
  callSymbol(cx, symbol, addend) {
    if (cx.target.features?.has('elfv1') !== true) return void emitSymbol(cx, bl_symbol, [], symbol, addend);
    emitSymbol(cx, bl_symbol_v1, [], symbol, addend);
    emit(cx, ori, [R0, R0, 0]);
  },
  callLabel: (cx, label) => void emitTo(cx, bl, [], label),
  // The low half of the address is the displacement of the load.
  callSlot(cx, slot) {
    const low = BigInt.asIntN(16, slot);
    const isDisplacement = low % 4n === 0n;
    loadAddress(cx, R12, isDisplacement ? slot - low : slot);
    emit(cx, ld, [R12, isDisplacement ? Number(low) : 0, R12]);
    callThroughR12(cx);
  },
  callPointer(cx, register) {
    copy(cx, R12, register);
    callThroughR12(cx);
  },
  callEither(cx, register, { address, count }) {
    const call = cx.newLabel();
    copy(cx, R12, register);
    if (isUnsigned16(count)) emit(cx, cmpldi, [R12, count]);
    else {
      loadSigned32(cx, R0, count);
      emit(cx, cmpld, [R12, R0]);
    }
    emitTo(cx, bc, [conditionOf('uge')], call);
    loadAddress(cx, R11, address);
    emit(cx, rldicr, [R12, R12, 3, 60]);
    emit(cx, ldx, [R12, R11, R12]);
    bind(cx, call);
    callThroughR12(cx);
  },
  takeResult: takesResult(copy),
  keepContext: (cx) => void emit(cx, std, [hw(cx, 1), frameOf(cx).contextOffset, R1]),
  branchIfNone(cx, label) {
    emit(cx, cmpdi, [R3, 0]);
    emitTo(cx, bc, [conditionOf('eq')], label);
  },
  leaveForAnswer(cx) {
    copy(cx, R12, R3);
    emit(cx, ld, [R3, frameOf(cx).contextOffset, R1]);
    emitRestore(cx);
    emit(cx, mtctr, [R12]);
    emit(cx, bctr, []);
  },
  setFailed: (cx, r0) => void emit(cx, li, [r0, TAIL_CALL_FAILED]),
});

/** Appends `register = address`. */
function loadAddress(cx: LowerContext, register: number, address: bigint): void {
  const [high, low] = wordsOf(address);
  loadImm64(cx, register, low, high);
}

/** Calls what r12 points at. */
function callThroughR12(cx: LowerContext): void {
  emit(cx, mtctr, [R12]);
  emit(cx, bctrl, []);
}

/**
 * Appends `d` = address of the instruction that does it. A function with calls has saved the link register; any other
 * keeps it in r0 until {@link releaseLink}.
 */
function loadHere(cx: LowerContext, d: number): void {
  if (!cx.fn.hasCalls) emit(cx, mflr, [R0]);
  emit(cx, bcl_next, []);
  emit(cx, mflr, [d]);
}

function releaseLink(cx: LowerContext): void {
  if (!cx.fn.hasCalls) emit(cx, mtlr, [R0]);
}

/** `d` = address of a symbol. A weak one may be at 0, which is out of reach, so that comes from a literal. */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  loadHere(cx, d);
  if (symbol.kind === 'function' && symbol.weak) {
    emitTo(cx, addi_label, [d, d], cx.symbolLiteral(symbol, op.addend));
    emit(cx, ld, [d, 0, d]);
  } else {
    const { addis_symbol, addi_symbol } = SYMBOL_FORMS[cx.target.endian];
    emitSymbol(cx, addis_symbol, [d, d], symbol, op.addend);
    emitSymbol(cx, addi_symbol, [d, d], symbol, op.addend);
  }
  releaseLink(cx);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  loadHere(cx, d);
  emitTo(cx, addi_label, [d, d], op.label);
  releaseLink(cx);
}
