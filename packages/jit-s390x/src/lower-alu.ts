/**
 * Addition, subtraction, multiplication, logic and shifts.
 *
 * Three cases decide about the form. *wide*: 64 bits are wanted. *narrow*: only the low 32 bits are, so that 32-bit
 * instructions, which leave the upper half alone, may be used whatever the op's width. Otherwise a 32-bit result must
 * be zero-extended: after the instruction, or before it when the first operand is copied anyway, since the upper half
 * then stays zero.
 */
import { emit, hw, hwBase, isSigned16, isSpent, lastNode, type LowerContext, type MachineNode, NO_REG, type Op, R10 } from '@polybpf/jit'; // prettier-ignore
import { FORMS as F, type S390xForm } from './instructions.ts';
import { bitRange, fuseExtract, fuseIndex, fuseRotation, leftShift, rightShift } from './lower-fuse.ts';
import { isLongDisplacement, isShortDisplacement, loadAddress, loadImm64, lowerMov, zext32 } from './lower-move.ts';
import { NO_BASE, R0, R1 } from './registers.ts';

/** Register forms of an operation: two operands, and three where they exist. */
interface RegisterForms {
  readonly wide: S390xForm;
  readonly narrow: S390xForm;
  readonly wide3?: S390xForm;
  readonly narrow3?: S390xForm;
  readonly commutative: boolean;
}

const ADD: RegisterForms = { wide: F.agr, narrow: F.ar, wide3: F.agrk, narrow3: F.ark, commutative: true };
const SUB: RegisterForms = { wide: F.sgr, narrow: F.sr, wide3: F.sgrk, narrow3: F.srk, commutative: false };
const MUL: RegisterForms = { wide: F.msgr, narrow: F.msr, commutative: true };
const AND: RegisterForms = { wide: F.ngr, narrow: F.nr, wide3: F.ngrk, narrow3: F.nrk, commutative: true };
const OR: RegisterForms = { wide: F.ogr, narrow: F.or, wide3: F.ogrk, narrow3: F.ork, commutative: true };
const XOR: RegisterForms = { wide: F.xgr, narrow: F.xr, wide3: F.xgrk, narrow3: F.xrk, commutative: true };

/** `d = a op b` between registers. */
function lowerRegisters(cx: LowerContext, op: Op, forms: RegisterForms): void {
  const d = hw(cx, op.d);
  let a = hw(cx, op.a);
  let b = hw(cx, op.b);
  if (forms === ADD ? fuseIndexedSum(cx, op, d, a, b) : forms === OR && lowerRotation(cx, op, d, a, b)) return;
  if (forms.commutative && b === d) [a, b] = [b, a];
  if (!op.zext || op.width === 64) {
    const form2 = op.zext ? forms.wide : forms.narrow;
    const form3 = op.zext ? forms.wide3 : forms.narrow3;
    if (a === d) {
      emit(cx, form2, [d, b]);
    } else if (form3 !== undefined) {
      emit(cx, form3, [d, a, b]);
    } else {
      emit(cx, op.zext ? F.lgr : F.lr, [d, a]);
      emit(cx, form2, [d, b]);
    }
  } else if (a === d) {
    emit(cx, forms.narrow, [d, b]);
    zext32(cx, d);
  } else if (b !== d) {
    emit(cx, F.llgfr, [d, a]);
    emit(cx, forms.narrow, [d, b]);
  } else {
    emit(cx, forms.narrow3!, [d, a, b]);
    zext32(cx, d);
  }
}

/** An addition of a register to register + constant is one address. */
function fuseIndexedSum(cx: LowerContext, op: Op, d: number, a: number, b: number): boolean {
  const node = lastNode(cx);
  if (node === undefined || (op.zext && op.width === 32) || a === b || a === NO_BASE || b === NO_BASE) return false;
  const sum = node.operands[0]!;
  if ((sum !== a && sum !== b) || !isSpent(cx, sum, d)) return false;
  const index = sum === a ? b : a;
  const address = offsetOf(node);
  if (address === undefined) return false;
  cx.nodes.pop();
  emit(cx, isShortDisplacement(address.offset) ? F.la : F.lay, [d, address.offset | 0, index, address.base]);
  return true;
}

