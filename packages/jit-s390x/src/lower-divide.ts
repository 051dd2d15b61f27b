/**
 * Division and remainder.
 *
 * Divide instructions take their dividend from the even/odd pair %r0:%r1 and leave the remainder in %r0, the quotient
 * in %r1. They end the program with a fixed-point-divide exception (SIGFPE) on a zero divisor and on a quotient that
 * does not fit, INT64_MIN / -1. DIVIDE SINGLE reads its 64-bit dividend from %r1 alone; all 32-bit divisions but the
 * unsigned one by a register are done with it, on sign- or zero-extended operands, where no quotient can overflow.
 */
import { bind, emit, emitTo, hw, type LowerContext, lowerOp, makeOp, NO_REG, type Op, trivialDivision } from '@polybpf/jit'; // prettier-ignore
import { ALWAYS, BRANCHES as B, ZERO } from './branches.ts';
import { FORMS as F } from './instructions.ts';
import { loadImm64, zext32 } from './lower-move.ts';
import { R0, R1 } from './registers.ts';

const EQUAL = 8;
const HIGH = 2;
const NOT_HIGH = 12;

/** udiv, umod, sdiv and smod. */
export function lowerDivision(cx: LowerContext, op: Op): void {
  const signed = op.kind === 'sdiv' || op.kind === 'smod';
  const quotient = op.kind === 'udiv' || op.kind === 'sdiv';
  if (op.b === NO_REG) return divideByConstant(cx, op, signed, quotient);
  if (hw(cx, op.b) === R0) return divideByFrameAddress(cx, op, signed, quotient);
  if (op.width === 32) {
    if (signed) divideSigned32(cx, op, quotient);
    else if (quotient) divide32(cx, op);
    else remainder32(cx, op);
  } else if (signed) {
    if (quotient) divideSigned64(cx, op);
    else remainderSigned64(cx, op);
  } else if (quotient) {
    divide64(cx, op);
  } else {
    remainder64(cx, op);
  }
}

/** A copy of a 32-bit result, zero-extended when the op wants it. */
function move32(cx: LowerContext, op: Op, d: number, from: number): void {
  if (op.zext) emit(cx, F.llgfr, [d, from]);
  else if (d !== from) emit(cx, F.lr, [d, from]);
}

/** `d = b == 0 ? 0 : a / b`: a zero divisor is itself the result. */
function divide64(cx: LowerContext, op: Op): void {
  const b = hw(cx, op.b);
  const done = cx.newLabel();
  emit(cx, F.ltgr, [R1, b]);
  emitTo(cx, B.brc, [ZERO], done);
  emit(cx, F.lghi, [R0, 0]);
  emit(cx, F.lgr, [R1, hw(cx, op.a)]);
  emit(cx, F.dlgr, [R0, b]);
  bind(cx, done);
  emit(cx, F.lgr, [hw(cx, op.d), R1]);
}

/** `d = b == 0 ? a : a % b`. */
function remainder64(cx: LowerContext, op: Op): void {
  const [d, a, b] = [hw(cx, op.d), hw(cx, op.a), hw(cx, op.b)];
  const done = cx.newLabel();
  if (d !== a) emit(cx, F.lgr, [R0, a]);
  emitTo(cx, B.cgij, [EQUAL, b, 0], done);
  emit(cx, F.lgr, [R1, a]);
  emit(cx, F.lghi, [R0, 0]);
  emit(cx, F.dlgr, [R0, b]);
  if (d === a) emit(cx, F.lgr, [d, R0]);
  bind(cx, done);
  if (d !== a) emit(cx, F.lgr, [d, R0]);
}

function divide32(cx: LowerContext, op: Op): void {
  const b = hw(cx, op.b);
  const done = cx.newLabel();
  emit(cx, F.ltr, [R1, b]);
  emitTo(cx, B.brc, [ZERO], done);
  emit(cx, F.xr, [R0, R0]);
  emit(cx, F.lr, [R1, hw(cx, op.a)]);
  emit(cx, F.dlr, [R0, b]);
  bind(cx, done);
  move32(cx, op, hw(cx, op.d), R1);
}

function remainder32(cx: LowerContext, op: Op): void {
  const [d, a, b] = [hw(cx, op.d), hw(cx, op.a), hw(cx, op.b)];
  const done = cx.newLabel();
  const result = d === a ? d : R0;
  if (d !== a) emit(cx, F.lr, [R0, a]);
  emitTo(cx, B.cij, [EQUAL, b, 0], done);
  emit(cx, F.lr, [R1, a]);
  emit(cx, F.xr, [R0, R0]);
  emit(cx, F.dlr, [R0, b]);
  if (result === d) emit(cx, F.lr, [d, R0]);
  bind(cx, done);
  move32(cx, op, d, result);
}

/**
 * b + 1 is at most 1, unsigned, for the divisors 0 and -1. For those a * b is the quotient: 0, and -a, which wraps for
 * INT64_MIN as RFC 9669 sec. 4.1 wants.
 */
