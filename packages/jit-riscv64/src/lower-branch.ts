/** Compare and branch, jumps, may_goto. */
import { asLessThan, comparesAlike, type Cond, emit, emitTo, hw, isBitTest, isEquality, isHwLiveAfter, isSigned12, type LowerContext, type MachineForm, NEIGHBOURS, NO_REG, type Op, type OrderCond, powerOf, SCRATCH_A, SIGN, simplifyComparison, unsignedPower, ZEROS } from '@polybpf/jit'; // prettier-ignore
import { lengthOf } from './compress.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { constantBytes, constantRegister } from './lower-constant.ts';
import { freeRegister, signExtended } from './lower-fuse.ts';
import { isCompressible, SP, ZERO } from './registers.ts';

const { addi, addiw, and, andi, beq, bge, bgeu, blt, bltu, bne, jal, ld, sd, slli, slti, sltiu, srli, subw } = INSTRUCTIONS; // prettier-ignore

/** By condition of (a, b): the row, and whether it compares (b, a). */
const BRANCHES: Readonly<Record<OrderCond, readonly [form: MachineForm, isSwapped: boolean]>> = {
  eq: [beq, false], ne: [bne, false],
  ult: [bltu, false], uge: [bgeu, false], ugt: [bltu, true], ule: [bgeu, true],
  slt: [blt, false], sge: [bge, false], sgt: [blt, true], sle: [bge, true],
}; // prettier-ignore

/** Branches when (a cond b) in 64 bits. */
function emitBranch(cx: LowerContext, cond: OrderCond, a: number, b: number, label: number): void {
  const [form, isSwapped] = BRANCHES[cond];
  emitTo(cx, form, isSwapped ? [b, a] : [a, b], label);
}

/** Branches when `register` is 0, or is not. */
function emitZeroTest(cx: LowerContext, isZero: boolean, register: number, label: number): void {
  emitTo(cx, isZero ? beq : bne, [register, ZERO], label);
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
    if (op.width === 32 && upperHalf(cx, temp) === 0) emit(cx, addiw, [temp, temp, 0]);
    return emitZeroTest(cx, cond === 'nset', temp, label);
  }
  if (comparesAlike(known, cond)) return emitBranch(cx, cond, a, b, label);
  const temp = freeRegister(cx, op);
  if (isEquality(cond)) {
    emit(cx, subw, [temp, a, b]);
    return emitZeroTest(cx, cond === 'eq', temp, label);
  }
  const left = signExtended(cx, a, temp);
  // r10 is in a scratch register, which need not keep it.
  const right = signExtended(cx, b, op.b === SCRATCH_A ? b : left === temp ? freeRegister(cx, op, temp) : temp);
  emitBranch(cx, cond, left, right, label);
}

function lowerBranchImm(cx: LowerContext, op: Op): void {
  const { cond, imm, label } = op;
  const a = hw(cx, op.a);
  if (op.width === 64) return compareImm(cx, op, cond, imm, a, label);
  const known = upperHalf(cx, a);
  if (comparesAlike(known, cond, imm) || (isBitTest(cond) && (imm >= 0 || known !== 0)))
    return compareImm(cx, op, cond, imm, a, label);
  const temp = isHwLiveAfter(cx, a) || !isCompressible(a) ? freeRegister(cx, op) : a;
  if (isEquality(cond) && imm !== 0) {
    if (isSigned12(-imm)) emit(cx, addiw, [temp, a, -imm]);
    else {
      const constant = temp === a ? freeRegister(cx, op) : temp;
      emit(cx, subw, [temp, a, constantRegister(cx, imm, constant, isCompressible(constant) && temp === a)]);
    }
    return emitZeroTest(cx, cond === 'eq', temp, label);
  }
  emit(cx, addiw, [temp, a, 0]);
  compareImm(cx, op, cond, imm, temp, label);
}

