/** Loads, stores and atomics. */
import { bind, displacement, emit, emitTo, hw, hwBase, isLiveAfter, isSigned12, LABEL, type LowerContext, type MachineForm, type MachineNode, makeNode, type Op, SCRATCH_A, SIGN, storedImmediate, storedValue } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { emitSwap } from './lower-bswap.ts';
import { emitAddImm, loadImm32 } from './lower-constant.ts';
import { freeRegister, zext32 } from './lower-fuse.ts';
import { T0, T2, ZERO } from './registers.ts';

const {
  add, addi, addiw, amoadd_d, amoadd_w, amoand_d, amoand_w, amoor_d, amoor_w, amoswap_d, amoswap_w, amoxor_d, amoxor_w,
  bne, fence_r_rw, fence_rw_w, jal, lb, lbu, ld, lh, lhu, lr_d, lr_w, lui, lw, lwu, or, sb, sc_d, sc_w, sd, sh, slli, sw,
} = INSTRUCTIONS; // prettier-ignore

/** `[base + offset]` as base register and 12-bit offset; `temp` holds the upper part of larger ones. */
function addressOf(
  cx: LowerContext,
  base: number,
  offset: number,
  temp: number,
): readonly [base: number, offset: number] {
  if (isSigned12(offset)) return [base, offset];
  const low = (offset << 20) >> 20;
  emit(cx, lui, [temp, ((offset - low) >> 12) & 0xfffff]);
  emit(cx, add, [temp, temp, base]);
  return [temp, low];
}

function loadForm(op: Op): MachineForm {
  const { width } = op;
  return width === 8 ? lbu : width === 16 ? lhu : width === 64 ? ld : op.zext ? lwu : lw;
}

function emitLoad(cx: LowerContext, op: Op, form: MachineForm): void {
  const d = hw(cx, op.d);
  const given = hwBase(cx, op.a);
  const temp = d === given ? freeRegister(cx, op) : d;
  const [base, offset] = addressOf(cx, given, displacement(cx, op.a, op.offset), temp);
  emit(cx, form, [d, offset, base]);
}

export function lowerLoad(cx: LowerContext, op: Op): void {
  emitLoad(cx, op, loadForm(op));
}

export function lowerLoadSext(cx: LowerContext, op: Op): void {
  emitLoad(cx, op, op.from === 8 ? lb : op.from === 16 ? lh : lw);
}

/** Up to 32 bits come byte by byte, the most significant first: shorter than a swap. */
export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.width === 64) {
    emitLoad(cx, op, ld);
    return emitSwap(cx, op, d, d);
  }
  const bytes = op.width / 8;
  let base = hwBase(cx, op.a);
  let offset = displacement(cx, op.a, op.offset);
  if (!isSigned12(offset) || !isSigned12(offset + bytes - 1)) {
    emitAddImm(cx, T2, base, offset, T2);
    [base, offset] = [T2, 0];
  }
  const byte = freeRegister(cx, op);
  // The base must last until the last byte.
  const sum = d === base ? freeRegister(cx, op, byte) : d;
  emit(cx, lbu, [sum, offset, base]);
  for (let k = 1; k < bytes; k++) {
    emit(cx, slli, [sum, sum, 8]);
    emit(cx, lbu, [byte, offset + k, base]);
    emit(cx, or, [k === bytes - 1 ? d : sum, sum, byte]);
  }
}

function storeForm(width: number): MachineForm {
  return width === 8 ? sb : width === 16 ? sh : width === 32 ? sw : sd;
}

function isZero({ form, operands }: MachineNode): boolean {
  return form === addi && operands[1] === ZERO && operands[2] === 0;
}

export function lowerStore(cx: LowerContext, op: Op): void {
  const given = hwBase(cx, op.d);
  const value = storedValue(cx, hw(cx, op.b), given, ZERO, isZero);
  const [base, offset] = addressOf(cx, given, displacement(cx, op.d, op.offset), T2);
  emit(cx, storeForm(op.width), [value, offset, base]);
}

/** The immediate is sign-extended to the width (RFC 9669 sec. 5.1). */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { imm, width } = op;
  const narrow = storedImmediate(imm, width);
  const [base, offset] = addressOf(cx, hwBase(cx, op.d), displacement(cx, op.d, op.offset), T2);
  let value = ZERO;
  if (narrow !== 0) {
    value = freeRegister(cx, op);
    loadImm32(cx, value, narrow);
  }
  emit(cx, storeForm(width), [value, offset, base]);
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
  add: [amoadd_w, amoadd_d],
  or: [amoor_w, amoor_d],
  and: [amoand_w, amoand_d],
  xor: [amoxor_w, amoxor_d],
};

/** Read-modify-write in one instruction, which acquires and releases whether or not something takes the old value. */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const [prefix, name] = op.kind.split('_') as [string, string];
  const address = bareAddress(cx, op.d, op.offset);
  const value = hw(cx, op.b);
  emit(cx, ATOMIC_FORMS[name]![op.width === 64 ? 1 : 0], [prefix === 'fetch' ? value : ZERO, value, address]);
  if (prefix === 'fetch' && op.width === 32 && op.zext) zext32(cx, value, value);
}

export function lowerXchg(cx: LowerContext, op: Op): void {
  const address = bareAddress(cx, op.d, op.offset);
  const value = hw(cx, op.b);
  emit(cx, op.width === 64 ? amoswap_d : amoswap_w, [value, value, address]);
  if (op.width === 32 && op.zext) zext32(cx, value, value);
}

/** The loop of the psABI's table of C11 atomics, sequentially consistent: load reserved, compare, store conditional. */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const [r0, value] = [hw(cx, 0), hw(cx, op.b)];
  let address = bareAddress(cx, op.d, op.offset);
  if (!wide && (upperHalf(cx, r0) & SIGN) === 0) {
    if (address === r0) {
      address = T2;
      emit(cx, addi, [T2, r0, 0]);
    }
    // lr.w sign-extends; r0 gets a new value anyway.
    emit(cx, addiw, [r0, r0, 0]);
  }
  // With r10 as operand there may be no fourth register; then the status replaces the old value, which is that of r0.
  const hasStatus = op.b !== SCRATCH_A;
  const status = hasStatus ? freeRegister(cx, op, T0) : T0;
  const [again, fails, done] = [cx.newLabel(), cx.newLabel(), cx.newLabel()];
  cx.nodes.push(makeNode(LABEL, [1], again, cx.insn));
  emit(cx, wide ? lr_d : lr_w, [T0, address]);
  emitTo(cx, bne, [T0, r0], fails);
  emit(cx, wide ? sc_d : sc_w, [status, value, address]);
  emitTo(cx, bne, [status, ZERO], again);
  if (!hasStatus) emitTo(cx, jal, [ZERO], done);
  bind(cx, fails);
  if (!isLiveAfter(cx, 0)) return bind(cx, done);
  const result = hasStatus ? T0 : r0;
  if (!hasStatus) emit(cx, addi, [r0, T0, 0]);
  bind(cx, done);
  if (!wide && op.zext) zext32(cx, r0, result);
  else if (hasStatus) emit(cx, addi, [r0, T0, 0]);
}

export function lowerLoadAcquire(cx: LowerContext, op: Op): void {
  lowerLoad(cx, op);
  emit(cx, fence_r_rw, []);
}

export function lowerStoreRelease(cx: LowerContext, op: Op): void {
  emit(cx, fence_rw_w, []);
  lowerStore(cx, op);
}
