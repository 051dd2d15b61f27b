/** Compare and branch, jumps, may_goto. */
import { type Comparison, type Cond, emit, emitTo, hw, isBitTest, isEquality, isHwLiveAfter, lastNode, type LowerContext, type MachineForm, NEIGHBOURS, NO_REG, type Op, powerOf, simplifyComparison, unsignedPower } from '@polybpf/jit'; // prettier-ignore
import { CONDITION_CODES } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { fitsCompare, maskOf } from './lower-constant.ts';
import { SP, X16, X17 } from './registers.ts';

const {
  and_imm_w, and_imm_x, and_w, and_x, b, b_cond, cbnz_w, cbnz_x, cbz_w, cbz_x, cmn_imm12_w, cmn_imm12_x, cmn_imm_w,
  cmn_imm_x, cmp_imm12_w, cmp_imm12_x, cmp_imm_w, cmp_imm_x, cmp_w, cmp_x, eor_imm_w, eor_imm_x, ldr_x, str_x, sub_imm_x,
  tbnz, tbz, tst_imm_w, tst_imm_x, tst_w, tst_x, ubfm_w, ubfm_x,
} = INSTRUCTIONS; // prettier-ignore

const CODES: Readonly<Record<Cond, number>> = {
  eq: CONDITION_CODES.eq, ne: CONDITION_CODES.ne,
  ult: CONDITION_CODES.lo, ule: CONDITION_CODES.ls, ugt: CONDITION_CODES.hi, uge: CONDITION_CODES.hs,
  slt: CONDITION_CODES.lt, sle: CONDITION_CODES.le, sgt: CONDITION_CODES.gt, sge: CONDITION_CODES.ge,
  // After tst: Z is set when no bit is common.
  set: CONDITION_CODES.ne, nset: CONDITION_CODES.eq,
}; // prettier-ignore

/**
 * The same comparison with a neighbour that fits where the constant itself does not: `< 4097` is `<= 4096`. The
 * ends of the ranges have no neighbour, but -1 and 0 fit themselves, and what lies beyond the others does not fit.
 */
function fittingNeighbour(cond: Cond, imm: number): Comparison | undefined {
  const neighbour = NEIGHBOURS[cond];
  if (neighbour === undefined) return undefined;
  const [near, step] = neighbour;
  return fitsCompare(imm + step) ? { cond: near, imm: imm + step } : undefined;
}

/** Whether a branch can compare with `imm` without a register for it. */
export function fitsBranch(imm: number, width: number, cond: Cond): boolean {
  const wide = width === 64;
  if (isBitTest(cond)) return imm === 0 || imm === -1 || bitOf(imm, wide) >= 0 || maskOf(imm, wide) >= 0;
  if (fitsCompare(imm)) return true;
  if (isEquality(cond)) return maskOf(imm, wide) >= 0;
  return fittingNeighbour(cond, imm) !== undefined || unsignedPower(cond, imm) >= 0;
}

/** Number of the only bit of a sign-extended immediate, or -1. */
function bitOf(imm: number, wide: boolean): number {
  return wide && imm < 0 ? -1 : powerOf(imm);
}

export function lowerBranch(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const a = hw(cx, op.a);
  const { cond, label } = op;
  if (op.b === NO_REG) return lowerBranchImm(cx, simplifyComparison(cond, op.imm), wide, a, label);
  const isTest = isBitTest(cond);
  const form = isTest ? (wide ? tst_x : tst_w) : wide ? cmp_x : cmp_w;
  emitCompare(cx, form, [a, hw(cx, op.b)]);
  emitTo(cx, b_cond, [CODES[cond]], label);
}

