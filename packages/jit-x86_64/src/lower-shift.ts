/**
 * Shifts. The CPU masks counts to the width of the operand as RFC 9669 sec. 4.1 wants (SDM vol. 2 SAL/SAR/SHL/SHR); a
 * count in a register must be in cl.
 */
import { emit, hw, isHwLiveAfter, type LowerContext, NO_REG, type Op } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { copy, leaSum, move } from './lower-move.ts';
import { RCX, SCRATCH1, SCRATCH2 } from './registers.ts';

interface ShiftForms {
  readonly one: readonly [X64Form, X64Form];
  readonly imm8: readonly [X64Form, X64Form];
  readonly cl: readonly [X64Form, X64Form];
}

function shiftForms(name: 'shl' | 'shr' | 'sar'): ShiftForms {
  return {
    one: [I[`${name}_rm32_1`], I[`${name}_rm64_1`]],
    imm8: [I[`${name}_rm32_imm8`], I[`${name}_rm64_imm8`]],
    cl: [I[`${name}_rm32_cl`], I[`${name}_rm64_cl`]],
  };
}

const SHL = /* @__PURE__ */ shiftForms('shl');
const SHR = /* @__PURE__ */ shiftForms('shr');
const SAR = /* @__PURE__ */ shiftForms('sar');

/** `lsh`. */
export function lowerLsh(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return shiftByRegister(cx, op, SHL);
  const count = op.imm & (op.width - 1);
  // bits below 32 do not depend on those above, and a count of 32 or more is none for 32-bit forms
  const wide = op.width === 64 && (op.zext || count >= 32);
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (count === 1 && d !== a) leaSum(cx, d, a, a, wide);
  else if (count === 1) emit(cx, wide ? I.add_rm_r64 : I.add_rm_r32, [d, d]);
  else shiftByConstant(cx, op, SHL, d, a, count, wide);
}

/** `rsh`. */
export function lowerRsh(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return shiftByRegister(cx, op, SHR);
  shiftByConstant(cx, op, SHR, hw(cx, op.d), hw(cx, op.a), op.imm & (op.width - 1), op.width === 64);
}

/** `arsh`. */
export function lowerArsh(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return shiftByRegister(cx, op, SAR);
  shiftByConstant(cx, op, SAR, hw(cx, op.d), hw(cx, op.a), op.imm & (op.width - 1), op.width === 64);
}

function shiftByConstant(
  cx: LowerContext,
  op: Op,
  forms: ShiftForms,
  d: number,
  a: number,
  count: number,
  wide: boolean,
): void {
  if (count === 0) {
    copy(cx, op, d, a);
    return;
  }
  move(cx, d, a, wide);
  if (count === 1) emit(cx, forms.one[wide ? 1 : 0], [d]);
  else emit(cx, forms.imm8[wide ? 1 : 0], [d, count]);
}

function shiftByRegister(cx: LowerContext, op: Op, forms: ShiftForms): void {
  // a count of 32 to 63 makes a 64-bit shift differ from a 32-bit one in all bits
  const wide = op.width === 64;
  const form = forms.cl[wide ? 1 : 0];
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const count = hw(cx, op.b);
  if ((d === RCX || d === count) && d !== a) {
    // d is in the way of the count: shift elsewhere
    const value = a === SCRATCH2 || count === SCRATCH1 ? SCRATCH2 : SCRATCH1;
    shiftInPlace(cx, form, value, a, count, wide, d !== RCX && isHwLiveAfter(cx, RCX));
    return move(cx, d, value, wide);
  }
  if (d === RCX && count !== RCX) {
    const value = count === SCRATCH1 ? SCRATCH2 : SCRATCH1;
    shiftInPlace(cx, form, value, a, count, wide, false);
    return move(cx, d, value, wide);
  }
  shiftInPlace(cx, form, d, a, count, wide, isHwLiveAfter(cx, RCX));
}

/** `d = a`, then shifts d, which is not rcx unless the count is there as well. */
function shiftInPlace(
  cx: LowerContext,
  form: X64Form,
  d: number,
  a: number,
  count: number,
  wide: boolean,
  keepRcx: boolean,
): void {
  move(cx, d, a, wide);
  if (count === RCX) {
    emit(cx, form, [d]);
    return;
  }
  const keep = d === SCRATCH1 || count === SCRATCH1 ? SCRATCH2 : SCRATCH1;
  if (keepRcx) emit(cx, I.mov_rm_r64, [keep, RCX]);
  emit(cx, I.mov_rm_r32, [RCX, count]);
  emit(cx, form, [d]);
  if (keepRcx) emit(cx, I.mov_rm_r64, [RCX, keep]);
}
