/**
 * Loads, stores and atomic updates.
 *
 * Accesses whose displacement is 0 to 4095 have 4-byte forms for 32-bit loads and for stores; all others are 6 bytes
 * with a signed 20-bit displacement, more than any BPF offset. The architecture orders loads with loads and later
 * stores, and stores with stores (PoP chapter 5, "Storage-operand references"), so that acquire and release are free.
 */
import { bind, displacement, emit, emitTo, hw, hwBase, isSigned16, type LowerContext, type Op, R10 } from '@polybpf/jit'; // prettier-ignore
import { BRANCHES as B } from './branches.ts';
import { FORMS as F, type S390xForm } from './instructions.ts';
import { fuseIndex, type IndexedAddress } from './lower-fuse.ts';
import { isShortDisplacement, loadImm32, loadImm64, zext32 } from './lower-move.ts';
import { NO_BASE, R0, R1 } from './registers.ts';

/** The address `[register + offset]`, for an op that writes hardware register `d`, or none: -1. */
function addressOf(cx: LowerContext, register: number, offset: number, d: number): IndexedAddress {
  const base = hwBase(cx, register);
  const sum = register === R10 ? undefined : fuseIndex(cx, base, offset, d);
  return sum ?? { index: NO_BASE, base, offset: displacement(cx, register, offset) };
}

/** Appends an access of `register`: in the short form when there is one and the displacement fits. */
function emitAccess(
  cx: LowerContext,
  short: S390xForm | undefined,
  long: S390xForm,
  register: number,
  address: IndexedAddress,
): void {
  const { index, base, offset } = address;
  emit(cx, short !== undefined && isShortDisplacement(offset) ? short : long, [register, offset | 0, index, base]);
}

/** `load` and `load_acquire`. */
export function lowerLoad(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const address = addressOf(cx, op.a, op.offset, d);
  if (op.width === 64) emitAccess(cx, undefined, F.lg, d, address);
  else if (op.width === 16) emitAccess(cx, undefined, F.llgh, d, address);
  else if (op.width === 8) emitAccess(cx, undefined, F.llgc, d, address);
  else if (op.zext) emitAccess(cx, undefined, F.llgf, d, address);
  else emitAccess(cx, F.l, F.ly, d, address);
}

export function lowerLoadSext(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const address = addressOf(cx, op.a, op.offset, d);
  if (op.width === 8) emitAccess(cx, undefined, F.lgb, d, address);
  else if (op.width === 16) emitAccess(cx, op.zext ? undefined : F.lh, op.zext ? F.lgh : F.lhy, d, address);
  else emitAccess(cx, op.zext ? undefined : F.l, op.zext ? F.lgf : F.ly, d, address);
}

/** A load with the bytes reversed: 16- and 32-bit ones leave the rest of the register alone. */
export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const address = addressOf(cx, op.a, op.offset, d);
  emitAccess(cx, undefined, op.width === 64 ? F.lrvg : op.width === 32 ? F.lrv : F.lrvh, d, address);
  if (op.width === 16) emit(cx, F.llghr, [d, d]);
  else if (op.width === 32 && op.zext) zext32(cx, d);
}

/** `store` and `store_release`. */
export function lowerStore(cx: LowerContext, op: Op): void {
  const value = hw(cx, op.b);
  // A stored base is not spent: what is stored is the sum.
  const isStored = op.d !== R10 && hwBase(cx, op.d) === value;
  const offset = displacement(cx, op.d, op.offset);
  storeRegister(cx, op, value, isStored ? { index: NO_BASE, base: value, offset } : addressOf(cx, op.d, op.offset, -1));
}

function storeRegister(cx: LowerContext, op: Op, register: number, address: IndexedAddress): void {
  if (op.width === 64) emitAccess(cx, undefined, F.stg, register, address);
  else if (op.width === 32) emitAccess(cx, F.st, F.sty, register, address);
  else if (op.width === 16) emitAccess(cx, F.sth, F.sthy, register, address);
  else emitAccess(cx, F.stc, F.stcy, register, address);
}

