/** Calls of every kind, and addresses of symbols and functions. */
import { BpfError } from '@polybpf/errors';
import { bind, type CodeSymbol, emit, emitSymbol, emitTo, hw, isLiveAfter, type LowerContext, type Op } from '@polybpf/jit'; // prettier-ignore
import { tailContextOffset, undoFrame } from './abi.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm64 } from './lower-constant.ts';
import { move } from './lower-fuse.ts';
import { A0, RA, SP, T1, T2, ZERO } from './registers.ts';

const { addi_d, addi_symbol, alsl_d, beqz, bgeu, bl, bl_symbol, jirl, ld_d, pcaddi, pcalau12i_symbol, st_d } = INSTRUCTIONS; // prettier-ignore

/** What a tail call that goes nowhere leaves in r0. */
const ENOENT = 2;

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  emitHelperCall(cx, op.imm, op.symbol!);
  takeResult(cx);
}

/** Calls a helper; the result is in a0. */
function emitHelperCall(cx: LowerContext, id: number, symbol: CodeSymbol): void {
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') return void emitSymbol(cx, bl_symbol, [], symbol);
  if (id < 0 || id >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: cx.insn }, expected: `less than ${helperCalls.count}`, got: String(id) }); // prettier-ignore
  }
  loadFrom(cx, T1, helperCalls.address + BigInt(id) * 8n);
  emit(cx, jirl, [RA, T1, 0]);
}

/** rd = the pointer at an absolute address. */
function loadFrom(cx: LowerContext, rd: number, address: bigint): void {
  // The load adds what the constant leaves out.
  const rest = BigInt.asIntN(12, address);
  const [high, low] = words(address - rest);
  if (high === 0 && low === 0) return void emit(cx, ld_d, [rd, ZERO, Number(rest)]);
  loadImm64(cx, rd, high, low);
  emit(cx, ld_d, [rd, rd, Number(rest)]);
}

function words(address: bigint): readonly [high: number, low: number] {
  return [Number(BigInt.asIntN(32, address >> 32n)), Number(BigInt.asIntN(32, address))];
}

/** r0 = a0, when anything reads it. */
function takeResult(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== A0 && isLiveAfter(cx, 0)) move(cx, r0, A0);
}

export function lowerCallLocal(cx: LowerContext, op: Op): void {
  emitTo(cx, bl, [], op.label);
  takeResult(cx);
}

export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  emitSymbol(cx, bl_symbol, [], op.symbol!, op.addend);
  takeResult(cx);
}

/** A value below the size of the helper table is a helper's id, any other an address of code. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  const target = hw(cx, op.a);
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') {
    emit(cx, jirl, [RA, target, 0]);
    return takeResult(cx);
  }
  const { count, address } = helperCalls;
  const call = cx.newLabel();
  move(cx, T1, target);
  loadImm64(cx, T2, 0, count);
  emitTo(cx, bgeu, [T1, T2], call);
  const [high, low] = words(address);
  loadImm64(cx, T2, high, low);
  emit(cx, alsl_d, [T1, T1, T2, 3]);
  emit(cx, ld_d, [T1, T1, 0]);
  bind(cx, call);
  emit(cx, jirl, [RA, T1, 0]);
  takeResult(cx);
}

/**
 * The helper answers with the address of the next program, or 0. The context stays in the frame meanwhile; the jump
 * leaves nothing of this function behind.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const slot = tailContextOffset(cx);
  const fails = cx.newLabel();
  emit(cx, st_d, [hw(cx, 1), SP, slot]);
  emitHelperCall(cx, op.imm, op.symbol!);
  emitTo(cx, beqz, [A0], fails);
  move(cx, T1, A0);
  emit(cx, ld_d, [A0, SP, slot]);
  undoFrame(cx);
  emit(cx, jirl, [ZERO, T1, 0]);
  bind(cx, fails);
  if (isLiveAfter(cx, 0)) emit(cx, addi_d, [hw(cx, 0), ZERO, -ENOENT]);
}

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
