/**
 * Layout: where every node goes, and how long every branch must be.
 *
 * Branches start in their shortest form and only ever grow, so the loop ends: each round either widens a node for good
 * or is the last. (Shrinking rounds, as kernel JITs do them, can oscillate; see design notes in docs/ARCHITECTURE.md.)
 * Alignment padding is recomputed each round; a branch that was widened for padding that later shrank stays wide.
 *
 * Only nodes that use labels depend on where they are. All others are encoded once, before the rounds, and copied to their
 * places in the end; in most small programs no branch grows, and nothing is copied but the whole.
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
  /** Code offset of each BPF insn index: of its first node that is no label; -1 without. */
  readonly insnOffsets: Int32Array;
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

/**
 * The same with a list of nodes that becomes part of the result.
 *
 * @param insnCount - nodes belong to the insns 0 to insnCount - 1
 */
export function layOutOwned(target: Target, input: MachineNode[], labelCount: number, insnCount = 0): LaidOut {
  let labels = labelCount;
  const newLabel = (): number => labels++;
  let plan = planOf(target, input);
  for (;;) {
    const labelOffsets = place(plan, labels);
    const far = findFar(plan, labelOffsets);
    if (far.length === 0) return finish(target, plan, labelOffsets, labels, insnCount);
    plan = widen(target, plan, far, newLabel);
  }
}

/** Nodes and what the rounds need of them. Arrays may be longer than there are nodes. */
interface Plan {
  readonly nodes: MachineNode[];
  /** Of the target; targets have many shapes, a plan has one, which is faster to read for each node. */
  readonly encode: Target['encode'];
  /** Bytes of each node; -n for alignment to n. */
  readonly sizes: Int32Array;
  /** Where in {@link Plan.encoded} the bytes of each node are, or where there is room for them. */
  readonly sources: Int32Array;
  /** Bytes of nodes that use no label; between them room for the shortest forms of others. */
  readonly encoded: CodeBuffer;
  /** Where each node goes, and the end; filled by {@link place}. */
  readonly offsets: Int32Array;
  /** Indices of the nodes that define labels, of those that use one, and of those that have a symbol. */
  readonly labelNodes: number[];
  readonly users: number[];
  readonly symbols: number[];
}

/** Memory that compilations use in turn. Nothing in it outlives a call of {@link layOutOwned}. */
interface Scratch {
  readonly sizes: Int32Array;
  readonly sources: Int32Array;
  readonly offsets: Int32Array;
  readonly encoded: CodeBuffer;
  labels: Int32Array;
}

function makeScratch(nodes: number, bytes: number): Scratch {
  return {
    sizes: new Int32Array(nodes),
    sources: new Int32Array(nodes),
    offsets: new Int32Array(nodes + 1),
    encoded: new CodeBuffer(bytes),
    labels: new Int32Array(nodes),
  };
}

const SCRATCH_NODES = 4096;
const SCRATCH_BYTES = 0x8000;
/** What larger programs have needed is not kept. */
const SCRATCH_LIMIT = 0x40000;
const SHARED: { scratch: Scratch } = { scratch: /* @__PURE__ */ makeScratch(SCRATCH_NODES, SCRATCH_BYTES) };

function scratchFor(nodes: number): Scratch {
  const { scratch } = SHARED;
  if (scratch.sizes.length < nodes || scratch.encoded.bytes.length > 4 * SCRATCH_LIMIT) {
    const grown = makeScratch(Math.max(SCRATCH_NODES, 2 * nodes), SCRATCH_BYTES);
    if (nodes <= SCRATCH_LIMIT) SHARED.scratch = grown;
    return grown;
  }
  scratch.encoded.length = 0;
  return scratch;
}

function planOf(target: Target, nodes: MachineNode[]): Plan {
  const { sizes, sources, offsets, encoded } = scratchFor(nodes.length);
  const plan: Plan = {
    nodes,
    encode: target.encode,
    sizes,
    sources,
    encoded,
    offsets,
    labelNodes: [],
    users: [],
    symbols: [],
  };
  for (let i = 0; i < nodes.length; i++) planNode(target, plan, i, nodes[i]!);
  return plan;
}