/** The base and the constant that a node adds up on 64 bits. */
function offsetOf({ form, operands }: MachineNode): { base: number; offset: number } | undefined {
  const [d, a, b, c] = operands as [number, number, number, number];
  if (form === F.aghi) return { base: d, offset: a };
  return (form === F.la || form === F.lay) && b === NO_BASE ? { base: c, offset: a } : undefined;
}

/** `d = x << n | x >> width - n`. */
function lowerRotation(cx: LowerContext, op: Op, d: number, a: number, b: number): boolean {
  const rotation = fuseRotation(cx, d, a, b, !op.zext || op.width === 32);
  if (rotation === undefined) return false;
  emit(cx, rotation.form, [d, rotation.source, rotation.count, NO_BASE]);
  if (op.zext && op.width === 32) zext32(cx, d);
  return true;
}

/** Copies the first operand of a two-operand instruction with an immediate into place; true: the upper half is zero. */
function copyFirst(cx: LowerContext, op: Op, d: number, a: number): boolean {
  const zeroExtends = op.zext && op.width === 32;
  if (a === d) return false;
  emit(cx, zeroExtends ? F.llgfr : op.zext ? F.lgr : F.lr, [d, a]);
  return zeroExtends;
}

/** Appends `d = a op imm` with a two-operand instruction that computes at least the low 32 bits. */
function emitImmediate(cx: LowerContext, op: Op, form: S390xForm, imm: number): void {
  const d = hw(cx, op.d);
  const isExtended = copyFirst(cx, op, d, hw(cx, op.a));
  emit(cx, form, [d, imm]);
  if (op.zext && op.width === 32 && !isExtended) zext32(cx, d);
}

export function lowerAdd(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerRegisters(cx, op, ADD);
  if (op.a === R10) return addFrameAddress(cx, hw(cx, op.d), op.imm);
  addImmediate(cx, op, op.imm);
}

export function lowerSub(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerRegisters(cx, op, SUB);
  addImmediate(cx, op, -op.imm);
}

/** `d = r10 + imm`. */
function addFrameAddress(cx: LowerContext, d: number, imm: number): void {
  const base = hwBase(cx, R10);
  const offset = cx.frame.bias + imm;
  if (isLongDisplacement(offset)) return loadAddress(cx, d, base, offset);
  // The bias is less than a page, the sum of both less than 32 bits and a little.
  emit(cx, F.lgfi, [d, imm]);
  emit(cx, F.la, [d, cx.frame.bias, d, base]);
}

/** `d = a + imm` for an immediate of -2^31 to 2^31. */
function addImmediate(cx: LowerContext, op: Op, imm: number): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (imm === 0x8000_0000) return emitImmediate(cx, op, F.algfi, imm | 0);
  const zeroExtends = op.zext && op.width === 32;
  const sum = zeroExtends || !isLongDisplacement(imm + 0xfff) ? undefined : fuseIndex(cx, a, imm, d);
  if (sum !== undefined) {
    emit(cx, isShortDisplacement(sum.offset) ? F.la : F.lay, [d, sum.offset, sum.index, sum.base]);
    return;
  }
  if (a !== d && a !== NO_BASE && !zeroExtends && isLongDisplacement(imm)) return loadAddress(cx, d, a, imm);
  const wide = op.zext && op.width === 64;
  if (isSigned16(imm)) emitImmediate(cx, op, wide ? F.aghi : F.ahi, imm);
  else emitImmediate(cx, op, wide ? F.agfi : F.afi, imm);
}

