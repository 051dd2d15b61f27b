/** Calls of every kind, and addresses of symbols and functions. */
import { BpfError } from '@polybpf/errors';
import { bind, type CodeSymbol, emit, emitSymbol, emitTo, hw, isLiveAfter, isSigned16, type LowerContext, type Op } from '@polybpf/jit'; // prettier-ignore
import { emitLeave, savesReturnAddress, tailContextOffset } from './abi.ts';
import { CALL_SYMBOL, LA_NEAR, LA_SYMBOL } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { emitBranch } from './lower-branch.ts';
import { loadImm64 } from './lower-constant.ts';
import { A0, AT, RA, SP, T9, V0, V1 } from './registers.ts';

const { bal, beqz, daddu, dsll, jalr, ld, li, move, nop, sd, sltiu, sltu } = INSTRUCTIONS;

/** -ENOENT, what a tail call that goes nowhere leaves in r0. */
const ENOENT = 2;

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  const { helperCalls } = cx;
  const id = op.imm;
  if (helperCalls.kind === 'relocation') return emitSymbolCall(cx, op.symbol!, 0);
  if (id < 0 || id >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: cx.insn }, expected: `less than ${helperCalls.count}`, got: String(id) }); // prettier-ignore
  }
  const slot = helperCalls.address + BigInt(id) * 8n;
  const low = BigInt.asIntN(16, slot);
  loadAddress(cx, T9, slot - low);
  emit(cx, ld, [T9, Number(low), T9]);
  emitCall(cx, T9);
}

/** rd = address. */
function loadAddress(cx: LowerContext, rd: number, address: bigint): void {
  loadImm64(cx, rd, Number(BigInt.asIntN(32, address >> 32n)), Number(BigInt.asIntN(32, address)));
}

/** jalr and its delay slot. */
function emitCall(cx: LowerContext, register: number): void {
  emit(cx, jalr, [register]);
  emit(cx, nop, []);
}

/** Symbols whose calls of one function share code, with its label: the peephole pass writes that code. */
const SHARED_CALLS = new WeakMap<LowerContext, Map<string, number>>();

function emitSymbolCall(cx: LowerContext, symbol: CodeSymbol, addend: number): void {
  let labels = SHARED_CALLS.get(cx);
  if (labels === undefined) SHARED_CALLS.set(cx, (labels = new Map()));
  const key = `${symbol.kind} ${symbol.kind === 'helper' ? symbol.id : symbol.name} ${addend}`;
  let label = labels.get(key);
  if (label === undefined) labels.set(key, (label = cx.newLabel()));
  const call = emitSymbol(cx, CALL_SYMBOL, [], symbol, addend);
  call.label = label;
  emit(cx, nop, []);
}

export function lowerCallLocal(cx: LowerContext, op: Op): void {
  emitBranch(cx, bal, [], op.label);
}

/** A weak symbol may be missing: then nothing is called. */
export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  const symbol = op.symbol!;
  if (symbol.kind !== 'function' || !symbol.weak) return emitSymbolCall(cx, symbol, op.addend);
  const missing = cx.newLabel();
  emitLiteral(cx, T9, cx.symbolLiteral(symbol, op.addend));
  emitTo(cx, beqz, [T9], missing);
  emit(cx, nop, []);
  emitCall(cx, T9);
  bind(cx, missing);
}

/** A value below the size of the helper table is a helper's id, any other an address of code. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  const target = hw(cx, op.a);
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') {
    emit(cx, move, [T9, target]);
    return emitCall(cx, T9);
  }
  const { count, address } = helperCalls;
  const call = cx.newLabel();
  if (isSigned16(count)) emit(cx, sltiu, [AT, target, count]);
  else {
    loadImm64(cx, AT, 0, count);
    emit(cx, sltu, [AT, target, AT]);
  }
  emitTo(cx, beqz, [AT], call);
  emit(cx, move, [T9, target]);
  loadAddress(cx, AT, address);
  emit(cx, dsll, [T9, T9, 3]);
  emit(cx, daddu, [T9, T9, AT]);
  emit(cx, ld, [T9, 0, T9]);
  bind(cx, call);
  emitCall(cx, T9);
}

/**
 * The helper answers with the address of the next program, or 0. The context stays in the frame meanwhile; the jump
 * leaves nothing of this function behind.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const slot = tailContextOffset(cx);
  const fails = cx.newLabel();
  emit(cx, sd, [hw(cx, 1), slot, SP]);
  lowerCallHelper(cx, op);
  emitTo(cx, beqz, [V0], fails);
  emit(cx, move, [T9, V0]);
  emit(cx, ld, [A0, slot, SP]);
  emitLeave(cx, T9);
  bind(cx, fails);
  if (isLiveAfter(cx, 0)) emit(cx, li, [hw(cx, 0), -ENOENT]);
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
