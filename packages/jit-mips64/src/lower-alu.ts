/** Arithmetic, logic and multiplication. */
import { emit, hw, isUnsigned16, type LowerContext, type MachineForm, NO_REG, type Op, powerOf, R10, runOf } from '@polybpf/jit'; // prettier-ignore
import { extractField, insertField } from './encoder.ts';
import { INSTRUCTIONS, RELEASE6 } from './instructions.ts';
import { emitAddImm, emitAddWordImm } from './lower-constant.ts';
import { loadImm64 } from './lower-constant.ts';
import { knownExtension, SIGNED, UNSIGNED } from './lower-fuse.ts';
import { emitShift } from './lower-shift.ts';
import { SP, T8, ZERO } from './registers.ts';

const {
  addu, and, andi, daddu, dmult, dnegu, dsubu, mflo, move, mul, negu, not, or, ori, sll, subu, xor, xori,
} = INSTRUCTIONS; // prettier-ignore

/** d = bits 0 to 31 of a, zero-extended; nothing when that is what d holds already. */
export function emitZext32(cx: LowerContext, d: number, a: number): void {
  if ((knownExtension(cx, a) & UNSIGNED) !== 0) return emitMove(cx, d, a);
  const [form, lsb, msbd] = extractField(0, 32);
  emit(cx, form, [d, a, lsb, msbd]);
}

/** The register that holds `a` as a sign-extended word: `a` itself when it is known to, otherwise `temp`. */
export function signedWord(cx: LowerContext, a: number, temp: number): number {
  return (knownExtension(cx, a) & SIGNED) !== 0 ? a : emitSignedWord(cx, a, temp);
}

function emitSignedWord(cx: LowerContext, a: number, temp: number): number {
  emit(cx, sll, [temp, a, 0]);
  return temp;
}

/** The register that holds `a` as a zero-extended word: `a` itself when it is known to, otherwise `temp`. */
export function unsignedWord(cx: LowerContext, a: number, temp: number): number {
  if ((knownExtension(cx, a) & UNSIGNED) !== 0) return a;
  emitZext32(cx, temp, a);
  return temp;
}

export function emitMove(cx: LowerContext, d: number, a: number): void {
  if (d !== a) emit(cx, move, [d, a]);
}

/** A copy of `op.width` bits: zero-extended when anything reads the upper half. */
export function emitCopy(cx: LowerContext, op: Op, d: number, a: number): void {
  if (op.width === 32 && op.zext) emitZext32(cx, d, a);
  else emitMove(cx, d, a);
}

/** Ends a 32-bit op whose result's upper half is not zero by itself. */
export function finishWord(cx: LowerContext, op: Op, d: number): void {
  if (op.width === 32 && op.zext) emitZext32(cx, d, d);
}

/** Both operands are sign-extended words, or need not be. */
function areWords(cx: LowerContext, a: number, b: number): boolean {
  return (knownExtension(cx, a) & knownExtension(cx, b) & SIGNED) !== 0;
}

/** add, sub, mul and the logical ops, with a register or an immediate that fits. */
export function lowerAlu(cx: LowerContext, op: Op): void {
  if (op.b === NO_REG) return lowerAluImm(cx, op);
  const [d, b] = [hw(cx, op.d), hw(cx, op.b)];
  let a: number;
  if (op.a === R10) {
    // r10 plus a constant that did not fit.
    a = T8;
    emitAddImm(cx, a, SP, cx.frame.bias);
  } else a = hw(cx, op.a);
  switch (op.kind) {
    case 'add':
    case 'sub': {
      // A word instruction keeps the result a word; the other adds whatever the upper halves are.
      const asWords = op.width === 32 && !op.zext && areWords(cx, a, b);
      const form = op.kind === 'add' ? (asWords ? addu : daddu) : asWords ? subu : dsubu;
      emit(cx, form, [d, a, b]);
      break;
    }
    case 'mul':
      return emitProduct(cx, op, d, a, b);
    default:
      emit(cx, op.kind === 'and' ? and : op.kind === 'or' ? or : xor, [d, a, b]);
  }
  finishWord(cx, op, d);
}

/** Whether the target is of release 6, which has no HI and LO. */
export function isRelease6({ target: { features } }: LowerContext): boolean {
  return features?.has('r6') === true;
}

