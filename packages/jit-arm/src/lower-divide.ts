/**
 * Division: by routines in the program's own code, which take both operands on the stack and leave quotient and remainder in
 * their places; by instructions in 32 bits with the option `idiv`, whose x / 0 is 0 and INT_MIN / -1 INT_MIN (DDI 0406C,
 * A8.8.165).
 */
import { emitTo, type LowerContext, NO_REG, type Op } from '@polybpf/jit';
import { alignedPair, hi, isRegister, lo } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { loadImm } from './lower-constant.ts';
import { clearHalf, ins, isKept, move, readHalf, resultRegister, secondScratch, writeHalf } from './operands.ts';
import { AL, IP, SP } from './registers.ts';
import { routineName } from './routines.ts';

const {
  add_imm,
  bl,
  ldr,
  ldr_post,
  ldrd,
  ldrd_post,
  mls,
  mov_lsr,
  mul,
  sdiv,
  str,
  str_pre,
  strd,
  strd_pre,
  sub_reg,
  udiv,
  umull,
} = INSTRUCTIONS;

/** Whether the op becomes a call of a routine. */
export function callsDivision(op: Op, hasIdiv: boolean): boolean {
  const { kind, width } = op;
  if (kind !== 'udiv' && kind !== 'umod' && kind !== 'sdiv' && kind !== 'smod') return false;
  return width === 64 || (!hasIdiv && reciprocalOf(op) === undefined);
}

export function lowerDivision(cx: LowerContext, op: Op): void {
  if (op.width === 64) divideWide(cx, op);
  else if (cx.target.features?.has('idiv') === true) divideByInstruction(cx, op);
  else if (reciprocalOf(op) !== undefined) divideByReciprocal(cx, op, reciprocalOf(op)!);
  else divideNarrow(cx, op);
}

const isModulo = (op: Op): boolean => op.kind === 'umod' || op.kind === 'smod';
const isSigned = (op: Op): boolean => op.kind === 'sdiv' || op.kind === 'smod';

function divideByInstruction(cx: LowerContext, op: Op): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const second = secondScratch(cx);
  const form = isSigned(op) ? sdiv : udiv;
  let b = second;
  if (op.b === NO_REG) loadImm(cx, second, op.imm);
  else b = readHalf(cx, lo(cx, op.b), second);
  const d = resultRegister(dl, IP);
  if (isModulo(op)) {
    const a = lo(cx, op.a);
    if (isRegister(a)) {
      ins(cx, form, IP, a, b);
      ins(cx, mls, d, IP, b, a);
    } else {
      // The dividend is read twice, so that no third register is needed.
      const dividend = readHalf(cx, a, IP);
      if (isRegister(dl) && dl !== b) {
        ins(cx, form, d, dividend, b);
        ins(cx, mls, d, d, b, dividend);
      } else {
        ins(cx, form, IP, dividend, b);
        ins(cx, mul, IP, IP, b);
        const again = readHalf(cx, a, second);
        ins(cx, sub_reg, d, again, IP);
      }
    }
  } else ins(cx, form, d, readHalf(cx, lo(cx, op.a), IP), b);
  writeHalf(cx, dl, d);
  if (op.zext) clearHalf(cx, dh, IP);
}

/** n / d = n * multiplier >> (32 + shift). */
interface Reciprocal {
  readonly multiplier: number;
  readonly shift: number;
}

/**
 * What an unsigned 32-bit division by a constant multiplies with, if there is such a number of 32 bits: the multiple of d at
 * or above 2^(32 + shift) must not be more than 2^shift above it (Granlund and Montgomery, theorem 4.2).
 */
export function reciprocalOf({ kind, width, b, imm }: Op): Reciprocal | undefined {
  if (width !== 32 || b !== NO_REG || (kind !== 'udiv' && kind !== 'umod') || imm === 0) return undefined;
  const divisor = BigInt(imm >>> 0);
  for (let shift = 0n; shift < 32n; shift++) {
    const power = 1n << (32n + shift);
    const multiplier = (power + divisor - 1n) / divisor;
    if (multiplier >= 1n << 32n) return undefined;
    if (multiplier * divisor - power <= 1n << shift) return { multiplier: Number(multiplier), shift: Number(shift) };
  }
  return undefined;
}

