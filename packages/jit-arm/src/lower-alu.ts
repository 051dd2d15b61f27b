/** Arithmetic and logic, half by half. */
import { type LowerContext, type MachineForm, NO_REG, type Op, type OpKind, R10 } from '@polybpf/jit';
import { hi, isMemory, lo, temp } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { isModified, loadImm } from './lower-constant.ts';
import { copyHalf, lowerFrameAddress } from './lower-move.ts';
import { lowerShift } from './lower-shift.ts';
import {
  clearHalf,
  ins,
  isKept,
  isZero,
  move,
  readHalf,
  resultRegister,
  secondScratch,
  writeHalf,
} from './operands.ts';
import { IP } from './registers.ts';

const {
  adc_imm, adc_reg, add_imm, add_lsl, add_reg, adds_imm, adds_reg, and_imm, and_reg, bic_imm, eor_imm, eor_reg, mla, mov_imm, mov_lsl, movt, mul,
  mvn_imm, mvn_reg, orr_imm, orr_reg, rsb_imm, rsb_lsl, rsbs_imm, rsc_imm, sbc_imm, sbc_reg, sub_imm, sub_reg, subs_imm, subs_reg, umull,
  uxth,
} = INSTRUCTIONS; // prettier-ignore

/** Rows of an operation on low halves, on those whose carry goes on, and on high halves. */
const FORMS: Readonly<Partial<Record<OpKind, readonly [plain: MachineForm, first: MachineForm, second: MachineForm]>>> =
  {
    add: [add_reg, adds_reg, adc_reg],
    sub: [sub_reg, subs_reg, sbc_reg],
    and: [and_reg, and_reg, and_reg],
    or: [orr_reg, orr_reg, orr_reg],
    xor: [eor_reg, eor_reg, eor_reg],
  };

/** rd = rn + value; `spare` may be rd, or rn when it is not read again. */
export function emitAddImm(cx: LowerContext, rd: number, rn: number, value: number, spare: number): void {
  const word = value | 0;
  if (word === 0) return move(cx, rd, rn);
  const negative = -word >>> 0;
  if (isModified(word)) return void ins(cx, add_imm, rd, rn, word >>> 0);
  if (isModified(negative)) return void ins(cx, sub_imm, rd, rn, negative);
  const parts = splitInTwo(word >>> 0);
  const negativeParts = splitInTwo(negative);
  if (parts !== undefined || negativeParts !== undefined) {
    const [form, [high, low]] =
      parts !== undefined ? ([add_imm, parts] as const) : ([sub_imm, negativeParts!] as const);
    ins(cx, form, rd, rn, high);
    ins(cx, form, rd, rd, low);
    return;
  }
  const constant = spare === rn ? (rd === rn ? secondScratch(cx) : rd) : spare;
  loadImm(cx, constant, word);
  ins(cx, add_reg, rd, rn, constant);
}

/** A constant as the sum of two that instructions take, or undefined. */
function splitInTwo(word: number): readonly [high: number, low: number] | undefined {
  for (let shift = 0; shift < 32; shift += 2) {
    const low = (word & (0xff << shift)) >>> 0;
    if (low !== 0 && isModified((word - low) >>> 0)) return [(word - low) >>> 0, low];
  }
  return undefined;
}

export function lowerAlu(cx: LowerContext, op: Op): void {
  const { kind } = op;
  if (kind === 'lsh' || kind === 'rsh' || kind === 'arsh') return lowerShift(cx, op);
  if (kind === 'mul') return lowerMul(cx, op);
  if (op.a === R10) return lowerFrameAddress(cx, op, op.imm);
  if (op.b === NO_REG) return lowerImmediate(cx, op);
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const wide = op.width === 64 && op.zext && isKept(dh);
  const [plain, first, second] = FORMS[kind]!;
  const temp2 = secondScratch(cx);
  const dlr = resultRegister(dl, IP);
  ins(cx, wide ? first : plain, dlr, readHalf(cx, lo(cx, op.a), IP), readHalf(cx, lo(cx, op.b), temp2));
  writeHalf(cx, dl, dlr);
  if (wide) {
    const dhr = resultRegister(dh, IP);
    const [ah, bh] = [hi(cx, op.a), hi(cx, op.b)];
    const a = readHalf(cx, ah, IP);
    if (isZero(bh)) highImmediate(cx, kind, dhr, a, 0);
    else ins(cx, second, dhr, a, readHalf(cx, bh, temp2));
    writeHalf(cx, dh, dhr);
  } else if (op.width === 32 && op.zext) clearHalf(cx, dh, IP);
}

