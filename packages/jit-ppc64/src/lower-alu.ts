/**
 * Addition, subtraction, multiplication, logic and shifts.
 *
 * All arithmetic is on 64 bits; its low half is that of the 32-bit operation. *wide*: 64 bits are wanted. *narrow*: only
 * the low 32 bits are, so that whatever is shortest may be left above them. Otherwise a 32-bit result must be
 * zero-extended, which word rotations and shifts do themselves.
 */
import { emit, hw, isSigned16, isUnsigned16, type LowerContext, type MachineForm, NO_REG, type Op, R10, runOf } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { addImmediate, addImmediate32, loadSigned32 } from './lower-constant.ts';
import { emitExtract, fuseUnion, isBelow } from './lower-fuse.ts';
import { copy, emitFrameAddress, zext32 } from './lower-move.ts';
import { R0 } from './registers.ts';

const { add, and, andi_rc, andis_rc, mulld, mulli, mullw, nor, or, ori, oris, rldicl, rldicr, rlwinm, sld, slw, srad, sradi, sraw, srawi, srd, srw, subf, xor, xori, xoris } = INSTRUCTIONS; // prettier-ignore

/** Whether only a zero-extended 32-bit result will do. */
export function extends32(op: Op): boolean {
  return op.width === 32 && op.zext;
}

/** Whether all 64 bits of the result matter. */
function isWide(op: Op): boolean {
  return op.width === 64 && op.zext;
}

/** `d = a op b` between registers. */
function lowerRegisters(cx: LowerContext, op: Op, form: MachineForm): void {
  const d = hw(cx, op.d);
  emit(cx, form, [d, hw(cx, op.a), hw(cx, op.b)]);
  if (extends32(op)) zext32(cx, d);
}

/** Addition, disjunction and exclusive disjunction of bits that do not overlap are all the same. */
function lowerUnion(cx: LowerContext, op: Op, form: MachineForm): void {
  if (!fuseUnion(cx, hw(cx, op.d), hw(cx, op.a), hw(cx, op.b))) return lowerRegisters(cx, op, form);
  if (extends32(op)) emitExtract(cx, hw(cx, op.d), { source: hw(cx, op.d), first: 32, last: 63, rotate: 0 });
}

export function lowerAdd(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerUnion(cx, op, add);
  const d = hw(cx, op.d);
  if (op.a === R10) return emitFrameAddress(cx, d, op.imm);
  lowerSum(cx, op, op.imm);
}

export function lowerSub(cx: LowerContext, op: Op): void {
  if (op.b === NO_REG) return lowerSum(cx, op, -op.imm);
  const d = hw(cx, op.d);
  emit(cx, subf, [d, hw(cx, op.b), hw(cx, op.a)]);
  if (extends32(op)) zext32(cx, d);
}

/** `d = a + imm` for an immediate of -2^31 to 2^31. */
function lowerSum(cx: LowerContext, op: Op, imm: number): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (isWide(op)) addImmediate(cx, d, a, imm);
  else addImmediate32(cx, d, a, imm);
  if (extends32(op)) zext32(cx, d);
}

export function lowerMul(cx: LowerContext, op: Op): void {
  const form = op.width === 64 ? mulld : mullw;
  if (op.b !== NO_REG) return lowerRegisters(cx, op, form);
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (isSigned16(op.imm)) emit(cx, mulli, [d, a, op.imm]);
  else {
    loadSigned32(cx, R0, op.imm);
    emit(cx, form, [d, a, R0]);
  }
  if (extends32(op)) zext32(cx, d);
}

/** Contiguous ones in a word, bit 0 being the most significant; `first > last` when they wrap around. */
interface WordMask {
  readonly first: number;
  readonly last: number;
}

/** The only run of ones in a word that is neither 0 nor all ones, or undefined when there are more. */
export function wordMask(word: number): WordMask | undefined {
  const wraps = (word & 1) !== 0 && word < 0;
  const run = runOf(wraps ? ~word : word);
  if (run === undefined) return undefined;
  const [first, last] = [31 - run[1], 31 - run[0]];
  return wraps ? { first: last + 1, last: first - 1 } : { first, last };
}

