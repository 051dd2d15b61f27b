/** Moves, extensions, byte swaps. */
import { type LowerContext, type Op, R10 } from '@polybpf/jit';
import { hi, isRegister, lo } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { emitAddImm } from './lower-alu.ts';
import { loadImm } from './lower-constant.ts';
import { clearHalf, ins, isKept, readHalf, resultRegister, secondScratch, writeHalf } from './operands.ts';
import { IP } from './registers.ts';

const { adc_imm, adds_reg, mov_asr, mov_imm, mov_lsr, rev, sbc_imm, sxtb, sxth, uxtb, uxth } = INSTRUCTIONS;

/** half = half. */
export function copyHalf(cx: LowerContext, to: number, from: number): void {
  if (to === from || !isKept(to)) return;
  writeHalf(cx, to, readHalf(cx, from, isRegister(to) ? to : IP));
}

/** Sums of r10 and less than this are addresses as well: programs and their stacks lie elsewhere than at 0. */
const NEAR = 0x10000;

/** d = r10 + offset. */
export function lowerFrameAddress(cx: LowerContext, op: Op, offset: number): void {
  const [low, high] = [lo(cx, op.d), hi(cx, op.d)];
  const { base, bias } = cx.frame;
  const register = resultRegister(low, IP);
  if (Math.abs(offset) < NEAR || !op.zext || !isKept(high)) {
    emitAddImm(cx, register, base, bias + offset, register);
    writeHalf(cx, low, register);
    if (op.zext) clearHalf(cx, high, IP);
    return;
  }
  const second = secondScratch(cx);
  emitAddImm(cx, IP, base, bias, IP);
  loadImm(cx, second, offset);
  ins(cx, adds_reg, register, IP, second);
  writeHalf(cx, low, register);
  const upper = resultRegister(high, IP);
  ins(cx, mov_imm, upper, 0);
  ins(cx, offset < 0 ? sbc_imm : adc_imm, upper, upper, 0);
  writeHalf(cx, high, upper);
}

export function lowerMov(cx: LowerContext, op: Op): void {
  if (op.a === R10) return lowerFrameAddress(cx, op, 0);
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const al = lo(cx, op.a);
  if (op.width === 8 || op.width === 16) {
    const d = resultRegister(dl, IP);
    ins(cx, op.width === 8 ? uxtb : uxth, d, readHalf(cx, al, IP));
    writeHalf(cx, dl, d);
  } else copyHalf(cx, dl, al);
  if (!op.zext) return;
  if (op.width === 64) copyHalf(cx, dh, hi(cx, op.a));
  else clearHalf(cx, dh, IP);
}

export function lowerSext(cx: LowerContext, op: Op): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  let low = readHalf(cx, lo(cx, op.a), IP);
  if (op.from !== 32) {
    const d = resultRegister(dl, IP);
    ins(cx, op.from === 8 ? sxtb : sxth, d, low);
    low = d;
  }
  writeHalf(cx, dl, low);
  if (!op.zext || !isKept(dh)) return;
  if (op.width === 32) return clearHalf(cx, dh, IP);
  signInto(cx, dh, low);
}

/** half = the sign of `low` in all bits. */
export function signInto(cx: LowerContext, half: number, low: number): void {
  if (!isKept(half)) return;
  const register = resultRegister(half, IP);
  ins(cx, mov_asr, register, low, 31);
  writeHalf(cx, half, register);
}

export function lowerBswap(cx: LowerContext, op: Op): void {
  const [dl, dh, al] = [lo(cx, op.d), hi(cx, op.d), lo(cx, op.a)];
  if (op.width !== 64) {
    const d = resultRegister(dl, IP);
    ins(cx, rev, d, readHalf(cx, al, IP));
    if (op.width === 16) ins(cx, mov_lsr, d, d, 16);
    writeHalf(cx, dl, d);
    if (op.zext) clearHalf(cx, dh, IP);
    return;
  }
  swapWords(cx, op, al, hi(cx, op.a));
}

/** d = the bytes of both halves reversed. */
export function swapWords(cx: LowerContext, op: Op, al: number, ah: number): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const wantsHigh = op.zext && isKept(dh);
  const second = secondScratch(cx);
  // The new low half overwrites an operand that is still wanted only if it is the old one.
  const low = wantsHigh && (dl === al || !isRegister(dl)) ? IP : resultRegister(dl, IP);
  ins(cx, rev, low, readHalf(cx, ah, low));
  if (wantsHigh) {
    const high = resultRegister(dh, second);
    ins(cx, rev, high, readHalf(cx, al, high));
    writeHalf(cx, dh, high);
  }
  writeHalf(cx, dl, low);
}
