/**
 * Shifts. By a register, hardware takes the low eight bits of the count, and 32 or more shift everything out (DDI 0406C,
 * A8.4.3): counts are masked first, and a half that moves by more than 32 comes from the other one.
 */
import { type LowerContext, type MachineForm, NO_REG, type Op } from '@polybpf/jit';
import { CC } from './branches.ts';
import { hi, isMemory, lo, temp } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { copyHalf } from './lower-move.ts';
import { clearHalf, ins, insIf, isKept, readHalf, resultRegister, secondScratch, writeHalf } from './operands.ts';
import { IP } from './registers.ts';

const {
  adc_reg, adds_reg, and_imm, mov_asr, mov_asrr, mov_lsl, mov_lslr, mov_lsr, mov_lsrr, mov_rrx, movs_asr, movs_lsr, orr_asrr, orr_lsl,
  orr_lslr, orr_lsr, orr_lsrr, rsb_imm, sub_imm, subs_imm,
} = INSTRUCTIONS; // prettier-ignore

type Shift = 'lsh' | 'rsh' | 'arsh';

const BY_IMMEDIATE: Readonly<Record<Shift, MachineForm>> = { lsh: mov_lsl, rsh: mov_lsr, arsh: mov_asr };
const BY_REGISTER: Readonly<Record<Shift, MachineForm>> = { lsh: mov_lslr, rsh: mov_lsrr, arsh: mov_asrr };

export function lowerShift(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  if (op.b === NO_REG) return wide ? shiftWideImm(cx, op, op.imm & 63) : shiftNarrow(cx, op);
  return wide ? shiftWide(cx, op) : shiftNarrow(cx, op);
}

function shiftNarrow(cx: LowerContext, op: Op): void {
  const kind = op.kind as Shift;
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const d = resultRegister(dl, IP);
  if (op.b === NO_REG) {
    const count = op.imm & 31;
    if (count === 0) copyHalf(cx, dl, lo(cx, op.a));
    else {
      ins(cx, BY_IMMEDIATE[kind], d, readHalf(cx, lo(cx, op.a), IP), count);
      writeHalf(cx, dl, d);
    }
  } else {
    const second = secondScratch(cx);
    ins(cx, and_imm, second, readHalf(cx, lo(cx, op.b), second), 31);
    ins(cx, BY_REGISTER[kind], d, readHalf(cx, lo(cx, op.a), IP), second);
    writeHalf(cx, dl, d);
  }
  if (op.zext) clearHalf(cx, dh, IP);
}

