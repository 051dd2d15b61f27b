/**
 * Calls, tail calls, and addresses of functions and data.
 *
 * r1..r5 are in the argument registers already; only the result moves, when r0 is elsewhere. A call writes its return
 * address to %r14, which the prologue saved.
 */
import { BpfError } from '@polybpf/errors';
import { bind, emit, emitSymbol, emitTo, type HelperCalls, hw, isLiveAfter, type LowerContext, type Op } from '@polybpf/jit'; // prettier-ignore
import { emitRestore, frameOf } from './abi.ts';
import { BRANCHES as B, branchMask } from './branches.ts';
import { FORMS as F } from './instructions.ts';
import { isLongDisplacement, loadImm64 } from './lower-move.ts';
import { NO_BASE, R0, R1, R14, R15, R2 } from './registers.ts';

type HelperTable = Extract<HelperCalls, { kind: 'table' }>;

const EQUAL = 8;
const NOT_LOW = 10;
const ENOENT = 2;

/** Moves the result of a call to the home of r0. */
function takeResult(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== R2 && isLiveAfter(cx, 0)) emit(cx, F.lgr, [r0, R2]);
}

/** Low and high words of an address. */
function words(address: bigint): [number, number] {
  return [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
}

/** Appends `register = address`, from a literal when the address is too wide for one instruction. */
function loadTableAddress(cx: LowerContext, register: number, table: HelperTable, offset: number): void {
  const [low, high] = words(table.address + BigInt(offset));
  if (high === 0 || low === 0) loadImm64(cx, register, low, high);
  else emitTo(cx, B.lgrl, [register], cx.literal(low, high));
}

/** Calls helper `op.imm` through its symbol or the table. */
function callHelper(cx: LowerContext, op: Op): void {
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') {
    emitSymbol(cx, B.brasl, [R14], op.symbol!);
    return;
  }
  if (op.imm < 0 || op.imm >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper is not in the helper table', {
      at: { insn: op.insn },
      expected: `an id below ${helperCalls.count}`,
      got: String(op.imm),
    });
  }
  const offset = op.imm * 8;
  const isNear = isLongDisplacement(offset);
  loadTableAddress(cx, R1, helperCalls, isNear ? 0 : offset);
  emit(cx, F.lg, [R1, isNear ? offset : 0, NO_BASE, R1]);
  emit(cx, F.basr, [R14, R1]);
}

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  callHelper(cx, op);
  takeResult(cx);
}

export function lowerCallLocal(cx: LowerContext, op: Op): void {
  emitTo(cx, B.brasl, [R14], op.label);
  takeResult(cx);
}

export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  emitSymbol(cx, B.brasl, [R14], op.symbol!, op.addend);
  takeResult(cx);
}

/** A value below the size of the helper table is a helper id, any other a code address. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  const { helperCalls } = cx;
  const a = hw(cx, op.a);
  if (helperCalls.kind === 'relocation') {
    emit(cx, F.basr, [R14, a]);
  } else {
    const call = cx.newLabel();
    emit(cx, F.lgr, [R1, a]);
    if (helperCalls.count <= 255) {
      emitTo(cx, B.clgij, [NOT_LOW, R1, helperCalls.count], call);
    } else {
      emit(cx, F.clgfi, [R1, helperCalls.count]);
      emitTo(cx, B.brc, [branchMask(NOT_LOW)], call);
    }
    emit(cx, F.sllg, [R1, R1, 3, NO_BASE]);
    loadTableAddress(cx, R0, helperCalls, 0);
    emit(cx, F.agr, [R1, R0]);
    emit(cx, F.lg, [R1, 0, NO_BASE, R1]);
    bind(cx, call);
    emit(cx, F.basr, [R14, R1]);
  }
  takeResult(cx);
}

/**
 * bpf_tail_call: the helper answers with the entry of the next program, or 0. The next program gets this one's r1 and
 * returns to this one's caller.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const { contextOffset } = frameOf(cx);
  const failed = cx.newLabel();
  emit(cx, F.stg, [R2, contextOffset, NO_BASE, R15]);
  callHelper(cx, op);
  emitTo(cx, B.cgij, [EQUAL, R2, 0], failed);
  emit(cx, F.lgr, [R1, R2]);
  emit(cx, F.lg, [R2, contextOffset, NO_BASE, R15]);
  emitRestore(cx);
  emit(cx, F.br, [R1]);
  bind(cx, failed);
  emit(cx, F.lghi, [hw(cx, 0), -ENOENT]);
}

/**
 * `d` = address of a symbol. LOAD ADDRESS RELATIVE LONG counts in halfwords, so an odd addend is added apart; a weak
 * symbol may be 0, which is out of its reach, so that one comes from a literal.
 */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const symbol = op.symbol!;
  if (symbol.kind === 'function' && symbol.weak) {
    emitTo(cx, B.lgrl, [d], cx.symbolLiteral(symbol, op.addend));
    return;
  }
  const odd = op.addend & 1;
  emitSymbol(cx, B.larl, [d], symbol, op.addend - odd);
  if (odd !== 0) emit(cx, F.la, [d, 1, NO_BASE, d]);
}

export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  emitTo(cx, B.larl, [hw(cx, op.d)], op.label);
}
