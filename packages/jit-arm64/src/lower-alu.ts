/** Arithmetic, moves, byte swaps and constants. */
import { emit, hw, isHwLiveAfter, isSpent, lastNode, type LowerContext, type MachineForm, NO_REG, type Op, powerOf, R10 } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { ADD_LIMIT, emitAddImm, loadImm64, maskOf } from './lower-constant.ts';
import { extendType, retarget, shiftAmount, shiftType } from './lower-fuse.ts';
import { SP, X16, X17, ZR } from './registers.ts';

const {
  add_ext_x, add_shift_w, add_shift_x, add_w, add_x, and_imm_w, and_imm_x, and_shift_w, and_shift_x, and_w, and_x, asrv_w,
  asrv_x, eor_imm_w, eor_imm_x, eor_shift_w, eor_shift_x, eor_w, eor_x, extr_w, extr_x, lslv_w, lslv_x, lsrv_w, lsrv_x,
  madd_w, madd_x, mov_w, mov_x, movn_w, movn_x, msub_w, msub_x, mul_w, mul_x, mvn_w, mvn_x, neg_w, neg_x, orr_imm_w,
  orr_imm_x, orr_shift_w, orr_shift_x, orr_w, orr_x, rev16_w, rev_w, rev_x, sbfm_w, sbfm_x, sdiv_w, sdiv_x, sub_ext_x,
  sub_shift_w, sub_shift_x, sub_w, sub_x, ubfm_w, ubfm_x, udiv_w, udiv_x,
} = INSTRUCTIONS; // prettier-ignore

/** Register forms by op, [32 bits, 64 bits]. */
const REGISTER_FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  add: [add_w, add_x],
  sub: [sub_w, sub_x],
  mul: [mul_w, mul_x],
  and: [and_w, and_x],
  or: [orr_w, orr_x],
  xor: [eor_w, eor_x],
  udiv: [udiv_w, udiv_x],
  sdiv: [sdiv_w, sdiv_x],
  lsh: [lslv_w, lslv_x],
  rsh: [lsrv_w, lsrv_x],
  arsh: [asrv_w, asrv_x],
};

/** Forms that shift their second operand first. */
const SHIFTED_FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  add: [add_shift_w, add_shift_x],
  sub: [sub_shift_w, sub_shift_x],
  and: [and_shift_w, and_shift_x],
  or: [orr_shift_w, orr_shift_x],
  xor: [eor_shift_w, eor_shift_x],
};

const LOGICAL_FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  and: [and_imm_w, and_imm_x],
  or: [orr_imm_w, orr_imm_x],
  xor: [eor_imm_w, eor_imm_x],
};

/** Any two-operand arithmetic, with a register or an immediate that fits. */
export function lowerAlu(cx: LowerContext, op: Op): void {
  if (op.b === NO_REG) lowerAluImm(cx, op);
  else lowerAluReg(cx, op);
}

function lowerAluReg(cx: LowerContext, op: Op): void {
  const { kind } = op;
  const wide = op.width === 64;
  const [d, b] = [hw(cx, op.d), hw(cx, op.b)];
  let a: number;
  if (op.a === R10) {
    // r10 plus a constant that did not fit.
    a = X17;
    emitFrameAddress(cx, a, cx.frame.bias);
  } else a = hw(cx, op.a);
  if (kind === 'umod' || kind === 'smod') return emitRemainder(cx, kind === 'smod', wide, d, a, b);
  if (SHIFTED_FORMS[kind] !== undefined && a !== b && fuseOperand(cx, op, wide, d, a, b)) return;
  emit(cx, REGISTER_FORMS[kind]![wide ? 1 : 0], [d, a, b]);
}

/**
 * a - a / b * b. udiv gives 0 for x / 0, so that the remainder is x; sdiv wraps INT_MIN / -1 to INT_MIN, so that the
 * remainder is 0: what RFC 9669 sec. 4.1 asks for.
 */
function emitRemainder(cx: LowerContext, signed: boolean, wide: boolean, d: number, a: number, b: number): void {
  const quotient = b === X16 ? X17 : X16;
  emit(cx, signed ? (wide ? sdiv_x : sdiv_w) : wide ? udiv_x : udiv_w, [quotient, a, b]);
  emit(cx, wide ? msub_x : msub_w, [d, quotient, b, a]);
}