/** The upper half of an operation with a constant whose upper half is 0 or -1; carry comes from the lower. */
function highImmediate(cx: LowerContext, kind: OpKind, d: number, a: number, value: 0 | -1): void {
  switch (kind) {
    case 'add':
      return void ins(cx, value === 0 ? adc_imm : sbc_imm, d, a, 0);
    case 'sub':
      return void ins(cx, value === 0 ? sbc_imm : adc_imm, d, a, 0);
    case 'and':
      return value === 0 ? void ins(cx, mov_imm, d, 0) : move(cx, d, a);
    case 'or':
      return value === 0 ? move(cx, d, a) : void ins(cx, mvn_imm, d, 0);
    default:
      return value === 0 ? move(cx, d, a) : void ins(cx, mvn_reg, d, a);
  }
}

function lowerImmediate(cx: LowerContext, op: Op): void {
  const { kind, imm } = op;
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const [al, ah] = [lo(cx, op.a), hi(cx, op.a)];
  const wide = op.width === 64 && op.zext && isKept(dh);
  const sign = imm < 0 ? -1 : 0;
  const isSum = kind === 'add' || kind === 'sub';
  // Bits that stay need no instruction when they are in their place already.
  const keepsLow = !isSum && dl === al && ((kind === 'and' && imm === -1) || (kind !== 'and' && imm === 0));
  if (!keepsLow) {
    const d = resultRegister(dl, IP);
    lowImmediate(cx, kind, d, readHalf(cx, al, IP), imm, wide && isSum);
    writeHalf(cx, dl, d);
  }
  if (wide) {
    const keeps = !isSum && (kind === 'and' ? sign === -1 : sign === 0);
    if (keeps) return copyHalf(cx, dh, ah);
    const isConstant = (kind === 'and' && sign === 0) || (kind === 'or' && sign === -1);
    const d = resultRegister(dh, IP);
    highImmediate(cx, kind, d, isConstant ? d : readHalf(cx, ah, IP), sign);
    writeHalf(cx, dh, d);
  } else if (op.width === 32 && op.zext) clearHalf(cx, dh, IP);
}

/** The lower half of an operation with a constant. */
function lowImmediate(cx: LowerContext, kind: OpKind, d: number, a: number, imm: number, carries: boolean): void {
  const word = imm >>> 0;
  const negative = -imm >>> 0;
  const inverse = ~imm >>> 0;
  const spare = secondScratch(cx);
  const byRegister = (form: MachineForm): void => {
    loadImm(cx, spare, word);
    ins(cx, form, d, a, spare);
  };
  switch (kind) {
    case 'add':
    case 'sub': {
      const [plus, minus] = kind === 'add' ? [word, negative] : [negative, word];
      if (!carries) return emitAddImm(cx, d, a, plus, spare);
      // a - k sets the carry as a + -k does, unless k is 0.
      if (isModified(plus)) return void ins(cx, adds_imm, d, a, plus);
      if (isModified(minus)) return void ins(cx, subs_imm, d, a, minus);
      return byRegister(kind === 'add' ? adds_reg : subs_reg);
    }
    case 'and':
      if (isModified(word)) return void ins(cx, and_imm, d, a, word);
      if (isModified(inverse)) return void ins(cx, bic_imm, d, a, inverse);
      if (word === 0xffff) return void ins(cx, uxth, d, a);
      return byRegister(and_reg);
    case 'or':
      if (isModified(word)) return void ins(cx, orr_imm, d, a, word);
      if (word === 0xffffffff) return void ins(cx, mvn_imm, d, 0);
      if (d === a && word === 0xffff0000) return void ins(cx, movt, d, 0xffff);
      return byRegister(orr_reg);
    default:
      if (word === 0xffffffff) return void ins(cx, mvn_reg, d, a);
      if (isModified(word)) return void ins(cx, eor_imm, d, a, word);
      if (isModified(inverse)) {
        ins(cx, eor_imm, d, a, inverse);
        return void ins(cx, mvn_reg, d, d);
      }
      return byRegister(eor_reg);
  }
}