/** Stores of constants go without a register when constant and displacement are small. */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { width } = op;
  const base = hwBase(cx, op.d);
  const offset = displacement(cx, op.d, op.offset);
  if (width === 8) {
    emit(cx, isShortDisplacement(offset) ? F.mvi : F.mviy, [offset, base, op.imm & 0xff]);
    return;
  }
  const imm = width === 16 ? (op.imm << 16) >> 16 : op.imm;
  if (isShortDisplacement(offset) && isSigned16(imm)) {
    emit(cx, width === 16 ? F.mvhhi : width === 32 ? F.mvhi : F.mvghi, [offset, base, imm]);
    return;
  }
  if (width === 64) loadImm64(cx, R0, imm, imm < 0 ? -1 : 0);
  else loadImm32(cx, R0, imm);
  storeRegister(cx, op, R0, { index: NO_BASE, base, offset });
}

/** One of LOAD AND ADD, AND, OR, EXCLUSIVE OR: 32 and 64 bits. */
interface InterlockedForms {
  readonly narrow: S390xForm;
  readonly wide: S390xForm;
}

const INTERLOCKED: Readonly<Record<string, InterlockedForms>> = {
  atomic_add: { narrow: F.laa, wide: F.laag },
  atomic_and: { narrow: F.lan, wide: F.lang },
  atomic_or: { narrow: F.lao, wide: F.laog },
  atomic_xor: { narrow: F.lax, wide: F.laxg },
  fetch_add: { narrow: F.laa, wide: F.laag },
  fetch_and: { narrow: F.lan, wide: F.lang },
  fetch_or: { narrow: F.lao, wide: F.laog },
  fetch_xor: { narrow: F.lax, wide: F.laxg },
};

/** Serializes: BRANCH ON CONDITION with mask 14 and no register (PoP, fast-BCR-serialization facility). */
function serialize(cx: LowerContext): void {
  emit(cx, F.bcr, [14, 0]);
}

/** Updates that return nothing: the old value goes to scratch. */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const { narrow, wide } = INTERLOCKED[op.kind]!;
  emit(cx, op.width === 64 ? wide : narrow, [R0, hw(cx, op.b), displacement(cx, op.d, op.offset), hwBase(cx, op.d)]);
}

/**
 * Updates that return the old value in their operand. The address is formed before the operand is replaced, so base and
 * operand may be one register. LOAD AND ADD and its kin serialize only with respect to their own operand; the
 * instruction after them makes the update sequentially consistent.
 */
export function lowerFetch(cx: LowerContext, op: Op): void {
  const { narrow, wide } = INTERLOCKED[op.kind]!;
  const b = hw(cx, op.b);
  emit(cx, op.width === 64 ? wide : narrow, [b, b, displacement(cx, op.d, op.offset), hwBase(cx, op.d)]);
  serialize(cx);
  if (op.width === 32 && op.zext) zext32(cx, b);
}

const NOT_SWAPPED = 4;

/** Appends COMPARE AND SWAP, which serializes: `expected` gets the old value when that is another one. */
function compareAndSwap(cx: LowerContext, op: Op, expected: number, desired: number): void {
  const base = hwBase(cx, op.d);
  const offset = displacement(cx, op.d, op.offset);
  const form = op.width === 64 ? F.csg : isShortDisplacement(offset) ? F.cs : F.csy;
  emit(cx, form, [expected, desired, offset, base]);
}

/** Exchange: there is no such instruction, so compare and swap until nobody came in between. */
export function lowerXchg(cx: LowerContext, op: Op): void {
  const b = hw(cx, op.b);
  const old = b === R0 ? R1 : R0;
  const again = cx.newLabel();
  const base = hwBase(cx, op.d);
  const offset = displacement(cx, op.d, op.offset);
  if (op.width === 64) emitAccess(cx, undefined, F.lg, old, { index: NO_BASE, base, offset });
  else emitAccess(cx, F.l, F.ly, old, { index: NO_BASE, base, offset });
  bind(cx, again);
  compareAndSwap(cx, op, old, b);
  emitTo(cx, B.brc, [NOT_SWAPPED], again);
  if (op.width === 64) emit(cx, F.lgr, [b, old]);
  else emit(cx, op.zext ? F.llgfr : F.lr, [b, old]);
}

/** r0 is the expected value and gets the old one. */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const r0 = hw(cx, 0);
  compareAndSwap(cx, op, r0, hw(cx, op.b));
  // On success the register was not written at all.
  if (op.width === 32 && op.zext) zext32(cx, r0);
}
