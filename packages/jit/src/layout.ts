/**
 * Layout: where every node goes, and how long every branch must be.
 *
 * Branches start in their shortest form and only ever grow, so the loop ends: each round either widens a node for good
 * or is the last. (Shrinking rounds, as kernel JITs do them, can oscillate; see design notes in docs/ARCHITECTURE.md.)
 * Alignment padding is recomputed each round; a branch that was widened for padding that later shrank stays wide.
 */
import { BpfError } from '@polybpf/errors';
import { CodeBuffer } from './code-buffer.ts';
import { ALIGN, DATA64, LABEL, type MachineNode } from './node.ts';
import type { CodeSymbol } from './op.ts';
import type { Target } from './target.ts';

/** A field of the code that holds an address from outside. */
export interface CodeRelocation {
  /** Code offset of the field. */
  readonly offset: number;
  /** Key into `Target.relocations`. */
  readonly kind: string;
  readonly symbol: CodeSymbol;
  readonly addend: number;
}

/** Nodes with final forms, their places and bytes. */
export interface LaidOut {
  readonly nodes: readonly MachineNode[];
  /** Code offset of each node. */
  readonly offsets: Int32Array;
  /** Code offset of each label; -1 for labels that are bound nowhere. */
  readonly labelOffsets: Int32Array;
  readonly code: Uint8Array;
  readonly relocations: readonly CodeRelocation[];
}

/**
 * Chooses branch forms and encodes.
 *
 * @param labelCount - labels are 0 to labelCount - 1
 * @throws BpfError `E_JIT_BRANCH_RANGE` when the longest form does not reach, `E_JIT_OPERAND` from the encoder
 */
export function layOut(target: Target, input: readonly MachineNode[], labelCount: number): LaidOut {
  return layOutOwned(target, input.slice(), labelCount);
}

/** The same with a list of nodes that becomes part of the result. */
export function layOutOwned(target: Target, input: MachineNode[], labelCount: number): LaidOut {
  let labels = labelCount;
  const newLabel = (): number => labels++;
  let plan = planOf(target, input);
  for (;;) {
    const labelOffsets = place(plan, labels);
    const far = findFar(plan, labelOffsets);
    if (far.length === 0) return encode(target, plan.nodes, plan.offsets, labelOffsets);
    plan = widen(target, plan, far, newLabel);
  }
}

/** Nodes and what the rounds need of them. */
interface Plan {
  readonly nodes: MachineNode[];
  /** Bytes of each node; -n for alignment to n. */
  readonly sizes: Int32Array;
  /** Where each node goes, one more than there are nodes; filled by {@link place}. */
  readonly offsets: Int32Array;
  /** Indices of the nodes that define labels, and of those that jump to one. */
  readonly labelNodes: readonly number[];
  readonly branches: readonly number[];
}

function planOf(target: Target, nodes: MachineNode[]): Plan {
  const sizes = new Int32Array(nodes.length);
  const labelNodes: number[] = [];
  const branches: number[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { form } = node;
    if (form === LABEL) labelNodes.push(i);
    else sizes[i] = nodeSize(target, node);
    if (node.label >= 0 && form.branch !== undefined) branches.push(i);
  }
  return { nodes, sizes, offsets: new Int32Array(nodes.length + 1), labelNodes, branches };
}

function nodeSize(target: Target, node: MachineNode): number {
  if (node.form === ALIGN) return -node.operands[0]!;
  return node.form === DATA64 ? 8 : target.sizeOf(node);
}

/** Fills the offsets of nodes; returns those of labels. */
function place({ nodes, sizes, offsets, labelNodes }: Plan, labels: number): Int32Array {
  let at = 0;
  for (let i = 0; i < sizes.length; i++) {
    offsets[i] = at;
    const size = sizes[i]!;
    at += size >= 0 ? size : -at & (-size - 1);
  }
  offsets[sizes.length] = at;
  const labelOffsets = new Int32Array(labels).fill(-1);
  for (const i of labelNodes) labelOffsets[nodes[i]!.label] = offsets[i]!;
  return labelOffsets;
}

