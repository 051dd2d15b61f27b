/**
 * How far branches reach, and what stands in for one that must go farther.
 *
 * `beq` and its like reach 128 KiB, `beqz` and `bnez` 4 MiB, `b` and `bl` 128 MiB, `pcaddi` 2 MiB and `pcaddu12i` with a
 * second instruction 2 GiB (LoongArch Reference Manual, sections 2.2.1 and 2.2.4). A conditional branch that is too short
 * becomes the opposite one over a jump.
 */
import { type BranchUse, type FormOf, type MachineNode, makeNode, reachOf, widenOver } from '@polybpf/jit';
import type { InstructionName } from './instructions.ts';

/** The row that branches under the opposite condition. */
const OPPOSITES: Readonly<Partial<Record<InstructionName, InstructionName>>> = {
  beq: 'bne',
  bne: 'beq',
  blt: 'bge',
  bge: 'blt',
  bltu: 'bgeu',
  bgeu: 'bltu',
  beqz: 'bnez',
  bnez: 'beqz',
};

/** `pcaddu12i` counts pages of 4 KiB from -2^31; the second instruction adds from -2048 to 2047 bytes. */
const PAIR_REACH: BranchUse = { min: -(2 ** 31), max: 2 ** 31 - 2049 };

/**
 * Reach of row `name`, when it has a label.
 *
 * @param formOf - the table; asked only when a branch is widened, so that the table may still be growing
 */
export function branchUse(name: InstructionName, formOf: FormOf<InstructionName>): BranchUse | undefined {
  if (isConditional(name)) {
    const widen = widenOver(
      (node, past) => invertBranch(node, past, formOf),
      ({ label, insn }) => [makeNode(formOf('b'), [], label, insn)],
    );
    return { ...reachOf(name === 'beqz' || name === 'bnez' ? 21 : 16, 4), widen };
  }
  switch (name) {
    case 'b':
    case 'bl':
      return reachOf(26, 4);
    case 'pcaddi': {
      const widen = ({ operands, label, insn }: MachineNode): MachineNode[] => [
        makeNode(formOf('la_pcrel'), operands, label, insn),
      ];
      return { ...reachOf(20, 4), widen };
    }
    case 'la_pcrel':
      return PAIR_REACH;
    default:
      return undefined;
  }
}

/** Whether a row is a conditional branch, which can be inverted. */
export function isConditional(name: string): name is InstructionName {
  return name in OPPOSITES;
}

/** The branch to `label`, which must be near, under the opposite condition. */
export function invertBranch(node: MachineNode, label: number, formOf: FormOf<InstructionName>): MachineNode {
  return makeNode(formOf(OPPOSITES[node.form.name as InstructionName]!), node.operands, label, node.insn);
}
