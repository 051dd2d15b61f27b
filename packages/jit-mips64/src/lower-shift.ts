/** Shifts by constants and registers. */
import { emit, hw, type LowerContext, NO_REG, type Op } from '@polybpf/jit';
import { extractField } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { finishWord, signedWord } from './lower-alu.ts';
import { knownExtension, SIGNED } from './lower-fuse.ts';
import { T8 } from './registers.ts';

const {
  dsll, dsll32, dsllv, dsra, dsra32, dsrav, dsrl, dsrl32, dsrlv, sll, sllv, sra, srav, srl, srlv,
} = INSTRUCTIONS; // prettier-ignore

export type ShiftKind = 'lsh' | 'rsh' | 'arsh';

/** Counts in registers are taken modulo the width by the instructions themselves. */
export function lowerShift(cx: LowerContext, op: Op): void {
  const kind = op.kind as ShiftKind;
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.b === NO_REG) return emitShift(cx, kind, op, d, a, op.imm);
  const b = hw(cx, op.b);
  if (op.width === 64) {
    emit(cx, kind === 'lsh' ? dsllv : kind === 'rsh' ? dsrlv : dsrav, [d, a, b]);
    return;
  }
  // Shifts to the left take any word, the others only sign-extended ones.
  if (kind === 'lsh') emit(cx, sllv, [d, a, b]);
  else emit(cx, kind === 'rsh' ? srlv : srav, [d, signedWord(cx, a, T8), b]);
  finishWord(cx, op, d);
}

/** d = a shifted by a constant. */
export function emitShift(cx: LowerContext, kind: ShiftKind, op: Op, d: number, a: number, amount: number): void {
  if (op.width === 64) return emitShift64(cx, kind, d, a, amount);
  if (kind === 'lsh') {
    emit(cx, sll, [d, a, amount]);
  } else if (kind === 'rsh') {
    // The field of a word is zero-extended whatever lies above it.
    const isWord = !op.zext && (knownExtension(cx, a) & SIGNED) !== 0;
    const [form, lsb, msbd] = extractField(amount, 32 - amount);
    if (isWord) emit(cx, srl, [d, a, amount]);
    else emit(cx, form, [d, a, lsb, msbd]);
    return;
  } else if ((knownExtension(cx, a) & SIGNED) !== 0) {
    emit(cx, sra, [d, a, amount]);
  } else {
    emit(cx, sll, [d, a, 0]);
    emit(cx, sra, [d, d, amount]);
  }
  finishWord(cx, op, d);
}

function emitShift64(cx: LowerContext, kind: ShiftKind, d: number, a: number, amount: number): void {
  const near = amount < 32;
  const form = kind === 'lsh' ? (near ? dsll : dsll32) : kind === 'rsh' ? (near ? dsrl : dsrl32) : near ? dsra : dsra32;
  emit(cx, form, [d, a, amount & 31]);
}
