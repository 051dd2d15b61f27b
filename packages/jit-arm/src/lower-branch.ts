/** Compare and branch, jumps, may_goto. */
import { type Cond, emitTo, type LowerContext, NO_REG, type Op, R10, SCRATCH_B } from '@polybpf/jit';
import { CC } from './branches.ts';
import { hi, lo } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { isModified, loadImm } from './lower-constant.ts';
import { lowerFrameAddress } from './lower-move.ts';
import { branchTo, ins, insIf, isZero, readHalf, secondScratch } from './operands.ts';
import { AL, IP, SP } from './registers.ts';

const { adcs_imm, b: jump, cmn_imm, cmp_imm, cmp_lsr, cmp_reg, ldr, orrs_reg, sbcs_imm, sbcs_reg, str, sub_imm, tst_imm, tst_reg } = INSTRUCTIONS; // prettier-ignore

/** Condition after a comparison of (a, b) that was made from the upper halves down, or in one half. */
const CONDITIONS: Readonly<Record<Cond, number>> = {
  eq: CC.eq, ne: CC.ne, ult: CC.cc, uge: CC.cs, ugt: CC.hi, ule: CC.ls,
  slt: CC.lt, sge: CC.ge, sgt: CC.gt, sle: CC.le, set: CC.ne, nset: CC.eq,
}; // prettier-ignore

const isSigned = (cond: Cond): boolean => cond === 'slt' || cond === 'sge' || cond === 'sgt' || cond === 'sle';

export function lowerBranch(cx: LowerContext, op: Op): void {
  if (op.width === 32) return branchNarrow(cx, op);
  if (op.b === NO_REG) return branchWideImm(cx, op);
  branchWide(cx, op);
}

/** Compares a register with a constant under a condition. */
function compareImm(cx: LowerContext, condition: number, a: number, value: number): void {
  const word = value >>> 0;
  const negative = -value >>> 0;
  if (isModified(word)) return void insIf(cx, condition, cmp_imm, a, word);
  if (isModified(negative)) return void insIf(cx, condition, cmn_imm, a, negative);
  const second = secondScratch(cx);
  loadImm(cx, second, word);
  insIf(cx, condition, cmp_reg, a, second);
}

/** Tests bits of a register under a condition. */
function testImm(cx: LowerContext, a: number, value: number): void {
  if (value === -1) return void ins(cx, cmp_imm, a, 0);
  if (isModified(value >>> 0)) return void ins(cx, tst_imm, a, value >>> 0);
  const second = secondScratch(cx);
  loadImm(cx, second, value);
  ins(cx, tst_reg, a, second);
}

function branchNarrow(cx: LowerContext, op: Op): void {
  const { cond, imm, label } = op;
  const a = readHalf(cx, lo(cx, op.a), IP);
  if (op.b === NO_REG) {
    if (cond === 'set' || cond === 'nset') testImm(cx, a, imm);
    else compareImm(cx, CC.al, a, imm);
  } else {
    const b = readHalf(cx, lo(cx, op.b), secondScratch(cx));
    ins(cx, cond === 'set' || cond === 'nset' ? tst_reg : cmp_reg, a, b);
  }
  branchTo(cx, CONDITIONS[cond], label);
}

/** The upper half of the first operand; with r10 the register of the lower one is lost. */
function readHigh(cx: LowerContext, op: Op): number {
  return readHalf(cx, hi(cx, op.a), IP);
}

/** The lower half of the first operand, after {@link readHigh}. */
function readLow(cx: LowerContext, op: Op): number {
  if (op.a === SCRATCH_B) lowerFrameAddress(cx, { ...op, d: SCRATCH_B, a: R10, zext: false }, 0);
  return readHalf(cx, lo(cx, op.a), IP);
}

function branchWide(cx: LowerContext, op: Op): void {
  const { cond, label } = op;
  const second = secondScratch(cx);
  const [bl, bh] = [lo(cx, op.b), hi(cx, op.b)];
  if (cond === 'set' || cond === 'nset') {
    ins(cx, tst_reg, readHalf(cx, lo(cx, op.a), IP), readHalf(cx, bl, second));
    if (!isZero(bh)) insIf(cx, CC.eq, tst_reg, readHigh(cx, op), readHalf(cx, bh, second));
    return branchTo(cx, CONDITIONS[cond], label);
  }
  if (isSigned(cond)) {
    // a < b and a >= b from a - b, the others from b - a.
    const swapped = cond === 'sgt' || cond === 'sle';
    const [al, low] = [readHalf(cx, lo(cx, op.a), IP), readHalf(cx, bl, second)];
    ins(cx, cmp_reg, swapped ? low : al, swapped ? al : low);
    const ah = readHigh(cx, op);
    if (isZero(bh) && !swapped) ins(cx, sbcs_imm, IP, ah, 0);
    else {
      const high = readHalf(cx, bh, second);
      ins(cx, sbcs_reg, IP, swapped ? high : ah, swapped ? ah : high);
    }
    return branchTo(cx, cond === 'slt' || cond === 'sgt' ? CC.lt : CC.ge, label);
  }
  if (cond === 'eq' || cond === 'ne') {
    ins(cx, cmp_reg, readHalf(cx, lo(cx, op.a), IP), readHalf(cx, bl, second));
    const ah = readHigh(cx, op);
    if (isZero(bh)) insIf(cx, CC.eq, cmp_imm, ah, 0);
    else insIf(cx, CC.eq, cmp_reg, ah, readHalf(cx, bh, second));
    return branchTo(cx, CONDITIONS[cond], label);
  }
  const ah = readHigh(cx, op);
  if (isZero(bh)) ins(cx, cmp_imm, ah, 0);
  else ins(cx, cmp_reg, ah, readHalf(cx, bh, second));
  insIf(cx, CC.eq, cmp_reg, readLow(cx, op), readHalf(cx, bl, second));
  branchTo(cx, CONDITIONS[cond], label);
}

