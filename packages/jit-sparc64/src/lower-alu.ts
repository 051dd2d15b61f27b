/** Arithmetic but division, moves and byte swaps. */
import { emit, hw, isHwLiveAfter, isSpent, lastNode, type LowerContext, type MachineForm, NO_REG, type Op, R10 } from '@polybpf/jit'; // prettier-ignore
import { SWAP_OFFSET } from './abi.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { fits13, highMask, loadImm32, lowMask } from './lower-constant.ts';
import { isSignExtension, isUpperZero, isZeroExtension, retarget, writtenBy } from './lower-fuse.ts';
import { G0, G4, SP } from './registers.ts';

const {
  add, add_imm, and, and_imm, andn, lduha_little, lduwa_little, ldxa_little, mov, mov_imm, mulx, mulx_imm, neg, or, or_imm,
  orn, sll, sll_imm, sllx, sllx_imm, sra, sra_imm, srax, srax_imm, srl, srl_imm, srlx, srlx_imm, sth, stw, stx, sub, xnor,
  xnor_imm, xor, xor_imm,
} = INSTRUCTIONS; // prettier-ignore

/** [register, immediate] forms of 64 bits, whose low half is also the result of the 32-bit operation. */
const FORMS: Readonly<Record<string, readonly [MachineForm, MachineForm]>> = {
  add: [add, add_imm],
  mul: [mulx, mulx_imm],
  and: [and, and_imm],
  or: [or, or_imm],
  xor: [xor, xor_imm],
};

/** [register, immediate] forms by width. The count is taken modulo the width by the hardware. */
const SHIFTS: Readonly<Record<string, Readonly<Record<32 | 64, readonly [MachineForm, MachineForm]>>>> = {
  lsh: { 32: [sll, sll_imm], 64: [sllx, sllx_imm] },
  rsh: { 32: [srl, srl_imm], 64: [srlx, srlx_imm] },
  arsh: { 32: [sra, sra_imm], 64: [srax, srax_imm] },
};

/** Zero-extends the result of a 32-bit operation when something reads its upper half. */
export function zeroExtend(cx: LowerContext, op: Op): void {
  if (op.width !== 32 || !op.zext) return;
  const d = hw(cx, op.d);
  emit(cx, srl_imm, [d, 0, d]);
}

export function lowerAlu(cx: LowerContext, op: Op): void {
  const { kind, imm } = op;
  const d = hw(cx, op.d);
  if (op.a === R10) {
    if (op.b === NO_REG) return emitFrameAddress(cx, d, cx.frame.bias + imm);
    // r10 plus a constant that did not fit.
    emit(cx, add, [cx.frame.base, hw(cx, op.b), d]);
    emit(cx, add_imm, [d, cx.frame.bias, d]);
    return;
  }
  const a = hw(cx, op.a);
  if (op.b !== NO_REG) {
    const b = hw(cx, op.b);
    if (kind === 'sub') emit(cx, sub, [a, b, d]);
    else if (!fuseComplement(cx, kind, d, a, b)) emit(cx, FORMS[kind]![0], [a, b, d]);
  } else if (kind === 'add' || kind === 'sub') emitAddImm(cx, d, a, kind === 'add' ? imm : -imm);
  else if (kind === 'and' && !fits13(imm)) return emitMask(cx, op, d, a);
  else if (kind === 'xor' && imm === -1) emit(cx, xnor, [a, G0, d]);
  else emit(cx, FORMS[kind]![1], [a, imm, d]);
  // A mask that is not negative zeroes the upper half itself.
  if (kind === 'and' && op.b === NO_REG && imm >= 0) return;
  zeroExtend(cx, op);
}

/** `x = ~y` right before `a & x`, `a | x` or `a ^ x`, when nothing else reads x. */
function fuseComplement(cx: LowerContext, kind: string, d: number, a: number, b: number): boolean {
  const form = kind === 'and' ? andn : kind === 'or' ? orn : kind === 'xor' ? xnor : undefined;
  const node = lastNode(cx);
  if (form === undefined || node === undefined || a === b) return false;
  const isComplement = (node.form === xnor && node.operands[1] === G0) || (node.form === xnor_imm && node.operands[1] === 0); // prettier-ignore
  const made = writtenBy(node);
  if (!isComplement || (made !== a && made !== b) || !isSpent(cx, made, d)) return false;
  cx.nodes.pop();
  emit(cx, form, [made === a ? b : a, node.operands[0]!, d]);
  return true;
}

/** d = a + imm in one or two instructions. */
function emitAddImm(cx: LowerContext, d: number, a: number, imm: number): void {
  if (imm === 4096) return void emit(cx, INSTRUCTIONS.sub_imm, [a, -4096, d]);
  if (fits13(imm)) return void emit(cx, add_imm, [a, imm, d]);
  const step = imm < 0 ? -4096 : 4095;
  emit(cx, add_imm, [a, step, d]);
  emit(cx, add_imm, [d, imm - step, d]);
}

