/** Arithmetic and logic. Flags are dead between ops, so every form may change them. */
import { emit, hw, type LowerContext, NO_REG, type Op, R10 } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { takeLoad, takeRotate, takeScale } from './lower-fold.ts';
import { copy, frameAddress, isWide, leaSum, loadImm32, loadImm64, move } from './lower-move.ts';
import { RAX, RBP } from './registers.ts';

/** The forms of one two-operand instruction, [32-bit, 64-bit]. */
export interface AluForms {
  readonly reg: readonly [X64Form, X64Form];
  readonly imm8: readonly [X64Form, X64Form];
  readonly imm32: readonly [X64Form, X64Form];
  /** With eax or rax: no ModRM byte. */
  readonly accumulator: readonly [X64Form, X64Form];
  /** With a memory operand as the second. */
  readonly memory: readonly [X64Form, X64Form];
}

function aluForms(name: 'add' | 'or' | 'and' | 'sub' | 'xor' | 'cmp'): AluForms {
  return {
    reg: [I[`${name}_rm_r32`], I[`${name}_rm_r64`]],
    imm8: [I[`${name}_rm32_imm8`], I[`${name}_rm64_imm8`]],
    imm32: [I[`${name}_rm32_imm32`], I[`${name}_rm64_imm32`]],
    accumulator: [I[`${name}_eax_imm32`], I[`${name}_rax_imm32`]],
    memory: [I[`${name}_r_m32`], I[`${name}_r_m64`]],
  };
}

const ADD = /* @__PURE__ */ aluForms('add');
const SUB = /* @__PURE__ */ aluForms('sub');
const AND = /* @__PURE__ */ aluForms('and');
const OR = /* @__PURE__ */ aluForms('or');
const XOR = /* @__PURE__ */ aluForms('xor');
export const CMP: AluForms = /* @__PURE__ */ aluForms('cmp');

export function isImm8(imm: number): boolean {
  return imm >= -128 && imm <= 127;
}

/** `op d, b`, with b from memory when it has just been loaded for this. */
export function emitReg(cx: LowerContext, forms: AluForms, d: number, b: number, wide: boolean): void {
  const memory = d === b ? undefined : takeLoad(cx, b, wide);
  if (memory !== undefined) emit(cx, forms.memory[wide ? 1 : 0], [d, ...memory]);
  else emit(cx, forms.reg[wide ? 1 : 0], [d, b]);
}

/** `op d, imm` in the shortest form. */
export function emitImm(cx: LowerContext, forms: AluForms, d: number, imm: number, wide: boolean): void {
  const width = wide ? 1 : 0;
  if (isImm8(imm)) emit(cx, forms.imm8[width], [d, imm]);
  else if (d === RAX) emit(cx, forms.accumulator[width], [imm]);
  else emit(cx, forms.imm32[width], [d, imm]);
}

/** `add`. */
export function lowerAdd(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return frameAddress(cx, d, op.imm);
  const a = hw(cx, op.a);
  const wide = isWide(op);
  if (op.b === NO_REG) return addImm(cx, op, d, a, op.imm);
  const b = hw(cx, op.b);
  if (d === a && rotate(cx, d, b, wide)) return;
  const scaled = wide && a !== b ? takeScale(cx, b) : undefined;
  if (scaled !== undefined) emit(cx, I.lea_r64_index, [d, a, scaled.index, scaled.scale, 0]);
  else if (d === a) emitReg(cx, ADD, d, b, wide);
  else if (d === b) emit(cx, ADD.reg[wide ? 1 : 0], [d, a]);
  else leaSum(cx, d, a, b, wide);
}

/** Makes a rotate of two shifts that are about to be combined in d. */
function rotate(cx: LowerContext, d: number, t: number, wide: boolean): boolean {
  const rotation = takeRotate(cx, d, t, wide);
  if (rotation === undefined) return false;
  const { x, count } = rotation;
  move(cx, d, x, wide);
  if (count === 1) emit(cx, wide ? I.rol_rm64_1 : I.rol_rm32_1, [d]);
  else emit(cx, wide ? I.rol_rm64_imm8 : I.rol_rm32_imm8, [d, count]);
  return true;
}

function addImm(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  const wide = isWide(op);
  if (imm === 0) copy(cx, op, d, a);
  else if (d !== a) emit(cx, wide ? I.lea_r64 : I.lea_r32, [d, a, imm]);
  else if (imm === 1) emit(cx, wide ? I.inc_rm64 : I.inc_rm32, [d]);
  else if (imm === -1) emit(cx, wide ? I.dec_rm64 : I.dec_rm32, [d]);
  else if (imm === 128) emitImm(cx, SUB, d, -128, wide);
  else emitImm(cx, ADD, d, imm, wide);
}

