/**
 * Loads, stores and atomic updates.
 *
 * An access has a signed 16-bit displacement or an index register. Displacements of doublewords and of sign-extending
 * word loads are multiples of 4; others go into r0 as index, and so do those that a frame makes too large.
 */
import { bind, displacement, emit, emitTo, hw, hwBase, isSigned16, isSpent, lastNode, type LowerContext, type MachineForm, type Op, R10, storedImmediate } from '@polybpf/jit'; // prettier-ignore
import { conditionOf } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { loadSigned32 } from './lower-constant.ts';
import { copy } from './lower-move.ts';
import { NO_BASE, R0, R11, R12 } from './registers.ts';

const {
  add, and, bc, cmpd, cmpw, extsb, lbz, lbzx, ld, ldarx, ldbrx, ldx, lha, lhax, lhbrx, lhz, lhzx, lwa, lwarx, lwax, lwbrx,
  lwsync, lwz, lwzx, or, stb, stbx, std, stdcx_rc, stdx, sth, sthx, stw, stwcx_rc, stwx, sync, xor,
} = INSTRUCTIONS; // prettier-ignore

/** The two address modes of one access. */
interface AccessForms {
  readonly displaced: MachineForm;
  readonly indexed: MachineForm;
  /** Displacements are multiples of it. */
  readonly unit: 1 | 4;
}

const LOADS: Readonly<Record<number, AccessForms>> = {
  8: { displaced: lbz, indexed: lbzx, unit: 1 },
  16: { displaced: lhz, indexed: lhzx, unit: 1 },
  32: { displaced: lwz, indexed: lwzx, unit: 1 },
  64: { displaced: ld, indexed: ldx, unit: 4 },
};
const SIGNED_LOADS: Readonly<Record<number, AccessForms>> = {
  8: LOADS[8]!,
  16: { displaced: lha, indexed: lhax, unit: 1 },
  32: { displaced: lwa, indexed: lwax, unit: 4 },
};
const STORES: Readonly<Record<number, AccessForms>> = {
  8: { displaced: stb, indexed: stbx, unit: 1 },
  16: { displaced: sth, indexed: sthx, unit: 1 },
  32: { displaced: stw, indexed: stwx, unit: 1 },
  64: { displaced: std, indexed: stdx, unit: 4 },
};
const REVERSED_LOADS: Readonly<Record<number, MachineForm>> = { 16: lhbrx, 32: lwbrx, 64: ldbrx };

/** Base and index, added; the base may be none. */
interface IndexedAddress {
  readonly base: number;
  readonly index: number;
}

/**
 * Takes the addition that made `base` into the access, when nothing else reads it. `written` is the register that the op
 * writes, -1 for a store of `stored`. r0 as the stored register is loaded in between, so it can be no operand.
 */
function fuseIndex(cx: LowerContext, base: number, written: number, stored: number): IndexedAddress | undefined {
  const node = lastNode(cx);
  if (node?.form !== add || node.operands[0] !== base || base === stored || !isSpent(cx, base, written))
    return undefined;
  const [, first, second] = node.operands as [number, number, number];
  if (stored === R0 && (first === R0 || second === R0)) return undefined;
  cx.nodes.pop();
  return first === R0 ? { base: second, index: first } : { base: first, index: second };
}

/** One access of `register`, at [base + offset]; `index` is a register for a displacement that does not fit. */
function emitAccess(
  cx: LowerContext,
  forms: AccessForms,
  register: number,
  base: number,
  offset: number,
  written: number,
  index: number = R0,
): void {
  const address = offset === 0 ? fuseIndex(cx, base, written, written < 0 ? register : -1) : undefined;
  if (address !== undefined) emit(cx, forms.indexed, [register, address.base, address.index]);
  else if (isSigned16(offset) && offset % forms.unit === 0) emit(cx, forms.displaced, [register, offset, base]);
  else {
    loadSigned32(cx, index, offset);
    emit(cx, forms.indexed, [register, base, index]);
  }
}

export function lowerLoad(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  emitAccess(cx, LOADS[op.width]!, d, hwBase(cx, op.a), displacement(cx, op.a, op.offset), d);
}

/** There is no sign-extending load of bytes. */
export function lowerLoadSext(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  emitAccess(cx, SIGNED_LOADS[op.width]!, d, hwBase(cx, op.a), displacement(cx, op.a, op.offset), d);
  if (op.width === 8) emit(cx, extsb, [d, d]);
}

/** Loads that reverse bytes zero-extend, and have an index only. */
export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const form = REVERSED_LOADS[op.width]!;
  const base = hwBase(cx, op.a);
  const offset = displacement(cx, op.a, op.offset);
  const fused = offset === 0 ? fuseIndex(cx, base, d, -1) : undefined;
  const address = fused ?? addressOf(cx, base, offset, R0);
  emit(cx, form, [d, address.base, address.index]);
}