/** Takes the instruction that made one operand into the op: shifts, extensions, products and halves of rotations. */
function fuseOperand(cx: LowerContext, op: Op, wide: boolean, d: number, a: number, b: number): boolean {
  const node = lastNode(cx);
  if (node === undefined) return false;
  const made = node.operands[0]!;
  if ((made !== a && made !== b) || !isSpent(cx, made, d)) return false;
  const { kind } = op;
  // The made operand second; only sub minds the order.
  if (made === a && kind === 'sub') return false;
  const other = made === b ? a : b;
  const shift = shiftType(node, wide);
  if (shift >= 0) {
    const source = node.operands[1]!;
    const amount = shiftAmount(node, wide);
    cx.nodes.pop();
    if (kind !== 'and' && kind !== 'sub' && fuseRotation(cx, wide, d, other, source, shift, amount)) return true;
    emit(cx, SHIFTED_FORMS[kind]![wide ? 1 : 0], [d, other, source, shift, amount]);
    return true;
  }
  if (kind !== 'add' && kind !== 'sub') return false;
  const extend = wide ? extendType(node) : -1;
  if (extend >= 0) {
    cx.nodes.pop();
    emit(cx, kind === 'add' ? add_ext_x : sub_ext_x, [d, other, node.operands[1]!, extend]);
    return true;
  }
  if (node.form === (wide ? mul_x : mul_w)) {
    cx.nodes.pop();
    const form = kind === 'add' ? (wide ? madd_x : madd_w) : wide ? msub_x : msub_w;
    emit(cx, form, [d, node.operands[1]!, node.operands[2]!, other]);
    return true;
  }
  return false;
}

/** `(x << n) | (y >> (width - n))` is one extr, a rotation when x is y. Both shifted values must be spent. */
function fuseRotation(
  cx: LowerContext,
  wide: boolean,
  d: number,
  other: number,
  source: number,
  shift: number,
  amount: number,
): boolean {
  const node = lastNode(cx);
  const otherShift = shiftType(node, wide);
  const width = wide ? 64 : 32;
  if (node === undefined || node.operands[0] !== other || !isSpent(cx, other, d)) return false;
  // One shifts left, the other logically right, and the second read its source before the first one changed it.
  if (otherShift + shift !== 1 || otherShift === shift || shiftAmount(node, wide) + amount !== width) return false;
  if (source === other) return false;
  const otherSource = node.operands[1]!;
  cx.nodes.pop();
  const operands = shift === 0 ? [d, source, otherSource, width - amount] : [d, otherSource, source, amount];
  emit(cx, wide ? extr_x : extr_w, operands);
  return true;
}

function lowerAluImm(cx: LowerContext, op: Op): void {
  const { kind, imm } = op;
  const wide = op.width === 64;
  const [d, a] = [hw(cx, op.d), op.a === R10 ? SP : hw(cx, op.a)];
  switch (kind) {
    case 'add':
      if (op.a === R10) return emitFrameAddress(cx, d, cx.frame.bias + imm);
      return emitAddImm(cx, wide, d, a, imm);
    case 'and':
    case 'or':
    case 'xor':
      return emitLogicalImm(cx, kind, wide, d, a, imm);
    case 'lsh':
      return emitShiftLeft(cx, wide, d, a, imm);
    case 'rsh':
    case 'arsh':
      return emitShiftRight(cx, kind === 'arsh', wide, d, a, imm);
    case 'mul':
      return emitProduct(cx, wide, d, a, imm);
    case 'udiv':
      // x / 0 = 0 (RFC 9669 sec. 4.1)
      if (imm === 0) return void emit(cx, mov_x, [d, ZR]);
      return emitShiftRight(cx, false, wide, d, a, powerOf(imm));
    case 'umod':
      if (imm === 0) return emitMove(cx, wide, d, a);
      return emitLogicalImm(cx, 'and', wide, d, a, imm - 1);
    case 'sdiv':
      if (imm === 0) return void emit(cx, mov_x, [d, ZR]);
      if (imm === -1) return void emit(cx, wide ? neg_x : neg_w, [d, a]);
      return emitMove(cx, wide, d, a);
    case 'smod':
      if (imm === 0) return emitMove(cx, wide, d, a);
      return void emit(cx, mov_x, [d, ZR]);
    default:
      throw new Error(`BUG: ${kind} is not arithmetic`);
  }
}

/** d = a, zero-extended when 32 bits wide. */
function emitMove(cx: LowerContext, wide: boolean, d: number, a: number): void {
  if (wide && d === a) return;
  emit(cx, wide ? mov_x : mov_w, [d, a]);
}

function emitLogicalImm(
  cx: LowerContext,
  kind: 'and' | 'or' | 'xor',
  wide: boolean,
  d: number,
  a: number,
  imm: number,
): void {
  if (imm === -1) {
    if (kind === 'and') emitMove(cx, wide, d, a);
    else if (kind === 'or') emit(cx, wide ? movn_x : movn_w, [d, 0, 0]);
    else emit(cx, wide ? mvn_x : mvn_w, [d, a]);
    return;
  }
  // The field of a right-shifted value: `x >> n & (2^k - 1)`.
  const node = lastNode(cx);
  if (
    kind === 'and' &&
    powerOf(imm + 1) > 0 &&
    imm > 0 &&
    shiftType(node, wide) === 1 &&
    node!.operands[0] === a &&
    isSpent(cx, a, d)
  ) {
    const [, source, shift] = node!.operands as [number, number, number];
    cx.nodes.pop();
    const last = Math.min(shift + powerOf(imm + 1), wide ? 64 : 32) - 1;
    emit(cx, wide ? ubfm_x : ubfm_w, [d, source, shift, last]);
    return;
  }
  emit(cx, LOGICAL_FORMS[kind]![wide ? 1 : 0], [d, a, maskOf(imm, wide)]);
}

