/** Arithmetic and moves. */
import { emit, hw, isFusible, isHwLiveAfter, isSigned12, isSpent, isUnsigned12, lastNode, type LowerContext, type Lowerings, type MachineForm, type Op, operandLowerings, powerOf, R10, runOf, SIGN, ZEROS } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { constantLength, constantRegister, emitAddImm, isShortAddition } from './lower-constant.ts';
import { freeRegister, move, retarget, zext32 } from './lower-fuse.ts';
import { SP, ZERO } from './registers.ts';

const {
  add_d, add_w, addi_d, addi_w, alsl_d, and, andi, bstrins_d, bstrpick_d, ext_w_b, ext_w_h, mul_d, mul_w, nor, or, ori,
  sll_d, sll_w, slli_d, slli_w, sra_d, sra_w, srai_d, srai_w, srl_d, srl_w, srli_d, srli_w, sub_d, sub_w, xor, xori,
} = INSTRUCTIONS; // prettier-ignore

/** Register forms by op, [32 bits, 64 bits]; the 32-bit ones sign-extend. */
const REGISTER_FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  add: [add_w, add_d],
  sub: [sub_w, sub_d],
  mul: [mul_w, mul_d],
  and: [and, and],
  or: [or, or],
  xor: [xor, xor],
  lsh: [sll_w, sll_d],
  rsh: [srl_w, srl_d],
  arsh: [sra_w, sra_d],
};

/** Two-operand arithmetic but division. */
export const ALU: Pick<Lowerings, 'arithmetic' | 'shift'> = /* @__PURE__ */ operandLowerings(lowerRegisters, {
  add: emitAddition,
  sub: emitWithConstant,
  mul: emitProduct,
  and: emitMask,
  or: emitLogical,
  xor: emitLogical,
  lsh: emitShiftLeft,
  rsh: emitShiftRight,
  arsh: emitShiftRightSigned,
});

function lowerRegisters(cx: LowerContext, op: Op): void {
  const [d, a, b] = [hw(cx, op.d), hw(cx, op.a), hw(cx, op.b)];
  if (op.kind === 'add' && (emitShiftedSum(cx, op, d, a, b) || emitShiftedSum(cx, op, d, b, a))) return;
  emitBinary(cx, op, d, a, b);
}

/** `shifted <<= 1..4; d = shifted + other` in one instruction. */
function emitShiftedSum(cx: LowerContext, op: Op, d: number, shifted: number, other: number): boolean {
  const shift = lastNode(cx);
  if (op.width !== 64 || shifted === other || !isFusible(cx, shift, slli_d, shifted, d)) return false;
  const [, source, amount] = shift.operands as [number, number, number];
  if (amount < 1 || amount > 4) return false;
  cx.nodes.pop();
  emit(cx, alsl_d, [d, source, other, amount]);
  return true;
}

/** d = a op b, in the width of the op; what follows when the upper half must be zero is part of it. */
function emitBinary(cx: LowerContext, op: Op, d: number, a: number, b: number): void {
  const [narrow, full] = REGISTER_FORMS[op.kind]!;
  emit(cx, op.width === 64 ? full : narrow, [d, a, b]);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}

/** Disjunctions. */
function emitLogical(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (imm === -1 && op.kind === 'xor') emit(cx, nor, [d, a, ZERO]);
  else if (isUnsigned12(imm)) emit(cx, op.kind === 'or' ? ori : xori, [d, a, imm]);
  else return emitWithConstant(cx, op, d, a, imm);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}

/** With the immediate in a register: in d when that is free. */
function emitWithConstant(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  emitBinary(cx, op, d, a, constantRegister(cx, imm, d === a ? freeRegister(cx, op) : d));
}

function emitAddition(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (op.a === R10) return emitFrameAddress(cx, op, d, cx.frame.bias + imm);
  const narrow = op.width === 32;
  if (narrow && isSigned12(imm)) emit(cx, addi_w, [d, a, imm]);
  else if (isShortAddition(imm) && !(narrow && op.zext && imm < 0)) emitAddImm(cx, d, a, imm, d);
  else return emitWithConstant(cx, { ...op, kind: 'add' }, d, a, imm);
  if (narrow && op.zext) zext32(cx, d, d);
}

/** d = sp + offset. */
function emitFrameAddress(cx: LowerContext, op: Op, d: number, offset: number): void {
  if (d === SP) throw new Error('BUG: the stack pointer is no result');
  if (isSigned12(offset)) return void emit(cx, addi_d, [d, SP, offset]);
  if (offset !== (offset | 0)) {
    // r10 plus a constant near 2^31.
    emit(cx, addi_d, [d, SP, cx.frame.bias]);
    return emitAddImm(cx, d, d, offset - cx.frame.bias, freeRegister(cx, op));
  }
  emitAddImm(cx, d, SP, offset, d);
}