export function lowerAnd(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerRegisters(cx, op, and);
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const { imm } = op;
  if (imm === -1) {
    copy(cx, d, a);
    if (extends32(op)) zext32(cx, d);
    return;
  }
  if (imm < 0 && isWide(op)) return andNegative(cx, d, a, imm);
  const mask = wordMask(imm);
  if (mask !== undefined && mask.first <= mask.last) {
    // A word rotation clears the upper half. One word is selected from at least that word.
    if (emitExtract(cx, d, { source: a, first: 32 + mask.first, last: 32 + mask.last, rotate: 0 })) return;
    emit(cx, rlwinm, [d, a, 0, mask.first, mask.last]);
  } else if (mask !== undefined) {
    // Ones that wrap around: the word is copied into the upper half.
    emit(cx, rlwinm, [d, a, 0, mask.first, mask.last]);
    if (extends32(op)) zext32(cx, d);
  } else if (isUnsigned16(imm)) {
    emit(cx, andi_rc, [d, a, imm]);
  } else if ((imm & 0xffff) === 0) {
    emit(cx, andis_rc, [d, a, imm >>> 16]);
  } else {
    loadSigned32(cx, R0, imm);
    emit(cx, and, [d, a, R0]);
    if (imm < 0 && extends32(op)) zext32(cx, d);
  }
}

/** `d = a & imm` for a negative immediate other than -1 on 64 bits. */
function andNegative(cx: LowerContext, d: number, a: number, imm: number): void {
  const zeros = wordMask(~imm);
  if (zeros !== undefined && zeros.last === 31) {
    emitExtract(cx, d, { source: a, first: 0, last: 31 + zeros.first, rotate: 0 });
  } else if (zeros !== undefined) {
    // The zeros to the top, where one instruction clears them, and back.
    emit(cx, rldicl, [R0, a, 32 + zeros.first, zeros.last - zeros.first + 1]);
    emit(cx, rldicl, [d, R0, 32 - zeros.first, 0]);
  } else {
    loadSigned32(cx, R0, imm);
    emit(cx, and, [d, a, R0]);
  }
}

export function lowerOr(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerUnion(cx, op, or);
  logicImmediate(cx, op, ori, oris, or);
}

export function lowerXor(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerUnion(cx, op, xor);
  if (op.imm !== -1) return logicImmediate(cx, op, xori, xoris, xor);
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  emit(cx, nor, [d, a, a]);
  if (extends32(op)) zext32(cx, d);
}

/** `d = a op imm` with the instructions for the two halfwords, or a register where the sign reaches farther. */
function logicImmediate(cx: LowerContext, op: Op, low: MachineForm, high: MachineForm, registers: MachineForm): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const { imm } = op;
  if (imm < 0 && (isWide(op) || isSigned16(imm))) {
    loadSigned32(cx, R0, imm);
    emit(cx, registers, [d, a, R0]);
  } else {
    let from = a;
    if (imm >>> 16 !== 0) {
      emit(cx, high, [d, from, imm >>> 16]);
      from = d;
    }
    if ((imm & 0xffff) !== 0) emit(cx, low, [d, from, imm & 0xffff]);
  }
  if (extends32(op)) zext32(cx, d);
}

/**
 * Puts the count of a shift, modulo the width, into a register: shifts take one bit more than the width needs, and
 * counts beyond it shift everything out, where RFC 9669 sec. 4.1 masks.
 */
function shiftCount(cx: LowerContext, op: Op): number {
  const b = hw(cx, op.b);
  const bits = op.width === 64 ? 6 : 5;
  if (isBelow(cx, b, bits)) return b;
  emit(cx, rldicl, [R0, b, 0, 64 - bits]);
  return R0;
}

export function lowerLsh(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (op.b !== NO_REG) {
    emit(cx, op.width === 64 ? sld : slw, [d, a, shiftCount(cx, op)]);
    return;
  }
  const count = op.imm;
  const first = op.width === 64 ? 0 : 32;
  if (emitExtract(cx, d, { source: a, first, last: 63 - count, rotate: count })) return;
  if (op.width === 64) emit(cx, rldicr, [d, a, count, 63 - count]);
  else emit(cx, rlwinm, [d, a, count, 0, 31 - count]);
}

export function lowerRsh(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (op.b !== NO_REG) {
    emit(cx, op.width === 64 ? srd : srw, [d, a, shiftCount(cx, op)]);
    return;
  }
  const count = op.imm;
  const first = (op.width === 64 ? 0 : 32) + count;
  emitExtract(cx, d, { source: a, first, last: 63, rotate: 64 - count });
}

/** Arithmetic shifts of words leave their sign in the upper half. */
export function lowerArsh(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const wide = op.width === 64;
  if (op.b !== NO_REG) {
    emit(cx, wide ? srad : sraw, [d, a, shiftCount(cx, op)]);
  } else {
    emit(cx, wide ? sradi : srawi, [d, a, op.imm]);
  }
  if (extends32(op)) zext32(cx, d);
}
