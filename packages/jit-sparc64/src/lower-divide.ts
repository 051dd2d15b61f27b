/**
 * Division and modulo. The hardware traps on a divisor of 0 and wraps INT64_MIN / -1 to INT64_MIN (SPARC V9 A.36); eBPF
 * wants x / 0 = 0 and x % 0 = x, and 32-bit operations are 64-bit divisions of extended operands, whose quotient always
 * fits. An annulled branch around the division has the result for 0 in its delay slot.
 */
import { bind, emit, emitTo, hw, type LowerContext, type MachineForm, NO_REG, type Op } from '@polybpf/jit';
import { REGISTER_CONDITIONS } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { zeroExtend } from './lower-alu.ts';
import { fits13, loadImm64 } from './lower-constant.ts';
import { G0, G1, G4, G5 } from './registers.ts';

const { bpr_a_pn, bpr_pn, mov, mulx, mulx_imm, neg, nop, sdivx, sdivx_imm, sra_imm, srl_imm, sub, udivx, udivx_imm } =
  INSTRUCTIONS;

export function lowerDivision(cx: LowerContext, op: Op): void {
  const isSigned = op.kind === 'sdiv' || op.kind === 'smod';
  const isModulo = op.kind === 'umod' || op.kind === 'smod';
  if (op.b === NO_REG) return lowerConstantDivision(cx, op, isSigned, isModulo);
  if (isModulo) emitModulo(cx, op, isSigned);
  else emitQuotient(cx, op, isSigned);
  // Unsigned results of zero-extended operands are zero-extended.
  if (isSigned) zeroExtend(cx, op);
}

/** Extends the low 32 bits of a register as the division reads them. */
function extension(isSigned: boolean): MachineForm {
  return isSigned ? sra_imm : srl_imm;
}

function emitQuotient(cx: LowerContext, op: Op, isSigned: boolean): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  let b = hw(cx, op.b);
  const done = cx.newLabel();
  const divide = isSigned ? sdivx : udivx;
  let dividend = a;
  if (op.width === 32) {
    emit(cx, extension(isSigned), [b, 0, G4]);
    b = G4;
    dividend = G5;
  }
  emitTo(cx, bpr_a_pn, [REGISTER_CONDITIONS.z, b], done);
  emit(cx, mov, [G0, d]);
  if (op.width === 32) emit(cx, extension(isSigned), [a, 0, dividend]);
  emit(cx, divide, [dividend, b, d]);
  bind(cx, done);
}

/** a - a / b * b. */
function emitModulo(cx: LowerContext, op: Op, isSigned: boolean): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  const done = cx.newLabel();
  const divide = isSigned ? sdivx : udivx;
  if (op.width === 32) {
    emit(cx, extension(isSigned), [hw(cx, op.b), 0, G4]);
    emitTo(cx, bpr_pn, [REGISTER_CONDITIONS.z, G4], done);
    // In the delay slot: for x % 0 as for the division.
    emit(cx, extension(isSigned), [a, 0, d]);
    emitRemainder(cx, divide, d, d, G4);
  } else {
    const b = hw(cx, op.b);
    if (d === a) {
      emitTo(cx, bpr_pn, [REGISTER_CONDITIONS.z, b], done);
      emit(cx, nop, []);
    } else {
      emitTo(cx, bpr_a_pn, [REGISTER_CONDITIONS.z, b], done);
      emit(cx, mov, [a, d]);
    }
    emitRemainder(cx, divide, d, a, b);
  }
  bind(cx, done);
}

function emitRemainder(cx: LowerContext, divide: MachineForm, d: number, a: number, b: number): void {
  emit(cx, divide, [a, b, G5]);
  emit(cx, mulx, [G5, b, G5]);
  emit(cx, sub, [a, G5, d]);
}

/** By a constant: nothing to guard against but the constants 0, which have their result at once. */
function lowerConstantDivision(cx: LowerContext, op: Op, isSigned: boolean, isModulo: boolean): void {
  const { imm, width } = op;
  const d = hw(cx, op.d);
  let a = hw(cx, op.a);
  if (imm === 0) {
    if (!isModulo) emit(cx, mov, [G0, d]);
    else if (width === 32 && op.zext) emit(cx, srl_imm, [a, 0, d]);
    else if (d !== a) emit(cx, mov, [a, d]);
    return;
  }
  if (isSigned && imm === -1) {
    if (isModulo) return void emit(cx, mov, [G0, d]);
    emit(cx, neg, [a, d]);
    return zeroExtend(cx, op);
  }
  if (width === 32) {
    emit(cx, extension(isSigned), [a, 0, G4]);
    a = G4;
  }
  // As the operation reads its operand: sign-extended, or 32 bits without sign.
  const high = isSigned || width === 64 ? imm >> 31 : 0;
  const isShort = fits13(imm) && high === imm >> 31;
  if (!isShort) loadImm64(cx, G1, high, imm);
  const quotient = isModulo ? G5 : d;
  if (isShort) emit(cx, isSigned ? sdivx_imm : udivx_imm, [a, imm, quotient]);
  else emit(cx, isSigned ? sdivx : udivx, [a, G1, quotient]);
  if (isModulo) {
    if (isShort) emit(cx, mulx_imm, [G5, imm, G5]);
    else emit(cx, mulx, [G5, G1, G5]);
    emit(cx, sub, [a, G5, d]);
  }
  if (isSigned) zeroExtend(cx, op);
}
