/**
 * Loads and stores. Displacements of 13 bits are part of the instruction, others go through %g5. Memory is totally ordered
 * (TSO), so that loads acquire and stores release as they are.
 */
import { displacement, emit, hw, hwBase, isSpent, lastNode, type LowerContext, type MachineForm, type MachineNode, type Op, storedImmediate, storedValue } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { fits13, loadImm32, loadImm64 } from './lower-constant.ts';
import { emitMisalignedLoad, emitMisalignedStore, misalignmentOf } from './lower-misaligned.ts';
import { G0, G1, G4, G5 } from './registers.ts';

const {
  add, ldsb, ldsb_reg, ldsh, ldsh_reg, ldsw, ldsw_reg, ldub, ldub_reg, lduh, lduh_reg, lduha_little, lduw, lduw_reg,
  lduwa_little, ldx, ldx_reg, ldxa_little, mov, mov_imm, stb, stb_reg, sth, sth_reg, stw, stw_reg, stx, stx_reg,
} = INSTRUCTIONS; // prettier-ignore

/** [displacement form, indexed form] */
type AccessForms = readonly [MachineForm, MachineForm];

const LOADS: Readonly<Record<8 | 16 | 32 | 64, AccessForms>> = {
  8: [ldub, ldub_reg],
  16: [lduh, lduh_reg],
  32: [lduw, lduw_reg],
  64: [ldx, ldx_reg],
};
const SIGNED_LOADS: Readonly<Record<8 | 16 | 32, AccessForms>> = {
  8: [ldsb, ldsb_reg],
  16: [ldsh, ldsh_reg],
  32: [ldsw, ldsw_reg],
};
const STORES: Readonly<Record<8 | 16 | 32 | 64, AccessForms>> = {
  8: [stb, stb_reg],
  16: [sth, sth_reg],
  32: [stw, stw_reg],
  64: [stx, stx_reg],
};

/** `add n, m, t` right before an access through t alone: [n, m], taken back. `written` is what the access writes, or -1. */
function takeSum(cx: LowerContext, base: number, written: number): readonly [number, number] | undefined {
  const node = lastNode(cx);
  if (node?.form !== add || node.operands[2] !== base || !isSpent(cx, base, written)) return undefined;
  cx.nodes.pop();
  return [node.operands[0]!, node.operands[1]!];
}

function emitLoad(cx: LowerContext, op: Op, forms: AccessForms): void {
  if (misalignmentOf(cx, op.width / 8) !== undefined) return emitMisalignedLoad(cx, op, forms[0], false);
  const d = hw(cx, op.d);
  const base = hwBase(cx, op.a);
  const offset = displacement(cx, op.a, op.offset);
  const sum = offset === 0 ? takeSum(cx, base, d) : undefined;
  if (sum !== undefined) emit(cx, forms[1], [...sum, d]);
  else if (fits13(offset)) emit(cx, forms[0], [base, offset, d]);
  else {
    loadImm32(cx, G5, offset);
    emit(cx, forms[1], [base, G5, d]);
  }
}

export function lowerLoad(cx: LowerContext, op: Op): void {
  emitLoad(cx, op, LOADS[op.width]);
}

export function lowerLoadSext(cx: LowerContext, op: Op): void {
  emitLoad(cx, op, SIGNED_LOADS[op.from as 8 | 16 | 32]);
}

/** Loads from an alternate address space have no displacement. */
export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const base = hwBase(cx, op.a);
  const offset = displacement(cx, op.a, op.offset);
  const form = op.width === 64 ? ldxa_little : op.width === 32 ? lduwa_little : lduha_little;
  if (misalignmentOf(cx, op.width / 8) !== undefined) return emitMisalignedLoad(cx, op, form, true);
  if (offset === 0) {
    const sum = takeSum(cx, base, d) ?? [base, G0];
    emit(cx, form, [...sum, d]);
    return;
  }
  loadImm32(cx, G4, offset);
  emit(cx, form, [base, G4, d]);
}

function isZero({ form, operands: [first] }: MachineNode): boolean {
  return (form === mov_imm && first === 0) || (form === mov && first === G0);
}

export function lowerStore(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const value = storedValue(cx, hw(cx, op.b), base, G0, isZero);
  emitStore(cx, op, value, base);
}

/** The immediate is sign-extended to the width (RFC 9669 sec. 5.1). */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { imm, width } = op;
  // Of the bits beyond the width, those that make the shorter constant.
  const narrow = storedImmediate(imm, width);
  if (narrow !== 0) loadImm64(cx, G1, width === 32 && !fits13(narrow) ? 0 : narrow >> 31, narrow);
  emitStore(cx, op, narrow === 0 ? G0 : G1, hwBase(cx, op.d));
}

function emitStore(cx: LowerContext, op: Op, value: number, base: number): void {
  const forms = STORES[op.width];
  if (misalignmentOf(cx, op.width / 8) !== undefined) return emitMisalignedStore(cx, op, forms[0], value);
  const offset = displacement(cx, op.d, op.offset);
  const sum = offset === 0 && value !== base ? takeSum(cx, base, -1) : undefined;
  if (sum !== undefined) emit(cx, forms[1], [value, ...sum]);
  else if (fits13(offset)) emit(cx, forms[0], [value, base, offset]);
  else {
    loadImm32(cx, G5, offset);
    emit(cx, forms[1], [value, base, G5]);
  }
}
