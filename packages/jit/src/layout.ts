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
  let nodes = input;
  let labels = labelCount;
  const newLabel = (): number => labels++;
  for (;;) {
    const offsets = new Int32Array(nodes.length + 1);
    const labelOffsets = new Int32Array(labels).fill(-1);
    place(target, nodes, offsets, labelOffsets);
    const far = findFar(nodes, offsets, labelOffsets);
    if (far.length === 0) return encode(target, nodes, offsets, labelOffsets);
    nodes = widen(nodes, far, newLabel);
  }
}

function place(target: Target, nodes: readonly MachineNode[], offsets: Int32Array, labelOffsets: Int32Array): void {
  let at = 0;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    offsets[i] = at;
    if (node.form === LABEL) labelOffsets[node.label] = at;
    else if (node.form === ALIGN) at += -at & (node.operands[0]! - 1);
    else if (node.form === DATA64) at += 8;
    else at += target.sizeOf(node);
  }
  offsets[nodes.length] = at;
}

/** Indices of branches that do not reach their label. */
function findFar(nodes: readonly MachineNode[], offsets: Int32Array, labelOffsets: Int32Array): number[] {
  const far: number[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { branch } = node.form;
    if (branch === undefined || node.label < 0) continue;
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

function widen(nodes: readonly MachineNode[], far: readonly number[], newLabel: () => number): MachineNode[] {
  const result: MachineNode[] = [];
  let from = 0;
  for (const index of far) {
    for (let i = from; i < index; i++) result.push(nodes[i]!);
    const node = nodes[index]!;
    for (const part of node.form.branch!.widen!(node, newLabel)) {
      result.push(part.insn === node.insn ? part : { ...part, insn: node.insn });
    }
    from = index + 1;
  }
  for (let i = from; i < nodes.length; i++) result.push(nodes[i]!);
  return result;
}

function encode(target: Target, nodes: readonly MachineNode[], offsets: Int32Array, labelOffsets: Int32Array): LaidOut {
  const out = new CodeBuffer(offsets[nodes.length]! || 1);
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