/** d = a & imm for masks of 13 and more low bits, and those that clear as many: two shifts. */
function emitMask(cx: LowerContext, op: Op, d: number, a: number): void {
  const low = lowMask(op.imm);
  if (low > 0) {
    const wide = op.width === 64;
    emit(cx, wide ? sllx_imm : sll_imm, [a, op.width - low, d]);
    emit(cx, wide ? srlx_imm : srl_imm, [d, op.width - low, d]);
    return;
  }
  const cleared = highMask(op.imm);
  // Bits above the 32nd are gone after the 32-bit shift, which is what zero-extends.
  const isNarrow = op.width === 32 && op.zext;
  emit(cx, isNarrow ? srl_imm : srlx_imm, [a, cleared, d]);
  emit(cx, sllx_imm, [d, cleared, d]);
}

/** d = address in the frame; %g4 gets offsets that are no immediates. */
function emitFrameAddress(cx: LowerContext, d: number, offset: number): void {
  const { base } = cx.frame;
  if (fits13(offset)) return void emit(cx, add_imm, [base, offset, d]);
  loadImm32(cx, G4, offset);
  emit(cx, add, [base, G4, d]);
}

export function lowerShift(cx: LowerContext, op: Op): void {
  const { kind, width } = op as Op & { width: 32 | 64 };
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.b !== NO_REG) {
    emit(cx, SHIFTS[kind]![width][0], [a, hw(cx, op.b), d]);
  } else {
    const amount = op.imm;
    if (fuseShift(cx, op, d, a, amount)) return;
    emit(cx, SHIFTS[kind]![width][1], [a, amount, d]);
  }
  // srl zero-extends, sra sign-extends, sll shifts all 64 bits.
  if (kind !== 'rsh') zeroExtend(cx, op);
}

/** A 64-bit shift right behind an extension of 32 bits: the extension is part of the 32-bit shift, or moot. */
function fuseShift(cx: LowerContext, op: Op, d: number, a: number, amount: number): boolean {
  const node = lastNode(cx);
  if (op.width !== 64 || node === undefined || writtenBy(node) !== a || !isSpent(cx, a, d)) return false;
  const isZero = isZeroExtension(node);
  if (!isZero && !isSignExtension(node)) return false;
  const source = node.operands[0]!;
  if (op.kind === 'lsh' && amount >= 32) {
    cx.nodes.pop();
    emit(cx, sllx_imm, [source, amount, d]);
    return true;
  }
  const form = op.kind === 'rsh' && isZero ? srl_imm : op.kind === 'arsh' && !isZero ? sra_imm : undefined;
  if (form === undefined || amount >= 32) return false;
  cx.nodes.pop();
  emit(cx, form, [source, amount, d]);
  return true;
}

/** Copies and zero-extensions. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return emitFrameAddress(cx, d, cx.frame.bias);
  const a = hw(cx, op.a);
  if (op.width === 64 || (op.width === 32 && (!op.zext || isUpperZero(cx, a)))) {
    if (d === a || (!isHwLiveAfter(cx, a) && retarget(cx, a, d))) return;
    emit(cx, mov, [a, d]);
  } else if (op.width === 32) emit(cx, srl_imm, [a, 0, d]);
  else if (op.width === 8) emit(cx, and_imm, [a, 0xff, d]);
  else {
    emit(cx, sll_imm, [a, 16, d]);
    emit(cx, srl_imm, [d, 16, d]);
  }
}

/** Sign extension; of 32-bit results the upper half is zero. */
export function lowerSext(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  if (op.from === 32) emit(cx, sra_imm, [a, 0, d]);
  else {
    emit(cx, sll_imm, [a, 32 - op.from, d]);
    emit(cx, sra_imm, [d, 32 - op.from, d]);
  }
  zeroExtend(cx, op);
}

export function lowerNeg(cx: LowerContext, op: Op): void {
  emit(cx, neg, [hw(cx, op.a), hw(cx, op.d)]);
  zeroExtend(cx, op);
}

/**
 * Byte swap of 16, 32 or 64 bits, zero-extended (RFC 9669 sec. 4.2): stored, and loaded through the address space of the
 * other byte order.
 */
export function lowerBswap(cx: LowerContext, op: Op): void {
  const [d, a] = [hw(cx, op.d), hw(cx, op.a)];
  const { width } = op;
  emit(cx, mov_imm, [SWAP_OFFSET, G4]);
  emit(cx, width === 64 ? stx : width === 32 ? stw : sth, [a, SP, SWAP_OFFSET]);
  emit(cx, width === 64 ? ldxa_little : width === 32 ? lduwa_little : lduha_little, [SP, G4, d]);
}