/** `sub`. */
export function lowerSub(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const wide = isWide(op);
  if (op.b === NO_REG) {
    // -(-2^31) is no 32-bit immediate
    if (op.imm !== -2147483648 || !wide) return addImm(cx, op, d, a, -op.imm | 0);
    move(cx, d, a, wide);
    return emitImm(cx, SUB, d, op.imm, wide);
  }
  const b = hw(cx, op.b);
  if (d === b && d !== a) {
    emit(cx, wide ? I.neg_rm64 : I.neg_rm32, [d]);
    emit(cx, ADD.reg[wide ? 1 : 0], [d, a]);
    return;
  }
  move(cx, d, a, wide);
  emitReg(cx, SUB, d, b, wide);
}

/** `neg`. */
export function lowerNeg(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const wide = isWide(op);
  move(cx, d, hw(cx, op.a), wide);
  emit(cx, wide ? I.neg_rm64 : I.neg_rm32, [d]);
}

/** `mul`. */
export function lowerMul(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const wide = isWide(op);
  if (op.b !== NO_REG) {
    const b = hw(cx, op.b);
    const memory = d === a && d !== b ? takeLoad(cx, b, wide) : undefined;
    if (memory !== undefined) {
      emit(cx, wide ? I.imul_r_m64 : I.imul_r_m32, [d, ...memory]);
      return;
    }
    if (d !== b) move(cx, d, a, wide);
    emit(cx, wide ? I.imul_r_rm64 : I.imul_r_rm32, [d, d === b ? a : b]);
  } else if (op.imm === 0) emit(cx, I.xor_rm_r32, [d, d]);
  else if ((op.imm === 3 || op.imm === 5 || op.imm === 9) && (a & 7) !== RBP) {
    // a + a * 2, 4, 8: as long as imul, and one cycle
    emit(cx, wide ? I.lea_r64_index : I.lea_r32_index, [d, a, a, op.imm - 1, 0]);
  } else if (isImm8(op.imm)) emit(cx, wide ? I.imul_r_rm64_imm8 : I.imul_r_rm32_imm8, [d, a, op.imm]);
  else emit(cx, wide ? I.imul_r_rm64_imm32 : I.imul_r_rm32_imm32, [d, a, op.imm]);
}

/** `and`. */
export function lowerAnd(cx: LowerContext, op: Op): void {
  const { imm } = op;
  if (op.b !== NO_REG) return lowerLogic(cx, op, AND);
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (imm === 0xff) emit(cx, I.movzx_r32_rm8, [d, a]);
  else if (imm === 0xffff) emit(cx, I.movzx_r32_rm16, [d, a]);
  else if (imm === 0) emit(cx, I.xor_rm_r32, [d, d]);
  else if (imm === -1) copy(cx, op, d, a);
  else {
    // a mask below 2^31 clears the upper half, which is what 32-bit forms do
    const wide = isWide(op) && imm < 0;
    move(cx, d, a, wide);
    emitImm(cx, AND, d, imm, wide);
  }
}

/** `or`. */
export function lowerOr(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG || op.imm !== -1) return lowerLogic(cx, op, OR);
  if (isWide(op)) loadImm64(cx, hw(cx, op.d), -1, -1);
  else if (op.zext) loadImm64(cx, hw(cx, op.d), -1, 0);
  else loadImm32(cx, hw(cx, op.d), -1);
}

/** `xor`. */
export function lowerXor(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG || op.imm !== -1) return lowerLogic(cx, op, XOR);
  const d = hw(cx, op.d);
  const wide = isWide(op);
  move(cx, d, hw(cx, op.a), wide);
  emit(cx, wide ? I.not_rm64 : I.not_rm32, [d]);
}

function lowerLogic(cx: LowerContext, op: Op, forms: AluForms): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const wide = isWide(op);
  if (op.b === NO_REG) {
    if (op.imm === 0) return copy(cx, op, d, a);
    move(cx, d, a, wide);
    return emitImm(cx, forms, d, op.imm, wide);
  }
  const b = hw(cx, op.b);
  if (d === b) {
    emit(cx, forms.reg[wide ? 1 : 0], [d, a]);
    return;
  }
  if (d === a && forms !== AND && rotate(cx, d, b, wide)) return;
  move(cx, d, a, wide);
  emitReg(cx, forms, d, b, wide);
}

/** `bswap`. */
export function lowerBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const wide = op.width === 64;
  move(cx, d, hw(cx, op.a), wide);
  emit(cx, wide ? I.bswap_r64 : I.bswap_r32, [d]);
  // bytes 1 and 0 are bytes 2 and 3 now
  if (op.width === 16) emit(cx, I.shr_rm32_imm8, [d, 16]);
}