/** Measures node `i`, and encodes it if that depends on nothing else. */
function planNode(target: Target, plan: Plan, i: number, node: MachineNode): void {
  const { sizes, encoded } = plan;
  const { form } = node;
  const start = encoded.length;
  plan.sources[i] = start;
  sizes[i] = 0;
  if (form === LABEL) {
    plan.labelNodes.push(i);
    return;
  }
  if (node.symbol !== undefined) plan.symbols.push(i);
  if (form === ALIGN) {
    const alignment = node.operands[0]!;
    sizes[i] = -alignment;
    encoded.skip(-start & (alignment - 1));
  } else if (form === DATA64) {
    sizes[i] = 8;
    encodeData(target, node, encoded);
  } else if (node.label >= 0) {
    plan.users.push(i);
    encoded.skip((sizes[i] = target.sizeOf(node)));
  } else {
    plan.encode(node, 0, encoded);
    sizes[i] = encoded.length - start;
  }
}

function encodeData({ endian }: Target, { operands }: MachineNode, out: CodeBuffer): void {
  const low = operands[0] ?? 0;
  const high = operands[1] ?? 0;
  if (endian === 'big') {
    out.u32be(high);
    out.u32be(low);
  } else {
    out.u32le(low);
    out.u32le(high);
  }
}

/** Fills the offsets of nodes; returns those of labels. */
function place({ nodes, sizes, offsets, labelNodes }: Plan, labels: number): Int32Array {
  const count = nodes.length;
  let at = 0;
  for (let i = 0; i < count; i++) {
    offsets[i] = at;
    const size = sizes[i]!;
    at += size >= 0 ? size : -at & (-size - 1);
  }
  offsets[count] = at;
  const labelOffsets = labelArray(labels).fill(-1, 0, labels);
  for (let k = 0; k < labelNodes.length; k++) {
    const i = labelNodes[k]!;
    labelOffsets[nodes[i]!.label] = offsets[i]!;
  }
  return labelOffsets;
}

/** An array for so many labels, or more. */
function labelArray(labels: number): Int32Array {
  const { scratch } = SHARED;
  if (scratch.labels.length >= labels) return scratch.labels;
  const grown = new Int32Array(2 * labels);
  if (labels <= SCRATCH_LIMIT) scratch.labels = grown;
  return grown;
}

