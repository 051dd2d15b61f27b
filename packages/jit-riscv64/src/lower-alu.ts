/** Arithmetic and moves. */
import { emit, hw, isFusible, isHwLiveAfter, isSigned12, lastNode, type LowerContext, type Lowerings, type MachineForm, type Op, operandLowerings, powerOf, R10, retargetLast, SIGN, ZEROS } from '@polybpf/jit'; // prettier-ignore
import { lengthOf } from './compress.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { constantBytes, constantRegister, emitAddImm } from './lower-constant.ts';
import { freeRegister, has, zext32 } from './lower-fuse.ts';
import { isCompressible, SP, ZERO } from './registers.ts';

const {
  add, add_uw, addi, addiw, addw, and, andi, mul, mulw, or, ori, sext_b, sext_h, sh1add, sh2add, sh3add, sll, slli, slli_uw,
  slliw, sllw, sra, srai, sraiw, sraw, srl, srli, srliw,
  srlw, sub, subw, xor, xori, zext_h,
} = INSTRUCTIONS; // prettier-ignore

/** Register forms by op, [32 bits, 64 bits]; the 32-bit ones sign-extend. */
const REGISTER_FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  add: [addw, add],
  sub: [subw, sub],
  mul: [mulw, mul],
  and: [and, and],
  or: [or, or],
  xor: [xor, xor],
  lsh: [sllw, sll],
  rsh: [srlw, srl],
  arsh: [sraw, sra],
};

/** Whether the low half of the result depends on the low halves of the operands only. */
function isLocal(kind: string): boolean {
  return kind !== 'lsh' && kind !== 'rsh' && kind !== 'arsh';
}

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
  const { kind } = op;
  if (kind === 'add' && op.width === 64 && fuseScaledAdd(cx, op)) return;
  emitBinary(cx, op, hw(cx, op.d), hw(cx, op.a), hw(cx, op.b), REGISTER_FORMS[kind]!);
}

const SCALED_ADDS: readonly (MachineForm | undefined)[] = [undefined, sh1add, sh2add, sh3add];

/** Adds what the last instruction has shifted left by 1 to 3. */
function fuseScaledAdd(cx: LowerContext, op: Op): boolean {
  if (!has(cx, 'zba') || op.a === op.b) return false;
  const d = hw(cx, op.d);
  for (const [shifted, other] of [
    [op.a, op.b],
    [op.b, op.a],
  ] as const) {
    // prettier-ignore
    const node = lastNode(cx);
    const register = hw(cx, shifted);
    if (!isFusible(cx, node, slli, register, d)) continue;
    const [, source, amount] = node.operands as [number, number, number];
    const form = SCALED_ADDS[amount];
    if (form === undefined) return false;
    cx.nodes.pop();
    emit(cx, form, [d, source, hw(cx, other)]);
    return true;
  }
  return false;
}

/** d = a op b, in the width of the op; what follows when the upper half must be zero is part of it. */
function emitBinary(
  cx: LowerContext,
  op: Op,
  d: number,
  a: number,
  b: number,
  [narrow, full]: readonly [MachineForm, MachineForm],
  prefersSign = false,
): void {
  if (op.width === 64) return void emit(cx, full, [d, a, b]);
  // Where the 64-bit instruction is shorter, it serves, unless the second operand is a constant that is kept, which
  // saves more than that; else its narrow kin, whose sign says more later on.
  const isLonger = !prefersSign && isLocal(op.kind) && length(narrow, d, a, b) > length(full, d, a, b);
  emit(cx, (op.zext && isLocal(op.kind)) || isLonger ? full : narrow, [d, a, b]);
  if (op.zext) zext32(cx, d, d);
}

function length(form: MachineForm, a: number, b: number, c: number): number {
  return lengthOf(form as typeof add, a, b, c);
}

/** Disjunctions. */
function emitLogical(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (!isSigned12(imm)) return emitWithConstant(cx, op, d, a, imm);
  emit(cx, op.kind === 'or' ? ori : xori, [d, a, imm]);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}

/** With the immediate in a register: in d when that is free. */
function emitWithConstant(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  const temp = d === a ? freeRegister(cx, op) : d;
  // Additions are short with any register; those of 32 bits that say something of the sign are not.
  const isAddition = op.kind === 'add' || op.kind === 'sub';
  const isShortIn = isAddition ? op.width === 32 && !op.zext : isCompressible(d) && isCompressible(temp);
  const constant = constantRegister(cx, imm, temp, isShortIn);
  emitBinary(cx, op, d, a, constant, REGISTER_FORMS[op.kind]!, constant !== temp);
}