function divideByReciprocal(cx: LowerContext, op: Op, { multiplier, shift }: Reciprocal): void {
  const [dl, al] = [lo(cx, op.d), lo(cx, op.a)];
  const second = secondScratch(cx);
  loadImm(cx, second, multiplier);
  ins(cx, umull, IP, second, readHalf(cx, al, IP), second);
  const d = resultRegister(dl, IP);
  if (isModulo(op)) {
    if (shift > 0) ins(cx, mov_lsr, second, second, shift);
    loadImm(cx, IP, op.imm);
    if (isRegister(al)) ins(cx, mls, d, second, IP, al);
    else {
      ins(cx, mul, second, second, IP);
      ins(cx, sub_reg, d, readHalf(cx, al, IP), second);
    }
  } else if (shift > 0) ins(cx, mov_lsr, d, second, shift);
  else move(cx, d, second);
  writeHalf(cx, dl, d);
  if (op.zext) clearHalf(cx, hi(cx, op.d), IP);
}

/** Both operands as words, the dividend at sp, the divisor above it. */
function divideNarrow(cx: LowerContext, op: Op): void {
  const second = secondScratch(cx);
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  ins(cx, str_pre, readHalf(cx, lo(cx, op.a), IP), SP, -8);
  let b = second;
  if (op.b === NO_REG) loadImm(cx, second, op.imm);
  else b = readHalf(cx, lo(cx, op.b), second, 8);
  ins(cx, str, b, SP, 4);
  emitTo(cx, bl, [AL], cx.routine(routineName(32, isSigned(op))));
  const d = resultRegister(dl, IP);
  if (isModulo(op)) {
    ins(cx, ldr, d, SP, 4);
    ins(cx, add_imm, SP, SP, 8);
  } else ins(cx, ldr_post, d, SP, 8);
  writeHalf(cx, dl, d);
  if (op.zext) clearHalf(cx, dh, IP);
}

function divideWide(cx: LowerContext, op: Op): void {
  const isBig = cx.target.endian === 'big';
  const [low, high] = isBig ? [4, 0] : [0, 4];
  const second = secondScratch(cx);
  const [dl, dh, al, ah] = [lo(cx, op.d), hi(cx, op.d), lo(cx, op.a), hi(cx, op.a)];
  const dividend = alignedPair(al, ah, isBig);
  if (dividend !== undefined) ins(cx, strd_pre, dividend, dividend + 1, SP, -16);
  else {
    // The word at the lower address takes the room.
    const [first, other] = isBig ? [ah, al] : [al, ah];
    ins(cx, str_pre, readHalf(cx, first, IP), SP, -16);
    ins(cx, str, readHalf(cx, other, IP, 16), SP, 4);
  }
  if (op.b === NO_REG) {
    loadImm(cx, second, op.imm);
    ins(cx, str, second, SP, 8 + low);
    if (op.imm !== 0 && op.imm !== -1) loadImm(cx, second, op.imm < 0 ? -1 : 0);
    ins(cx, str, second, SP, 8 + high);
  } else {
    const [bl, bh] = [lo(cx, op.b), hi(cx, op.b)];
    const divisor = alignedPair(bl, bh, isBig);
    if (divisor !== undefined) ins(cx, strd, divisor, divisor + 1, SP, 8);
    else {
      ins(cx, str, readHalf(cx, bl, second, 16), SP, 8 + low);
      ins(cx, str, readHalf(cx, bh, second, 16), SP, 8 + high);
    }
  }
  emitTo(cx, bl, [AL], cx.routine(routineName(64, isSigned(op))));
  const at = isModulo(op) ? 8 : 0;
  const wantsHigh = op.zext && isKept(dh);
  const result = alignedPair(dl, dh, isBig);
  if (wantsHigh && result !== undefined) {
    if (at === 0) return void ins(cx, ldrd_post, result, result + 1, SP, 16);
    ins(cx, ldrd, result, result + 1, SP, at);
    return void ins(cx, add_imm, SP, SP, 16);
  }
  const d = resultRegister(dl, IP);
  ins(cx, ldr, d, SP, at + low);
  writeHalf(cx, dl, d, 16);
  if (wantsHigh) {
    const h = resultRegister(dh, IP);
    ins(cx, ldr, h, SP, at + high);
    writeHalf(cx, dh, h, 16);
  }
  ins(cx, add_imm, SP, SP, 16);
}
