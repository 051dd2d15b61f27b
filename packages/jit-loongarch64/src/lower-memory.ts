/** Loads, stores and atomics. */
import { bind, displacement, emit, emitTo, hw, hwBase, isFusible, isLiveAfter, isSigned12, LABEL, lastNode, low12, type LowerContext, type MachineForm, type MachineNode, makeNode, NO_REG, type Op, SIGN, storedImmediate, storedValue } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { emitReversal } from './lower-bswap.ts';
import { emitAddImm, loadImm32 } from './lower-constant.ts';
import { freeRegister, move, signExtended, zext32 } from './lower-fuse.ts';
import { T2, ZERO } from './registers.ts';

const {
  add_d, addi_d, addi_w, addu16i_d, amadd_db_d, amadd_db_w, amand_db_d, amand_db_w, amor_db_d, amor_db_w, amswap_db_d, amswap_db_w,
  amxor_db_d, amxor_db_w, beqz, bne, dbar, ld_b, ld_bu, ld_d, ld_h, ld_hu, ld_w, ld_wu, ldptr_d, ldptr_w, ldx_b, ldx_bu,
  ldx_d, ldx_h, ldx_hu, ldx_w, ldx_wu, ll_d, ll_w, lu12i_w, or, sc_d, sc_w, st_b, st_d, st_h, st_w, stptr_d, stptr_w,
  stx_b, stx_d, stx_h, stx_w,
} = INSTRUCTIONS; // prettier-ignore

/** Hints of `dbar` (LoongArch Reference Manual, section 2.2.8; hints that a CPU does not know mean all of memory order). */
const FULL_BARRIER = 0;
const ACQUIRE = 0x14;
const RELEASE = 0x12;

/** By row: the one with a register for an offset, and the one with 14 bits that count words, if there are any. */
const WIDER: ReadonlyMap<MachineForm, readonly [indexed: MachineForm, scaled: MachineForm | undefined]> =
  /* @__PURE__ */ new Map<MachineForm, readonly [MachineForm, MachineForm | undefined]>([
    [ld_b, [ldx_b, undefined]], [ld_bu, [ldx_bu, undefined]], [ld_h, [ldx_h, undefined]], [ld_hu, [ldx_hu, undefined]],
    [ld_w, [ldx_w, ldptr_w]], [ld_wu, [ldx_wu, undefined]], [ld_d, [ldx_d, ldptr_d]],
    [st_b, [stx_b, undefined]], [st_h, [stx_h, undefined]], [st_w, [stx_w, stptr_w]], [st_d, [stx_d, stptr_d]],
  ]); // prettier-ignore

/**
 * Loads to, or stores from, `value` at `[base + offset]`; `temp` holds the upper part of an offset that does not fit.
 *
 * @param spent - the BPF result that the base may be overwritten by, as for {@link isFusible}
 */
function emitAccess(
  cx: LowerContext,
  form: MachineForm,
  value: number,
  base: number,
  offset: number,
  temp: number,
  spent: number,
): void {
  const [indexed, scaled] = WIDER.get(form)!;
  const sum = lastNode(cx);
  if (offset === 0 && (spent !== NO_REG || value !== base) && isFusible(cx, sum, add_d, base, spent)) {
    // The sum was made for this access.
    cx.nodes.pop();
    return void emit(cx, indexed, [value, sum.operands[1]!, sum.operands[2]!]);
  }
  if (isSigned12(offset)) return void emit(cx, form, [value, base, offset]);
  if (scaled !== undefined && offset >= -32768 && offset <= 32764 && (offset & 3) === 0)
    return void emit(cx, scaled, [value, base, offset]);
  const low = low12(offset);
  const upper = offset - low;
  if (offset >= -4096 && offset <= 4094) {
    const half = offset < 0 ? -2048 : 2047;
    emit(cx, addi_d, [temp, base, half]);
    return void emit(cx, form, [value, temp, offset - half]);
  }
  if ((upper & 0xffff) === 0 && upper >= -(2 ** 31) && upper < 2 ** 31)
    emit(cx, addu16i_d, [temp, base, upper / 65536]);
  else if (low === 0) {
    emit(cx, lu12i_w, [temp, upper >> 12]);
    return void emit(cx, indexed, [value, base, temp]);
  } else if (upper >= 2 ** 31) {
    loadImm32(cx, temp, offset);
    return void emit(cx, indexed, [value, base, temp]);
  } else {
    emit(cx, lu12i_w, [temp, upper >> 12]);
    emit(cx, add_d, [temp, temp, base]);
  }
  emit(cx, form, [value, temp, low]);
}

function loadForm(op: Op): MachineForm {
  const { width } = op;
  return width === 8 ? ld_bu : width === 16 ? ld_hu : width === 64 ? ld_d : op.zext ? ld_wu : ld_w;
}

function emitLoad(cx: LowerContext, op: Op, form: MachineForm): void {
  const d = hw(cx, op.d);
  const base = hwBase(cx, op.a);
  const temp = d === base ? freeRegister(cx, op) : d;
  emitAccess(cx, form, d, base, displacement(cx, op.a, op.offset), temp, d);
}

