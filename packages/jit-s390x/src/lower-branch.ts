/**
 * Conditional branches, jumps and may_goto.
 *
 * A comparison with a register or a small constant and its branch are one 6-byte instruction; with larger constants a
 * comparison of 4 or 6 bytes and a branch of 4. Layout widens branches that do not reach, see `branches.ts`.
 */
import { emit, emitTo, hw, isBitTest, isEquality, isSigned16, isUnsignedOrder, type LowerContext, NO_REG, type Op } from '@polybpf/jit'; // prettier-ignore
import { ALWAYS, BRANCHES as B, branchMask, maskOf, NEGATIVE, NOT_ZERO, ZERO } from './branches.ts';
import { FORMS as F, type S390xForm } from './instructions.ts';
import { bitRange, fuseBitTest, isZeroTested } from './lower-fuse.ts';
import { loadImm64 } from './lower-move.ts';
import { R0 } from './registers.ts';

/** `if (a cond b|imm) goto label`. */
export function lowerBranch(cx: LowerContext, op: Op): void {
  const { cond } = op;
  if (isBitTest(cond)) {
    testBits(cx, op);
    emitTo(cx, B.brc, [maskOf(cond)], op.label);
  } else if (op.b !== NO_REG) {
    emitTo(cx, registerForm(op), [maskOf(cond), hw(cx, op.a), hw(cx, op.b)], op.label);
  } else {
    branchOnConstant(cx, op);
  }
}

function registerForm(op: Op): S390xForm {
  if (op.width === 64) return isUnsignedOrder(op.cond) ? B.clgrj : B.cgrj;
  return isUnsignedOrder(op.cond) ? B.clrj : B.crj;
}

function branchOnConstant(cx: LowerContext, op: Op): void {
  const { cond, imm, label } = op;
  const wide = op.width === 64;
  const a = hw(cx, op.a);
  const mask = maskOf(cond);
  const unsigned = isUnsignedOrder(cond);
  if (isEquality(cond) && imm === 0 && branchOnZero(cx, a, op)) return;
  if ((unsigned || isEquality(cond)) && imm >= 0 && imm <= 255) {
    emitTo(cx, wide ? B.clgij : B.clij, [mask, a, imm], label);
  } else if (unsigned && wide && imm < 0) {
    // Compared with 64 bits whose upper half is all ones: no immediate form has those.
    loadImm64(cx, R0, imm, -1);
    emitTo(cx, B.clgrj, [mask, a, R0], label);
  } else if (unsigned) {
    emit(cx, wide ? F.clgfi : F.clfi, [a, imm | 0]);
    emitTo(cx, B.brc, [branchMask(mask)], label);
  } else if (imm >= -128 && imm <= 127) {
    emitTo(cx, wide ? B.cgij : B.cij, [mask, a, imm], label);
  } else {
    if (isSigned16(imm)) emit(cx, wide ? F.cghi : F.chi, [a, imm]);
    else emit(cx, wide ? F.cgfi : F.cfi, [a, imm]);
    emitTo(cx, B.brc, [branchMask(mask)], label);
  }
}

/** Branches on `a` being zero where the instructions before it tell; false when they do not. */
function branchOnZero(cx: LowerContext, a: number, { cond, width, label }: Op): boolean {
  const tested = fuseBitTest(cx, a, width);
  if (tested !== undefined) emit(cx, tested.form, [tested.source, tested.mask]);
  else if (!isZeroTested(cx, a, width)) return false;
  emitTo(cx, B.brc, [cond === 'eq' ? ZERO : NOT_ZERO], label);
  return true;
}

/** Sets condition code 0 when a & b has no bit set, and another one otherwise. */
function testBits(cx: LowerContext, op: Op): void {
  const a = hw(cx, op.a);
  const wide = op.width === 64;
  if (op.b !== NO_REG) {
    emit(cx, wide ? F.ngrk : F.nrk, [R0, a, hw(cx, op.b)]);
    return;
  }
  const { imm } = op;
  const high = wide && imm < 0 ? -1 : 0;
  const range = bitRange(imm, high);
  if (high === 0 && imm >>> 16 === 0) {
    emit(cx, F.tmll, [a, imm]);
  } else if (high === 0 && (imm & 0xffff) === 0) {
    emit(cx, F.tmlh, [a, imm >>> 16]);
  } else if (imm === -1) {
    emit(cx, wide ? F.ltgr : F.ltr, [R0, a]);
  } else if (range !== undefined) {
    emit(cx, F.risbg, [R0, a, range.first, range.last + 128, 0]);
  } else if (high === 0) {
    emit(cx, F.lr, [R0, a]);
    emit(cx, F.nilf, [R0, imm | 0]);
  } else {
    loadImm64(cx, R0, imm, high);
    emit(cx, F.ngr, [R0, a]);
  }
}

/** `goto label`. */
export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, B.brc, [ALWAYS], op.label);
}

/**
 * Counts down in memory and jumps when the counter was zero. Below zero it goes on falling, so that the jump is taken
 * ever after; 2^63 more rounds would be needed to come back.
 */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  emit(cx, F.agsi, [cx.frame.mayGotoOffset, cx.frame.base, -1]);
  emitTo(cx, B.brc, [NEGATIVE], op.label);
}
