/** Calls of every kind, and addresses of symbols and functions. */
import { BpfError } from '@polybpf/errors';
import { bind, type CodeSymbol, emit, emitSymbol, emitTo, type HelperCalls, hw, isLiveAfter, type LowerContext, type Op } from '@polybpf/jit'; // prettier-ignore
import { CONDITION_CODES, REGISTER_CONDITIONS, XCC } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { fits13, loadImm64 } from './lower-constant.ts';
import { G0, G1, G4, G5, I5, O0 } from './registers.ts';

const {
  add, add_label, bpcc, bpr, bpr_a, call, call_register, call_symbol, cmp, cmp_imm, jmp, ldx, ldx_literal, ldx_reg, mov,
  mov_imm, nop, or_pc10_symbol, rd_pc, restore, sethi_pc22_symbol, sllx_imm, sra_imm,
} = INSTRUCTIONS; // prettier-ignore

type HelperTable = Extract<HelperCalls, { kind: 'table' }>;

/** -ENOENT, what a tail call that goes nowhere leaves in r0. */
const ENOENT_RESULT = -2;
/** Displacements that a load of 64 bits can have above an address, as a power of 2. */
const LOAD_REACH = 0x1000n;

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  emitHelperCall(cx, op.imm, op.symbol!);
  takeResult(cx);
}

/** Calls a helper; the result is in %o0. */
function emitHelperCall(cx: LowerContext, id: number, symbol: CodeSymbol): void {
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') emitSymbol(cx, call_symbol, [], symbol);
  else {
    if (id < 0 || id >= helperCalls.count) {
      throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: cx.insn }, expected: `less than ${helperCalls.count}`, got: String(id) }); // prettier-ignore
    }
    const slot = helperCalls.address + BigInt(id) * 8n;
    const within = slot & (LOAD_REACH - 1n);
    loadAddress(cx, G1, slot - within);
    emit(cx, ldx, [G1, Number(within), G1]);
    emit(cx, call_register, [G1]);
  }
  emit(cx, nop, []);
}

function loadAddress(cx: LowerContext, rd: number, address: bigint): void {
  loadImm64(cx, rd, Number(BigInt.asIntN(32, address >> 32n)), Number(BigInt.asIntN(32, address)));
}

/** r0 = %o0, when anything reads it. */
function takeResult(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== O0 && isLiveAfter(cx, 0)) emit(cx, mov, [O0, r0]);
}

export function lowerCallLocal(cx: LowerContext, op: Op): void {
  emitTo(cx, call, [], op.label);
  emit(cx, nop, []);
  takeResult(cx);
}

export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  emitSymbol(cx, call_symbol, [], op.symbol!, op.addend);
  emit(cx, nop, []);
  takeResult(cx);
}

/** A value below the size of the helper table is a helper's id, any other an address of code. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  const target = hw(cx, op.a);
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') {
    emit(cx, call_register, [target]);
    emit(cx, nop, []);
    return takeResult(cx);
  }
  emitTableLookup(cx, target, helperCalls);
  emit(cx, call_register, [G1]);
  emit(cx, nop, []);
  takeResult(cx);
}

/** %g1 = entry of the table, or the value itself when it is no index. */
function emitTableLookup(cx: LowerContext, target: number, { count, address }: HelperTable): void {
  const isAddress = cx.newLabel();
  if (fits13(count)) emit(cx, cmp_imm, [target, count]);
  else {
    loadImm64(cx, G5, 0, count);
    emit(cx, cmp, [target, G5]);
  }
  emitTo(cx, bpcc, [CONDITION_CODES.cc, XCC], isAddress);
  emit(cx, mov, [target, G1]);
  emit(cx, sllx_imm, [G1, 3, G1]);
  loadAddress(cx, G5, address);
  emit(cx, ldx_reg, [G1, G5, G1]);
  bind(cx, isAddress);
}

/**
 * The helper answers with the address of the next program, or 0. The context stays in the window meanwhile; `restore` in
 * the delay slot of the jump leaves nothing of this function behind.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const fails = cx.newLabel();
  emit(cx, mov, [hw(cx, 1), I5]);
  emitHelperCall(cx, op.imm, op.symbol!);
  if (isLiveAfter(cx, 0)) {
    emitTo(cx, bpr_a, [REGISTER_CONDITIONS.z, O0], fails);
    emit(cx, mov_imm, [ENOENT_RESULT, hw(cx, 0)]);
  } else {
    emitTo(cx, bpr, [REGISTER_CONDITIONS.z, O0], fails);
    emit(cx, nop, []);
  }
  emit(cx, jmp, [O0]);
  emit(cx, restore, [I5, G0, O0]);
  bind(cx, fails);
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
