/**
 * How far branches reach, and what stands in for one that must go farther.
 *
 * `c.beqz` reaches 256 bytes, `beq` and its like 4 KiB, `c.j` 2 KiB, `jal` 1 MiB, `auipc` with a second instruction 2 GiB
 * (RISC-V ISA manual, volume I). A conditional branch that is too short even in four bytes becomes the opposite one over
 * a jump.
 */
import { type BranchUse, type FormOf, type MachineNode, makeNode, reachOf, widenOver } from '@polybpf/jit';
import type { InstructionName } from './instructions.ts';
import { RA, ZERO } from './registers.ts';

/** The row that branches under the opposite condition. */
const OPPOSITES: Readonly<Partial<Record<InstructionName, InstructionName>>> = {
  beq: 'bne',
  bne: 'beq',
  blt: 'bge',
  bge: 'blt',
  bltu: 'bgeu',
  bgeu: 'bltu',
  c_beqz: 'c_bnez',
  c_bnez: 'c_beqz',
};

/** `auipc` counts pages of 4 KiB from -2^31; the second instruction adds from -2048 to 2047 bytes. */
const PAIR_REACH: BranchUse = { min: -(2 ** 31), max: 2 ** 31 - 2049 };

/**
 * Reach of row `name`, when it has a label.
 *
 * @param formOf - the table; asked only when a branch is widened, so that the table may still be growing
 */
export function branchUse(name: InstructionName, formOf: FormOf<InstructionName>): BranchUse | undefined {
  switch (name) {
    case 'c_beqz':
    case 'c_bnez': {
      const form = name === 'c_beqz' ? 'beq' : 'bne';
      const widen = ({ operands, label, insn }: MachineNode): MachineNode[] => [
        makeNode(formOf(form), [operands[0]!, ZERO], label, insn),
      ];
      return { ...reachOf(8, 2), widen };
    }
    case 'beq':
    case 'bne':
    case 'blt':
    case 'bge':
    case 'bltu':
    case 'bgeu': {
      const widen = widenOver(
        (node, past) => invertBranch(node, past, formOf),
        ({ label, insn }) => [makeNode(formOf('jal'), [ZERO], label, insn)],
      );
      return { ...reachOf(12, 2), widen };
    }
    case 'c_j':
      return { ...reachOf(11, 2), widen: ({ label, insn }) => [makeNode(formOf('jal'), [ZERO], label, insn)] };
    case 'jal': {
      // Links to ra or to nowhere: nothing else is lowered.
      const widen = ({ operands, label, insn }: MachineNode): MachineNode[] => [
        makeNode(formOf(operands[0] === RA ? 'call_far' : 'jump_far'), [], label, insn),
      ];
      return { ...reachOf(20, 2), widen };
    }
    case 'call_far':
    case 'jump_far':
    case 'lla':
    case 'ld_literal':
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
  const opposite = OPPOSITES[node.form.name as InstructionName]!;
  return makeNode(formOf(opposite), node.operands, label, node.insn);
}
