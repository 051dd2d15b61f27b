/**
 * The passes over the nodes of a function: a branch around a jump becomes the opposite branch, and every instruction takes
 * the shortest row that its operands allow.
 */
import { LABEL, type MachineNode } from '@polybpf/jit';
import { invertBranch, isConditional } from './branches.ts';
import { compressNode } from './compress.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { ZERO } from './registers.ts';

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  const out = invertBranches(nodes);
  for (let i = 0; i < out.length; i++) out[i] = compressNode(out[i]!);
  return out;
}

/** The first pass alone, for CPUs without the C extension. */
export function invertBranches(nodes: readonly MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    if (isBranchOverJump(nodes, i)) {
      out.push(invertBranch(node, nodes[++i]!.label, (name) => INSTRUCTIONS[name]));
    } else out.push(node);
  }
  return out;
}

/** Whether node `i` is a conditional branch around nothing but a jump. */
function isBranchOverJump(nodes: readonly MachineNode[], i: number): boolean {
  const jump = nodes[i + 1];
  if (jump?.form !== INSTRUCTIONS.jal || jump.operands[0] !== ZERO) return false;
  return isConditional(nodes[i]!.form.name) && isLabelAt(nodes, i + 2, nodes[i]!.label);
}

/** Whether `label` is bound at `at`, maybe among others. */
function isLabelAt(nodes: readonly MachineNode[], at: number, label: number): boolean {
  for (let i = at; i < nodes.length && nodes[i]!.form === LABEL; i++) if (nodes[i]!.label === label) return true;
  return false;
}
