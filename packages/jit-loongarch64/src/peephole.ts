/**
 * The pass over the nodes of a function: a branch around a jump becomes the opposite branch.
 */
import { type MachineNode, skipJump, straighten } from '@polybpf/jit';
import { invertBranch, isConditional } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return straighten(nodes, (all, i) => skipJump(all, i, ({ form }) => form === INSTRUCTIONS.b, invert));
}

function invert(node: MachineNode, label: number): MachineNode | undefined {
  return isConditional(node.form.name) ? invertBranch(node, label, (name) => INSTRUCTIONS[name]) : undefined;
}
