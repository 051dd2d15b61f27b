/**
 * Division. The hardware traps nowhere, but what it gives for a divisor of zero and for the overflow of -2^63 / -1 is
 * unspecified, and so is everything `div.w` and its like make of operands that are not sign-extended (LoongArch Reference
 * Manual, section 2.2.1). BPF wants x / 0 = 0, x % 0 = x, -2^63 / -1 = -2^63 and -2^63 % -1 = 0 (RFC 9669 sec. 4.1).
 *
 * In 64 bits no quotient of 32-bit numbers overflows. For the divisors 0 and -1, the quotient is dividend times divisor, and
 * the remainder is the dividend without the bits of the divisor.
 */
import { bind, emit, emitTo, hw, type LowerContext, type MachineForm, NO_REG, type Op, trivialDivision } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { emitNegation } from './lower-alu.ts';
import { constantRegister } from './lower-constant.ts';
import { freeRegister, move, signExtended, zeroExtended, zext32 } from './lower-fuse.ts';
import { ZERO } from './registers.ts';

const { addi_d, andn, b: jump, beqz, div_d, div_du, div_wu, maskeqz, mod_d, mod_du, mod_wu, mul_d, or, sltui } = INSTRUCTIONS; // prettier-ignore

/** Divisions of whole registers by op. */
const FORMS: Readonly<Record<string, MachineForm>> = { udiv: div_du, sdiv: div_d, umod: mod_du, smod: mod_d };

export function lowerDivision(cx: LowerContext, op: Op): void {
  if (op.b === NO_REG) return lowerDivisionImm(cx, op);
  const { kind } = op;
  const isSigned = kind === 'sdiv' || kind === 'smod';
  const isModulo = kind === 'umod' || kind === 'smod';
  const d = hw(cx, op.d);
  let [a, b] = [hw(cx, op.a), hw(cx, op.b)];
  const narrow = op.width === 32;
  if (narrow) {
    const extended = isSigned ? signExtended : zeroExtended;
    const isSame = a === b;
    // Divisors go to a register of their own; the dividend may go to that of the result, which is no operand then.
    b = extended(cx, b, freeRegister(cx, op));
    a = isSame ? b : extended(cx, a, d === b ? freeRegister(cx, op, b) : d);
  }
  if (!narrow && isSigned) emitSigned(cx, op, d, a, b);
  else if (isModulo) emitRemainder(cx, op, d, a, b);
  else emitQuotient(cx, FORMS[kind]!, d, a, b);
  // A remainder of zero-extended operands is one itself, as is a quotient.
  if (narrow && op.zext && isSigned) zext32(cx, d, d);
}

/** d = a / b, 0 when b is 0. */
function emitQuotient(cx: LowerContext, form: MachineForm, d: number, a: number, b: number): void {
  if (d !== b) {
    emit(cx, form, [d, a, b]);
    emit(cx, maskeqz, [d, d, b]);
    return;
  }
  // A divisor of zero stays where it is.
  const done = cx.newLabel();
  emitTo(cx, beqz, [b], done);
  emit(cx, form, [d, a, b]);
  bind(cx, done);
}

/** d = a % b, a when b is 0. */
function emitRemainder(cx: LowerContext, op: Op, d: number, a: number, b: number): void {
  let divisor = b;
  if (d === b && d !== a) {
    divisor = freeRegister(cx, op, a);
    move(cx, divisor, b);
  }
  move(cx, d, a);
  const done = cx.newLabel();
  emitTo(cx, beqz, [divisor], done);
  emit(cx, FORMS[op.kind]!, [d, d, divisor]);
  bind(cx, done);
}

/** d = a / b or a % b, signed, in 64 bits. */
function emitSigned(cx: LowerContext, op: Op, d: number, a: number, b: number): void {
  const special = freeRegister(cx, op);
  const [divide, done] = [cx.newLabel(), cx.newLabel()];
  // 1 when b is -1 or 0.
  emit(cx, addi_d, [special, b, 1]);
  emit(cx, sltui, [special, special, 2]);
  emitTo(cx, beqz, [special], divide);
  emit(cx, op.kind === 'sdiv' ? mul_d : andn, [d, a, b]);
  emitTo(cx, jump, [], done);
  bind(cx, divide);
  emit(cx, FORMS[op.kind]!, [d, a, b]);
  bind(cx, done);
}

function lowerDivisionImm(cx: LowerContext, op: Op): void {
  const { kind, imm } = op;
  const narrow = op.width === 32;
  const [d, given] = [hw(cx, op.d), hw(cx, op.a)];
  const isModulo = kind === 'umod' || kind === 'smod';
  const isSigned = kind === 'sdiv' || kind === 'smod';
  const trivial = trivialDivision(op);
  if (trivial !== undefined) {
    if (trivial === 'zero') emit(cx, or, [d, ZERO, ZERO]);
    else if (trivial === 'negation') emitNegation(cx, op, d, given);
    else if (narrow && op.zext) zext32(cx, d, given);
    else move(cx, d, given);
    return;
  }
  // A divisor of 2^31 and more is sign-extended; so must be the dividend, and div.wu takes both as they are.
  const isLarge = narrow && !isSigned && imm < 0;
  const temp = freeRegister(cx, op);
  const a = !narrow ? given : isSigned || isLarge ? signExtended(cx, given, d) : zeroExtended(cx, given, d);
  const form = isLarge ? (isModulo ? mod_wu : div_wu) : FORMS[kind]!;
  emit(cx, form, [d, a, constantRegister(cx, imm, temp)]);
  if (narrow && op.zext && (isSigned || isLarge)) zext32(cx, d, d);
}