/** Branches when (a cond imm) in 64 bits. `a` is a register of the op, or a value that nothing else reads. */
function compareImm(cx: LowerContext, op: Op, wanted: Cond, given: number, a: number, label: number): void {
  const { cond, imm } = simplifyComparison(wanted, given);
  if (isBitTest(cond)) return emitBitTest(cx, op, cond, imm, a, label);
  if (imm === 0) return emitBranch(cx, cond, a, ZERO, label);
  const isFree = !isHwLiveAfter(cx, a);
  const temp = isFree && isCompressible(a) ? a : freeRegister(cx, op, a);
  const test = isCompressible(temp) ? 2 : 4;
  const constant = temp === a ? freeRegister(cx, op, a) : temp;
  const loaded = constantBytes(imm) + 4;
  if (isEquality(cond)) {
    if (isSigned12(-imm) && lengthOf(addi, temp, a, -imm) + test <= loaded) {
      emit(cx, addi, [temp, a, -imm]);
      return emitZeroTest(cx, cond === 'eq', temp, label);
    }
    return emitBranch(cx, cond, a, constantRegister(cx, imm, constant), label);
  }
  const [near, step] = NEIGHBOURS[cond]!;
  // The ends of the unsigned range have no neighbour beyond: those comparisons are always true or never.
  const hasNear = !(imm === -1 && step === 1 && cond.startsWith('u'));
  if (hasNear && constantBytes(imm + step) + 4 < loaded && imm + step === ((imm + step) | 0)) {
    return compareWith(cx, near, imm + step, a, constant, label);
  }
  const power = unsignedPower(cond, imm);
  if (loaded > 4 + test || loaded > 6) {
    // `a < imm` as a number, tested for 0.
    const less = asLessThan(cond, imm)!;
    if (isSigned12(less.imm) && (hasNear || less.imm === imm)) {
      emit(cx, less.isSigned ? slti : sltiu, [temp, a, less.imm | 0]);
      return emitZeroTest(cx, !less.holds, temp, label);
    }
    if (power > 0) {
      emit(cx, srli, [temp, a, power]);
      return emitZeroTest(cx, cond === 'ult' || cond === 'ule', temp, label);
    }
  }
  compareWith(cx, cond, imm, a, constant, label);
}

function compareWith(cx: LowerContext, cond: OrderCond, imm: number, a: number, temp: number, label: number): void {
  if (imm === 0) return emitBranch(cx, cond, a, ZERO, label);
  emitBranch(cx, cond, a, constantRegister(cx, imm, temp), label);
}

/** Branches when (a & imm) != 0, or is 0, in 64 bits. */
function emitBitTest(cx: LowerContext, op: Op, cond: 'set' | 'nset', imm: number, a: number, label: number): void {
  if (imm === 0) {
    // No bit is set in nothing.
    if (cond === 'nset') emitTo(cx, jal, [ZERO], label);
    return;
  }
  const temp = isHwLiveAfter(cx, a) || !isCompressible(a) ? freeRegister(cx, op, a) : a;
  const bit = imm > 0 ? powerOf(imm) : -1;
  const low = imm > 0 ? powerOf(imm + 1) : -1;
  const high = imm < 0 ? powerOf(-imm) : -1;
  if (isSigned12(imm)) emit(cx, andi, [temp, a, imm]);
  else if (bit > 0) {
    emit(cx, slli, [temp, a, 63 - bit]);
    return emitBranch(cx, cond === 'set' ? 'slt' : 'sge', temp, ZERO, label);
  } else if (low > 0) emit(cx, slli, [temp, a, 64 - low]);
  else if (high > 0) emit(cx, srli, [temp, a, high]);
  else {
    const constant = temp === a ? freeRegister(cx, op, a) : temp;
    emit(cx, and, [temp, a, constantRegister(cx, imm, constant, isCompressible(constant) && temp === a)]);
  }
  emitZeroTest(cx, cond === 'nset', temp, label);
}

export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, jal, [ZERO], op.label);
}

/** Goes to the label when the counter in the frame is 0, else counts down (kernel/bpf/verifier.c, `BPF_JCOND`). */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { mayGotoOffset } = cx.frame;
  const counter = freeRegister(cx, op);
  emit(cx, ld, [counter, mayGotoOffset, SP]);
  emitZeroTest(cx, true, counter, op.label);
  emit(cx, addi, [counter, counter, -1]);
  emit(cx, sd, [counter, mayGotoOffset, SP]);
}
