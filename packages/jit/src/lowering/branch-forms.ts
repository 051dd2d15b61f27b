/** Reach of branches, and what stands in for one that must go farther. */
import { type BranchUse, LABEL, makeNode, type MachineNode } from '../node.ts';

/** Reach of a signed field of `bits` bits that counts units of `unit` bytes from the first byte of the branch. */
export function reachOf(bits: number, unit: number): BranchUse {
  const half = 2 ** (bits - 1);
  return { min: -half * unit, max: (half - 1) * unit };
}

/**
 * The opposite branch around what goes farther.
 *
 * @param invert - the branch to another label under the opposite condition
 * @param jump - what goes to the label of the branch, and what else lies between
 */
export function widenOver(
  invert: (node: MachineNode, label: number) => MachineNode,
  jump: (node: MachineNode) => readonly MachineNode[],
): NonNullable<BranchUse['widen']> {
  return (node, newLabel) => {
    const past = newLabel();
    return [invert(node, past), ...jump(node), makeNode(LABEL, [], past, node.insn)];
  };
}