export function lowerLoad(cx: LowerContext, op: Op): void {
  emitLoad(cx, op, loadForm(op));
}

export function lowerLoadSext(cx: LowerContext, op: Op): void {
  emitLoad(cx, op, op.from === 8 ? ld_b : op.from === 16 ? ld_h : ld_w);
}

export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  emitLoad(cx, op, loadForm(op));
  emitReversal(cx, op, d, d);
}

function storeForm(width: number): MachineForm {
  return width === 8 ? st_b : width === 16 ? st_h : width === 32 ? st_w : st_d;
}

export function lowerStore(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const value = storedValue(cx, hw(cx, op.b), base, ZERO, isZero);
  emitAccess(cx, storeForm(op.width), value, base, displacement(cx, op.d, op.offset), T2, NO_REG);
}

function isZero({ form, operands }: MachineNode): boolean {
  return (form === or || form === addi_w) && operands[1] === ZERO && operands[2] === 0;
}

/** The immediate is sign-extended to the width (RFC 9669 sec. 5.1). */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { imm, width } = op;
  const narrow = storedImmediate(imm, width);
  let value = ZERO;
  const base = hwBase(cx, op.d);
  if (narrow !== 0) {
    value = freeRegister(cx, op);
    loadImm32(cx, value, narrow);
  }
  emitAccess(cx, storeForm(width), value, base, displacement(cx, op.d, op.offset), T2, NO_REG);
}

/** The address of an access whose instruction takes a bare register, in t2 unless it is there already. */
function bareAddress(cx: LowerContext, register: number, offset: number): number {
  const base = hwBase(cx, register);
  const bytes = displacement(cx, register, offset);
  if (bytes === 0) return base;
  emitAddImm(cx, T2, base, bytes, T2);
  return T2;
}

/** Rows that return the old value, [32 bits, 64 bits]. */
const ATOMIC_FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  add: [amadd_db_w, amadd_db_d],
  or: [amor_db_w, amor_db_d],
  and: [amand_db_w, amand_db_d],
  xor: [amxor_db_w, amxor_db_d],
  xchg: [amswap_db_w, amswap_db_d],
};

/** Read-modify-write in one instruction, sequentially consistent whether or not something takes the old value. */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const [prefix, name] = op.kind.split('_') as [string, string];
  const form = ATOMIC_FORMS[name]![op.width === 64 ? 1 : 0];
  if (prefix === 'fetch') return emitFetch(cx, op, form);
  const address = bareAddress(cx, op.d, op.offset);
  emit(cx, form, [ZERO, hw(cx, op.b), address]);
}

export function lowerXchg(cx: LowerContext, op: Op): void {
  emitFetch(cx, op, ATOMIC_FORMS['xchg']![op.width === 64 ? 1 : 0]);
}

/** The old value cannot go where the operand is. */
function emitFetch(cx: LowerContext, op: Op, form: MachineForm): void {
  const address = bareAddress(cx, op.d, op.offset);
  const value = hw(cx, op.b);
  const old = freeRegister(cx, op);
  emit(cx, form, [old, value, address]);
  if (op.width === 32 && op.zext) zext32(cx, value, old);
  else move(cx, value, old);
}

/**
 * Load linked, compare, store conditional. The barrier orders what follows when nothing was stored, which is what
 * sequentially consistent order needs beyond the pair itself.
 */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const [r0, value] = [hw(cx, 0), hw(cx, op.b)];
  let address = bareAddress(cx, op.d, op.offset);
  if (!wide && (upperHalf(cx, r0) & SIGN) === 0) {
    if (address === r0) {
      address = T2;
      move(cx, T2, r0);
    }
    // ll.w sign-extends; r0 gets a new value anyway. When it is also what is stored, its low half stays.
    signExtended(cx, r0, r0);
  }
  const old = freeRegister(cx, op);
  const status = freeRegister(cx, op, old);
  const [again, done] = [cx.newLabel(), cx.newLabel()];
  cx.nodes.push(makeNode(LABEL, [1], again, cx.insn));
  emit(cx, wide ? ll_d : ll_w, [old, address, 0]);
  emitTo(cx, bne, [old, r0], done);
  move(cx, status, value);
  emit(cx, wide ? sc_d : sc_w, [status, address, 0]);
  emitTo(cx, beqz, [status], again);
  bind(cx, done);
  emit(cx, dbar, [FULL_BARRIER]);
  if (!isLiveAfter(cx, 0)) return;
  if (!wide && op.zext) zext32(cx, r0, old);
  else move(cx, r0, old);
}

export function lowerLoadAcquire(cx: LowerContext, op: Op): void {
  lowerLoad(cx, op);
  emit(cx, dbar, [ACQUIRE]);
}

export function lowerStoreRelease(cx: LowerContext, op: Op): void {
  emit(cx, dbar, [RELEASE]);
  lowerStore(cx, op);
}
