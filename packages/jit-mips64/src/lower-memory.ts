/**
 * Loads, stores and atomics. Accesses are those of the hardware: what is misaligned traps, and Linux completes it for the
 * program (arch/mips/kernel/unaligned.c), but for atomics.
 *
 * Atomic updates are loops of load-linked and store-conditional. Those that return a value order everything before and
 * after them, as the kernel's memory model has it; updates that return nothing order nothing, and an acquire or release
 * one direction. The last barrier stands in the delay slot of the loop.
 */
import { bind, displacement, emit, emitTo, hw, hwBase, type LowerContext, type MachineForm, type Op, SCRATCH_A, storedImmediate, storedValue } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { emitMove, emitZext32 } from './lower-alu.ts';
import { emitAddImm, loadImm64 } from './lower-constant.ts';
import { swapDoubleword, swapHalfword, swapWord } from './lower-move.ts';
import { AT, SP, T8, T9, V1, ZERO } from './registers.ts';

/** Old and new value of an atomic update. */
const OLD = V1;
const NEW = T9;

const {
  and, beqz, bne, daddu, empty_slot, lb, lbu, ld, lh, lhu, ll, lld, lw, lwu, move, or, sb, sc, scd, sd, sh, sll, sw, sync,
  xor,
} = INSTRUCTIONS; // prettier-ignore

/** An unsigned load; a word whose upper half nothing reads is loaded with its sign, which word instructions like. */
function loadForm(width: number, zext: boolean): MachineForm {
  return width === 8 ? lbu : width === 16 ? lhu : width === 64 ? ld : zext ? lwu : lw;
}

function storeForm(width: number): MachineForm {
  return width === 8 ? sb : width === 16 ? sh : width === 32 ? sw : sd;
}

export function lowerLoad(cx: LowerContext, op: Op): void {
  const address = [displacement(cx, op.a, op.offset), hwBase(cx, op.a)];
  emit(cx, loadForm(op.width, op.zext), [hw(cx, op.d), ...address]);
}

export function lowerLoadSext(cx: LowerContext, op: Op): void {
  const form = op.from === 8 ? lb : op.from === 16 ? lh : lw;
  emit(cx, form, [hw(cx, op.d), displacement(cx, op.a, op.offset), hwBase(cx, op.a)]);
}

export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const form = op.width === 64 ? ld : op.width === 32 ? lw : lhu;
  emit(cx, form, [d, displacement(cx, op.a, op.offset), hwBase(cx, op.a)]);
  if (op.width === 64) swapDoubleword(cx, d, d);
  else if (op.width === 32) swapWord(cx, op, d, d);
  else swapHalfword(cx, d);
}

export function lowerStore(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const value = storedValue(
    cx,
    hw(cx, op.b),
    base,
    ZERO,
    ({ form, operands }) => form === move && operands[1] === ZERO,
  );
  emit(cx, storeForm(op.width), [value, displacement(cx, op.d, op.offset), base]);
}

/** The immediate is sign-extended to the width (RFC 9669 sec. 5.1). */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const { imm, width } = op;
  const narrow = storedImmediate(imm, width);
  if (narrow !== 0) loadImm64(cx, AT, narrow >> 31, narrow);
  const value = narrow === 0 ? ZERO : AT;
  emit(cx, storeForm(width), [value, displacement(cx, op.d, op.offset), hwBase(cx, op.d)]);
}

export function lowerLoadAcquire(cx: LowerContext, op: Op): void {
  lowerLoad(cx, op);
  emit(cx, sync, []);
}

export function lowerStoreRelease(cx: LowerContext, op: Op): void {
  emit(cx, sync, []);
  lowerStore(cx, op);
}

const UPDATES: Readonly<Record<string, MachineForm>> = { add: daddu, or, and, xor };

/** OLD = value at the address of `op`; the word form sign-extends it. */
function loadLinked(cx: LowerContext, op: Op, base: number): void {
  emit(cx, op.width === 64 ? lld : ll, [OLD, displacement(cx, op.d, op.offset), base]);
}

/** Stores NEW where the load was, and goes to `again` when another CPU came in between. A delay slot follows. */
function storeConditional(cx: LowerContext, op: Op, base: number, again: number): void {
  emit(cx, op.width === 64 ? scd : sc, [NEW, displacement(cx, op.d, op.offset), base]);
  emitTo(cx, beqz, [NEW], again);
}

/** Updates without a result. */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const again = cx.newLabel();
  bind(cx, again);
  loadLinked(cx, op, base);
  emit(cx, UPDATES[op.kind.slice('atomic_'.length)]!, [NEW, OLD, hw(cx, op.b)]);
  storeConditional(cx, op, base, again);
  emit(cx, empty_slot, []);
}

/** Updates that return the old value in their operand, and exchanges. */
export function lowerFetch(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const b = hw(cx, op.b);
  const again = cx.newLabel();
  emit(cx, sync, []);
  bind(cx, again);
  loadLinked(cx, op, base);
  if (op.kind === 'xchg') emit(cx, move, [NEW, b]);
  else emit(cx, UPDATES[op.kind.slice('fetch_'.length)]!, [NEW, OLD, b]);
  storeConditional(cx, op, base, again);
  emit(cx, sync, []);
  if (op.width === 32 && op.zext) emitZext32(cx, b, OLD);
  else emitMove(cx, b, OLD);
}

/**
 * r0 is the expected value and gets the old one: in the delay slot of the comparison, where it changes nothing as long
 * as they are equal. A word needs its copy with the sign, and the base another register when it is r0.
 */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const r0 = hw(cx, 0);
  let base = hwBase(cx, op.d);
  if (!wide && base === r0) {
    emit(cx, move, [T8, base]);
    base = T8;
  }
  const again = cx.newLabel();
  const done = cx.newLabel();
  const expected = wide ? r0 : AT;
  emit(cx, sync, []);
  if (!wide) emit(cx, sll, [expected, r0, 0]);
  bind(cx, again);
  loadLinked(cx, op, base);
  emitTo(cx, bne, [OLD, expected], done);
  if (!wide && op.zext) emitZext32(cx, r0, OLD);
  else emit(cx, move, [r0, OLD]);
  // r10 stood in the scratch register, where the copy is now.
  if (op.b === SCRATCH_A) emitAddImm(cx, NEW, SP, cx.frame.bias);
  else emit(cx, move, [NEW, op.b === 0 ? expected : hw(cx, op.b)]);
  storeConditional(cx, op, base, again);
  // Both ways go through this barrier.
  bind(cx, done);
  emit(cx, sync, []);
}
