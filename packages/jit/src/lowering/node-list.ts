/** What peephole passes ask of the nodes of a function, and the pass that straightens branches. */
import { LABEL, type MachineNode } from '../node.ts';

/** Whether `label` is bound at `at`, maybe among others. */
export function isLabelAt(nodes: readonly MachineNode[], at: number, label: number): boolean {
  for (let i = at; i < nodes.length && nodes[i]!.form === LABEL; i++) if (nodes[i]!.label === label) return true;
  return false;
}

/** How many nodes go to each label. */
export function countUses(nodes: readonly MachineNode[]): Map<number, number> {
  const uses = new Map<number, number>();
  for (const { form, label } of nodes) {
    if (label >= 0 && form !== LABEL) uses.set(label, (uses.get(label) ?? 0) + 1);
  }
  return uses;
}

/** Whether two nodes are the same instruction. */
export function isSameNode(a: MachineNode, b: MachineNode): boolean {
  if (a.form !== b.form || a.label !== b.label || a.operands.length !== b.operands.length) return false;
  for (let i = 0; i < a.operands.length; i++) if (a.operands[i] !== b.operands[i]) return false;
  return true;
}

/** What stands in for a branch and the nodes that it goes around. */
export interface Straight {
  readonly nodes: readonly MachineNode[];
  /** Nodes that they replace, the branch included. */
  readonly length: number;
}

/**
 * Replaces branches around few nodes, whose label has one use less then. Labels that nothing goes to any more are
 * dropped.
 *
 * @param rewrite - what stands in for node `i` and those behind it; undefined when it stays
 */
export function straighten(
  nodes: MachineNode[],
  rewrite: (nodes: readonly MachineNode[], i: number) => Straight | undefined,
): MachineNode[] {
  let uses: Map<number, number> | undefined;
  let out: MachineNode[] | undefined;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const straight = node.label >= 0 && node.form !== LABEL ? rewrite(nodes, i) : undefined;
    if (straight === undefined) {
      if (out !== undefined && !(node.form === LABEL && uses!.get(node.label) === 0)) out.push(node);
      continue;
    }
    out ??= nodes.slice(0, i);
    uses ??= countUses(nodes);
    uses.set(node.label, uses.get(node.label)! - 1);
    for (const replacement of straight.nodes) out.push(replacement);
    i += straight.length - 1;
  }
  return out ?? nodes;
}

/**
 * The opposite branch to where a jump goes, in place of a branch around nothing but that jump.
 *
 * @param isJump - whether a node is an unconditional jump
 * @param invert - the branch of node `i` to another label under the opposite condition; undefined when it has none
 */
export function skipJump(
  nodes: readonly MachineNode[],
  i: number,
  isJump: (node: MachineNode) => boolean,
  invert: (node: MachineNode, label: number) => MachineNode | undefined,
): Straight | undefined {
  const branch = nodes[i]!;
  const jump = nodes[i + 1];
  if (jump === undefined || !isJump(jump) || !isLabelAt(nodes, i + 2, branch.label)) return undefined;
  const inverted = invert(branch, jump.label);
  return inverted === undefined ? undefined : { nodes: [inverted], length: 2 };
}
