/** Compare and branch, jumps, may_goto. The delay slots get `nop`; the peephole pass fills them. */
import { type Cond, emit, emitTo, hw, isBitTest, isEquality, type LowerContext, type MachineForm, NO_REG, type Op, simplifyComparison } from '@polybpf/jit'; // prettier-ignore
import { CONDITION_CODES, conditionCode, ICC, REGISTER_CONDITIONS, registerCondition, XCC } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { fits13 } from './lower-constant.ts';
import { isUpperZero, isZeroExtension, writtenBy } from './lower-fuse.ts';
import { G1 } from './registers.ts';

const {
  add, add_imm, addcc, addcc_imm, and, and_imm, andcc, andcc_imm, andn, andn_imm, andncc, andncc_imm, ba_a, bpcc, bpr, btst,
  btst_imm, cmp, cmp_imm, ldx, nop, or, or_imm, orcc, orcc_imm, stx, sub, sub_imm, subcc, subcc_imm, xor, xor_imm, xorcc,
  xorcc_imm,
} = INSTRUCTIONS; // prettier-ignore

/** Forms that set the condition codes besides, for tests of their result. */
const SETTING: ReadonlyMap<MachineForm, MachineForm> = /* @__PURE__ */ new Map<MachineForm, MachineForm>([
  [add, addcc], [add_imm, addcc_imm], [sub, subcc], [sub_imm, subcc_imm], [and, andcc], [and_imm, andcc_imm],
  [andn, andncc], [andn_imm, andncc_imm], [or, orcc], [or_imm, orcc_imm], [xor, xorcc], [xor_imm, xorcc_imm],
]); // prettier-ignore

/** By condition: the one that says the same of 4095 as it says of 4096, and of -4096 as of -4097. */
const BELOW: Readonly<Partial<Record<Cond, Cond>>> = { ult: 'ule', uge: 'ugt', slt: 'sle', sge: 'sgt' };
const ABOVE: Readonly<Partial<Record<Cond, Cond>>> = { ule: 'ult', ugt: 'uge', sle: 'slt', sgt: 'sge' };

/** Whether a branch can compare with `imm` without a register for it. */
export function fitsBranch(imm: number, _width: number, cond: Cond): boolean {
  if (fits13(imm)) return true;
  return (imm === 4096 && BELOW[cond] !== undefined) || (imm === -4097 && ABOVE[cond] !== undefined);
}

export function lowerBranch(cx: LowerContext, op: Op): void {
  const wide = op.width === 64;
  const a = hw(cx, op.a);
  const { label } = op;
  if (op.b !== NO_REG) {
    const isTest = isBitTest(op.cond);
    const b = hw(cx, op.b);
    emitCompare(cx, isTest ? btst : cmp, [a, b]);
    return emitBranch(cx, conditionCode(op.cond), wide, label);
  }
  const { cond, imm } = simplifyComparison(op.cond, op.imm);
  if (isBitTest(cond)) {
    emitCompare(cx, btst_imm, [imm, a]);
    return emitBranch(cx, conditionCode(cond), wide, label);
  }
  if (imm === 0) return emitZeroTest(cx, cond, wide, a, label);
  if (imm === 4096) return emitCompareImm(cx, BELOW[cond]!, 4095, wide, a, label);
  if (imm === -4097) return emitCompareImm(cx, ABOVE[cond]!, -4096, wide, a, label);
  emitCompareImm(cx, cond, imm, wide, a, label);
}

function emitCompareImm(cx: LowerContext, cond: Cond, imm: number, wide: boolean, a: number, label: number): void {
  emitCompare(cx, cmp_imm, [a, imm]);
  emitBranch(cx, conditionCode(cond), wide, label);
}

/** A comparison, unless the branch right before this one has just made it: branches leave the condition codes alone. */
function emitCompare(cx: LowerContext, form: MachineForm, operands: readonly number[]): void {
  const { nodes } = cx;
  const compare = nodes[nodes.length - 3];
  const isBranch = nodes[nodes.length - 2]?.form === bpcc;
  if (isBranch && compare?.form === form && compare.operands[0] === operands[0] && compare.operands[1] === operands[1]) return; // prettier-ignore
  emit(cx, form, operands);
}

function emitBranch(cx: LowerContext, condition: number, wide: boolean, label: number): void {
  emitTo(cx, bpcc, [condition, wide ? XCC : ICC], label);
  emit(cx, nop, []);
}

/** Comparison with 0: a branch on the register, which looks at all 64 bits, or on the condition codes of 32. */
function emitZeroTest(cx: LowerContext, cond: Cond, wide: boolean, a: number, label: number): void {
  const condition = registerCondition(cond);
  if (condition >= 0 && (wide || (isEquality(cond) && isUpperZero(cx, a) && !canSetCodes(cx, a)))) {
    emitTo(cx, bpr, [condition, a], label);
    emit(cx, nop, []);
    return;
  }
  // Addition and subtraction may overflow: only their zero and sign are those of a comparison with 0.
  const isSign = cond === 'slt' || cond === 'sge';
  if ((isEquality(cond) || isSign) && setCodes(cx, a)) {
    const signed = cond === 'slt' ? CONDITION_CODES.neg : CONDITION_CODES.pos;
    return emitBranch(cx, isSign ? signed : conditionCode(cond), wide, label);
  }
  emitCompare(cx, cmp_imm, [a, 0]);
  emitBranch(cx, conditionCode(cond), wide, label);
}

/** Index of the node that computed the low 32 bits of `register` and could set the condition codes; -1 without. */
function codeSetter(cx: LowerContext, register: number): number {
  const { nodes } = cx;
  let at = nodes.length - 1;
  const last = nodes[at];
  if (last === undefined) return -1;
  let made = register;
  if (isZeroExtension(last) && writtenBy(last) === register) {
    made = last.operands[0]!;
    at--;
  }
  const node = nodes[at];
  return node !== undefined && SETTING.has(node.form) && writtenBy(node) === made ? at : -1;
}

function canSetCodes(cx: LowerContext, register: number): boolean {
  return codeSetter(cx, register) >= 0;
}

function setCodes(cx: LowerContext, register: number): boolean {
  const at = codeSetter(cx, register);
  if (at < 0) return false;
  const { nodes } = cx;
  const node = nodes[at]!;
  nodes[at] = { ...node, form: SETTING.get(node.form)! };
  return true;
}

/** An annulled branch that is always taken has an empty delay slot. */
export function lowerJump(cx: LowerContext, op: Op): void {
  emitTo(cx, ba_a, [], op.label);
}

/** Goes to the label when the counter in the frame is 0, else counts down (kernel/bpf/verifier.c, `BPF_JCOND`). */
export function lowerMayGoto(cx: LowerContext, op: Op): void {
  const { base, mayGotoOffset } = cx.frame;
  emit(cx, ldx, [base, mayGotoOffset, G1]);
  emitTo(cx, bpr, [REGISTER_CONDITIONS.z, G1], op.label);
  emit(cx, add_imm, [G1, -1, G1]);
  emit(cx, stx, [G1, base, mayGotoOffset]);
}