function branchWideImm(cx: LowerContext, op: Op): void {
  const { imm, label } = op;
  let { cond } = op;
  const [al, ah] = [lo(cx, op.a), hi(cx, op.a)];
  const sign = imm < 0 ? -1 : 0;
  if (cond === 'set' || cond === 'nset') {
    if (imm === -1) {
      cond = cond === 'set' ? 'ne' : 'eq';
      return testZero(cx, op, cond);
    }
    testImm(cx, readHalf(cx, al, IP), imm);
    if (imm < 0) insIf(cx, CC.eq, cmp_imm, readHigh(cx, op), 0);
    return branchTo(cx, CONDITIONS[cond], label);
  }
  if (cond === 'eq' || cond === 'ne') {
    if (imm === 0) return testZero(cx, op, cond);
    compareImm(cx, CC.al, readHalf(cx, al, IP), imm);
    compareHigh(cx, CC.eq, readHigh(cx, op), sign);
    return branchTo(cx, CONDITIONS[cond], label);
  }
  if (isSigned(cond)) {
    // a > k is a >= k + 1, which is no overflow in 64 bits.
    const next = cond === 'sgt' || cond === 'sle';
    const bound = next ? imm + 1 : imm;
    const condition = cond === 'slt' || cond === 'sle' ? CC.lt : CC.ge;
    if (bound === 0) {
      ins(cx, cmp_imm, readHalf(cx, ah, IP), 0);
      return branchTo(cx, condition, label);
    }
    compareImm(cx, CC.al, readHalf(cx, al, IP), bound);
    // -1 is subtracted with borrow as 0 is added with carry.
    ins(cx, bound < 0 ? adcs_imm : sbcs_imm, IP, readHigh(cx, op), 0);
    return branchTo(cx, condition, label);
  }
  compareHigh(cx, CC.al, readHigh(cx, op), sign);
  compareImm(cx, CC.eq, readLow(cx, op), imm);
  branchTo(cx, CONDITIONS[cond], label);
}

/** Compares an upper half with that of a sign-extended constant. */
function compareHigh(cx: LowerContext, condition: number, a: number, sign: number): void {
  if (sign === 0) insIf(cx, condition, cmp_imm, a, 0);
  else insIf(cx, condition, cmn_imm, a, 1);
}

function testZero(cx: LowerContext, op: Op, cond: 'eq' | 'ne'): void {
  const [al, ah] = [lo(cx, op.a), hi(cx, op.a)];
  if (isZero(ah)) ins(cx, cmp_imm, al, 0);
  else ins(cx, orrs_reg, IP, readHalf(cx, al, IP), readHalf(cx, ah, secondScratch(cx)));
  branchTo(cx, CONDITIONS[cond], op.label);
}

export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, jump, [AL], op.label);
}

/** The address of an access is the lower half alone, so the check is on that. */
export function lowerCheck(cx: LowerContext, op: Op): void {
  if (op.a === R10) lowerFrameAddress(cx, { ...op, d: SCRATCH_B, zext: false }, 0);
  const a = readHalf(cx, lo(cx, op.a === R10 ? SCRATCH_B : op.a), IP);
  ins(cx, cmp_lsr, readHalf(cx, lo(cx, op.b), secondScratch(cx)), a, op.imm);
  branchTo(cx, CC.ne, op.label);
}

/** Goes to the label when the counter in the frame is 0, else counts down (kernel/bpf/verifier.c, `BPF_JCOND`). */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { mayGotoOffset } = cx.frame;
  ins(cx, ldr, IP, SP, mayGotoOffset);
  ins(cx, cmp_imm, IP, 0);
  branchTo(cx, CC.eq, op.label);
  ins(cx, sub_imm, IP, IP, 1);
  ins(cx, str, IP, SP, mayGotoOffset);
}