function emitMask(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (imm === -1) return emitMove(cx, op, d, a);
  const ones = imm > 0 ? runOf(imm) : undefined;
  if (ones !== undefined && ones[0] === 0) return emitLowBits(cx, d, a, ones[1]);
  if (isUnsigned12(imm)) return void emit(cx, andi, [d, a, imm]);
  if (ones !== undefined && constantLength(imm) === 2) {
    emit(cx, bstrpick_d, [d, a, ones[1], ones[0]]);
    emit(cx, slli_d, [d, d, ones[0]]);
    return;
  }
  const zeros = imm < 0 ? runOf(~imm) : undefined;
  if (zeros === undefined) return emitWithConstant(cx, op, d, a, imm);
  emitMove(cx, op, d, a);
  emit(cx, bstrins_d, [d, ZERO, zeros[1], zeros[0]]);
}

/** d = bits 0 to msb of a; a shift right in front is part of it. */
function emitLowBits(cx: LowerContext, d: number, a: number, msb: number): void {
  const shift = lastNode(cx);
  const isNarrow = isFusible(cx, shift, srli_w, a, d);
  if (isNarrow || isFusible(cx, shift, srli_d, a, d)) {
    const [, source, amount] = shift!.operands as [number, number, number];
    cx.nodes.pop();
    emit(cx, bstrpick_d, [d, source, Math.min(amount + msb, isNarrow ? 31 : 63), amount]);
  } else if (msb < 12) emit(cx, andi, [d, a, (1 << (msb + 1)) - 1]);
  else emit(cx, bstrpick_d, [d, a, msb, 0]);
}

/** d = a, zero-extended when 32 bits wide and asked for. */
function emitMove(cx: LowerContext, op: Op, d: number, a: number): void {
  if (op.width === 32 && op.zext) zext32(cx, d, a);
  else move(cx, d, a);
}

function emitShiftLeft(cx: LowerContext, op: Op, d: number, a: number, amount: number): void {
  emit(cx, op.width === 64 ? slli_d : slli_w, [d, a, amount]);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}

function emitShiftRight(cx: LowerContext, op: Op, d: number, a: number, amount: number): void {
  if (op.width === 32) return void emit(cx, srli_w, [d, a, amount]);
  const node = lastNode(cx);
  if (node !== undefined && isSpent(cx, a, d) && node.operands[0] === a) {
    const [, source, left, low] = node.operands as [number, number, number, number];
    const [msb, lsb] = node.form === bstrpick_d ? [left, low + amount] : [63 - left, amount - left];
    if ((node.form === bstrpick_d || node.form === slli_d) && lsb >= 0 && lsb <= msb) {
      cx.nodes.pop();
      return void emit(cx, bstrpick_d, [d, source, msb | 0, lsb | 0]);
    }
  }
  emit(cx, srli_d, [d, a, amount]);
}

function emitShiftRightSigned(cx: LowerContext, op: Op, d: number, a: number, amount: number): void {
  emit(cx, op.width === 64 ? srai_d : srai_w, [d, a, amount]);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}

/** d = a * imm; shifted and added where that is no longer. */
function emitProduct(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (imm === 0) return void emit(cx, or, [d, ZERO, ZERO]);
  const narrow = op.width === 32;
  if (imm === -1) return emitNegation(cx, op, d, a);
  if (narrow && powerOf(imm) >= 0) return emitShiftLeft(cx, { ...op, kind: 'lsh' }, d, a, powerOf(imm));
  const temp = d === a ? freeRegister(cx, op) : d;
  const [above, below] = imm > 0 ? [powerOf(imm - 1), powerOf(imm + 1)] : [-1, -1];
  if (above > 0 && above <= 4) emit(cx, alsl_d, [d, a, a, above]);
  else if (above > 0) {
    emit(cx, slli_d, [temp, a, above]);
    emit(cx, narrow ? add_w : add_d, [d, temp, a]);
  } else if (below > 0 && below < 31) {
    emit(cx, slli_d, [temp, a, below]);
    emit(cx, narrow ? sub_w : sub_d, [d, temp, a]);
  } else emit(cx, narrow ? mul_w : mul_d, [d, a, constantRegister(cx, imm, temp)]);
  if (narrow && op.zext) zext32(cx, d, d);
}

/** Copies and zero-extensions. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return emitFrameAddress(cx, op, d, cx.frame.bias);
  const a = hw(cx, op.a);
  if (op.width === 64 || (op.width === 32 && !op.zext)) {
    if (d === a || (!isHwLiveAfter(cx, a) && retarget(cx, a, d))) return;
    move(cx, d, a);
  } else if (op.width === 32 && (upperHalf(cx, a) & ZEROS) !== 0) move(cx, d, a);
  else emitLowBits(cx, d, a, op.width - 1);
}

/** Sign extension of the low `from` bits to 64 bits, or to 32 with a zero upper half. */
export function lowerSext(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.from === 32) {
    if (op.zext && (upperHalf(cx, a) & SIGN) === 0) emit(cx, addi_w, [d, a, 0]);
    else move(cx, d, a);
    return;
  }
  emit(cx, op.from === 8 ? ext_w_b : ext_w_h, [d, a]);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}

export function lowerNeg(cx: LowerContext, op: Op): void {
  emitNegation(cx, op, hw(cx, op.d), hw(cx, op.a));
}

/** d = -a, in the width of the op. */
export function emitNegation(cx: LowerContext, op: Op, d: number, a: number): void {
  emit(cx, op.width === 64 ? sub_d : sub_w, [d, ZERO, a]);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}
