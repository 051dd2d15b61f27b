/** Calls of every kind, and addresses of symbols and functions. */
import { BpfError } from '@polybpf/errors';
import { type CodeSymbol, emit, emitSymbol, emitTo, bind, type HelperCalls, hw, isLiveAfter, type LowerContext, type Op } from '@polybpf/jit'; // prettier-ignore
import { tailContextOffset, undoFrame } from './abi.ts';
import { CONDITION_CODES } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { constantLength, fitsCompare, loadImm64 } from './lower-constant.ts';
import { SP, X0, X16, X17 } from './registers.ts';

const { add_lo12_symbol, adr, adrp_symbol, b_cond, bl, bl_symbol, blr, br, cbz_x, cmp_imm12_x, cmp_imm_x, cmp_x, ldr_literal, ldr_reg_x, ldr_x, mov_x, movn_x, str_x } = INSTRUCTIONS; // prettier-ignore

type HelperTable = Extract<HelperCalls, { kind: 'table' }>;

/** -ENOENT, what a tail call that goes nowhere leaves in r0, as movn operand. */
const NOT_ENOENT = 1;
/** Largest displacement of a 64-bit load, plus its step. */
const LOAD_REACH = 0x8000;

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  emitHelperCall(cx, op.imm, op.symbol!);
  takeResult(cx);
}

/** Branch and link to a helper; the result is in x0. */
function emitHelperCall(cx: LowerContext, id: number, symbol: CodeSymbol): void {
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') return void emitSymbol(cx, bl_symbol, [], symbol);
  if (id < 0 || id >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: cx.insn }, expected: `less than ${helperCalls.count}`, got: String(id) }); // prettier-ignore
  }
  const slot = helperCalls.address + BigInt(id) * 8n;
  const within = Number(slot & BigInt(LOAD_REACH - 1));
  if (within % 8 === 0) {
    loadAddress(cx, X16, slot - BigInt(within), helperCalls);
    emit(cx, ldr_x, [X16, X16, within]);
  } else {
    loadAddress(cx, X16, slot, helperCalls);
    emit(cx, ldr_x, [X16, X16, 0]);
  }
  emit(cx, blr, [X16]);
}

/** rd = address; when that takes three instructions, from a literal that all calls share. */
function loadAddress(cx: LowerContext, rd: number, address: bigint, { count }: HelperTable): void {
  const high = Number(BigInt.asIntN(32, address >> 32n));
  const low = Number(BigInt.asIntN(32, address));
  if (count > 0 && constantLength(high, low) >= 3) emitTo(cx, ldr_literal, [rd], cx.literal(low, high));
  else loadImm64(cx, rd, high, low);
}

/** r0 = x0, when anything reads it. */
function takeResult(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== X0 && isLiveAfter(cx, 0)) emit(cx, mov_x, [r0, X0]);
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
    emit(cx, blr, [target]);
    return takeResult(cx);
  }
  const { count, address } = helperCalls;
  const call = cx.newLabel();
  emit(cx, mov_x, [X16, target]);
  if (!fitsCompare(count)) {
    loadImm64(cx, X17, 0, count);
    emit(cx, cmp_x, [target, X17]);
  } else emit(cx, count < 4096 ? cmp_imm_x : cmp_imm12_x, [target, count < 4096 ? count : count >>> 12]);
  emitTo(cx, b_cond, [CONDITION_CODES.hs], call);
  loadAddress(cx, X17, address, helperCalls);
  emit(cx, ldr_reg_x, [X16, X17, target, 1, 1]);
  bind(cx, call);
  emit(cx, blr, [X16]);
  takeResult(cx);
}

/**
 * The helper answers with the address of the next program, or 0. The context stays in the frame meanwhile; the jump
 * leaves nothing of this function behind.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const slot = tailContextOffset(cx);
  const fails = cx.newLabel();
  emit(cx, str_x, [hw(cx, 1), SP, slot]);
  emitHelperCall(cx, op.imm, op.symbol!);
  emitTo(cx, cbz_x, [X0], fails);
  emit(cx, mov_x, [X16, X0]);
  emit(cx, ldr_x, [X0, SP, slot]);
  undoFrame(cx);
  emit(cx, br, [X16]);
  bind(cx, fails);
  if (isLiveAfter(cx, 0)) emit(cx, movn_x, [hw(cx, 0), NOT_ENOENT, 0]);
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
