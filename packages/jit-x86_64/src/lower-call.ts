/**
 * Calls. r1..r5 are where the C ABI wants arguments and r0 where it leaves the result (see registers.ts), so a call is
 * the call instruction. rax is free before any call: r0 is about to be overwritten.
 */
import { BpfError } from '@polybpf/errors';
import { bind, emit, emitSymbol, emitTo, hw, isLiveAfter, type LowerContext, type Op } from '@polybpf/jit';
import { frame, leaveFrame, passFifth } from './abi.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { emitImm, CMP } from './lower-alu.ts';
import { loadImm64, move } from './lower-move.ts';
import { RAX, RSP, SCRATCH1 } from './registers.ts';

/**
 * `call_helper`.
 *
 * @throws BpfError `E_JIT_PROGRAM` for an id that the helper table does not have
 */
export function lowerCallHelper(cx: LowerContext, op: Op): void {
  callHelper(cx, op);
  resultToR0(cx);
}

function callHelper(cx: LowerContext, op: Op): void {
  const { helperCalls } = cx;
  passFifth(cx);
  if (helperCalls.kind === 'relocation') {
    emitSymbol(cx, I.call_symbol, [], op.symbol!);
    return;
  }
  if (op.imm < 0 || op.imm >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: op.insn }, expected: `0 to ${helperCalls.count - 1}, what the helper table holds`, got: String(op.imm) }); // prettier-ignore
  }
  const slot = BigInt.asIntN(64, helperCalls.address + BigInt(op.imm * 8));
  if (slot === BigInt.asIntN(32, slot)) {
    emit(cx, I.call_address, [Number(slot)]);
    return;
  }
  loadImm64(cx, RAX, ...halves(slot));
  emit(cx, I.call_m64, [RAX, 0]);
}

/** Low and high word, signed. */
function halves(value: bigint): [number, number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

function resultToR0(cx: LowerContext): void {
  move(cx, hw(cx, 0), RAX, true);
}

/** `call_local`: the callee is a function of the same ABI with a frame of its own. */
export function lowerCallLocal(cx: LowerContext, op: Op): void {
  passFifth(cx);
  emitTo(cx, I.call_rel32, [], op.label);
  resultToR0(cx);
}

/** `call_symbol`. */
export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  passFifth(cx);
  emitSymbol(cx, I.call_symbol, [], op.symbol!, op.addend);
  resultToR0(cx);
}

/** `call_register`: a value below the number of table slots is a helper id, any other is an address. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  const { helperCalls } = cx;
  const callee = hw(cx, op.a);
  passFifth(cx);
  if (helperCalls.kind === 'relocation') {
    emit(cx, I.call_rm64, [callee]);
  } else {
    const direct = cx.newLabel();
    move(cx, RAX, callee, true);
    emitImm(cx, CMP, RAX, helperCalls.count, true);
    emitTo(cx, I.jae_rel8, [], direct);
    loadImm64(cx, SCRATCH1, ...halves(helperCalls.address));
    emit(cx, I.mov_r64_index, [RAX, SCRATCH1, RAX, 8, 0]);
    bind(cx, direct);
    emit(cx, I.call_rm64, [RAX]);
  }
  resultToR0(cx);
}

/** `tail_call`: the helper says where to go on, or 0. */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const { base, tailCallOffset } = frame(cx);
  const failed = cx.newLabel();
  const [context] = cx.target.registers.args;
  emit(cx, I.mov_m_r64, [base, tailCallOffset, context]);
  callHelper(cx, op);
  emit(cx, I.test_rm_r64, [RAX, RAX]);
  emitTo(cx, I.je_rel8, [], failed);
  emit(cx, I.mov_r64_m, [context, base, tailCallOffset]);
  leaveFrame(cx);
  emit(cx, I.jmp_rm64, [RAX]);
  bind(cx, failed);
  if (!isLiveAfter(cx, 0)) return;
  // rax is 0 here: -ENOENT is 2 less
  emit(cx, I.sub_rm64_imm8, [RAX, 2]);
  resultToR0(cx);
}

/** `fault`: in a leaf the stack pointer may be anywhere; where it was does not matter any more. */
export function lowerFault(cx: LowerContext, op: Op): void {
  emit(cx, I.and_rm64_imm8, [RSP, -16]);
  emitSymbol(cx, I.call_symbol, [], op.symbol!, op.addend);
}
