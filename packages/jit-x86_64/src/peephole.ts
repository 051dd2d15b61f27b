/** Rewrites on the node list of one function. */
import type { MachineNode } from '@polybpf/jit';

/** Runs all rewrites. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return nodes;
}
