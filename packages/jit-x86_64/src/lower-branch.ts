/** Compare and branch, jumps, may_goto. */
import { type Cond, emit, emitTo, hw, type LowerContext, NO_REG, type Op } from '@polybpf/jit';
import { CONDITION_CODES } from './branches.ts';
import type { X64Form } from './encoder.ts';
import { INSTRUCTIONS as I, type InstructionName } from './instructions.ts';
import { CMP, emitImm, emitReg, isImm8 } from './lower-alu.ts';
import { loadedWidth, takeLoaded } from './lower-fold.ts';
import { RAX } from './registers.ts';

const JCC: Readonly<Record<Cond, X64Form>> = /* @__PURE__ */ Object.fromEntries(
  Object.entries(CONDITION_CODES).map(([cond, code]) => [cond, I[`j${code}_rel8` as InstructionName]]),
) as Record<Cond, X64Form>;

/** `branch`. */
export function lowerBranch(cx: LowerContext, op: Op): void {
  const a = hw(cx, op.a);
  const wide = op.width === 64;
  const { cond } = op;
  if (op.b !== NO_REG) {
    const b = hw(cx, op.b);
    if (cond === 'set' || cond === 'nset') emit(cx, wide ? I.test_rm_r64 : I.test_rm_r32, [a, b]);
    else emitReg(cx, CMP, a, b, wide);
    emitTo(cx, JCC[cond], [], op.label);
  } else if (cond === 'set' || cond === 'nset') branchOnBits(cx, a, op.imm, wide, cond === 'set', op.label);
  else branchOnImm(cx, a, op.imm, wide, cond, op.label);
}

function branchOnImm(cx: LowerContext, a: number, imm: number, wide: boolean, cond: Cond, label: number): void {
  // x < k + 1 is x <= k: the immediate nearer to zero may be shorter
  if (imm === 1 || imm === 128) {
    if (cond === 'ult' || cond === 'slt') [cond, imm] = [cond === 'ult' ? 'ule' : 'sle', imm - 1];
    else if (cond === 'uge' || cond === 'sge') [cond, imm] = [cond === 'uge' ? 'ugt' : 'sgt', imm - 1];
  } else if (imm === -1 || imm === -129) {
    if (cond === 'sle' || cond === 'sgt') [cond, imm] = [cond === 'sle' ? 'slt' : 'sge', imm + 1];
    else if (imm === -129 && (cond === 'ule' || cond === 'ugt')) [cond, imm] = [cond === 'ule' ? 'ult' : 'uge', -128];
  }
  if (compareMemory(cx, a, imm, wide, cond, label)) return;
  if (imm !== 0) {
    emitImm(cx, CMP, a, imm, wide);
    emitTo(cx, JCC[cond], [], label);
    return;
  }
  if (cond === 'ult') return; // never
  if (cond === 'uge') {
    emitTo(cx, I.jmp_rel8, [], label);
    return;
  }
  emit(cx, wide ? I.test_rm_r64 : I.test_rm_r32, [a, a]);
  emitTo(cx, branchOnSign(cond), [], label);
}

/** The condition on zero-extended values that holds when the given one does. */
const UNSIGNED: Readonly<Record<Cond, Cond>> = {
  eq: 'eq', ne: 'ne', ult: 'ult', ule: 'ule', ugt: 'ugt', uge: 'uge',
  slt: 'ult', sle: 'ule', sgt: 'ugt', sge: 'uge', set: 'set', nset: 'nset',
}; // prettier-ignore