export function lowerMul(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerRegisters(cx, op, MUL);
  const wide = op.zext && op.width === 64;
  if (isSigned16(op.imm)) emitImmediate(cx, op, wide ? F.mghi : F.mhi, op.imm);
  else emitImmediate(cx, op, wide ? F.msgfi : F.msfi, op.imm);
}

export function lowerAnd(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerRegisters(cx, op, AND);
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const { imm } = op;
  const wide = op.zext && op.width === 64;
  const coversHalf = imm >>> 16 === 0xffff || (imm & 0xffff) === 0xffff;
  if (imm === -1) {
    lowerMov(cx, { ...op, kind: 'mov' });
  } else if (imm === 0xff || imm === 0xffff) {
    const first = imm === 0xff ? 56 : 48;
    if (fuseExtract(cx, d, { source: a, first, last: 63, rotate: 0 })) return;
    emit(cx, imm === 0xff ? F.llgcr : F.llghr, [d, a]);
  } else if (wide) {
    if (imm < 0 && d === a) andLowWord(cx, op, imm);
    else andInto(cx, d, a, imm, imm < 0 ? -1 : 0);
  } else if (op.zext) {
    if (coversHalf && bitRange(imm, 0) === undefined) andLowWord(cx, op, imm);
    else andInto(cx, d, a, imm, 0);
  } else if (d === a || coversHalf || bitRange(imm, 0) === undefined) {
    andLowWord(cx, op, imm);
  } else {
    andInto(cx, d, a, imm, 0);
  }
}

/** `d = a & imm` with an instruction that covers one halfword or the low word. */
function andLowWord(cx: LowerContext, op: Op, imm: number): void {
  if (imm >>> 16 === 0xffff) emitImmediate(cx, op, F.nill, imm & 0xffff);
  else if ((imm & 0xffff) === 0xffff) emitImmediate(cx, op, F.nilh, imm >>> 16);
  else emitImmediate(cx, op, F.nilf, imm | 0);
}

/** `d = a & high:low`, where high is 0 or -1: 4 to 10 bytes. */
function andInto(cx: LowerContext, d: number, a: number, low: number, high: number): void {
  const range = bitRange(low, high);
  if (range !== undefined && range.first <= range.last && fuseExtract(cx, d, { source: a, ...range, rotate: 0 })) return; // prettier-ignore
  if (high === 0 && low === 0x7fff_ffff) {
    emit(cx, F.llgtr, [d, a]);
    return;
  }
  if (range !== undefined) {
    emit(cx, F.risbg, [d, a, range.first, range.last + 128, 0]);
    return;
  }
  loadImm64(cx, R0, low, high);
  if (d === a) emit(cx, F.ngr, [d, R0]);
  else emit(cx, F.ngrk, [d, a, R0]);
}

export function lowerOr(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerRegisters(cx, op, OR);
  const { imm } = op;
  if (op.width === 64 && op.zext && imm < 0) return logicalWithScratch(cx, op, F.ogr, F.ogrk);
  if (imm >>> 16 === 0) emitImmediate(cx, op, F.oill, imm);
  else if ((imm & 0xffff) === 0) emitImmediate(cx, op, F.oilh, imm >>> 16);
  else emitImmediate(cx, op, F.oilf, imm | 0);
}

export function lowerXor(cx: LowerContext, op: Op): void {
  if (op.b !== NO_REG) return lowerRegisters(cx, op, XOR);
  if (op.width === 64 && op.zext && op.imm < 0) return logicalWithScratch(cx, op, F.xgr, F.xgrk);
  emitImmediate(cx, op, F.xilf, op.imm | 0);
}

/** `d = a op imm` on 64 bits with the immediate in a register: the immediate instructions cover one word only. */
function logicalWithScratch(cx: LowerContext, op: Op, form2: S390xForm, form3: S390xForm): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  loadImm64(cx, R0, op.imm, op.imm < 0 ? -1 : 0);
  if (d === a) emit(cx, form2, [d, R0]);
  else emit(cx, form3, [d, a, R0]);
}

