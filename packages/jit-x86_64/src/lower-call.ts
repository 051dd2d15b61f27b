/**
 * Calls. r1..r5 are where the C ABI wants arguments and r0 where it leaves the result (see registers.ts), so a call is
 * the call instruction. rax is free before any call: r0 is about to be overwritten.
 */
import { bind, callLowerings, type CallLowerings, emit, emitSymbol, emitTo, hw, type LowerContext, type Op, TAIL_CALL_FAILED, wordsOf } from '@polybpf/jit'; // prettier-ignore
import { frame, leaveFrame, passFifth } from './abi.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { emitImm, CMP } from './lower-alu.ts';
import { loadImm64, move } from './lower-move.ts';
import { RAX, RSP, SCRATCH1 } from './registers.ts';

/** How each kind of call becomes instructions. */
export const CALLS: CallLowerings = /* @__PURE__ */ callLowerings({
  passArguments: passFifth,
  callSymbol: (cx, symbol, addend) => void emitSymbol(cx, I.call_symbol, [], symbol, addend),
  callLabel: (cx, label) => void emitTo(cx, I.call_rel32, [], label),
  callSlot(cx, slot) {
    const address = BigInt.asIntN(64, slot);
    if (address === BigInt.asIntN(32, address)) return void emit(cx, I.call_address, [Number(address)]);
    loadAddress(cx, RAX, address);
    emit(cx, I.call_m64, [RAX, 0]);
  },
  callPointer: (cx, register) => void emit(cx, I.call_rm64, [register]),
  callEither(cx, register, { address, count }) {
    const direct = cx.newLabel();
    move(cx, RAX, register, true);
    emitImm(cx, CMP, RAX, count, true);
    emitTo(cx, I.jae_rel8, [], direct);
    loadAddress(cx, SCRATCH1, address);
    emit(cx, I.mov_r64_index, [RAX, SCRATCH1, RAX, 8, 0]);
    bind(cx, direct);
    emit(cx, I.call_rm64, [RAX]);
  },
  takeResult: resultToR0,
  keepContext(cx) {
    const { base, tailCallOffset } = frame(cx);
    emit(cx, I.mov_m_r64, [base, tailCallOffset, cx.target.registers.args[0]]);
  },
  branchIfNone(cx, label) {
    emit(cx, I.test_rm_r64, [RAX, RAX]);
    emitTo(cx, I.je_rel8, [], label);
  },
  leaveForAnswer(cx) {
    const { base, tailCallOffset } = frame(cx);
    emit(cx, I.mov_r64_m, [cx.target.registers.args[0], base, tailCallOffset]);
    leaveFrame(cx);
    emit(cx, I.jmp_rm64, [RAX]);
  },
  setFailed(cx) {
    // rax is 0 here
    emit(cx, I.sub_rm64_imm8, [RAX, -TAIL_CALL_FAILED]);
    resultToR0(cx);
  },
});

function loadAddress(cx: LowerContext, register: number, address: bigint): void {
  const [high, low] = wordsOf(address);
  loadImm64(cx, register, low, high);
}

function resultToR0(cx: LowerContext): void {
  move(cx, hw(cx, 0), RAX, true);
}

/** `fault`: in a leaf the stack pointer may be anywhere; where it was does not matter any more. */
export function lowerFault(cx: LowerContext, op: Op): void {
  emit(cx, I.and_rm64_imm8, [RSP, -16]);
  emitSymbol(cx, I.call_symbol, [], op.symbol!, op.addend);
}