/** Compares a value that has just been loaded for this where it is. */
function compareMemory(cx: LowerContext, a: number, imm: number, wide: boolean, cond: Cond, label: number): boolean {
  const loaded = loadedWidth(cx, a);
  // narrower loads are zero-extended, so that they compare with immediates of their own width as unsigned
  const isNarrow = loaded < (wide ? 64 : 32);
  if (loaded === 0 || (isNarrow && (imm < 0 || (loaded === 8 && imm > 255) || (loaded === 16 && imm > 127))))
    return false;
  if ((cond === 'ult' || cond === 'uge') && imm === 0) return false;
  const memory = takeLoaded(cx);
  const width = isNarrow ? loaded : wide ? 64 : 32;
  if (width === 8) emit(cx, I.cmp_m8_imm8, [...memory, (imm << 24) >> 24]);
  else if (width === 16) emit(cx, I.cmp_m16_imm8, [...memory, imm]);
  else if (isImm8(imm)) emit(cx, width === 64 ? I.cmp_m64_imm8 : I.cmp_m32_imm8, [...memory, imm]);
  else emit(cx, width === 64 ? I.cmp_m64_imm32 : I.cmp_m32_imm32, [...memory, imm]);
  emitTo(cx, JCC[isNarrow ? UNSIGNED[cond] : cond], [], label);
  return true;
}

/** Conditions against zero; those that need one flag only leave the peephole pass the most freedom. */
function branchOnSign(cond: Cond): X64Form {
  if (cond === 'ugt') return I.jne_rel8;
  if (cond === 'ule') return I.je_rel8;
  if (cond === 'slt') return I.js_rel8;
  if (cond === 'sge') return I.jns_rel8;
  return JCC[cond];
}

/** a & imm, with imm sign-extended when the comparison is wide. */
function branchOnBits(
  cx: LowerContext,
  a: number,
  imm: number,
  wide: boolean,
  jumpIfSet: boolean,
  label: number,
): void {
  if (imm === 0) {
    if (!jumpIfSet) emitTo(cx, I.jmp_rel8, [], label);
    return;
  }
  if (testMemory(cx, a, imm)) {
    emitTo(cx, jumpIfSet ? I.jne_rel8 : I.je_rel8, [], label);
    return;
  }
  if (imm > 255 && (imm & (imm - 1)) === 0) {
    // one bit, which goes to the carry flag: shorter than a mask
    emit(cx, I.bt_rm32_imm8, [a, 31 - Math.clz32(imm)]);
    emitTo(cx, jumpIfSet ? I.jb_rel8 : I.jae_rel8, [], label);
    return;
  }
  if (imm === -2147483648 && !wide) {
    emit(cx, I.test_rm_r32, [a, a]);
    emitTo(cx, jumpIfSet ? I.js_rel8 : I.jns_rel8, [], label);
    return;
  }
  if (imm === -1) emit(cx, wide ? I.test_rm_r64 : I.test_rm_r32, [a, a]);
  else if (imm > 0 && imm <= 255) {
    if (a === RAX) emit(cx, I.test_al_imm8, [imm]);
    else emit(cx, I.test_rm8_imm8, [a, imm]);
  } else {
    // a mask below 2^31 needs no upper half
    const mask64 = wide && imm < 0;
    if (a === RAX) emit(cx, mask64 ? I.test_rax_imm32 : I.test_eax_imm32, [imm]);
    else emit(cx, mask64 ? I.test_rm64_imm32 : I.test_rm32_imm32, [a, imm]);
  }
  emitTo(cx, jumpIfSet ? I.jne_rel8 : I.je_rel8, [], label);
}

/** Tests bits that lie in one byte of a value that has just been loaded for this. */
function testMemory(cx: LowerContext, a: number, mask: number): boolean {
  if (mask <= 0) return false;
  const byte = (31 - Math.clz32(mask)) >> 3;
  if ((mask & ((1 << (8 * byte)) - 1)) !== 0 || loadedWidth(cx, a) < 8 * (byte + 1)) return false;
  const [base, disp] = takeLoaded(cx);
  emit(cx, I.test_m8_imm8, [base!, disp! + byte, mask >>> (8 * byte)]);
  return true;
}

/** `jump`. */
export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, I.jmp_rel8, [], op.label);
}

/** `may_goto`: jumps while the counter is zero, else counts down. */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { base, mayGotoOffset } = cx.frame;
  emit(cx, I.cmp_m32_imm8, [base, mayGotoOffset, 0]);
  emitTo(cx, I.je_rel8, [], op.label);
  emit(cx, I.dec_m32, [base, mayGotoOffset]);
}