/** Indices of branches that do not reach their label. */
function findFar({ nodes, offsets, branches }: Plan, labelOffsets: Int32Array): number[] {
  const far: number[] = [];
  for (const i of branches) {
    const node = nodes[i]!;
    const branch = node.form.branch!;
    const goal = labelOffsets[node.label]!;
    if (goal < 0) throw new Error(`BUG: ${node.form.name} uses label ${node.label}, which nothing binds`);
    const distance = goal - offsets[i]!;
    if (distance >= branch.min && distance <= branch.max) continue;
    if (branch.widen === undefined) {
      const at = node.insn < 0 ? {} : { insn: node.insn };
      throw new BpfError('E_JIT_BRANCH_RANGE', `${node.form.name} does not reach`, { at, expected: `${branch.min} to ${branch.max} bytes`, got: `${distance} bytes` }); // prettier-ignore
    }
    far.push(i);
  }
  return far;
}

/** Replaces far branches by their longer forms: in place where that is one node. */
function widen(target: Target, plan: Plan, far: readonly number[], newLabel: () => number): Plan {
  const { nodes, sizes } = plan;
  const longer = new Map<number, MachineNode[]>();
  for (const index of far) {
    const node = nodes[index]!;
    const parts = node.form.branch!.widen!(node, newLabel).map((part) =>
      part.insn === node.insn ? part : { ...part, insn: node.insn },
    );
    if (parts.length === 1) {
      nodes[index] = parts[0]!;
      sizes[index] = nodeSize(target, parts[0]!);
    } else longer.set(index, parts);
  }
  if (longer.size === 0) return plan;
  return planOf(
    target,
    nodes.flatMap((node, i) => longer.get(i) ?? node),
  );
}

function encode(target: Target, nodes: readonly MachineNode[], offsets: Int32Array, labelOffsets: Int32Array): LaidOut {
  const out = new CodeBuffer(offsets[nodes.length]!);
  const relocations: CodeRelocation[] = [];
  const bigEndian = target.endian === 'big';
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { form } = node;
    if (form === LABEL) continue;
    const start = offsets[i]!;
    if (form === ALIGN) {
      target.pad(offsets[i + 1]! - start, out);
    } else if (form === DATA64) {
      const [low, high] = [node.operands[0] ?? 0, node.operands[1] ?? 0];
      if (bigEndian) {
        out.u32be(high);
        out.u32be(low);
      } else {
        out.u32le(low);
        out.u32le(high);
      }
      if (node.symbol !== undefined) relocations.push({ offset: start, kind: target.absolute64, symbol: node.symbol, addend: node.addend }); // prettier-ignore
    } else {
      target.encode(node, node.label < 0 ? 0 : labelOffsets[node.label]! - start, out);
      if (node.symbol !== undefined) {
        const use = form.relocation;
        if (use === undefined) throw new Error(`BUG: ${form.name} has a symbol but no relocation`);
        relocations.push({
          offset: start + use.offset,
          kind: use.kind,
          symbol: node.symbol,
          addend: node.addend + use.addend,
        });
      }
    }
    if (out.length !== offsets[i + 1]!) throw new Error(`BUG: ${form.name}: size ${out.length - start}, announced ${offsets[i + 1]! - start}`); // prettier-ignore
  }
  return { nodes, offsets, labelOffsets, code: out.toUint8Array(), relocations };
}

/**
 * Lays out and encodes a list of nodes that is not a BPF program, e.g. the runner of `machine`. Labels are the numbers
 * used in the nodes, from 0 up.
 *
 * @throws BpfError as {@link layOut}
 */
export function assembleNodes(target: Target, nodes: readonly MachineNode[]): LaidOut {
  let labels = 0;
  for (const node of nodes) labels = Math.max(labels, node.label + 1);
  return layOut(target, nodes, labels);
}
