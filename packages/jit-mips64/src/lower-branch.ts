/** Compare and branch, jumps, may_goto. */
import { asLessThan, type Comparison, type Cond, emit, emitTo, hw, isBitTest, isEquality, isSigned16, isSignedOrder, isUnsigned16, type LowerContext, type MachineForm, NO_REG, type Op, powerOf, runOf, simplifyComparison } from '@polybpf/jit'; // prettier-ignore
import { extractField } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { signedWord } from './lower-alu.ts';
import { knownExtension, SIGNED, UNSIGNED } from './lower-fuse.ts';
import { AT, SP, T8, V1 } from './registers.ts';

const {
  and, andi, b, beq, beqz, bgez, bgtz, blez, bltz, bne, bnez, daddiu, dsll, dsll32, ld, nop, sd, sll, slt, slti, sltiu,
  sltu,
} = INSTRUCTIONS; // prettier-ignore

/** A branch and its delay slot, which the peephole pass may fill. */
export function emitBranch(cx: LowerContext, form: MachineForm, operands: readonly number[], label: number): void {
  emitTo(cx, form, operands, label);
  emit(cx, nop, []);
}

/** Comparisons with 0 that are one branch. */
const ZERO_BRANCHES: Readonly<Partial<Record<Cond, MachineForm>>> = {
  eq: beqz, ne: bnez, slt: bltz, sge: bgez, sle: blez, sgt: bgtz, ule: beqz, ugt: bnez,
}; // prettier-ignore

/** Whether a branch can compare with `imm` without a register for it. */
export function fitsBranch(imm: number, width: number, cond: Cond): boolean {
  const simple = simplifyComparison(cond, imm);
  if (isBitTest(simple.cond)) return fitsTest(simple.imm, width === 64);
  if (simple.imm === 0 && ZERO_BRANCHES[simple.cond] !== undefined) return true;
  const less = asLessThan(simple.cond, simple.imm);
  // -1 + 1 is no bound for an unsigned comparison.
  return less !== undefined && isSigned16(less.imm) && (less.isSigned || imm !== -1);
}

/** Whether `a & imm` is one instruction: 16 bits, one bit, or adjacent ones. */
function fitsTest(imm: number, wide: boolean): boolean {
  return isUnsigned16(imm) || (wide && imm < 0 ? powerOf(-imm) >= 0 || imm === -2147483648 : runOf(imm) !== undefined);
}

export function lowerBranch(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const a = hw(cx, op.a);
  if (op.b === NO_REG) return lowerBranchImm(cx, simplifyComparison(op.cond, op.imm), wide, a, op.label);
  const { cond, label } = op;
  let [first, second] = [a, hw(cx, op.b)];
  if (isBitTest(cond)) {
    const isWhole = wide || ((knownExtension(cx, first) | knownExtension(cx, second)) & UNSIGNED) !== 0;
    emit(cx, and, [AT, first, second]);
    if (!isWhole) emit(cx, sll, [AT, AT, 0]);
    return emitBranch(cx, cond === 'set' ? bnez : beqz, [AT], label);
  }
  if (!wide && !comparesAsIs(cx, cond, first, second)) {
    first = signedWord(cx, first, T8);
    second = signedWord(cx, second, V1);
  }
  if (isEquality(cond)) return emitBranch(cx, cond === 'eq' ? beq : bne, [first, second], label);
  // a > b is b < a; the other two are opposites.
  const swaps = cond === 'ugt' || cond === 'sgt' || cond === 'ule' || cond === 'sle';
  const isLess = cond === 'ult' || cond === 'slt' || cond === 'ugt' || cond === 'sgt';
  emit(cx, isSignedOrder(cond) ? slt : sltu, swaps ? [AT, second, first] : [AT, first, second]);
  emitBranch(cx, isLess ? bnez : beqz, [AT], label);
}

/** Whether two words compare like their registers: both are zero-extended and no sign is asked for. */
function comparesAsIs(cx: LowerContext, cond: Cond, first: number, second: number): boolean {
  return !isSignedOrder(cond) && (knownExtension(cx, first) & knownExtension(cx, second) & UNSIGNED) !== 0;
}

function lowerBranchImm(cx: LowerContext, { cond, imm }: Comparison, wide: boolean, a: number, label: number): void {
  if (isBitTest(cond)) return emitBitTest(cx, cond, imm, wide, a, label);
  const zero = imm === 0 ? ZERO_BRANCHES[cond] : undefined;
  const known = wide ? 0 : knownExtension(cx, a);
  // An equality with 0 or an unsigned bound that is no larger than a positive number may also see a zero-extended word.
  const isUnsignedBound = !isSignedOrder(cond) && imm >= 0;
  const value = wide || (isUnsignedBound && (known & UNSIGNED) !== 0) ? a : signedWord(cx, a, T8);
  if (zero !== undefined) return emitBranch(cx, zero, [value], label);
  const less = asLessThan(cond, imm)!;
  emit(cx, less.isSigned ? slti : sltiu, [AT, value, less.imm | 0]);
  emitBranch(cx, less.holds ? bnez : beqz, [AT], label);
}

/** (a & imm) != 0 or == 0. */
function emitBitTest(
  cx: LowerContext,
  cond: 'set' | 'nset',
  imm: number,
  wide: boolean,
  a: number,
  label: number,
): void {
  // prettier-ignore
  if (imm === 0) {
    // No bit is set in nothing.
    if (cond === 'nset') emitBranch(cx, b, [], label);
    return;
  }
  const isSet = cond === 'set';
  const bit = wide && imm < 0 ? -1 : powerOf(imm);
  if (isUnsigned16(imm)) emit(cx, andi, [AT, a, imm]);
  else if (bit >= 0) {
    // The sign is the only bit that a branch can ask for.
    const shift = 63 - bit;
    if (bit === 31 && (knownExtension(cx, a) & SIGNED) !== 0) return emitBranch(cx, isSet ? bltz : bgez, [a], label);
    emit(cx, shift < 32 ? dsll : dsll32, [AT, a, shift & 31]);
    return emitBranch(cx, isSet ? bltz : bgez, [AT], label);
  } else {
    // Everything above a bit in 64 bits, or adjacent bits.
    const [first, last] = wide && imm < 0 ? [powerOf(imm & -imm), 63] : runOf(imm)!;
    const [form, lsb, msbd] = extractField(first, last - first + 1);
    emit(cx, form, [AT, a, lsb, msbd]);
  }
  emitBranch(cx, isSet ? bnez : beqz, [AT], label);
}

export function lowerJump(cx: LowerContext, op: Op): void {
  emitBranch(cx, b, [], op.label);
}

/** Goes to the label when the counter in the frame is 0, else counts down (kernel/bpf/verifier.c, `BPF_JCOND`). */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { mayGotoOffset } = cx.frame;
  emit(cx, ld, [AT, mayGotoOffset, SP]);
  emitTo(cx, beqz, [AT], op.label);
  // In the delay slot: 0 becomes -1 where the counter is not used any more, in a register that is read below only.
  emit(cx, daddiu, [AT, AT, -1]);
  emit(cx, sd, [AT, mayGotoOffset, SP]);
}
