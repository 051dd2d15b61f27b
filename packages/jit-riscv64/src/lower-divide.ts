/**
 * Division. The hardware traps nowhere: x / 0 is all ones, x % 0 is x, INT_MIN / -1 is INT_MIN and INT_MIN % -1 is 0 (RISC-V
 * ISA manual, volume I, "M extension", table of division by zero and overflow). Of these only x / 0, which BPF wants to be
 * 0, takes a guard.
 */
import { bind, emit, emitTo, hw, type LowerContext, type MachineForm, NO_REG, type Op, trivialDivision, ZEROS } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { constantRegister } from './lower-constant.ts';
import { freeRegister, signExtended, zext32 } from './lower-fuse.ts';
import { ZERO } from './registers.ts';

const { addi, beq, bne, div, divu, divuw, divw, rem, remu, remuw, remw, sltu, sub, subw } = INSTRUCTIONS;

/** By op, [32 bits, 64 bits]. */
const FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  udiv: [divuw, divu],
  sdiv: [divw, div],
  umod: [remuw, remu],
  smod: [remw, rem],
};

export function lowerDivision(cx: LowerContext, op: Op): void {
  if (op.b === NO_REG) return lowerDivisionImm(cx, op);
  const { kind } = op;
  const narrow = op.width === 32;
  const [d, a, b] = [hw(cx, op.d), hw(cx, op.a), hw(cx, op.b)];
  const isUnsigned = kind === 'udiv' || kind === 'umod';
  // Zero-extended operands have the same unsigned quotient and remainder in 64 bits, and no upper half to clear.
  const isWide = !narrow || (op.zext && isUnsigned && (upperHalf(cx, a) & upperHalf(cx, b) & ZEROS) !== 0);
  const form = FORMS[kind]![isWide ? 1 : 0];
  const emitForm = (): void => {
    emit(cx, form, [d, a, b]);
    if (!isWide && op.zext) zext32(cx, d, d);
  };
  if (kind === 'umod' || kind === 'smod') return emitForm();
  const test = narrow && upperHalf(cx, b) === 0 ? signExtended(cx, b, freeRegister(cx, op)) : b;
  if (a === b) return void emit(cx, sltu, [d, ZERO, test]);
  const done = cx.newLabel();
  if (test === d) {
    // A divisor of zero stays where it is.
    emitTo(cx, beq, [test, ZERO], done);
    emitForm();
  } else {
    emitForm();
    emitTo(cx, bne, [test, ZERO], done);
    emit(cx, addi, [d, ZERO, 0]);
  }
  bind(cx, done);
}

function lowerDivisionImm(cx: LowerContext, op: Op): void {
  const { kind, imm } = op;
  const narrow = op.width === 32;
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  const trivial = trivialDivision(op);
  if (trivial !== undefined) {
    if (trivial === 'zero') emit(cx, addi, [d, ZERO, 0]);
    else if (trivial === 'negation') {
      emit(cx, narrow && !op.zext ? subw : sub, [d, ZERO, a]);
      if (narrow && op.zext) zext32(cx, d, d);
    } else if (narrow && op.zext) zext32(cx, d, a);
    else if (d !== a) emit(cx, addi, [d, a, 0]);
    return;
  }
  const temp = d === a ? freeRegister(cx, op) : d;
  emit(cx, FORMS[kind]![narrow ? 0 : 1], [d, a, constantRegister(cx, imm, temp)]);
  // Quotients of 2 and more, and remainders below 2^31, have no sign.
  const isSmall = kind === 'udiv' || (kind === 'umod' && imm > 0);
  if (narrow && op.zext && !isSmall) zext32(cx, d, d);
}