/** Indices of branches that do not reach their label. */
function findFar({ nodes, offsets, users }: Plan, labelOffsets: Int32Array): number[] {
  const far: number[] = [];
  for (let k = 0; k < users.length; k++) {
    const i = users[k]!;
    const node = nodes[i]!;
    const { branch } = node.form;
    if (branch === undefined) continue;
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
  let more = 0;
  for (const index of far) {
    const node = nodes[index]!;
    const parts = node.form.branch!.widen!(node, newLabel).map((part) =>
      part.insn === node.insn ? part : { ...part, insn: node.insn },
    );
    if (parts.length === 1 && parts[0]!.label >= 0) {
      nodes[index] = parts[0]!;
      sizes[index] = target.sizeOf(parts[0]!);
    } else {
      longer.set(index, parts);
      more += parts.length - 1;
    }
  }
  return longer.size === 0 ? plan : replaced(target, plan, longer, nodes.length + more);
}

/** The plan with several nodes in place of some. */
function replaced(target: Target, plan: Plan, parts: ReadonlyMap<number, readonly MachineNode[]>, count: number): Plan {
  const nodes: MachineNode[] = [];
  const next: Plan = {
    nodes,
    encode: plan.encode,
    sizes: new Int32Array(count),
    sources: new Int32Array(count),
    encoded: plan.encoded,
    offsets: new Int32Array(count + 1),
    labelNodes: [],
    users: [],
    symbols: [],
  };
  plan.nodes.forEach((node, i) => {
    const own = parts.get(i);
    if (own !== undefined) {
      for (const part of own) planNode(target, next, nodes.push(part) - 1, part);
      return;
    }
    const at = nodes.push(node) - 1;
    next.sizes[at] = plan.sizes[i]!;
    next.sources[at] = plan.sources[i]!;
    if (node.form === LABEL) next.labelNodes.push(at);
    else if (node.label >= 0) next.users.push(at);
    if (node.symbol !== undefined) next.symbols.push(at);
  });
  return next;
}

/** Brings all bytes to their places, and encodes what depends on them. */
function finish(target: Target, plan: Plan, labelOffsets: Int32Array, labels: number, insnCount: number): LaidOut {
  const { nodes, offsets, sizes, users, symbols, encoded, encode } = plan;
  const code = gather(target, plan);
  const free = encoded.length;
  for (let k = 0; k < users.length; k++) {
    const i = users[k]!;
    const node = nodes[i]!;
    const start = offsets[i]!;
    encoded.length = free;
    encode(node, labelOffsets[node.label]! - start, encoded);
    const size = encoded.length - free;
    if (size !== sizes[i]) throw new Error(`BUG: ${node.form.name}: size ${size}, announced ${sizes[i]}`);
    const { bytes } = encoded;
    for (let k = 0; k < size; k++) code[start + k] = bytes[free + k]!;
  }
  const relocations = symbols.map((i): CodeRelocation => {
    const { form, symbol, addend } = nodes[i]!;
    if (form === DATA64) return { offset: offsets[i]!, kind: target.absolute64, symbol: symbol!, addend };
    const use = form.relocation;
    if (use === undefined) throw new Error(`BUG: ${form.name} has a symbol but no relocation`);
    return { offset: offsets[i]! + use.offset, kind: use.kind, symbol: symbol!, addend: addend + use.addend };
  });
  const found = places(plan, labelOffsets, labels, insnCount);
  return { nodes, offsets: found.offsets, labelOffsets: found.labelOffsets, insnOffsets: found.insnOffsets, code, relocations }; // prettier-ignore
}

/** What the result says of places: in memory of its own, one piece for all. */
function places(
  { nodes, offsets }: Plan,
  labelOffsets: Int32Array,
  labels: number,
  insnCount: number,
): Pick<LaidOut, 'offsets' | 'labelOffsets' | 'insnOffsets'> {
  const count = nodes.length;
  const memory = new ArrayBuffer(4 * (count + 1 + labels + insnCount));
  const own = new Int32Array(memory, 0, count + 1);
  const ownLabels = new Int32Array(memory, 4 * (count + 1), labels);
  const insnOffsets = new Int32Array(memory, 4 * (count + 1 + labels), insnCount).fill(-1);
  for (let i = count - 1; i >= 0; i--) {
    const { insn, form } = nodes[i]!;
    own[i] = offsets[i]!;
    if (insn >= 0 && form !== LABEL) insnOffsets[insn] = offsets[i]!;
  }
  own[count] = offsets[count]!;
  for (let label = 0; label < labels; label++) ownLabels[label] = labelOffsets[label]!;
  return { offsets: own, labelOffsets: ownLabels, insnOffsets };
}

/** Runs of bytes up to this length are copied one by one. */
const SHORT_RUN = 48;

/** All bytes but those of nodes that use labels. */
function gather(target: Target, { nodes, sizes, sources, encoded, offsets }: Plan): Uint8Array {
  const count = nodes.length;
  const from = encoded.bytes;
  const to = new Uint8Array(offsets[count]!);
  let runStart = 0;
  let shift = 0;
  for (let i = 0; i <= count; i++) {
    const offset = offsets[i]!;
    const isEnd = i === count;
    if (!isEnd && sizes[i]! >= 0 && sources[i]! - offset === shift) continue;
    if (offset - runStart > SHORT_RUN) to.set(from.subarray(runStart + shift, offset + shift), runStart);
    else for (let at = runStart; at < offset; at++) to[at] = from[at + shift]!;
    if (isEnd) break;
    if (sizes[i]! < 0) {
      const padding = new CodeBuffer(-sizes[i]!);
      target.pad(offsets[i + 1]! - offset, padding);
      to.set(padding.toUint8Array(), offset);
      runStart = offsets[i + 1]!;
      shift = i + 1 < count ? sources[i + 1]! - runStart : 0;
    } else {
      runStart = offset;
      shift = sources[i]! - offset;
    }
  }
  return to;
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