function emitProduct(cx: LowerContext, op: Op, d: number, a: number, b: number): void {
  const [knownA, knownB] = op.width === 32 ? [knownExtension(cx, a), knownExtension(cx, b)] : [0, 0];
  if (((knownA | knownB) & SIGNED) !== 0) {
    // Asked once, before anything is emitted: one of the two needs T8, and what is known of the other may age.
    const factorA = (knownA & SIGNED) !== 0 ? a : emitSignedWord(cx, a, T8);
    const factorB = (knownB & SIGNED) !== 0 ? b : emitSignedWord(cx, b, T8);
    emit(cx, mul, [d, factorA, factorB]);
  } else if (isRelease6(cx)) {
    emit(cx, RELEASE6.dmul, [d, a, b]);
  } else {
    emit(cx, dmult, [a, b]);
    emit(cx, mflo, [d]);
  }
  finishWord(cx, op, d);
}

function lowerAluImm(cx: LowerContext, op: Op): void {
  const { kind, imm } = op;
  const d = hw(cx, op.d);
  if (op.a === R10) return emitAddImm(cx, d, SP, cx.frame.bias + imm);
  const a = hw(cx, op.a);
  switch (kind) {
    case 'add': {
      const isWord = op.width === 32 && !op.zext && (knownExtension(cx, a) & SIGNED) !== 0;
      emitAddWordImm(cx, d, a, imm, isWord);
      return finishWord(cx, op, d);
    }
    case 'mul':
      return emitProductImm(cx, op, d, a);
    case 'and':
      return emitAndImm(cx, op, d, a, imm);
    default:
      return emitOrImm(cx, op, kind === 'or', d, a);
  }
}

/** d = a & imm for the immediates of `fitsAnd`. */
export function emitAndImm(cx: LowerContext, op: Op, d: number, a: number, imm: number): void {
  if (imm === -1) return emitCopy(cx, op, d, a);
  if (isUnsigned16(imm)) return void emit(cx, andi, [d, a, imm]);
  if (imm > 0) {
    const [form, lsb, msbd] = extractField(0, 32 - Math.clz32(imm));
    return void emit(cx, form, [d, a, lsb, msbd]);
  }
  const [first, last] = runOf(~imm)!;
  emitMove(cx, d, a);
  const [form, lsb, msb] = insertField(first, last - first + 1);
  emit(cx, form, [d, ZERO, lsb, msb]);
  finishWord(cx, op, d);
}

/** d = a | imm or a ^ imm: 16 bits or all ones. */
function emitOrImm(cx: LowerContext, op: Op, isOr: boolean, d: number, a: number): void {
  const { imm } = op;
  if (imm === -1 && isOr) return loadImm64(cx, d, op.width === 32 && op.zext ? 0 : -1, -1);
  if (imm === -1) emit(cx, not, [d, a]);
  else emit(cx, isOr ? ori : xori, [d, a, imm]);
  finishWord(cx, op, d);
}

/** d = a * imm for the immediates of `fitsMul`. */
function emitProductImm(cx: LowerContext, op: Op, d: number, a: number): void {
  const { imm } = op;
  if (imm === 0) return void emit(cx, move, [d, ZERO]);
  if (powerOf(imm) >= 0) return emitShift(cx, 'lsh', op, d, a, powerOf(imm));
  const negate: MachineForm = dnegu;
  if (imm === -1) emit(cx, negate, [d, a]);
  else if (imm < 0) {
    emitShift64(cx, T8, a, powerOf(-imm));
    emit(cx, negate, [d, T8]);
  } else if (powerOf(imm - 1) >= 0) {
    emitShift64(cx, T8, a, powerOf(imm - 1));
    emit(cx, daddu, [d, T8, a]);
  } else {
    emitShift64(cx, T8, a, powerOf(imm + 1));
    emit(cx, dsubu, [d, T8, a]);
  }
  finishWord(cx, op, d);
}

function emitShift64(cx: LowerContext, d: number, a: number, amount: number): void {
  emit(cx, amount < 32 ? INSTRUCTIONS.dsll : INSTRUCTIONS.dsll32, [d, a, amount & 31]);
}

export function lowerNeg(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  const isWord = op.width === 32 && !op.zext && (knownExtension(cx, a) & SIGNED) !== 0;
  emit(cx, isWord ? negu : dnegu, [d, a]);
  finishWord(cx, op, d);
}