function emitAddition(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (op.a === R10) return emitFrameAddress(cx, op, d, cx.frame.bias + imm);
  if (op.width === 32 && !op.zext && isSigned12(imm)) return void emit(cx, addiw, [d, a, imm]);
  if (constantBytes(imm) >= 6) return emitWithConstant(cx, { ...op, kind: 'add' }, d, a, imm);
  emitAddImm(cx, d, a, imm, d === a ? freeRegister(cx, op) : d);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}

/** d = sp + offset. */
function emitFrameAddress(cx: LowerContext, op: Op, d: number, offset: number): void {
  if (d === SP) throw new Error('BUG: the stack pointer is no result');
  if (isSigned12(offset)) return void emit(cx, addi, [d, SP, offset]);
  if (offset !== (offset | 0)) {
    // r10 plus a constant near 2^31.
    emit(cx, addi, [d, SP, cx.frame.bias]);
    return emitAddImm(cx, d, d, offset - cx.frame.bias, freeRegister(cx, op));
  }
  emitAddImm(cx, d, SP, offset, d);
}

function emitMask(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (imm === -1) return emitMove(cx, op, d, a);
  const narrow = op.width === 32;
  const zext = narrow && op.zext;
  const clears = imm < 0 ? powerOf(-imm) : -1;
  if (clears > 0 && zext) {
    emit(cx, srliw, [d, a, clears]);
    emit(cx, slli, [d, d, clears]);
    return;
  }
  if (isSigned12(imm)) {
    emit(cx, andi, [d, a, imm]);
    if (zext) zext32(cx, d, d);
    return;
  }
  const keeps = imm > 0 ? powerOf(imm + 1) : -1;
  // 2^31 - 1 plus one is -2^31 in 32 bits: a power as well.
  if (keeps > 0) {
    emit(cx, slli, [d, a, 64 - keeps]);
    emit(cx, srli, [d, d, 64 - keeps]);
    return;
  }
  if (clears > 0) {
    emit(cx, srli, [d, a, clears]);
    emit(cx, slli, [d, d, clears]);
    return;
  }
  emitWithConstant(cx, op, d, a, imm);
}

/** d = a, zero-extended when 32 bits wide and asked for. */
function emitMove(cx: LowerContext, op: Op, d: number, a: number): void {
  if (op.width === 32 && op.zext) zext32(cx, d, a);
  else if (d !== a) emit(cx, addi, [d, a, 0]);
}

/** Whether the last two nodes zero-extend the low half of some register into `register`, for the op that writes `d`. */
function isZext(cx: LowerContext, register: number, d: number): boolean {
  const { nodes } = cx;
  const [left, right] = [nodes[nodes.length - 2], lastNode(cx)];
  return (
    isFusible(cx, right, srli, register, d) &&
    right.operands[1] === register &&
    right.operands[2] === 32 &&
    isFusible(cx, left, slli, register, d) &&
    left.operands[2] === 32
  );
}

/** Takes back the second half of a zero-extension; the register holds the low half in its upper half then. */
function unextend(cx: LowerContext, register: number, d: number): boolean {
  if (!isZext(cx, register, d)) return false;
  cx.nodes.pop();
  return true;
}

function emitShiftLeft(cx: LowerContext, op: Op, d: number, a: number, amount: number): void {
  if (op.width === 64) {
    const node = lastNode(cx);
    if (isFusible(cx, node, add_uw, a, d) && node.operands[2] === ZERO) {
      cx.nodes.pop();
      return void emit(cx, slli_uw, [d, node.operands[1]!, amount]);
    }
    if (amount <= 32 && unextend(cx, a, d)) {
      if (amount < 32) emit(cx, srli, [d, a, 32 - amount]);
      else if (d !== a) emit(cx, addi, [d, a, 0]);
      return;
    }
    return void emit(cx, slli, [d, a, amount]);
  }
  if (op.zext) {
    emit(cx, slli, [d, a, 32 + amount]);
    emit(cx, srli, [d, d, 32]);
  } else emit(cx, d === a ? slli : slliw, [d, a, amount]);
}

