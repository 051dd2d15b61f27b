/** Loads, stores and atomics. */
import { displacement, emit, hw, hwBase, isSpent, lastNode, type LowerContext, type MachineForm, type MachineNode, type Op, storedValue } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { emitAddImm, loadImm64 } from './lower-constant.ts';
import { X16, X17, ZR } from './registers.ts';

const {
  add_ext_x, add_shift_x, add_x, casal_w, casal_x, ldaddal_w, ldaddal_x, ldar_w, ldar_x, ldarb, ldarh, ldclral_w,
  ldclral_x, ldeoral_w, ldeoral_x, ldr_reg_w, ldr_reg_x, ldr_w, ldr_x, ldrb, ldrb_reg, ldrh, ldrh_reg, ldrsb, ldrsb_reg,
  ldrsh, ldrsh_reg, ldrsw, ldrsw_reg, ldsetal_w, ldsetal_x, ldur_w, ldur_x, ldurb, ldurh, ldursb, ldursh, ldursw, mov_x,
  movz_x, mvn_w, mvn_x, rev16_w, rev_w, rev_x, stlr_w, stlr_x, stlrb, stlrh, str_reg_w, str_reg_x, str_w, str_x, strb,
  strb_reg, strh, strh_reg, stur_w, stur_x, sturb, sturh, swpal_w, swpal_x,
} = INSTRUCTIONS; // prettier-ignore

/** The three address modes of one access and log2 of its size. */
interface AccessForms {
  readonly scaled: MachineForm;
  readonly unscaled: MachineForm;
  readonly indexed: MachineForm;
  readonly log2: 0 | 1 | 2 | 3;
}

const LOAD8: AccessForms = { scaled: ldrb, unscaled: ldurb, indexed: ldrb_reg, log2: 0 };
const LOAD16: AccessForms = { scaled: ldrh, unscaled: ldurh, indexed: ldrh_reg, log2: 1 };
const LOAD32: AccessForms = { scaled: ldr_w, unscaled: ldur_w, indexed: ldr_reg_w, log2: 2 };
const LOAD64: AccessForms = { scaled: ldr_x, unscaled: ldur_x, indexed: ldr_reg_x, log2: 3 };
const LOAD_SIGNED8: AccessForms = { scaled: ldrsb, unscaled: ldursb, indexed: ldrsb_reg, log2: 0 };
const LOAD_SIGNED16: AccessForms = { scaled: ldrsh, unscaled: ldursh, indexed: ldrsh_reg, log2: 1 };
const LOAD_SIGNED32: AccessForms = { scaled: ldrsw, unscaled: ldursw, indexed: ldrsw_reg, log2: 2 };
const STORE8: AccessForms = { scaled: strb, unscaled: sturb, indexed: strb_reg, log2: 0 };
const STORE16: AccessForms = { scaled: strh, unscaled: sturh, indexed: strh_reg, log2: 1 };
const STORE32: AccessForms = { scaled: str_w, unscaled: stur_w, indexed: str_reg_w, log2: 2 };
const STORE64: AccessForms = { scaled: str_x, unscaled: stur_x, indexed: str_reg_x, log2: 3 };

function loadForms(width: number): AccessForms {
  return width === 8 ? LOAD8 : width === 16 ? LOAD16 : width === 32 ? LOAD32 : LOAD64;
}

function storeForms(width: number): AccessForms {
  return width === 8 ? STORE8 : width === 16 ? STORE16 : width === 32 ? STORE32 : STORE64;
}

/** Indexed by 64-bit register: the row has an S operand unless the access is a byte. */
function indexedOperands(
  forms: AccessForms,
  rt: number,
  rn: number,
  rm: number,
  extend: number,
  scaled: 0 | 1,
): number[] {
  return forms.log2 === 0 ? [rt, rn, rm, extend] : [rt, rn, rm, extend, scaled];
}

/**
 * One access. `written` is the register that the op writes (-1 for a store): an address that was computed for this
 * access only, right before it, becomes part of it.
 */
function emitAccess(
  cx: LowerContext,
  forms: AccessForms,
  rt: number,
  base: number,
  offset: number,
  written: number,
): void {
  const { log2 } = forms;
  if (offset === 0 && fuseAddress(cx, forms, rt, base, written)) return;
  const units = offset / (1 << log2);
  if (units >= 0 && units <= 4095 && Number.isInteger(units)) emit(cx, forms.scaled, [rt, base, offset]);
  else if (offset >= -256 && offset <= 255) emit(cx, forms.unscaled, [rt, base, offset]);
  else {
    loadImm64(cx, X17, offset < 0 ? -1 : 0, offset);
    emit(cx, forms.indexed, indexedOperands(forms, rt, base, X17, 1, 0));
  }
}

