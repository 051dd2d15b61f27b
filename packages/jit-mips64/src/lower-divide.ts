/**
 * Division and remainder. The quotient goes to LO and the remainder to HI; both are unpredictable when the divisor is
 * zero, and nothing is said of the smallest number over -1 (MD00087, "DDIV"). Divisions of words are done on 64 bits,
 * where they cannot overflow.
 *
 * Conditional moves put in what RFC 9669 sec. 4.1 asks for: x / 0 = 0, x % 0 = x, and -x for x / -1.
 */
import { emit, hw, type LowerContext, type MachineForm, NO_REG, type Op, powerOf, SCRATCH_A } from '@polybpf/jit';
import { INSTRUCTIONS, RELEASE6 } from './instructions.ts';
import { emitAndImm, emitCopy, finishWord, isRelease6, signedWord, unsignedWord } from './lower-alu.ts';
import { emitShift } from './lower-shift.ts';
import { AT, T8, T9, V1, ZERO } from './registers.ts';

const { daddiu, ddiv, ddivu, dnegu, mfhi, mflo, move, movn, movz, or } = INSTRUCTIONS;
const { ddiv3, ddivu3, dmod, dmodu, seleqz, selnez } = RELEASE6;

/** udiv, umod, sdiv, smod. */
export function lowerDivide(cx: LowerContext, op: Op): void {
  if (op.b === NO_REG) return lowerDivideImm(cx, op);
  const isSigned = op.kind === 'sdiv' || op.kind === 'smod';
  const isQuotient = op.kind === 'udiv' || op.kind === 'sdiv';
  // A constant in the scratch register is neither 0 nor -1, and r10 is neither.
  const isKnown = op.b === SCRATCH_A;
  const d = hw(cx, op.d);
  let [a, b] = [hw(cx, op.a), hw(cx, op.b)];
  if (op.width === 32) {
    a = isSigned ? signedWord(cx, a, T8) : unsignedWord(cx, a, T8);
    b = isSigned ? signedWord(cx, b, V1) : unsignedWord(cx, b, V1);
  }
  const overflows = isSigned && op.width === 64 && !isKnown;
  if (isRelease6(cx)) {
    const form = isQuotient ? (isSigned ? ddiv3 : ddivu3) : isSigned ? dmod : dmodu;
    if (isKnown) emit(cx, form, [d, a, b]);
    else if (isQuotient) selectQuotient(cx, form, d, a, b, overflows);
    else selectRemainder(cx, form, d, a, b, overflows);
    return isSigned ? finishWord(cx, op, d) : undefined;
  }
  emit(cx, isSigned ? ddiv : ddivu, [a, b]);
  if (isKnown) emit(cx, isQuotient ? mflo : mfhi, [d]);
  else if (isQuotient) takeQuotient(cx, d, a, b, overflows);
  else takeRemainder(cx, d, a, b, overflows);
  if (isSigned) finishWord(cx, op, d);
}

/** d = b == 0 ? 0 : b == -1 ? -a : LO */
function takeQuotient(cx: LowerContext, d: number, a: number, b: number, overflows: boolean): void {
  if (overflows) {
    emit(cx, dnegu, [T9, a]);
    emit(cx, daddiu, [AT, b, 1]);
  }
  const quotient = d === b ? V1 : d;
  emit(cx, mflo, [quotient]);
  if (overflows) emit(cx, movz, [quotient, T9, AT]);
  // With d as divisor, 0 stays where it is.
  if (d === b) emit(cx, movn, [d, quotient, b]);
  else emit(cx, movz, [d, ZERO, b]);
}

/** d = b == 0 ? a : b == -1 ? 0 : HI */
function takeRemainder(cx: LowerContext, d: number, a: number, b: number, overflows: boolean): void {
  if (overflows) emit(cx, daddiu, [AT, b, 1]);
  const remainder = d === a || d === b ? V1 : d;
  // The temporary must not be the divisor that is asked afterwards.
  const taken = remainder === b ? T9 : remainder;
  emit(cx, mfhi, [taken]);
  if (overflows) emit(cx, movz, [taken, ZERO, AT]);
  if (d === a) {
    emit(cx, movn, [d, taken, b]);
    return;
  }
  emit(cx, movz, [taken, a, b]);
  if (taken !== d) emit(cx, move, [d, taken]);
}

/** d = b == 0 ? 0 : b == -1 ? -a : a / b, by selections: each gives its operand or 0. */
function selectQuotient(
  cx: LowerContext,
  form: MachineForm,
  d: number,
  a: number,
  b: number,
  overflows: boolean,
): void {
  // prettier-ignore
  if (!overflows) {
    emit(cx, form, [AT, a, b]);
    emit(cx, selnez, [d, AT, b]);
    return;
  }
  emit(cx, daddiu, [AT, b, 1]);
  emit(cx, dnegu, [T9, a]);
  emit(cx, form, [V1, a, b]);
  emit(cx, selnez, [V1, V1, b]);
  emit(cx, seleqz, [T9, T9, AT]);
  emit(cx, selnez, [V1, V1, AT]);
  emit(cx, or, [d, V1, T9]);
}

/** d = b == 0 ? a : b == -1 ? 0 : a % b */
function selectRemainder(
  cx: LowerContext,
  form: MachineForm,
  d: number,
  a: number,
  b: number,
  overflows: boolean,
): void {
  // prettier-ignore
  // V1 may hold the divisor of words, which cannot overflow.
  const remainder = overflows ? V1 : AT;
  if (overflows) emit(cx, daddiu, [AT, b, 1]);
  emit(cx, form, [remainder, a, b]);
  if (overflows) emit(cx, selnez, [remainder, remainder, AT]);
  emit(cx, selnez, [remainder, remainder, b]);
  emit(cx, seleqz, [T9, a, b]);
  emit(cx, or, [d, remainder, T9]);
}

function lowerDivideImm(cx: LowerContext, op: Op): void {
  const { kind, imm } = op;
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (imm === 0) {
    if (kind === 'udiv' || kind === 'sdiv') emit(cx, move, [d, ZERO]);
    else emitCopy(cx, op, d, a);
    return;
  }
  switch (kind) {
    case 'udiv':
      return emitShift(cx, 'rsh', op, d, a, powerOf(imm));
    case 'umod':
      return emitAndImm(cx, op, d, a, 2 ** powerOf(imm) - 1);
    case 'sdiv':
      if (imm === 1) return emitCopy(cx, op, d, a);
      emit(cx, dnegu, [d, a]);
      return finishWord(cx, op, d);
    default:
      return void emit(cx, move, [d, ZERO]);
  }
}
