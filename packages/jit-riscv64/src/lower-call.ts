/** Calls of every kind, and addresses of symbols and functions. */
import { BpfError } from '@polybpf/errors';
import { bind, type CodeSymbol, emit, emitSymbol, emitTo, hw, isLiveAfter, type LowerContext, type Op } from '@polybpf/jit'; // prettier-ignore
import { tailContextOffset, undoFrame } from './abi.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm64 } from './lower-constant.ts';
import { A0, RA, SP, T1, T2, ZERO } from './registers.ts';

const { add, addi, addi_symbol, auipc_symbol, beq, bgeu, call_symbol, jal, jalr, ld, ld_literal, lla, lui, sd, slli } = INSTRUCTIONS; // prettier-ignore

/** What a tail call that goes nowhere leaves in r0. */
const ENOENT = 2;

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  emitHelperCall(cx, op.imm, op.symbol!);
  takeResult(cx);
}

/** Calls a helper; the result is in a0. */
function emitHelperCall(cx: LowerContext, id: number, symbol: CodeSymbol): void {
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') return void emitSymbol(cx, call_symbol, [], symbol);
  if (id < 0 || id >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: cx.insn }, expected: `less than ${helperCalls.count}`, got: String(id) }); // prettier-ignore
  }
  loadFrom(cx, T1, helperCalls.address + BigInt(id) * 8n);
  emit(cx, jalr, [RA, 0, T1]);
}

/** rd = the pointer at an absolute address. */
function loadFrom(cx: LowerContext, rd: number, address: bigint): void {
  const [high, low] = words(address);
  const rest = (low << 20) >> 20;
  // The load adds what lui leaves out, unless the sum is beyond 32 bits.
  if (high === low >> 31 && low - rest === ((low - rest) | 0) && low - rest !== 0) {
    emit(cx, lui, [rd, ((low - rest) >> 12) & 0xfffff]);
    emit(cx, ld, [rd, rest, rd]);
    return;
  }
  loadImm64(cx, rd, high, low);
  emit(cx, ld, [rd, 0, rd]);
}

function words(address: bigint): readonly [high: number, low: number] {
  return [Number(BigInt.asIntN(32, address >> 32n)), Number(BigInt.asIntN(32, address))];
}

/** r0 = a0, when anything reads it. */
function takeResult(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== A0 && isLiveAfter(cx, 0)) emit(cx, addi, [r0, A0, 0]);
}

export function lowerCallLocal(cx: LowerContext, op: Op): void {
  emitTo(cx, jal, [RA], op.label);
  takeResult(cx);
}

export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  emitSymbol(cx, call_symbol, [], op.symbol!, op.addend);
  takeResult(cx);
}

/** A value below the size of the helper table is a helper's id, any other an address of code. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  const target = hw(cx, op.a);
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') {
    emit(cx, jalr, [RA, 0, target]);
    return takeResult(cx);
  }
  const { count, address } = helperCalls;
  const call = cx.newLabel();
  emit(cx, addi, [T1, target, 0]);
  loadImm64(cx, T2, 0, count);
  emitTo(cx, bgeu, [T1, T2], call);
  const [high, low] = words(address);
  loadImm64(cx, T2, high, low);
  emit(cx, slli, [T1, T1, 3]);
  emit(cx, add, [T1, T1, T2]);
  emit(cx, ld, [T1, 0, T1]);
  bind(cx, call);
  emit(cx, jalr, [RA, 0, T1]);
  takeResult(cx);
}

/**
 * The helper answers with the address of the next program, or 0. The context stays in the frame meanwhile; the jump
 * leaves nothing of this function behind.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const slot = tailContextOffset(cx);
  const fails = cx.newLabel();
  emit(cx, sd, [hw(cx, 1), slot, SP]);
  emitHelperCall(cx, op.imm, op.symbol!);
  emitTo(cx, beq, [A0, ZERO], fails);
  emit(cx, addi, [T1, A0, 0]);
  emit(cx, ld, [A0, slot, SP]);
  undoFrame(cx);
  emit(cx, jalr, [ZERO, 0, T1]);
  bind(cx, fails);
  if (isLiveAfter(cx, 0)) emit(cx, addi, [hw(cx, 0), ZERO, -ENOENT]);
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
