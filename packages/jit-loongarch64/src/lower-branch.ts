/** Compare and branch, jumps, may_goto. */
import { comparesAlike, type Cond, emit, emitTo, hw, isBitTest, isEquality, isSigned12, isUnsigned12, type LowerContext, type MachineForm, NEIGHBOURS, NO_REG, type Op, type OrderCond, runOf, SIGN, simplifyComparison, ZEROS } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { constantLength, constantRegister } from './lower-constant.ts';
import { freeRegister, signExtended } from './lower-fuse.ts';
import { SP, ZERO } from './registers.ts';

const { addi_d, addi_w, and, andi, b: jump, beq, beqz, bge, bgeu, blt, bltu, bne, bnez, bstrpick_d, ld_d, st_d, sub_w } = INSTRUCTIONS; // prettier-ignore

/** By condition of (a, b): the row, and whether it compares (b, a). */
const BRANCHES: Readonly<Record<OrderCond, readonly [form: MachineForm, isSwapped: boolean]>> = {
  eq: [beq, false], ne: [bne, false],
  ult: [bltu, false], uge: [bgeu, false], ugt: [bltu, true], ule: [bgeu, true],
  slt: [blt, false], sge: [bge, false], sgt: [blt, true], sle: [bge, true],
}; // prettier-ignore

/** Branches when (a cond b) in 64 bits. */
function emitBranch(cx: LowerContext, cond: OrderCond, a: number, b: number, label: number): void {
  if (b === ZERO && isEquality(cond)) return emitZeroTest(cx, cond === 'eq', a, label);
  const [form, isSwapped] = BRANCHES[cond];
  emitTo(cx, form, isSwapped ? [b, a] : [a, b], label);
}

/** Branches when `register` is 0, or is not. */
function emitZeroTest(cx: LowerContext, isZero: boolean, register: number, label: number): void {
  emitTo(cx, isZero ? beqz : bnez, [register], label);
}

export function lowerBranch(cx: LowerContext, op: Op): void {
  if (op.b === NO_REG) return lowerBranchImm(cx, op);
  const { cond, label } = op;
  const [a, b] = [hw(cx, op.a), hw(cx, op.b)];
  const known = op.width === 64 ? SIGN | ZEROS : upperHalf(cx, a) & upperHalf(cx, b);
  if (isBitTest(cond)) {
    const temp = freeRegister(cx, op);
    emit(cx, and, [temp, a, b]);
    // The upper half of what both have in common.
    if (op.width === 32 && upperHalf(cx, temp) === 0) emit(cx, addi_w, [temp, temp, 0]);
    return emitZeroTest(cx, cond === 'nset', temp, label);
  }
  if (comparesAlike(known, cond)) return emitBranch(cx, cond, a, b, label);
  const temp = freeRegister(cx, op);
  if (isEquality(cond)) {
    emit(cx, sub_w, [temp, a, b]);
    return emitZeroTest(cx, cond === 'eq', temp, label);
  }
  const left = signExtended(cx, a, temp);
  const right = signExtended(cx, b, left === temp ? freeRegister(cx, op, temp) : temp);
  emitBranch(cx, cond, left, right, label);
}

function lowerBranchImm(cx: LowerContext, op: Op): void {
  const { cond, imm, label } = op;
  const a = hw(cx, op.a);
  if (op.width === 64) return compareImm(cx, op, cond, imm, a, label);
  const known = upperHalf(cx, a);
  if (comparesAlike(known, cond, imm) || (isBitTest(cond) && (imm >= 0 || known !== 0)))
    return compareImm(cx, op, cond, imm, a, label);
  if (isBitTest(cond)) return emitBitTest(cx, op, cond, imm, a, label);
  const temp = freeRegister(cx, op);
  if (isEquality(cond) && imm !== 0) {
    if (isSigned12(-imm)) emit(cx, addi_w, [temp, a, -imm]);
    else emit(cx, sub_w, [temp, a, constantRegister(cx, imm, temp)]);
    return emitZeroTest(cx, cond === 'eq', temp, label);
  }
  emit(cx, addi_w, [temp, a, 0]);
  compareImm(cx, op, cond, imm, temp, label);
}

/** Branches when (a cond imm) in 64 bits. `a` is a register of the op, or a value that nothing else reads. */
function compareImm(cx: LowerContext, op: Op, wanted: Cond, given: number, a: number, label: number): void {
  const { cond, imm } = simplifyComparison(wanted, given);
  if (isBitTest(cond)) return emitBitTest(cx, op, cond, imm, a, label);
  if (imm === 0) return emitBranch(cx, cond, a, ZERO, label);
  const temp = freeRegister(cx, op, a);
  if (!isEquality(cond) && constantLength(imm) > 1) {
    const [near, step] = NEIGHBOURS[cond]!;
    // The ends of the signed range of 32 bits have no neighbour beyond that is one constant.
    if (constantLength(imm + step) === 1 && imm + step === ((imm + step) | 0))
      return emitBranch(cx, near, a, constantRegister(cx, imm + step, temp), label);
  }
  emitBranch(cx, cond, a, constantRegister(cx, imm, temp), label);
}

/** Branches when (a & imm) != 0, or is 0, in 64 bits. */
function emitBitTest(cx: LowerContext, op: Op, cond: 'set' | 'nset', imm: number, a: number, label: number): void {
  if (imm === 0) {
    // No bit is set in nothing.
    if (cond === 'nset') emitTo(cx, jump, [], label);
    return;
  }
  const temp = freeRegister(cx, op, a);
  const narrow = op.width === 32;
  const ones = imm > 0 ? runOf(imm) : undefined;
  const zeros = imm < 0 ? runOf(~imm) : undefined;
  if (isUnsigned12(imm)) emit(cx, andi, [temp, a, imm]);
  else if (ones !== undefined) emit(cx, bstrpick_d, [temp, a, ones[1], ones[0]]);
  else if (imm === -1) emit(cx, addi_w, [temp, a, 0]);
  else if (zeros?.[0] === 0) emit(cx, bstrpick_d, [temp, a, narrow ? 31 : 63, zeros[1] + 1]);
  else {
    emit(cx, and, [temp, a, constantRegister(cx, imm, temp)]);
    // The sign of the constant lets the upper half through.
    if (narrow && imm < 0 && upperHalf(cx, a) === 0) emit(cx, addi_w, [temp, temp, 0]);
  }
  emitZeroTest(cx, cond === 'nset', temp, label);
}

export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, jump, [], op.label);
}

/** Goes to the label when the counter in the frame is 0, else counts down (kernel/bpf/verifier.c, `BPF_JCOND`). */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { mayGotoOffset } = cx.frame;
  const counter = freeRegister(cx, op);
  emit(cx, ld_d, [counter, SP, mayGotoOffset]);
  emitZeroTest(cx, true, counter, op.label);
  emit(cx, addi_d, [counter, counter, -1]);
  emit(cx, st_d, [counter, SP, mayGotoOffset]);
}
