/**
 * Conditional branches, jumps and may_goto.
 *
 * A comparison and a branch are 8 bytes. A comparison with 0 right after the instruction that made the value costs
 * nothing: most have a form that compares their result. Layout widens branches that do not reach, see `branches.ts`.
 */
import { type Comparison, type Cond, emit, emitTo, hw, isBitTest, isEquality, isSigned16, isUnsigned16, isUnsignedOrder, type LowerContext, NEIGHBOURS, NO_REG, type Op, simplifyComparison } from '@polybpf/jit'; // prettier-ignore
import { conditionOf, IS_SET, LT } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { wordMask } from './lower-alu.ts';
import { loadSigned32, splitSum } from './lower-constant.ts';
import { recordResult } from './lower-fuse.ts';
import { R0, R11 } from './registers.ts';

const {
  addic_rc, addis, and, and_rc, andi_rc, andis_rc, b, bc, cmpd, cmpdi, cmpld, cmpldi, cmplw, cmplwi, cmpw, cmpwi, ld,
  rldicl_rc, rldicr_rc, rlwinm, rlwinm_rc, std,
} = INSTRUCTIONS; // prettier-ignore

/** `if (a cond b|imm) goto label`. */
export function lowerBranch(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const a = hw(cx, op.a);
  if (op.b === NO_REG) return branchOnConstant(cx, wide, a, simplifyComparison(op.cond, op.imm), op.label);
  const second = hw(cx, op.b);
  if (isBitTest(op.cond)) {
    emit(cx, wide ? and_rc : and, [R0, a, second]);
    if (!wide) emit(cx, cmpwi, [R0, 0]);
  } else compareRegisters(cx, wide, op.cond, a, second);
  emitTo(cx, bc, [conditionOf(op.cond)], op.label);
}

function compareRegisters(cx: LowerContext, wide: boolean, cond: Cond, a: number, second: number): void {
  if (isUnsignedOrder(cond)) emit(cx, wide ? cmpld : cmplw, [a, second]);
  else emit(cx, wide ? cmpd : cmpw, [a, second]);
}

/** Whether a comparison for `cond` has an immediate form that takes `imm`. */
function fitsCompare(cond: Cond, imm: number): boolean {
  if (isUnsignedOrder(cond)) return isUnsigned16(imm);
  return isSigned16(imm) || (isEquality(cond) && isUnsigned16(imm));
}

function branchOnConstant(cx: LowerContext, wide: boolean, a: number, comparison: Comparison, label: number): void {
  const { cond, imm } = comparison;
  if (isBitTest(cond)) return branchOnBits(cx, wide, a, comparison, label);
  const neighbour = NEIGHBOURS[cond];
  if (fitsCompare(cond, imm)) {
    compareImmediate(cx, wide, a, cond, imm);
  } else if (neighbour !== undefined && imm !== -1 && fitsCompare(neighbour[0], imm + neighbour[1])) {
    compareImmediate(cx, wide, a, neighbour[0], imm + neighbour[1]);
    return void emitTo(cx, bc, [conditionOf(neighbour[0])], label);
  } else if (branchOnHighBits(cx, wide, a, comparison, label)) {
    return;
  } else if (!(isEquality(cond) && compareDifference(cx, wide, a, imm))) {
    loadSigned32(cx, R0, imm);
    compareRegisters(cx, wide, cond, a, R0);
  }
  emitTo(cx, bc, [conditionOf(cond)], label);
}

function compareImmediate(cx: LowerContext, wide: boolean, a: number, cond: Cond, imm: number): void {
  if (imm === 0 && !isUnsignedOrder(cond) && (wide || isEquality(cond)) && recordResult(cx, a, !wide)) return;
  if (isUnsignedOrder(cond) || !isSigned16(imm)) emit(cx, wide ? cmpldi : cmplwi, [a, imm]);
  else emit(cx, wide ? cmpdi : cmpwi, [a, imm]);
}

/** Compares a - imm with 0 in two instructions; false when the difference cannot be formed. */
function compareDifference(cx: LowerContext, wide: boolean, a: number, imm: number): boolean {
  const { high, low } = splitSum(imm);
  // Word comparisons do not see a carry.
  if (wide && (high > 0x7fff || high === -0x8000)) return false;
  emit(cx, addis, [R0, a, high === 0x8000 || high === -0x8000 ? -0x8000 : -high]);
  emit(cx, wide ? cmpdi : cmpwi, [R0, low]);
  return true;
}

/** `a < 2^n` and the like ask whether bits n and above are zero: one instruction shifts and compares. */
function branchOnHighBits(
  cx: LowerContext,
  wide: boolean,
  a: number,
  { cond, imm }: Comparison,
  label: number,
): boolean {
  if (!isUnsignedOrder(cond)) return false;
  const isBelow = cond === 'ult' || cond === 'ule';
  const limit = cond === 'ult' || cond === 'uge' ? imm >>> 0 : (imm >>> 0) + 1;
  const bits = Math.log2(limit);
  if (!Number.isInteger(bits) || bits > 31 || (wide && imm < 0)) return false;
  if (wide) emit(cx, rldicl_rc, [R0, a, 64 - bits, bits]);
  else emit(cx, rlwinm_rc, [R0, a, 32 - bits, bits, 31]);
  emitTo(cx, bc, [conditionOf(isBelow ? 'eq' : 'ne')], label);
  return true;
}

/** `(a & imm) != 0`, or `== 0`; `imm` is not -1. */
function branchOnBits(cx: LowerContext, wide: boolean, a: number, { cond, imm }: Comparison, label: number): void {
  if (imm === 0) {
    // No bit is set in nothing.
    if (cond === 'nset') emitTo(cx, b, [], label);
    return;
  }
  const mask = wide && imm < 0 ? undefined : wordMask(imm);
  const zeros = wide && imm < 0 ? wordMask(~imm) : undefined;
  if ((imm >= 0 || !wide) && isUnsigned16(imm)) emit(cx, andi_rc, [R0, a, imm]);
  else if ((imm >= 0 || !wide) && (imm & 0xffff) === 0) emit(cx, andis_rc, [R0, a, imm >>> 16]);
  else if (mask !== undefined && mask.first <= mask.last) emit(cx, rlwinm_rc, [R0, a, 0, mask.first, mask.last]);
  else if (mask !== undefined) {
    // Ones that wrap around: the whole word is copied into the upper half.
    emit(cx, rlwinm, [R0, a, 0, mask.first, mask.last]);
    emit(cx, cmpwi, [R0, 0]);
  } else if (zeros?.last === 31) emit(cx, rldicr_rc, [R0, a, 0, 31 + zeros.first]);
  else {
    loadSigned32(cx, R0, imm);
    const isWordOnly = !wide && imm < 0;
    emit(cx, isWordOnly ? and : and_rc, [R0, a, R0]);
    if (isWordOnly) emit(cx, cmpwi, [R0, 0]);
  }
  emitTo(cx, bc, [conditionOf(cond)], label);
}

/** `goto label`. */
export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, b, [], op.label);
}

/** Counts down, and jumps when the counter was 0; it then stays so. */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { base, mayGotoOffset } = cx.frame;
  emit(cx, ld, [R11, mayGotoOffset, base]);
  emit(cx, addic_rc, [R11, R11, -1]);
  emitTo(cx, bc, [IS_SET + LT], op.label);
  emit(cx, std, [R11, mayGotoOffset, base]);
}