function emitShiftRight(cx: LowerContext, op: Op, d: number, a: number, amount: number): void {
  if (op.width === 64) {
    if (amount < 32 && unextend(cx, a, d)) return void emit(cx, srli, [d, a, 32 + amount]);
    return void emit(cx, srli, [d, a, amount]);
  }
  const isShort = d === a && isCompressible(d) && (upperHalf(cx, a) & ZEROS) !== 0;
  emit(cx, isShort ? srli : srliw, [d, a, amount]);
}

function emitShiftRightSigned(cx: LowerContext, op: Op, d: number, a: number, amount: number): void {
  if (op.width === 64) return void emit(cx, srai, [d, a, amount]);
  if (!op.zext) {
    const isShort = d === a && isCompressible(d) && (upperHalf(cx, a) & SIGN) !== 0;
    return void emit(cx, isShort ? srai : sraiw, [d, a, amount]);
  }
  if (d === a && isCompressible(d)) {
    emit(cx, slli, [d, d, 32]);
    emit(cx, srai, [d, d, amount]);
    return void emit(cx, srli, [d, d, 32]);
  }
  emit(cx, sraiw, [d, a, amount]);
  zext32(cx, d, d);
}

/** d = a * imm; two instructions, shifted and added where that is no longer. */
function emitProduct(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (imm === 0) return void emit(cx, addi, [d, ZERO, 0]);
  const narrow = op.width === 32;
  const zext = narrow && op.zext;
  if (imm === -1) return emitNegation(cx, op, d, a);
  if (narrow && powerOf(imm) >= 0) return emitShiftLeft(cx, { ...op, kind: 'lsh' }, d, a, powerOf(imm));
  const temp = d === a ? freeRegister(cx, op) : d;
  const product = constantBytes(imm) + 4;
  const [above, below] = imm > 0 ? [powerOf(imm - 1), powerOf(imm + 1)] : [-1, -1];
  if (above > 0 && 4 + lengthOf(add, d, temp, a) <= product) {
    emit(cx, slli, [temp, a, above]);
    emit(cx, narrow && !zext ? addw : add, [d, temp, a]);
  } else if (below > 0 && below < 31 && 4 + lengthOf(sub, d, temp, a) <= product) {
    emit(cx, slli, [temp, a, below]);
    emit(cx, narrow && !zext ? subw : sub, [d, temp, a]);
  } else {
    const factor = constantRegister(cx, imm, temp);
    emit(cx, narrow && !zext ? mulw : mul, [d, a, factor]);
  }
  if (zext) zext32(cx, d, d);
}

/** Copies and zero-extensions. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return emitFrameAddress(cx, op, d, cx.frame.bias);
  const a = hw(cx, op.a);
  if (op.width === 64 || (op.width === 32 && !op.zext)) {
    if (d === a || (!isHwLiveAfter(cx, a) && retargetLast(cx, a, d))) return;
    emit(cx, addi, [d, a, 0]);
  } else if (op.width === 32) zext32(cx, d, a);
  else if (op.width === 8) emit(cx, andi, [d, a, 0xff]);
  else if (has(cx, 'zbb')) emit(cx, zext_h, [d, a]);
  else {
    emit(cx, slli, [d, a, 48]);
    emit(cx, srli, [d, d, 48]);
  }
}

/** Sign extension of the low `from` bits to 64 bits, or to 32 with a zero upper half. */
export function lowerSext(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.from === 32) {
    if (op.zext && (upperHalf(cx, a) & SIGN) === 0) emit(cx, addiw, [d, a, 0]);
    else if (d !== a) emit(cx, addi, [d, a, 0]);
    return;
  }
  if (has(cx, 'zbb')) {
    emit(cx, op.from === 8 ? sext_b : sext_h, [d, a]);
    if (op.width === 32 && op.zext) zext32(cx, d, d);
    return;
  }
  const shift = 64 - op.from;
  emit(cx, slli, [d, a, shift]);
  if (op.width === 32 && op.zext) {
    emit(cx, srai, [d, d, shift - 32]);
    emit(cx, srli, [d, d, 32]);
  } else emit(cx, srai, [d, d, shift]);
}

export function lowerNeg(cx: LowerContext, op: Op): void {
  emitNegation(cx, op, hw(cx, op.d), hw(cx, op.a));
}

function emitNegation(cx: LowerContext, op: Op, d: number, a: number): void {
  emit(cx, op.width === 64 || op.zext ? sub : subw, [d, ZERO, a]);
  if (op.width === 32 && op.zext) zext32(cx, d, d);
}
