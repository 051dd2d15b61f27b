/**
 * The passes over the nodes of a function: a branch around a jump becomes the opposite branch, and every instruction takes
 * the shortest row that its operands allow.
 */
import { type MachineNode, skipJump, straighten } from '@polybpf/jit';
import { invertBranch, isConditional } from './branches.ts';
import { compressNode } from './compress.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { ZERO } from './registers.ts';

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return invertBranches(nodes).map(compressNode);
}

/** The first pass alone, for CPUs without the C extension. */
export function invertBranches(nodes: MachineNode[]): MachineNode[] {
  return straighten(nodes, (all, i) => skipJump(all, i, isJump, invert));
}

function isJump({ form, operands }: MachineNode): boolean {
  return form === INSTRUCTIONS.jal && operands[0] === ZERO;
}

function invert(node: MachineNode, label: number): MachineNode | undefined {
  return isConditional(node.form.name) ? invertBranch(node, label, (name) => INSTRUCTIONS[name]) : undefined;
}