/** Shift instructions: two-operand and three-operand on 32 bits, and on 64 bits. */
interface ShiftForms {
  readonly narrow: S390xForm;
  readonly narrow3: S390xForm;
  readonly wide: S390xForm;
}

const LSH: ShiftForms = { narrow: F.sll, narrow3: F.sllk, wide: F.sllg };
const RSH: ShiftForms = { narrow: F.srl, narrow3: F.srlk, wide: F.srlg };
const ARSH: ShiftForms = { narrow: F.sra, narrow3: F.srak, wide: F.srag };

export function lowerLsh(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const count = op.imm;
  if (op.b !== NO_REG) return shiftByRegister(cx, op, LSH);
  if (fuseExtract(cx, d, leftShift(a, count, op.width === 32))) return;
  // Doubling is an addition.
  if (count === 1) return lowerRegisters(cx, { ...op, b: op.a }, ADD);
  if (op.zext && op.width === 32) emit(cx, F.risbg, [d, a, 32, 63 - count + 128, count]);
  else if (op.zext) emit(cx, F.sllg, [d, a, count, NO_BASE]);
  else shiftNarrow(cx, LSH, d, a, count, NO_BASE);
}

export function lowerRsh(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const count = op.imm;
  if (op.b !== NO_REG) return shiftByRegister(cx, op, RSH);
  if (fuseExtract(cx, d, rightShift(a, count, op.width === 32))) return;
  if (op.width === 64) emit(cx, F.srlg, [d, a, count, NO_BASE]);
  else if (op.zext) emit(cx, F.risbg, [d, a, 32 + count, 63 + 128, (64 - count) & 63]);
  else shiftNarrow(cx, RSH, d, a, count, NO_BASE);
}

export function lowerArsh(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const count = op.imm;
  if (op.b !== NO_REG) return shiftByRegister(cx, op, ARSH);
  if (op.width === 64) emit(cx, F.srag, [d, a, count, NO_BASE]);
  else if (op.zext) shiftZeroExtended(cx, ARSH, d, a, count, NO_BASE);
  else shiftNarrow(cx, ARSH, d, a, count, NO_BASE);
}

/** `d = a shifted by count + base`, the upper half left undefined. */
function shiftNarrow(cx: LowerContext, forms: ShiftForms, d: number, a: number, count: number, base: number): void {
  if (d === a) emit(cx, forms.narrow, [d, count, base]);
  else emit(cx, forms.narrow3, [d, a, count, base]);
}

/** As {@link shiftNarrow}, zero-extended. */
function shiftZeroExtended(
  cx: LowerContext,
  forms: ShiftForms,
  d: number,
  a: number,
  count: number,
  base: number,
): void {
  if (d !== a && d !== base) {
    emit(cx, F.llgfr, [d, a]);
    emit(cx, forms.narrow, [d, count, base]);
    return;
  }
  shiftNarrow(cx, forms, d, a, count, base);
  zext32(cx, d);
}

function shiftByRegister(cx: LowerContext, op: Op, forms: ShiftForms): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  let count = hw(cx, op.b);
  if (op.width === 64) {
    // The hardware takes the count modulo 64, as RFC 9669 does; but %r0 in its place means no register.
    if (count === R0) emit(cx, F.lgr, [(count = R1), R0]);
    // A left shift by 32 or more leaves nothing in the low word, on 32 bits as on 64.
    if (!op.zext && forms === LSH && d === a) emit(cx, F.sll, [d, 0, count]);
    else emit(cx, forms.wide, [d, a, 0, count]);
    return;
  }
  // On 32 bits as well the hardware takes six bits of the count, the RFC five.
  emit(cx, F.risbg, [R1, count, 59, 63 + 128, 0]);
  if (op.zext) shiftZeroExtended(cx, forms, d, a, 0, R1);
  else shiftNarrow(cx, forms, d, a, 0, R1);
}