function lowerBranchImm(cx: LowerContext, { cond, imm }: Comparison, wide: boolean, a: number, label: number): void {
  if (isBitTest(cond)) return emitBitTest(cx, cond, imm, wide, a, label);
  if (imm === 0) {
    if (isEquality(cond)) return emitZeroTest(cx, cond === 'eq', wide, a, label);
    if (cond === 'slt' || cond === 'sge')
      return void emitTo(cx, cond === 'slt' ? tbnz : tbz, [a, wide ? 63 : 31], label);
  }
  if (fitsCompare(imm)) return emitCompareImm(cx, cond, imm, wide, a, label);
  const mask = isEquality(cond) ? maskOf(imm, wide) : -1;
  if (mask >= 0) {
    emit(cx, wide ? eor_imm_x : eor_imm_w, [X17, a, mask]);
    emitTo(cx, cond === 'eq' ? (wide ? cbz_x : cbz_w) : wide ? cbnz_x : cbnz_w, [X17], label);
    return;
  }
  const near = fittingNeighbour(cond, imm);
  if (near !== undefined) return emitCompareImm(cx, near.cond, near.imm, wide, a, label);
  const from = unsignedPower(cond, imm);
  if (from < 0) throw new Error(`BUG: ${cond} ${imm} does not fit`);
  emit(cx, wide ? ubfm_x : ubfm_w, [X17, a, from, wide ? 63 : 31]);
  emitTo(cx, cond === 'ult' || cond === 'ule' ? cbz_x : cbnz_x, [X17], label);
}

/** cmp, or cmn for a negative constant. */
function emitCompareImm(cx: LowerContext, cond: Cond, imm: number, wide: boolean, a: number, label: number): void {
  const magnitude = Math.abs(imm);
  let form: MachineForm;
  if (magnitude < 4096) form = imm < 0 ? (wide ? cmn_imm_x : cmn_imm_w) : wide ? cmp_imm_x : cmp_imm_w;
  else form = imm < 0 ? (wide ? cmn_imm12_x : cmn_imm12_w) : wide ? cmp_imm12_x : cmp_imm12_w;
  emitCompare(cx, form, [a, magnitude < 4096 ? magnitude : magnitude >>> 12]);
  emitTo(cx, b_cond, [CODES[cond]], label);
}

/** A comparison, unless the branch right before this one has just made it: branches leave the flags alone. */
function emitCompare(cx: LowerContext, form: MachineForm, operands: readonly number[]): void {
  const { nodes } = cx;
  const compare = nodes[nodes.length - 2];
  const isBranch = lastNode(cx)?.form === b_cond;
  if (isBranch && compare?.form === form && compare.operands[0] === operands[0] && compare.operands[1] === operands[1]) return; // prettier-ignore
  emit(cx, form, operands);
}

/** a == 0 or a != 0; a value that was and-ed together for this test only is tested instead. */
function emitZeroTest(cx: LowerContext, isZero: boolean, wide: boolean, a: number, label: number): void {
  const node = lastNode(cx);
  if (node !== undefined && node.operands[0] === a && !isHwLiveAfter(cx, a)) {
    const { form, operands } = node;
    const test = form === and_x ? tst_x : form === and_w ? tst_w : form === and_imm_x ? tst_imm_x : form === and_imm_w ? tst_imm_w : undefined; // prettier-ignore
    // The upper half of a 32-bit and is zero, that of a 64-bit one counts only in a 64-bit test.
    if (test !== undefined && (wide || form === and_w || form === and_imm_w)) {
      cx.nodes.pop();
      emit(cx, test, [operands[1]!, operands[2]!]);
      emitTo(cx, b_cond, [isZero ? CONDITION_CODES.eq : CONDITION_CODES.ne], label);
      return;
    }
  }
  emitTo(cx, isZero ? (wide ? cbz_x : cbz_w) : wide ? cbnz_x : cbnz_w, [a], label);
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
  if (imm === 0) {
    // No bit is set in nothing.
    if (cond === 'nset') emitTo(cx, b, [], label);
    return;
  }
  const bit = bitOf(imm, wide);
  if (bit >= 0) return void emitTo(cx, cond === 'set' ? tbnz : tbz, [a, bit], label);
  emitCompare(cx, wide ? tst_imm_x : tst_imm_w, [a, maskOf(imm, wide)]);
  emitTo(cx, b_cond, [CODES[cond]], label);
}

export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, b, [], op.label);
}

/** Goes to the label when the counter in the frame is 0, else counts down (kernel/bpf/verifier.c, `BPF_JCOND`). */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { mayGotoOffset } = cx.frame;
  emit(cx, ldr_x, [X16, SP, mayGotoOffset]);
  emitTo(cx, cbz_x, [X16], op.label);
  emit(cx, sub_imm_x, [X16, X16, 1]);
  emit(cx, str_x, [X16, SP, mayGotoOffset]);
}
