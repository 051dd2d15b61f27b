/** The pass over the nodes of a function: a branch around a jump becomes the opposite branch. */
import { LABEL, type MachineNode } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { AL } from './registers.ts';

const { b } = INSTRUCTIONS;

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    if (isBranchOverJump(nodes, i)) {
      out.push({ ...node, operands: [node.operands[0]! ^ 1], label: nodes[++i]!.label });
    } else out.push(node);
  }
  return out;
}

/** Whether node `i` is a conditional branch around nothing but a jump. */
function isBranchOverJump(nodes: readonly MachineNode[], i: number): boolean {
  const [branch, jump] = [nodes[i]!, nodes[i + 1]];
  if (branch.form !== b || branch.operands[0] === AL || jump?.form !== b || jump.operands[0] !== AL) return false;
  return isLabelAt(nodes, i + 2, branch.label);
}

/** Whether `label` is bound at `at`, maybe among others. */
function isLabelAt(nodes: readonly MachineNode[], at: number, label: number): boolean {
  for (let i = at; i < nodes.length && nodes[i]!.form === LABEL; i++) if (nodes[i]!.label === label) return true;
  return false;
}
