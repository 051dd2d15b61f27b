/**
 * Accesses whose address may not be a multiple of their size, which the hardware traps on (SPARC V9 7.6.5,
 * mem_address_not_aligned). They are made of pieces that are aligned for sure. Where it is unknown whether they are needed,
 * a test picks the plain access, in the annulled delay slot, if the address allows it:
 *
 * ```text
 *           btst 7, address
 *           be,a %icc, done
 *            ldx [address], d
 *           <pieces>
 *   done:
 * ```
 */
import { bind, displacement, emit, emitTo, hw, hwBase, type LowerContext, type MachineForm, type Op } from '@polybpf/jit'; // prettier-ignore
import { CONDITION_CODES, ICC } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { fits13, loadImm32 } from './lower-constant.ts';
import { G0, G1, G4, G5 } from './registers.ts';

const {
  add, add_imm, andn_imm, bpcc_a, btst_imm, ldsb, ldsh, ldsw, ldub, lduh, lduw, ldx, neg, or, sll_imm, sllx, sllx_imm, srlx,
  srlx_imm, stb, sth, stw,
} = INSTRUCTIONS; // prettier-ignore

const PIECE_LOADS: Readonly<Record<1 | 2 | 4, readonly [plain: MachineForm, signed: MachineForm]>> = {
  1: [ldub, ldsb],
  2: [lduh, ldsh],
  4: [lduw, ldsw],
};
const PIECE_STORES: Readonly<Record<1 | 2 | 4, MachineForm>> = { 1: stb, 2: sth, 4: stw };

/** Bytes of the pieces that an access must be made of, and whether it may turn out to be aligned. */
interface Misalignment {
  readonly piece: 1 | 2 | 4;
  readonly mayBeAligned: boolean;
}

/** What is known against the alignment of the access being lowered; undefined when it is aligned for sure. */
export function misalignmentOf(cx: LowerContext, bytes: number): Misalignment | undefined {
  const known = cx.addresses[cx.insn] ?? 1;
  const modulus = known >= 8 ? 8 : known >= 4 ? 4 : known >= 2 ? 2 : 1;
  const remainder = known & (modulus - 1);
  const aligned = remainder === 0 ? modulus : remainder & -remainder;
  if (aligned >= bytes) return undefined;
  return { piece: aligned as 1 | 2 | 4, mayBeAligned: (remainder & (bytes - 1)) === 0 };
}

/** Base and displacement of an access and of the bytes behind it; in %g5 when the instructions do not reach them all. */
function addressOf(cx: LowerContext, register: number, offset: number, bytes: number): readonly [number, number] {
  const base = hwBase(cx, register);
  const start = displacement(cx, register, offset);
  if (fits13(start) && fits13(start + bytes - 1)) return [base, start];
  loadImm32(cx, G5, start);
  emit(cx, add, [base, G5, G5]);
  return [G5, 0];
}

/** The test, and the plain access if it passes; the pieces follow, then the label. */
function emitIfAligned(
  cx: LowerContext,
  [base, offset]: readonly [number, number],
  bytes: number,
  access: () => void,
): number {
  const done = cx.newLabel();
  let tested = base;
  if ((offset & (bytes - 1)) !== 0) {
    emit(cx, add_imm, [base, offset, G4]);
    tested = G4;
  }
  emit(cx, btst_imm, [bytes - 1, tested]);
  emitTo(cx, bpcc_a, [CONDITION_CODES.e, ICC], done);
  access();
  return done;
}

/**
 * A load of 2, 4 or 8 bytes; `isSwapped`: in the other byte order.
 *
 * @param plain - the load by displacement of the whole, or by index when `isSwapped`
 */
export function emitMisalignedLoad(cx: LowerContext, op: Op, plain: MachineForm, isSwapped: boolean): void {
  const bytes = op.width / 8;
  const { piece, mayBeAligned } = misalignmentOf(cx, bytes)!;
  const d = hw(cx, op.d);
  const address = addressOf(cx, op.a, op.offset, bytes);
  const [base, offset] = address;
  // Two bytes are as quick to load as to test for.
  const isTested = mayBeAligned && bytes > 2 && !isSwapped;
  const done = isTested ? emitIfAligned(cx, address, bytes, () => emit(cx, plain, [base, offset, d])) : -1;
  const isSigned = op.kind === 'load_sext';
  if (bytes === 8 && piece < 4 && !isSwapped) emitShiftedLoad(cx, d, base, offset);
  else emitPieces(cx, d, base, offset, bytes, isSwapped ? 1 : piece, isSigned, isSwapped);
  if (done >= 0) bind(cx, done);
}

/** The most significant piece first, each further one behind it. */
function emitPieces(
  cx: LowerContext,
  d: number,
  base: number,
  offset: number,
  bytes: number,
  piece: 1 | 2 | 4,
  isSigned: boolean,
  isSwapped: boolean,
): void {
  const [plain, signed] = PIECE_LOADS[piece];
  const count = bytes / piece;
  const at = (i: number): number => offset + piece * (isSwapped ? count - 1 - i : i);
  emit(cx, isSigned ? signed : plain, [base, at(0), G1]);
  for (let i = 1; i < count; i++) {
    emit(cx, plain, [base, at(i), G4]);
    emit(cx, sllx_imm, [G1, 8 * piece, G1]);
    emit(cx, or, [G1, G4, i === count - 1 ? d : G1]);
  }
}

/**
 * Eight bytes from the one or two aligned doublewords that they lie in: nothing beyond these is touched. When it is one,
 * both halves are the whole value.
 */
function emitShiftedLoad(cx: LowerContext, d: number, base: number, offset: number): void {
  if (base !== G5 || offset !== 0) emit(cx, add_imm, [base, offset, G5]);
  emit(cx, andn_imm, [G5, 7, G4]);
  emit(cx, ldx, [G4, 0, G1]);
  emit(cx, add_imm, [G5, 7, G4]);
  emit(cx, andn_imm, [G4, 7, G4]);
  emit(cx, ldx, [G4, 0, G4]);
  emit(cx, sll_imm, [G5, 3, G5]);
  emit(cx, sllx, [G1, G5, G1]);
  emit(cx, neg, [G5, G5]);
  emit(cx, srlx, [G4, G5, G4]);
  emit(cx, or, [G1, G4, d]);
}

/** A store of 2, 4 or 8 bytes; `plain` is the one of the whole. */
export function emitMisalignedStore(cx: LowerContext, op: Op, plain: MachineForm, value: number): void {
  const bytes = op.width / 8;
  const { piece, mayBeAligned } = misalignmentOf(cx, bytes)!;
  const address = addressOf(cx, op.d, op.offset, bytes);
  const [base, offset] = address;
  const isTested = mayBeAligned && bytes > 2;
  const done = isTested ? emitIfAligned(cx, address, bytes, () => emit(cx, plain, [value, base, offset])) : -1;
  const form = PIECE_STORES[piece];
  const count = bytes / piece;
  // The least significant piece last in memory, and first in time.
  emit(cx, form, [value, base, offset + piece * (count - 1)]);
  for (let i = count - 2; i >= 0; i--) {
    const isZero = value === G0;
    if (!isZero) emit(cx, srlx_imm, [i === count - 2 ? value : G4, 8 * piece, G4]);
    emit(cx, form, [isZero ? G0 : G4, base, offset + piece * i]);
  }
  if (done >= 0) bind(cx, done);
}
