/**
 * Calls, tail calls, and addresses of functions and data.
 *
 * r1..r5 are in the argument registers already; only the result moves, when r0 is elsewhere. Compiled code neither has
 * nor needs a table of contents in r2: direct calls say so in their relocation, and what is called through a pointer
 * finds its own from r12. Addresses are made from that of the code, which only a branch tells, in the link register.
 */
import { BpfError } from '@polybpf/errors';
import { bind, emit, emitSymbol, emitTo, type HelperCalls, hw, isLiveAfter, isUnsigned16, type LowerContext, type Op } from '@polybpf/jit'; // prettier-ignore
import { emitRestore, frameOf } from './abi.ts';
import { conditionOf } from './branches.ts';
import { INSTRUCTIONS, SYMBOL_FORMS } from './instructions.ts';
import { loadImm64, loadSigned32 } from './lower-constant.ts';
import { copy } from './lower-move.ts';
import { R0, R1, R11, R12, R3 } from './registers.ts';

const {
  addi_label, bc, bcl_next, bctr, bctrl, bl, bl_symbol, bl_symbol_v1, cmpdi, cmpld, cmpldi, ld, ldx, li, mflr, mtctr, mtlr, ori, rldicr, std,
} = INSTRUCTIONS; // prettier-ignore

type HelperTable = Extract<HelperCalls, { kind: 'table' }>;

const ENOENT = 2;

/** Moves the result of a call to the home of r0. */
function takeResult(cx: LowerContext): void {
  const r0 = hw(cx, 0);
  if (r0 !== R3 && isLiveAfter(cx, 0)) copy(cx, r0, R3);
}

/** Appends `register = address`. */
function loadAddress(cx: LowerContext, register: number, address: bigint): void {
  loadImm64(cx, register, Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n)));
}

/** Calls what r12 points at. */
function callThroughR12(cx: LowerContext): void {
  emit(cx, mtctr, [R12]);
  emit(cx, bctrl, []);
}

/**
 * Calls a symbol. In version 1 of the ELF ABI, code that calls has a table of contents, which a linker may have to
 * restore behind the call of another module: that is what the nop is for.
 */
function callSymbol(cx: LowerContext, op: Op, addend = 0): void {
  if (cx.target.features?.has('elfv1') !== true) return void emitSymbol(cx, bl_symbol, [], op.symbol!, addend);
  emitSymbol(cx, bl_symbol_v1, [], op.symbol!, addend);
  emit(cx, ori, [R0, R0, 0]);
}

/** Calls helper `op.imm` through its symbol or the table. */
function callHelper(cx: LowerContext, op: Op): void {
  const { helperCalls } = cx;
  if (helperCalls.kind === 'relocation') {
    callSymbol(cx, op);
    return;
  }
  if (op.imm < 0 || op.imm >= helperCalls.count) {
    throw new BpfError('E_JIT_PROGRAM', 'helper is not in the helper table', {
      at: { insn: op.insn },
      expected: `an id below ${helperCalls.count}`,
      got: String(op.imm),
    });
  }
  loadSlot(cx, helperCalls, op.imm);
  callThroughR12(cx);
}

/** Appends `r12` = slot `id` of the table. The low half of the address is the displacement of the load. */
function loadSlot(cx: LowerContext, { address }: HelperTable, id: number): void {
  const slot = address + BigInt(id) * 8n;
  const low = BigInt.asIntN(16, slot);
  const isDisplacement = low % 4n === 0n;
  loadAddress(cx, R12, isDisplacement ? slot - low : slot);
  emit(cx, ld, [R12, isDisplacement ? Number(low) : 0, R12]);
}

export function lowerCallHelper(cx: LowerContext, op: Op): void {
  callHelper(cx, op);
  takeResult(cx);
}

export function lowerCallLocal(cx: LowerContext, op: Op): void {
  emitTo(cx, bl, [], op.label);
  takeResult(cx);
}

export function lowerCallSymbol(cx: LowerContext, op: Op): void {
  callSymbol(cx, op, op.addend);
  takeResult(cx);
}

/** A value below the size of the helper table is a helper id, any other a code address. */
export function lowerCallRegister(cx: LowerContext, op: Op): void {
  const { helperCalls } = cx;
  copy(cx, R12, hw(cx, op.a));
  if (helperCalls.kind === 'table') {
    const call = cx.newLabel();
    const { count, address } = helperCalls;
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
  }
  callThroughR12(cx);
  takeResult(cx);
}

/**
 * bpf_tail_call: the helper answers with the entry of the next program, or 0. The next program gets this one's r1 and
 * returns to this one's caller.
 */
export function lowerTailCall(cx: LowerContext, op: Op): void {
  const { contextOffset } = frameOf(cx);
  const failed = cx.newLabel();
  emit(cx, std, [hw(cx, 1), contextOffset, R1]);
  callHelper(cx, op);
  emit(cx, cmpdi, [R3, 0]);
  emitTo(cx, bc, [conditionOf('eq')], failed);
  copy(cx, R12, R3);
  emit(cx, ld, [R3, contextOffset, R1]);
  emitRestore(cx);
  emit(cx, mtctr, [R12]);
  emit(cx, bctr, []);
  bind(cx, failed);
  if (isLiveAfter(cx, 0)) emit(cx, li, [hw(cx, 0), -ENOENT]);
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
