/**
 * How far branches reach, and what stands in for one that must go farther.
 *
 * Branches on a register (BPr) reach 128 KiB, on condition codes (BPcc) 1 MiB, `b` 8 MiB, `call` 2 GiB (SPARC V9 A.3,
 * A.6, A.7, A.8). The instruction after a branch is its delay slot, a node of its own, which stays where it is when the
 * branch is widened: the opposite branch then goes around a `b`, to the delay slot of that. So the instruction there is
 * executed once on either way:
 *
 * ```text
 *   be %xcc, far         bne %xcc, past
 *    <slot>              nop
 *                        b far
 *                past:   <slot>
 * ```
 *
 * Annulled conditional branches, whose slot is for one way only, are used where their label is near, and cannot be widened.
 */
import { type BranchUse, type Cond, type FormOf, type MachineForm, type MachineNode, makeNode, reachOf, widenOver } from '@polybpf/jit'; // prettier-ignore
import type { InstructionName } from './instructions.ts';

/** Condition field of branches and moves (SPARC V9 table 35). Inverted by flipping bit 3. */
export const CONDITION_CODES = {
  n: 0, e: 1, le: 2, l: 3, leu: 4, cs: 5, neg: 6, vs: 7, a: 8, ne: 9, g: 10, ge: 11, gu: 12, cc: 13, pos: 14, vc: 15,
} as const; // prettier-ignore

/** Condition field of branches and moves on a register (SPARC V9 table 31). Inverted by flipping bit 2. */
export const REGISTER_CONDITIONS = { z: 1, lez: 2, lz: 3, nz: 5, gz: 6, gez: 7 } as const;

/** Condition codes of the low 32 bits, and of all 64. */
export const ICC = 0;
export const XCC = 2;

const CODES: Readonly<Record<Cond, number>> = {
  eq: CONDITION_CODES.e, ne: CONDITION_CODES.ne,
  ult: CONDITION_CODES.cs, ule: CONDITION_CODES.leu, ugt: CONDITION_CODES.gu, uge: CONDITION_CODES.cc,
  slt: CONDITION_CODES.l, sle: CONDITION_CODES.le, sgt: CONDITION_CODES.g, sge: CONDITION_CODES.ge,
  // After btst: Z is set when no bit is common.
  set: CONDITION_CODES.ne, nset: CONDITION_CODES.e,
}; // prettier-ignore

/** Condition field for a condition after `cmp`, or after `btst` for `set` and `nset`. */
export function conditionCode(cond: Cond): number {
  return CODES[cond];
}

/** Register condition that compares with 0, -1 for the unsigned ones and tests of bits. */
export function registerCondition(cond: Cond): number {
  return ZERO_COMPARISONS[cond] ?? -1;
}

const ZERO_COMPARISONS: Readonly<Partial<Record<Cond, number>>> = {
  eq: REGISTER_CONDITIONS.z,
  ne: REGISTER_CONDITIONS.nz,
  slt: REGISTER_CONDITIONS.lz,
  sle: REGISTER_CONDITIONS.lez,
  sgt: REGISTER_CONDITIONS.gz,
  sge: REGISTER_CONDITIONS.gez,
};

/** Bytes from a `rd %pc` to the instruction after it, whose field counts from the former. */
export const PC_DISTANCE = 4;

/** What replaces the second instruction of an address that is more than 4 KiB away: see encoder.ts. */
export const LITERAL_FAR: MachineForm = {
  name: 'ldx_literal_far',
  syntax: 'ldx [ {rs1:r} + {label:distance} ], {rd:r}',
  manual: 'Load Integer',
  branch: reach(32, 1),
};
export const ADD_FAR: MachineForm = {
  name: 'add_label_far',
  syntax: 'add {rs1:r}, {label:distance}, {rd:r}',
  manual: 'Add',
  branch: reach(32, 1),
};
/** A jump beyond 8 MiB through %g1 and %g5; a delay slot follows it. */
export const JUMP_FAR: MachineForm = {
  name: 'jump_far',
  syntax: 'b {label:label}',
  manual: 'Jump and Link',
  branch: reach(32, 1),
};

/** Condition field of each conditional branch that may be widened, as operand 0: what to flip in it to invert it. */
const INVERSIONS: Readonly<Partial<Record<InstructionName, number>>> = { bpcc: 8, bpcc_pn: 8, bpr: 4, bpr_pn: 4 };

/**
 * Reach of row `name`, when it has a label.
 *
 * @param formOf - the table; asked only when a branch is widened, so that the table may still be growing
 */
export function branchUse(name: InstructionName, formOf: FormOf<InstructionName>): BranchUse | undefined {
  switch (name) {
    case 'bpcc':
    case 'bpcc_pn':
      return reach(19, 4, widenConditional(formOf));
    case 'bpr':
    case 'bpr_pn':
      return reach(16, 4, widenConditional(formOf));
    case 'bpcc_a':
      return reach(19, 4);
    case 'bpr_a':
    case 'bpr_a_pn':
      return reach(16, 4);
    case 'ba':
      return reach(22, 4, ({ label, insn }) => [makeNode(JUMP_FAR, [], label, insn)]);
    case 'ba_a':
      return reach(22, 4, ({ label, insn }) => [
        makeNode(JUMP_FAR, [], label, insn),
        makeNode(formOf('nop'), [], -1, insn),
      ]);
    case 'call':
      return reach(30, 4);
    case 'ldx_literal':
      return pcReach(({ operands, label, insn }) => [makeNode(LITERAL_FAR, operands, label, insn)]);
    case 'add_label':
      return pcReach(({ operands, label, insn }) => [makeNode(ADD_FAR, operands, label, insn)]);
    default:
      return undefined;
  }
}

/** Whether a row is a conditional branch that can be inverted. */
export function isConditional(name: string): name is InstructionName {
  return INVERSIONS[name as InstructionName] !== undefined;
}

/** The branch to `label` under the opposite condition. */
export function invertBranch(node: MachineNode, label: number): MachineNode {
  const condition = node.operands[0]! ^ INVERSIONS[node.form.name as InstructionName]!;
  return makeNode(node.form, node.operands.with(0, condition), label, node.insn);
}

function widenConditional(formOf: FormOf<InstructionName>): NonNullable<BranchUse['widen']> {
  return widenOver(invertBranch, ({ label, insn }) => [
    makeNode(formOf('nop'), [], -1, insn),
    makeNode(formOf('ba'), [], label, insn),
  ]);
}

/**
 * Reach of a signed field of `bits` bits that counts units of `unit` bytes, from the first byte of the branch.
 *
 * @param widen - the same effect with a longer reach; absent for the longest form
 */
function reach(bits: number, unit: number, widen?: NonNullable<BranchUse['widen']>): BranchUse {
  const range = reachOf(bits, unit);
  return widen === undefined ? range : { ...range, widen };
}

/** Reach of a 13-bit field that counts from the `rd %pc` before it. */
function pcReach(widen: NonNullable<BranchUse['widen']>): BranchUse {
  return { min: -4096 - PC_DISTANCE, max: 4095 - PC_DISTANCE, widen };
}