/** `add t, n, m` followed by an access through t alone is an access through n and m. */
function fuseAddress(cx: LowerContext, forms: AccessForms, rt: number, base: number, written: number): boolean {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== base || (written < 0 && rt === base)) return false;
  if (!isSpent(cx, base, written)) return false;
  const [, rn, rm, third, amount] = node.operands;
  if (node.form === add_x) {
    cx.nodes.pop();
    emit(cx, forms.indexed, indexedOperands(forms, rt, rn!, rm!, 1, 0));
    return true;
  }
  if (node.form === add_ext_x && third !== 1) {
    cx.nodes.pop();
    emit(cx, forms.indexed, indexedOperands(forms, rt, rn!, rm!, third!, 0));
    return true;
  }
  if (node.form === add_shift_x && third === 0 && amount === forms.log2 && amount > 0) {
    cx.nodes.pop();
    emit(cx, forms.indexed, indexedOperands(forms, rt, rn!, rm!, 1, 1));
    return true;
  }
  return false;
}

export function lowerLoad(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  emitAccess(cx, loadForms(op.width), d, hwBase(cx, op.a), displacement(cx, op.a, op.offset), d);
}

export function lowerLoadSext(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const forms = op.from === 8 ? LOAD_SIGNED8 : op.from === 16 ? LOAD_SIGNED16 : LOAD_SIGNED32;
  emitAccess(cx, forms, d, hwBase(cx, op.a), displacement(cx, op.a, op.offset), d);
}

/** The load zero-extends, so that rev16 leaves zeros above the 16 bits. */
export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  lowerLoad(cx, op);
  const d = hw(cx, op.d);
  emit(cx, op.width === 64 ? rev_x : op.width === 32 ? rev_w : rev16_w, [d, d]);
}

function isZero({ form, operands }: MachineNode): boolean {
  return (form === movz_x && operands[1] === 0) || (form === mov_x && operands[1] === ZR);
}

export function lowerStore(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const value = storedValue(cx, hw(cx, op.b), base, ZR, isZero);
  emitAccess(cx, storeForms(op.width), value, base, displacement(cx, op.d, op.offset), -1);
}

/** The immediate is sign-extended to the width (RFC 9669 sec. 5.1). */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { imm, width } = op;
  const base = hwBase(cx, op.d);
  const narrow = width === 8 ? imm & 0xff : width === 16 ? imm & 0xffff : imm;
  if (narrow !== 0) loadImm64(cx, X16, width === 64 ? imm >> 31 : 0, narrow);
  emitAccess(cx, storeForms(width), narrow === 0 ? ZR : X16, base, displacement(cx, op.d, op.offset), -1);
}

/** The address of an access whose instruction takes a bare register, in x17 unless it is there already. */
function addressOf(cx: LowerContext, register: number, offset: number): number {
  const base = hwBase(cx, register);
  const bytes = displacement(cx, register, offset);
  if (bytes === 0) return base;
  emitAddImm(cx, true, X17, base, bytes);
  return X17;
}

/** Rows that return the old value, [32 bits, 64 bits]. */
const ATOMIC_FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  add: [ldaddal_w, ldaddal_x],
  or: [ldsetal_w, ldsetal_x],
  and: [ldclral_w, ldclral_x],
  xor: [ldeoral_w, ldeoral_x],
};

/**
 * Read-modify-write in one sequentially consistent instruction. Also without a result the old value goes to a register:
 * with the zero register the instruction would lose its acquire half.
 */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const [prefix, name] = op.kind.split('_') as [string, string];
  const address = addressOf(cx, op.d, op.offset);
  let value = hw(cx, op.b);
  const old = prefix === 'fetch' ? value : X16;
  if (name === 'and') {
    // ldclr clears the bits that are set in its operand.
    emit(cx, wide ? mvn_x : mvn_w, [X16, value]);
    value = X16;
  }
  emit(cx, ATOMIC_FORMS[name]![wide ? 1 : 0], [value, old, address]);
}

export function lowerXchg(cx: LowerContext, op: Op): void {
  const address = addressOf(cx, op.d, op.offset);
  const value = hw(cx, op.b);
  emit(cx, op.width === 64 ? swpal_x : swpal_w, [value, value, address]);
}

/** casal compares with its first register and leaves the old value there: r0. */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const address = addressOf(cx, op.d, op.offset);
  emit(cx, op.width === 64 ? casal_x : casal_w, [hw(cx, 0), hw(cx, op.b), address]);
}

export function lowerLoadAcquire(cx: LowerContext, op: Op): void {
  const { width } = op;
  const form = width === 8 ? ldarb : width === 16 ? ldarh : width === 32 ? ldar_w : ldar_x;
  emit(cx, form, [hw(cx, op.d), addressOf(cx, op.a, op.offset)]);
}

export function lowerStoreRelease(cx: LowerContext, op: Op): void {
  const { width } = op;
  const form = width === 8 ? stlrb : width === 16 ? stlrh : width === 32 ? stlr_w : stlr_x;
  emit(cx, form, [hw(cx, op.b), addressOf(cx, op.d, op.offset)]);
}