/** Base and index for [base + offset]; an offset other than 0 goes into `index`. */
function addressOf(cx: LowerContext, base: number, offset: number, index: number): IndexedAddress {
  if (offset === 0) return { base: NO_BASE, index: base };
  loadSigned32(cx, index, offset);
  return { base, index };
}

export function lowerStore(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  emitAccess(cx, STORES[op.width]!, hw(cx, op.b), base, displacement(cx, op.d, op.offset), -1);
}

/** The immediate is sign-extended to the width (RFC 9669 sec. 5.1). */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { imm, width } = op;
  const value = storedImmediate(imm, width);
  const base = hwBase(cx, op.d);
  const address = op.d === R10 || op.offset !== 0 ? undefined : fuseIndex(cx, base, -1, R0);
  loadSigned32(cx, R0, value);
  if (address !== undefined) {
    emit(cx, STORES[width]!.indexed, [R0, address.base, address.index]);
    return;
  }
  emitAccess(cx, STORES[width]!, R0, base, displacement(cx, op.d, op.offset), -1, R11);
}

/** Loads stay before what follows them; stores after what precedes them (Power ISA 2.07 Book II 4.4.3). */
export function lowerLoadAcquire(cx: LowerContext, op: Op): void {
  lowerLoad(cx, op);
  emit(cx, lwsync, []);
}

export function lowerStoreRelease(cx: LowerContext, op: Op): void {
  // The address must be the op's own: what came before the barrier stays there.
  emit(cx, lwsync, []);
  lowerStore(cx, op);
}

const OPERATIONS: Readonly<Record<string, MachineForm>> = { add, or, and, xor };

/** Appends the load that reserves `old` = [address], and binds the label of the retry in front of it. */
function reserve(cx: LowerContext, width: number, old: number, { base, index }: IndexedAddress, retry: number): void {
  bind(cx, retry);
  emit(cx, width === 64 ? ldarx : lwarx, [old, base, index]);
}

/** Appends the store that succeeds while the reservation holds, and the jump back when it did not. */
function commit(cx: LowerContext, width: number, value: number, { base, index }: IndexedAddress, retry: number): void {
  emit(cx, width === 64 ? stdcx_rc : stwcx_rc, [value, base, index]);
  emitTo(cx, bc, [conditionOf('ne')], retry);
}

function atomicAddress(cx: LowerContext, op: Op): IndexedAddress {
  return addressOf(cx, hwBase(cx, op.d), displacement(cx, op.d, op.offset), R12);
}

/** Updates that return nothing: atomic, and not ordered otherwise, as the kernel has them. */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const retry = cx.newLabel();
  const address = atomicAddress(cx, op);
  reserve(cx, op.width, R0, address, retry);
  emit(cx, OPERATIONS[op.kind.slice('atomic_'.length)]!, [R0, R0, hw(cx, op.b)]);
  commit(cx, op.width, R0, address, retry);
}

/**
 * Updates that return the old value in their operand are sequentially consistent: a barrier on either side. Reserving
 * loads zero-extend. Base and operand may be one register, which keeps its value until the update has succeeded.
 */
export function lowerFetch(cx: LowerContext, op: Op): void {
  const b = hw(cx, op.b);
  const retry = cx.newLabel();
  const address = atomicAddress(cx, op);
  emit(cx, sync, []);
  reserve(cx, op.width, R0, address, retry);
  emit(cx, OPERATIONS[op.kind.slice('fetch_'.length)]!, [R11, R0, b]);
  commit(cx, op.width, R11, address, retry);
  copy(cx, b, R0);
  emit(cx, sync, []);
}

export function lowerXchg(cx: LowerContext, op: Op): void {
  const b = hw(cx, op.b);
  const retry = cx.newLabel();
  const address = atomicAddress(cx, op);
  emit(cx, sync, []);
  reserve(cx, op.width, R0, address, retry);
  commit(cx, op.width, b, address, retry);
  copy(cx, b, R0);
  emit(cx, sync, []);
}

/** r0 is the expected value and gets the old one. */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const r0 = hw(cx, 0);
  const [retry, differs] = [cx.newLabel(), cx.newLabel()];
  const address = atomicAddress(cx, op);
  emit(cx, sync, []);
  reserve(cx, op.width, R0, address, retry);
  emit(cx, op.width === 64 ? cmpd : cmpw, [R0, r0]);
  emitTo(cx, bc, [conditionOf('ne')], differs);
  commit(cx, op.width, hw(cx, op.b), address, retry);
  bind(cx, differs);
  copy(cx, r0, R0);
  emit(cx, sync, []);
}
