/**
 * Division (Intel SDM vol. 2 DIV, IDIV). The dividend is in rdx:rax, the quotient comes to rax, the remainder to rdx; a
 * zero divisor and INT_MIN / -1 raise #DE, so both are branched around:
 *
 * - unsigned quotient: rax or the result is made 0 before the test of the divisor, and the division skipped.
 * - unsigned remainder: x mod 0 = x is what is there when everything is skipped.
 * - signed: `divisor + 1` is at most 1, unsigned, for the divisors 0 and -1. The quotient is then dividend * divisor, 0
 *   or -x; the remainder dividend * (divisor + 1), x or 0.
 *
 * rax and rdx are saved only when they hold something that is read later; rax by exchange with the dividend when that
 * register gets the result.
 */
import { bind, emit, emitTo, hw, isHwLiveAfter, type LowerContext, NO_REG, type Op, trivialDivision } from '@polybpf/jit'; // prettier-ignore
import { magicOf } from './divide-magic.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { copy, loadImm64, move, zeroExtend } from './lower-move.ts';
import { RAX, RDX, SCRATCH1, SCRATCH2 } from './registers.ts';

/** What a division works on, all hardware registers. */
interface Division {
  readonly d: number;
  readonly a: number;
  readonly divisor: number;
  readonly wide: boolean;
  readonly signed: boolean;
  /** Whether the divisor may be 0 or, for signed ones, -1. */
  readonly check: boolean;
  readonly keepRax: boolean;
  readonly keepRdx: boolean;
}

/** `udiv`, `umod`, `sdiv`, `smod`. */
export function lowerDivide(cx: LowerContext, op: Op): void {
  const signed = op.kind === 'sdiv' || op.kind === 'smod';
  const remainder = op.kind === 'umod' || op.kind === 'smod';
  const wide = op.width === 64;
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const check = op.b !== NO_REG;
  if (!check && divideByConstant(cx, op, d, a, signed, remainder, wide)) return;
  let divisor = SCRATCH1;
  if (!check) {
    if (wide && op.imm < 0) loadImm64(cx, SCRATCH1, op.imm, -1);
    else loadImm64(cx, SCRATCH1, op.imm, 0);
  } else {
    divisor = hw(cx, op.b);
    // rax and rdx get the dividend, and an unsigned quotient or remainder is prepared in d
    if (divisor === RAX || divisor === RDX || (divisor === d && (!remainder || d !== a))) {
      move(cx, SCRATCH1, divisor, wide);
      divisor = SCRATCH1;
    }
  }
  const keepRax = d !== RAX && isHwLiveAfter(cx, RAX);
  const keepRdx = d !== RDX && isHwLiveAfter(cx, RDX);
  const division: Division = { d, a, divisor, wide, signed, check, keepRax, keepRdx };
  if (!remainder) emitQuotient(cx, division);
  else {
    if (d !== a) move(cx, d, a, wide);
    else if (!wide && op.zext && check && !signed) zeroExtend(cx, d, d);
    emitRemainder(cx, { ...division, a: d });
  }
}

/** Divisors that need no division. */
function divideByConstant(
  cx: LowerContext,
  op: Op,
  d: number,
  a: number,
  signed: boolean,
  remainder: boolean,
  wide: boolean,
): boolean {
  const { imm } = op;
  const trivial = trivialDivision(op);
  if (trivial !== undefined) {
    if (trivial === 'dividend') copy(cx, op, d, a);
    else if (trivial === 'zero') loadImm64(cx, d, 0, 0);
    else {
      move(cx, d, a, wide);
      emit(cx, wide ? I.neg_rm64 : I.neg_rm32, [d]);
    }
    return true;
  }
  if (remainder) return false;
  if (signed) return signedPowerOfTwo(cx, d, a, imm, wide);
  return wide ? multiplyHigh64(cx, d, a, imm) : multiplyHigh32(cx, d, a, imm >>> 0);
}

/** x / 2^k, rounded to zero: 2^k - 1 is added to negative dividends before the arithmetic shift. */
function signedPowerOfTwo(cx: LowerContext, d: number, a: number, imm: number, wide: boolean): boolean {
  if (imm <= 1 || (imm & (imm - 1)) !== 0) return false;
  emit(cx, wide ? I.lea_r64 : I.lea_r32, [SCRATCH1, a, imm - 1]);
  emit(cx, wide ? I.test_rm_r64 : I.test_rm_r32, [a, a]);
  emit(cx, wide ? I.cmovns_r_rm64 : I.cmovns_r_rm32, [SCRATCH1, a]);
  emit(cx, wide ? I.sar_rm64_imm8 : I.sar_rm32_imm8, [SCRATCH1, 31 - Math.clz32(imm)]);
  move(cx, d, SCRATCH1, wide);
  return true;
}

/** x * m >> 32 + s in one 64-bit register; rax and rdx stay out of it. */
function multiplyHigh32(cx: LowerContext, d: number, a: number, divisor: number): boolean {
  const magic = magicOf(32, divisor);
  if (magic === undefined) return false;
  zeroExtend(cx, d, a);
  emit(cx, I.mov_r32_imm32, [SCRATCH1, magic.low | 0]);
  emit(cx, I.imul_r_rm64, [d, SCRATCH1]);
  emit(cx, I.shr_rm64_imm8, [d, 32 + magic.shift]);
  return true;
}