function divideSigned64(cx: LowerContext, op: Op): void {
  const b = hw(cx, op.b);
  const divide = cx.newLabel();
  const done = cx.newLabel();
  emit(cx, F.lgr, [R1, hw(cx, op.a)]);
  emit(cx, F.la, [R0, 1, 0, b]);
  emitTo(cx, B.clgij, [HIGH, R0, 1], divide);
  emit(cx, F.msgr, [R1, b]);
  emitTo(cx, B.brc, [ALWAYS], done);
  bind(cx, divide);
  emit(cx, F.dsgr, [R0, b]);
  bind(cx, done);
  emit(cx, F.lgr, [hw(cx, op.d), R1]);
}

/** As {@link divideSigned64}: a * (b + 1) is the remainder for the divisors 0 and -1, namely a and 0. */
function remainderSigned64(cx: LowerContext, op: Op): void {
  const [a, b] = [hw(cx, op.a), hw(cx, op.b)];
  const multiply = cx.newLabel();
  const done = cx.newLabel();
  emit(cx, F.la, [R0, 1, 0, b]);
  emitTo(cx, B.clgij, [NOT_HIGH, R0, 1], multiply);
  emit(cx, F.lgr, [R1, a]);
  emit(cx, F.dsgr, [R0, b]);
  emitTo(cx, B.brc, [ALWAYS], done);
  bind(cx, multiply);
  emit(cx, F.msgr, [R0, a]);
  bind(cx, done);
  emit(cx, F.lgr, [hw(cx, op.d), R0]);
}

/** The sign-extended dividend makes INT32_MIN / -1 an ordinary 2^31, whose low word is INT32_MIN again. */
function divideSigned32(cx: LowerContext, op: Op, quotient: boolean): void {
  const [d, a, b] = [hw(cx, op.d), hw(cx, op.a), hw(cx, op.b)];
  const done = cx.newLabel();
  if (quotient) {
    emit(cx, F.ltr, [R1, b]);
    emitTo(cx, B.brc, [ZERO], done);
  } else {
    emit(cx, F.lr, [R0, a]);
    emitTo(cx, B.cij, [EQUAL, b, 0], done);
  }
  emit(cx, F.lgfr, [R1, a]);
  emit(cx, F.dsgfr, [R0, b]);
  bind(cx, done);
  move32(cx, op, d, quotient ? R1 : R0);
}

/** Division by a constant: nothing to test; the divisor is put into the result register, which is free by then. */
function divideByConstant(cx: LowerContext, op: Op, signed: boolean, quotient: boolean): void {
  const { imm, width } = op;
  const trivial = trivialDivision(op);
  if (trivial !== undefined) {
    const { insn, d, a, zext } = op;
    if (trivial === 'zero') lowerOp(cx, makeOp('const', insn, { d }));
    else lowerOp(cx, makeOp(trivial === 'negation' ? 'neg' : 'mov', insn, { d, a, width, zext }));
    return;
  }
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  emit(cx, width === 64 ? F.lgr : signed ? F.lgfr : F.llgfr, [R1, a]);
  loadImm64(cx, d, imm, imm < 0 && (signed || width === 64) ? -1 : 0);
  emitDivision(cx, op, signed, quotient);
}

/** `d = %r1 op d`, neither operand of which can make the instruction fail. */
function emitDivision(cx: LowerContext, op: Op, signed: boolean, quotient: boolean): void {
  const d = hw(cx, op.d);
  if (signed || op.width === 32) {
    emit(cx, F.dsgr, [R0, d]);
  } else {
    emit(cx, F.lghi, [R0, 0]);
    emit(cx, F.dlgr, [R0, d]);
  }
  const result = quotient ? R1 : R0;
  if (op.width === 64 || !signed) emit(cx, op.zext ? F.lgr : F.lr, [d, result]);
  else move32(cx, op, d, result);
}

/**
 * `a / r10`, whose value the driver has put into %r0, where the dividend goes. A frame address is neither 0 nor -1, but
 * its low word may be 0.
 */
function divideByFrameAddress(cx: LowerContext, op: Op, signed: boolean, quotient: boolean): void {
  const d = hw(cx, op.d);
  const extend = op.width === 64 ? F.lgr : signed ? F.lgfr : F.llgfr;
  emit(cx, extend, [R1, hw(cx, op.a)]);
  emit(cx, extend, [d, R0]);
  if (op.width === 64) return emitDivision(cx, op, signed, quotient);
  const done = cx.newLabel();
  // The remainder is the dividend and the quotient 0 when the divisor is 0.
  if (!quotient) emit(cx, F.lgr, [R0, R1]);
  const zero = cx.newLabel();
  emitTo(cx, B.cgij, [EQUAL, d, 0], zero);
  emit(cx, F.dsgr, [R0, d]);
  emitTo(cx, B.brc, [ALWAYS], done);
  bind(cx, zero);
  emit(cx, F.lghi, [R1, 0]);
  bind(cx, done);
  emit(cx, F.lgr, [d, quotient ? R1 : R0]);
  if (op.zext) zext32(cx, d);
}
