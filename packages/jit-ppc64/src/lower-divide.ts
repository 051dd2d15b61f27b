/**
 * Division and remainder.
 *
 * Power divides by zero, and INT_MIN by -1, without a trap, and leaves anything in the result register (Power ISA 2.07
 * Book I 3.3.9). So the quotient is computed always and `isel` replaces it where BPF wants another. A remainder is
 * a - q * b: with b = 0 that is a whatever q is, as RFC 9669 sec. 4.1 asks, and the sign of b does not matter, so that a
 * signed one divides by |b| and never by -1.
 */
import { emit, hw, isSigned16, type LowerContext, NO_REG, type Op, trivialDivision } from '@polybpf/jit';
import { EQ, GT } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { extends32 } from './lower-alu.ts';
import { loadSigned32 } from './lower-constant.ts';
import { copy, zext32 } from './lower-move.ts';
import { NO_BASE, R0, R11, R12 } from './registers.ts';

const {
  addi, addze, cmpdi, cmpldi, cmplwi, cmpwi, divd, divdu, divw, divwu, isel, li, modsd, modsw, modud, moduw, mulld, mulli, mullw, neg, rldicr, sradi,
  srawi, subf,
} = INSTRUCTIONS; // prettier-ignore

/** `udiv`, `umod`, `sdiv` and `smod`. */
export function lowerDivision(cx: LowerContext, op: Op): void {
  const isUpperDirty = op.b === NO_REG ? divideByConstant(cx, op) : divideByRegister(cx, op);
  if (isUpperDirty && extends32(op)) zext32(cx, hw(cx, op.d));
}

/** @returns whether the upper half of a 32-bit result may be anything */
function divideByRegister(cx: LowerContext, op: Op): true {
  const wide = op.width === 64;
  const [d, a, b] = [hw(cx, op.d), hw(cx, op.a), hw(cx, op.b)];
  switch (op.kind) {
    case 'udiv':
      emit(cx, wide ? cmpdi : cmpwi, [b, 0]);
      emit(cx, wide ? divdu : divwu, [d, a, b]);
      emit(cx, isel, [EQ, d, NO_BASE, d]);
      break;
    case 'umod':
      if (hasModulo(cx)) {
        emit(cx, wide ? cmpdi : cmpwi, [b, 0]);
        emit(cx, wide ? modud : moduw, [R0, a, b]);
        emit(cx, isel, [EQ, d, a, R0]);
        break;
      }
      emit(cx, wide ? divdu : divwu, [R0, a, b]);
      subtractProduct(cx, wide, d, a, b);
      break;
    case 'sdiv': {
      // a * b is the quotient for 0 and for -1: the divisors with b + 1 at most 1.
      // b may be the frame address in r11. The result's register is free once both operands have been read.
      const quotient = b === R11 ? R12 : R11;
      emit(cx, wide ? mulld : mullw, [R0, a, b]);
      emit(cx, wide ? divd : divw, [quotient, a, b]);
      emit(cx, addi, [d, b, 1]);
      emit(cx, wide ? cmpldi : cmplwi, [d, 1]);
      emit(cx, isel, [GT, d, quotient, R0]);
      break;
    }
    default: {
      const magnitude = a === R12 ? R11 : R12;
      emit(cx, neg, [R0, b]);
      emit(cx, wide ? cmpdi : cmpwi, [b, 0]);
      emit(cx, isel, [GT, magnitude, b, R0]);
      if (hasModulo(cx)) {
        emit(cx, wide ? modsd : modsw, [R0, a, magnitude]);
        emit(cx, isel, [EQ, d, a, R0]);
        break;
      }
      emit(cx, wide ? divd : divw, [R0, a, magnitude]);
      subtractProduct(cx, wide, d, a, magnitude);
    }
  }
  return true;
}

/** Whether the CPU has instructions for remainders: Power9 and later. */
function hasModulo({ target: { features } }: LowerContext): boolean {
  return features !== undefined && (features.has('power9') || features.has('power10'));
}

/** `d = a - r0 * b`. */
function subtractProduct(cx: LowerContext, wide: boolean, d: number, a: number, b: number): void {
  emit(cx, wide ? mulld : mullw, [R0, R0, b]);
  emit(cx, subf, [d, R0, a]);
}

/** @returns whether the upper half of a 32-bit result may be anything */
function divideByConstant(cx: LowerContext, op: Op): boolean {
  const { kind, imm } = op;
  const wide = op.width === 64;
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  const quotient = kind === 'udiv' || kind === 'sdiv';
  const signed = kind === 'sdiv' || kind === 'smod';
  const trivial = trivialDivision(op);
  if (trivial !== undefined) {
    if (trivial === 'zero') emit(cx, li, [d, 0]);
    else if (trivial === 'negation') emit(cx, neg, [d, a]);
    else copy(cx, d, a);
    return trivial !== 'zero';
  }
  const power = imm > 0 && (imm & (imm - 1)) === 0 ? 31 - Math.clz32(imm) : -1;
  if (signed && power > 0) {
    // The shift rounds down and leaves in CA whether a negative number lost ones.
    const result = quotient ? d : R0;
    emit(cx, wide ? sradi : srawi, [result, a, power]);
    emit(cx, addze, [result, result]);
    if (quotient) return true;
    emit(cx, rldicr, [R0, R0, power, 63 - power]);
    emit(cx, subf, [d, R0, a]);
    return true;
  }
  const divide = signed ? (wide ? divd : divw) : wide ? divdu : divwu;
  loadSigned32(cx, R11, imm);
  if (quotient) {
    emit(cx, divide, [d, a, R11]);
    return true;
  }
  if (hasModulo(cx)) {
    emit(cx, signed ? (wide ? modsd : modsw) : wide ? modud : moduw, [d, a, R11]);
    return true;
  }
  emit(cx, divide, [R0, a, R11]);
  if (isSigned16(imm)) {
    emit(cx, mulli, [R0, R0, imm]);
    emit(cx, subf, [d, R0, a]);
  } else subtractProduct(cx, wide, d, a, R11);
  return true;
}