/** x * m >> 64 + s: rdx of mul. With both rax and rdx to save, a division is shorter. */
function multiplyHigh64(cx: LowerContext, d: number, a: number, divisor: number): boolean {
  const magic = divisor > 0 ? magicOf(64, divisor) : undefined;
  const keepRax = d !== RAX && isHwLiveAfter(cx, RAX);
  const keepRdx = d !== RDX && isHwLiveAfter(cx, RDX);
  if (magic === undefined || (keepRax && keepRdx)) return false;
  if (keepRax) emit(cx, I.push_r64, [RAX]);
  if (keepRdx) emit(cx, I.push_r64, [RDX]);
  const multiplier = a === RAX ? SCRATCH1 : RAX;
  emit(cx, I.movabs_r64_imm64, [multiplier, magic.high | 0, magic.low | 0]);
  emit(cx, I.mul_rm64, [a === RAX ? SCRATCH1 : a]);
  move(cx, d, RDX, true);
  if (magic.shift > 0) emit(cx, I.shr_rm64_imm8, [d, magic.shift]);
  if (keepRdx) emit(cx, I.pop_r64, [RDX]);
  if (keepRax) emit(cx, I.pop_r64, [RAX]);
  return true;
}

function emitQuotient(cx: LowerContext, division: Division): void {
  const { d, a, divisor, wide, signed, check, keepRax, keepRdx } = division;
  if (keepRdx) emit(cx, I.push_r64, [RDX]);
  const exchange = keepRax && d === a && d !== RDX;
  if (exchange) emit(cx, I.xchg_rax_r64, [d]);
  else {
    if (keepRax) emit(cx, I.push_r64, [RAX]);
    move(cx, RAX, a, wide);
  }
  const end = cx.newLabel();
  if (signed) {
    const special = cx.newLabel();
    if (check) branchSpecialDivisor(cx, divisor, wide, special);
    emitIdiv(cx, divisor, wide);
    if (check) {
      emitTo(cx, I.jmp_rel8, [], end);
      bind(cx, special);
      emit(cx, wide ? I.imul_r_rm64 : I.imul_r_rm32, [RAX, divisor]);
      bind(cx, end);
    }
    if (!exchange) move(cx, d, RAX, wide);
  } else {
    const inPlace = exchange || d === RAX;
    if (check && inPlace) {
      emit(cx, wide ? I.test_rm_r64 : I.test_rm_r32, [divisor, divisor]);
      emit(cx, wide ? I.cmove_r_rm64 : I.cmove_r_rm32, [RAX, divisor]);
      emitTo(cx, I.je_rel8, [], end);
    } else if (check) {
      // for d = rdx, this also is the upper half of the dividend
      emit(cx, I.xor_rm_r32, [d, d]);
      emit(cx, wide ? I.test_rm_r64 : I.test_rm_r32, [divisor, divisor]);
      emitTo(cx, I.je_rel8, [], end);
    }
    if (!check || d !== RDX) emit(cx, I.xor_rm_r32, [RDX, RDX]);
    emit(cx, wide ? I.div_rm64 : I.div_rm32, [divisor]);
    if (!inPlace) move(cx, d, RAX, wide);
    if (check) bind(cx, end);
  }
  if (exchange) emit(cx, I.xchg_rax_r64, [d]);
  else if (keepRax) emit(cx, I.pop_r64, [RAX]);
  if (keepRdx) emit(cx, I.pop_r64, [RDX]);
}

/** The dividend is in d. */
function emitRemainder(cx: LowerContext, division: Division): void {
  const { d, divisor, wide, signed, check, keepRax, keepRdx } = division;
  const end = cx.newLabel();
  const special = cx.newLabel();
  if (check && signed) branchSpecialDivisor(cx, divisor, wide, special);
  else if (check) {
    emit(cx, wide ? I.test_rm_r64 : I.test_rm_r32, [divisor, divisor]);
    emitTo(cx, I.je_rel8, [], end);
  }
  if (keepRax) emit(cx, I.push_r64, [RAX]);
  if (keepRdx) emit(cx, I.push_r64, [RDX]);
  move(cx, RAX, d, wide);
  if (signed) emitIdiv(cx, divisor, wide);
  else {
    emit(cx, I.xor_rm_r32, [RDX, RDX]);
    emit(cx, wide ? I.div_rm64 : I.div_rm32, [divisor]);
  }
  move(cx, d, RDX, wide);
  if (keepRdx) emit(cx, I.pop_r64, [RDX]);
  if (keepRax) emit(cx, I.pop_r64, [RAX]);
  if (check && signed) {
    emitTo(cx, I.jmp_rel8, [], end);
    bind(cx, special);
    emit(cx, wide ? I.imul_r_rm64 : I.imul_r_rm32, [d, SCRATCH2]);
  }
  if (check) bind(cx, end);
}

/** Goes to `special` for the divisors 0 and -1, with divisor + 1 in SCRATCH2. */
function branchSpecialDivisor(cx: LowerContext, divisor: number, wide: boolean, special: number): void {
  emit(cx, wide ? I.lea_r64 : I.lea_r32, [SCRATCH2, divisor, 1]);
  emit(cx, wide ? I.cmp_rm64_imm8 : I.cmp_rm32_imm8, [SCRATCH2, 1]);
  emitTo(cx, I.jbe_rel8, [], special);
}

function emitIdiv(cx: LowerContext, divisor: number, wide: boolean): void {
  emit(cx, wide ? I.cqo : I.cdq, []);
  emit(cx, wide ? I.idiv_rm64 : I.idiv_rm32, [divisor]);
}
