import type { MachineNode } from '@polybpf/jit';
/** Rewrites the nodes of one function. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return nodes;
}