/** 64 bits by a constant of 0 to 63. */
function shiftWideImm(cx: LowerContext, op: Op, count: number): void {
  const kind = op.kind as Shift;
  const [dl, dh, al, ah] = [lo(cx, op.d), hi(cx, op.d), lo(cx, op.a), hi(cx, op.a)];
  const wantsHigh = op.zext && isKept(dh);
  if (count === 0) {
    copyHalf(cx, dl, al);
    if (wantsHigh) copyHalf(cx, dh, ah);
    return;
  }
  const second = secondScratch(cx);
  const [dlr, dhr] = [resultRegister(dl, IP), resultRegister(dh, IP)];
  if (kind === 'lsh') {
    if (count >= 32) {
      if (wantsHigh) {
        if (count === 32) copyHalf(cx, dh, al);
        else {
          ins(cx, mov_lsl, dhr, readHalf(cx, al, IP), count - 32);
          writeHalf(cx, dh, dhr);
        }
      }
      return clearHalf(cx, dl, IP);
    }
    if (!wantsHigh) {
      ins(cx, mov_lsl, dlr, readHalf(cx, al, IP), count);
      return writeHalf(cx, dl, dlr);
    }
    if (count === 1) {
      const low = readHalf(cx, al, IP);
      ins(cx, adds_reg, dlr, low, low);
      writeHalf(cx, dl, dlr);
      const high = readHalf(cx, ah, IP);
      ins(cx, adc_reg, dhr, high, high);
      return writeHalf(cx, dh, dhr);
    }
    const low = readHalf(cx, al, second);
    ins(cx, mov_lsl, dhr, readHalf(cx, ah, IP), count);
    ins(cx, orr_lsr, dhr, dhr, low, 32 - count);
    writeHalf(cx, dh, dhr);
    ins(cx, mov_lsl, dlr, low, count);
    return writeHalf(cx, dl, dlr);
  }
  const shift = BY_IMMEDIATE[kind];
  if (count >= 32) {
    const high = readHalf(cx, ah, second);
    if (count === 32) writeHalf(cx, dl, high);
    else {
      ins(cx, shift, dlr, high, count - 32);
      writeHalf(cx, dl, dlr);
    }
    if (!wantsHigh) return;
    if (kind === 'rsh') return clearHalf(cx, dh, IP);
    ins(cx, mov_asr, dhr, high, 31);
    return writeHalf(cx, dh, dhr);
  }
  if (count === 1 && wantsHigh) {
    ins(cx, kind === 'rsh' ? movs_lsr : movs_asr, dhr, readHalf(cx, ah, IP), 1);
    writeHalf(cx, dh, dhr);
    ins(cx, mov_rrx, dlr, readHalf(cx, al, IP));
    return writeHalf(cx, dl, dlr);
  }
  const high = readHalf(cx, ah, second);
  ins(cx, mov_lsr, dlr, readHalf(cx, al, IP), count);
  ins(cx, orr_lsl, dlr, dlr, high, 32 - count);
  writeHalf(cx, dl, dlr);
  if (!wantsHigh) return;
  ins(cx, shift, dhr, high, count);
  writeHalf(cx, dh, dhr);
}

/** 64 bits by a register. */
function shiftWide(cx: LowerContext, op: Op): void {
  const kind = op.kind as Shift;
  const [dl, dh, al, ah] = [lo(cx, op.d), hi(cx, op.d), lo(cx, op.a), hi(cx, op.a)];
  const wantsHigh = op.zext && isKept(dh);
  const inMemory = isMemory(dl) || isMemory(al);
  const count = secondScratch(cx);
  ins(cx, and_imm, count, readHalf(cx, lo(cx, op.b), count), 63);
  if (kind === 'lsh' && !wantsHigh) {
    const d = resultRegister(dl, IP);
    ins(cx, mov_lslr, d, readHalf(cx, al, IP), count);
    return writeHalf(cx, dl, d);
  }
  const low = inMemory ? readHalf(cx, al, temp(cx, 0)) : al;
  const high = inMemory ? readHalf(cx, ah, temp(cx, 1)) : readHalf(cx, ah, ah);
  const dlr = inMemory ? resultRegister(dl, temp(cx, 0)) : dl;
  const dhr = inMemory ? resultRegister(dh, temp(cx, 1)) : dh;
  if (kind === 'lsh') {
    // Counts below 0 are 224 and more in their low byte, which leaves nothing.
    ins(cx, rsb_imm, IP, count, 32);
    ins(cx, mov_lslr, dhr, high, count);
    ins(cx, orr_lsrr, dhr, dhr, low, IP);
    ins(cx, sub_imm, IP, count, 32);
    ins(cx, orr_lslr, dhr, dhr, low, IP);
    ins(cx, mov_lslr, dlr, low, count);
  } else {
    ins(cx, rsb_imm, IP, count, 32);
    ins(cx, mov_lsrr, dlr, low, count);
    ins(cx, orr_lslr, dlr, dlr, high, IP);
    if (kind === 'rsh') {
      ins(cx, sub_imm, IP, count, 32);
      ins(cx, orr_lsrr, dlr, dlr, high, IP);
    } else {
      ins(cx, subs_imm, IP, count, 32);
      insIf(cx, CC.pl, orr_asrr, dlr, dlr, high, IP);
    }
    if (wantsHigh) ins(cx, BY_REGISTER[kind], dhr, high, count);
  }
  writeHalf(cx, dl, dlr);
  if (wantsHigh) writeHalf(cx, dh, dhr);
}