function emitShiftLeft(cx: LowerContext, wide: boolean, d: number, a: number, amount: number): void {
  const width = wide ? 64 : 32;
  // A zero- or sign-extended word, shifted: ubfiz, sbfiz.
  const node = lastNode(cx);
  const extend = wide ? extendType(node) : -1;
  if (extend >= 0 && node!.operands[0] === a && isSpent(cx, a, d)) {
    cx.nodes.pop();
    const operands = [d, node!.operands[1]!, width - amount, Math.min(32, width - amount) - 1];
    emit(cx, extend === 0 ? ubfm_x : sbfm_x, operands);
    return;
  }
  emit(cx, wide ? ubfm_x : ubfm_w, [d, a, width - amount, width - 1 - amount]);
}

function emitShiftRight(cx: LowerContext, signed: boolean, wide: boolean, d: number, a: number, amount: number): void {
  const width = wide ? 64 : 32;
  const form = signed ? (wide ? sbfm_x : sbfm_w) : wide ? ubfm_x : ubfm_w;
  // `x << n >> m` is one bit field.
  const node = lastNode(cx);
  if (shiftType(node, wide) === 0 && node!.operands[0] === a && isSpent(cx, a, d)) {
    const left = shiftAmount(node!, wide);
    const source = node!.operands[1]!;
    cx.nodes.pop();
    emit(cx, form, [d, source, (amount - left) & (width - 1), width - 1 - left]);
    return;
  }
  emit(cx, form, [d, a, amount, width - 1]);
}

/** d = a * imm for the immediates that shifted operands can do. */
function emitProduct(cx: LowerContext, wide: boolean, d: number, a: number, imm: number): void {
  const addShift = wide ? add_shift_x : add_shift_w;
  const subShift = wide ? sub_shift_x : sub_shift_w;
  if (imm === 0) emit(cx, mov_x, [d, ZR]);
  else if (imm === -1) emit(cx, wide ? neg_x : neg_w, [d, a]);
  else if (powerOf(imm) >= 0) emitShiftLeft(cx, wide, d, a, powerOf(imm));
  else if (imm > 0 && powerOf(imm - 1) >= 0) emit(cx, addShift, [d, a, a, 0, powerOf(imm - 1)]);
  else if (imm < 0 && powerOf(-imm) >= 0) emit(cx, subShift, [d, ZR, a, 0, powerOf(-imm)]);
  else if (imm < 0) emit(cx, subShift, [d, a, a, 0, powerOf(1 - imm)]);
  else {
    const [top, shift] = [wide ? 63 : 31, powerOf(imm + 1)];
    emit(cx, wide ? ubfm_x : ubfm_w, [X16, a, top + 1 - shift, top - shift]);
    emit(cx, wide ? sub_x : sub_w, [d, X16, a]);
  }
}

/** d = sp + offset. */
function emitFrameAddress(cx: LowerContext, d: number, offset: number): void {
  if (Math.abs(offset) < ADD_LIMIT) return emitAddImm(cx, true, d, SP, offset);
  loadImm64(cx, d, offset < 0 ? -1 : 0, offset);
  emit(cx, add_ext_x, [d, SP, d, 1]);
}

/** Copies and zero-extensions. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return emitFrameAddress(cx, d, cx.frame.bias);
  const a = hw(cx, op.a);
  if (op.width === 64 || (op.width === 32 && !op.zext)) {
    if (d === a || (!isHwLiveAfter(cx, a) && retarget(cx, a, d))) return;
    emit(cx, mov_x, [d, a]);
  } else if (op.width === 32) emit(cx, mov_w, [d, a]);
  else emit(cx, ubfm_w, [d, a, 0, op.width - 1]);
}

/** Sign extension; the 32-bit form zeroes the upper half. */
export function lowerSext(cx: LowerContext, op: Op): void {
  emit(cx, op.width === 64 ? sbfm_x : sbfm_w, [hw(cx, op.d), hw(cx, op.a), 0, op.from - 1]);
}

export function lowerNeg(cx: LowerContext, op: Op): void {
  emit(cx, op.width === 64 ? neg_x : neg_w, [hw(cx, op.d), hw(cx, op.a)]);
}

/** Byte swap of 16, 32 or 64 bits; what is above them becomes zero (RFC 9669 sec. 4.2). */
export function lowerBswap(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.width === 64) emit(cx, rev_x, [d, a]);
  else if (op.width === 32) emit(cx, rev_w, [d, a]);
  else {
    emit(cx, rev16_w, [d, a]);
    emit(cx, ubfm_w, [d, d, 0, 15]);
  }
}