export function lowerNeg(cx: LowerContext, op: Op): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const wide = op.width === 64 && op.zext && isKept(dh);
  const d = resultRegister(dl, IP);
  ins(cx, wide ? rsbs_imm : rsb_imm, d, readHalf(cx, lo(cx, op.a), IP), 0);
  writeHalf(cx, dl, d);
  if (wide) {
    const high = resultRegister(dh, IP);
    ins(cx, rsc_imm, high, readHalf(cx, hi(cx, op.a), IP), 0);
    writeHalf(cx, dh, high);
  } else if (op.width === 32 && op.zext) clearHalf(cx, dh, IP);
}

/** (ah:al) * (bh:bl): the low product in full, the two mixed ones into the upper half. */
function lowerMul(cx: LowerContext, op: Op): void {
  const [dl, dh] = [lo(cx, op.d), hi(cx, op.d)];
  const [al, ah] = [lo(cx, op.a), hi(cx, op.a)];
  const wide = op.width === 64 && op.zext && isKept(dh);
  const second = secondScratch(cx);
  if (!wide) {
    const d = resultRegister(dl, IP);
    const a = readHalf(cx, al, IP);
    if (op.b !== NO_REG || !multiplyByShift(cx, d, a, op.imm)) {
      let b = second;
      if (op.b === NO_REG) loadImm(cx, b, op.imm);
      else b = readHalf(cx, lo(cx, op.b), second);
      ins(cx, mul, d, a, b);
    }
    writeHalf(cx, dl, d);
    if (op.width === 32 && op.zext) clearHalf(cx, dh, IP);
    return;
  }
  const inMemory = isMemory(dl) || isMemory(al) || (op.b !== NO_REG && isMemory(lo(cx, op.b)));
  const a = inMemory ? readHalf(cx, al, temp(cx, 0)) : al;
  let b: number;
  if (op.b === NO_REG) {
    b = inMemory ? temp(cx, 1) : IP;
    loadImm(cx, b, op.imm);
  } else {
    b = readHalf(cx, lo(cx, op.b), inMemory ? temp(cx, 1) : IP);
    if (b === second) {
      b = inMemory ? temp(cx, 1) : IP;
      move(cx, b, second);
    }
  }
  ins(cx, mul, second, readHalf(cx, ah, IP), b);
  if (op.b === NO_REG) {
    if (op.imm < 0) ins(cx, sub_reg, second, second, a);
  } else if (!isZero(hi(cx, op.b))) ins(cx, mla, second, a, readHalf(cx, hi(cx, op.b), IP), second);
  const [dlr, dhr] = [resultRegister(dl, IP), resultRegister(dh, inMemory ? temp(cx, 0) : dh)];
  ins(cx, umull, dlr, dhr, a, b);
  ins(cx, add_reg, dhr, dhr, second);
  writeHalf(cx, dl, dlr);
  writeHalf(cx, dh, dhr);
}

/** d = a times a constant that is one more or less than a power of two, or such a power. */
function multiplyByShift(cx: LowerContext, d: number, a: number, imm: number): boolean {
  const log = (value: number): number => (value > 0 && (value & (value - 1)) === 0 ? 31 - Math.clz32(value) : -1);
  if (log(imm) > 0) ins(cx, mov_lsl, d, a, log(imm));
  else if (log(imm - 1) > 0) ins(cx, add_lsl, d, a, a, log(imm - 1));
  else if (log(imm + 1) > 0) ins(cx, rsb_lsl, d, a, a, log(imm + 1));
  else return false;
  return true;
}
