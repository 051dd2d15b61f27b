/**
 * How far branches reach, and what stands in for one that must go farther.
 *
 * A conditional branch reaches 32 KiB, `b` and `bl` 32 MiB (Power ISA 2.07 Book I 2.4). A conditional branch that is too
 * short becomes the opposite condition over a `b`; `addi_label`, which has 16 bits for a distance, two additions.
 */
import { type BranchUse, type Cond, type FormOf, type MachineForm, type MachineNode, makeNode, reachOf, widenOver } from '@polybpf/jit'; // prettier-ignore
import type { InstructionName } from './instructions.ts';

/** Bits of a condition register field, as `isel` names them. */
export const LT = 0;
export const GT = 1;
export const EQ = 2;
/** In a condition: the bit must be one. */
export const IS_SET = 4;

/** Conditions of `bc` and `bclr`, after a comparison of the right signedness; for `set` and `nset`, with 0. */
const CONDITIONS: Readonly<Record<Cond, number>> = {
  slt: IS_SET + LT, ult: IS_SET + LT, sgt: IS_SET + GT, ugt: IS_SET + GT, eq: IS_SET + EQ, nset: IS_SET + EQ,
  sge: LT, uge: LT, sle: GT, ule: GT, ne: EQ, set: EQ,
}; // prettier-ignore

/** The condition field for `cond`. */
export function conditionOf(cond: Cond): number {
  return CONDITIONS[cond];
}

/** The address of any label: `addis` and `addi`, which the encoder makes of one node. */
export const LABEL_FAR: MachineForm = {
  name: 'label_far',
  syntax: 'addis {RT:w},{RA:r},({label:l}-.+4)@ha; addi {RT:w},{RT:w},({label:l}-.+8)@l',
  manual: 'Power ISA 2.07 Add Immediate Shifted',
  branch: { min: -0x7fff_8000, max: 0x7fff_7ff0 },
};

/**
 * Reach of row `name`, when it has a label.
 *
 * @param formOf - the table; asked only when a branch is widened, so that the table may still be growing
 */
export function branchUse(name: string, formOf: FormOf<InstructionName>): BranchUse | undefined {
  switch (name) {
    case 'b':
    case 'bl':
      return reachOf(24, 4);
    case 'bc':
      return {
        ...reachOf(14, 4),
        widen: widenOver(invertBranch, ({ label, insn }) => [makeNode(formOf('b'), [], label, insn)]),
      };
    case 'addi_label':
      return {
        // The distance counts from the instruction before.
        min: -0x8000 - 4,
        max: 0x7fff - 4,
        widen: ({ operands, label, insn }) => [makeNode(LABEL_FAR, operands, label, insn)],
      };
    default:
      return undefined;
  }
}

/** The conditional branch to `label` under the opposite condition. */
export function invertBranch(node: MachineNode, label: number): MachineNode {
  return makeNode(node.form, [node.operands[0]! ^ IS_SET], label, node.insn);
}
