/**
 * The shape of one function: its blocks in reverse post-order, dominators, loops and merge points, which is what
 * structured control flow is made from (N. Ramsey, "Beyond Relooper", ICFP 2022). Iterative throughout: programs may have
 * a million blocks in a row.
 */
import { type Flow, NONE } from './flow.ts';
import { CLASS } from './micro-ops.ts';
import { SCRATCH } from './scratch.ts';

/** Blocks are named by their position in reverse post-order; the entry is 0. */
export interface Shape {
  /** Block of the flow by position. */
  readonly order: Int32Array;
  /** Successors by position; {@link NONE} for exits. */
  readonly taken: Int32Array;
  readonly next: Int32Array;
  readonly isLoop: Uint8Array;
  /** More than one edge from above comes in. */
  readonly isMerge: Uint8Array;
  /** Merge points that a block dominates immediately: head and links of a list, in ascending order. */
  readonly firstMerge: Int32Array;
  readonly nextMerge: Int32Array;
  /** Not to be made of loops and blocks: a jump enters a loop from the side. */
  readonly irreducible: boolean;
  /** The budget is looked at here: entry, loops, behind calls. */
  readonly checks: Uint8Array;
  /** Most instructions from here to the next place where the budget is looked at. */
  readonly cost: Int32Array;
  /** Loops that are one way through without calls, by their head: written several times in a row. */
  readonly chains: ReadonlyMap<number, Chain>;
}

/** A loop whose blocks follow each other; every other way out of them leaves the loop. */
export interface Chain {
  /** Positions, head first. */
  readonly blocks: readonly number[];
  /** Instructions of one round. */
  readonly insns: number;
  /** How often it is written. */
  readonly copies: number;
}

/** The shape of the function that starts with block `entry`. `scratch` has a word for each block of the flow, all {@link NONE}. */
export function findShape(flow: Flow, entry: number, scratch: Int32Array): Shape {
  const order = reversePostOrder(flow, entry, scratch);
  const size = order.length;
  for (let k = 0; k < size; k++) scratch[order[k]!] = k;
  const taken = SCRATCH.ints(size);
  const next = SCRATCH.ints(size);
  const isLoop = SCRATCH.bytes(size);
  const forward = SCRATCH.ints(size);
  for (let k = 0; k < size; k++) {
    const b = order[k]!;
    for (let edge = 0; edge < 2; edge++) {
      const block = (edge === 0 ? flow.taken : flow.next)[b]!;
      const to = block === NONE ? NONE : scratch[block]!;
      (edge === 0 ? taken : next)[k] = to;
      if (to === NONE) continue;
      if (to <= k) isLoop[to] = 1;
      else forward[to] = forward[to]! + 1;
    }
  }
  for (let k = 0; k < size; k++) scratch[order[k]!] = NONE;
  const { idom, reducible } = dominators(taken, next, size);
  const irreducible = !reducible;
  const isMerge = SCRATCH.bytes(size);
  for (let k = size - 1; k > 0; k--) if (forward[k]! > 1) isMerge[k] = 1;
  const chains = irreducible ? NO_CHAINS : findChains(flow, { order, taken, next, isLoop, forward });
  // Ways out of a chain come from all of its copies: they lead to labels, which stand around its head.
  const headOf = new Map<number, number>();
  for (const [head, { blocks }] of chains) {
    blocks.forEach((k, at) => {
      headOf.set(k, head);
      for (const to of [taken[k]!, next[k]!]) if (to > k && to !== blocks[at + 1]) isMerge[to] = 1;
    });
  }
  const firstMerge = SCRATCH.ints(size, NONE);
  const nextMerge = SCRATCH.ints(size, NONE);
  for (let k = size - 1; k > 0; k--) {
    if (isMerge[k] === 0) continue;
    const parent = headOf.get(idom[k]!) ?? idom[k]!;
    nextMerge[k] = firstMerge[parent]!;
    firstMerge[parent] = k;
  }
  return { order, taken, next, isLoop, isMerge, firstMerge, nextMerge, irreducible, chains, ...budgetChecks(flow, order, taken, next, isLoop, irreducible) }; // prettier-ignore
}

const NO_CHAINS: ReadonlyMap<number, Chain> = new Map();
/** Blocks and instructions of a chain at most. */
const CHAIN_BLOCKS = 6;
const CHAIN_INSNS = 48;

interface Graph {
  readonly order: Int32Array;
  readonly taken: Int32Array;
  readonly next: Int32Array;
  readonly isLoop: Uint8Array;
  readonly forward: Int32Array;
}

function findChains(flow: Flow, { order, taken, next, isLoop, forward }: Graph): ReadonlyMap<number, Chain> {
  const size = order.length;
  const chains = new Map<number, Chain>();
  // The only edge that goes back to a head, and the only edge that comes to a block from above.
  const back = SCRATCH.ints(size, NONE);
  const above = SCRATCH.ints(size, NONE);
  for (let k = 0; k < size; k++) {
    for (let edge = 0; edge < 2; edge++) {
      const to = (edge === 0 ? taken : next)[k]!;
      if (to === NONE) continue;
      if (to > k) above[to] = k;
      else back[to] = back[to] === NONE ? k : -2;
    }
  }
  for (let head = 0; head < size; head++) {
    if (isLoop[head] === 0 || back[head]! < 0) continue;
    const blocks: number[] = [];
    let insns = 0;
    for (let k = back[head]!; ; k = above[k]!) {
      const b = order[k]!;
      const kind = flow.start[b] === flow.end[b] ? CLASS.stop : flow.classes[flow.last[b]!]!;
      insns += flow.count[b]!;
      const isPlain = kind < CLASS.nop + 1 || kind === CLASS.jump || kind === CLASS.always;
      if (!isPlain || insns > CHAIN_INSNS || blocks.length === CHAIN_BLOCKS) break;
      blocks.unshift(k);
      if (k === head) break;
      if (forward[k] !== 1 || isLoop[k] === 1) break;
    }
    if (blocks[0] !== head || taken[back[head]!] === next[back[head]!]) continue;
    const copies = insns <= 8 ? 8 : insns <= 12 ? 6 : insns <= 24 ? 4 : 2;
    chains.set(head, { blocks, insns, copies });
  }
  return chains;
}

/** Depth-first search with a stack of its own; `state` is NONE for blocks that were not seen. */
function reversePostOrder(flow: Flow, entry: number, state: Int32Array): Int32Array {
  const stack: number[] = [entry];
  const post: number[] = [];
  state[entry] = 0;
  while (stack.length > 0) {
    const b = stack[stack.length - 1]!;
    const step = state[b]!;
    if (step === 2) {
      post.push(b);
      stack.pop();
      continue;
    }
    state[b] = step + 1;
    const to = step === 0 ? flow.taken[b]! : flow.next[b]!;
    if (to !== NONE && state[to] === NONE) {
      state[to] = 0;
      stack.push(to);
    }
  }
  const order = SCRATCH.ints(post.length);
  for (let k = 0; k < post.length; k++) order[k] = post[post.length - 1 - k]!;
  return order;
}

/** The dominator tree of a function. */
interface Dominators {
  /** Immediate dominators; the entry is its own. */
  readonly idom: Int32Array;
  /** Every edge back goes to a block that dominates its source, so that the tree is that of the whole graph. */
  readonly reducible: boolean;
}

/**
 * Dominators by forward edges alone: in reverse post-order all blocks before a block are done, so its dominator is the
 * nearest common ancestor of those. Edges back change nothing where they go to a dominator of their source; otherwise the
 * graph is irreducible, and nobody asks for the tree. Ancestors are found by skips (E. Myers, "An applicative random-access
 * stack", 1983), for a million branches may have one target, or a million loops one body.
 */
function dominators(taken: Int32Array, next: Int32Array, size: number): Dominators {
  const idom = SCRATCH.ints(size, NONE);
  const depth = SCRATCH.ints(size);
  const skip = SCRATCH.ints(size);
  idom[0] = 0;
  const meet = (first: number, second: number): number => {
    let [a, b] = depth[first]! >= depth[second]! ? [first, second] : [second, first];
    while (depth[a]! > depth[b]!) a = depth[skip[a]!]! >= depth[b]! ? skip[a]! : idom[a]!;
    // Skips of blocks at one depth are equally long.
    while (a !== b) [a, b] = skip[a] !== skip[b] ? [skip[a]!, skip[b]!] : [idom[a]!, idom[b]!];
    return a;
  };
  for (let k = 0; k < size; k++) {
    if (k > 0) {
      const parent = idom[k]!;
      const far = skip[parent]!;
      depth[k] = depth[parent]! + 1;
      skip[k] = depth[parent]! - depth[far]! === depth[far]! - depth[skip[far]!]! ? skip[far]! : parent;
    }
    for (let edge = 0; edge < 2; edge++) {
      const to = (edge === 0 ? taken : next)[k]!;
      if (to > k) idom[to] = idom[to] === NONE ? k : meet(idom[to]!, k);
    }
  }
  return { idom, reducible: isReducible(taken, next, idom, size) };
}

/** Ancestors are told by positions in a walk of the tree: those of a block's descendants follow its own. */
function isReducible(taken: Int32Array, next: Int32Array, idom: Int32Array, size: number): boolean {
  const descendants = SCRATCH.ints(size, 1);
  for (let k = size - 1; k > 0; k--) descendants[idom[k]!] = descendants[idom[k]!]! + descendants[k]!;
  const position = SCRATCH.ints(size);
  const free = SCRATCH.ints(size, 1);
  for (let k = 1; k < size; k++) {
    const parent = idom[k]!;
    position[k] = position[parent]! + free[parent]!;
    free[parent] = free[parent]! + descendants[k]!;
  }
  for (let k = 0; k < size; k++) {
    for (let edge = 0; edge < 2; edge++) {
      const to = (edge === 0 ? taken : next)[k]!;
      if (to <= 0 || to > k) continue;
      const distance = position[k]! - position[to]!;
      if (distance < 0 || distance >= descendants[to]!) return false;
    }
  }
  return true;
}

function budgetChecks(
  { classes, last, start, end, count }: Flow,
  order: Int32Array,
  taken: Int32Array,
  next: Int32Array,
  isLoop: Uint8Array,
  irreducible: boolean,
): Pick<Shape, 'checks' | 'cost'> {
  const size = order.length;
  const checks = irreducible ? SCRATCH.bytes(size, 1) : isLoop.slice();
  checks[0] = 1;
  for (let k = 0; k < size; k++) {
    const b = order[k]!;
    const kind = start[b] === end[b] ? CLASS.stop : classes[last[b]!]!;
    if ((kind === CLASS.call || kind === CLASS.host) && taken[k] !== NONE) checks[taken[k]!] = 1;
  }
  const cost = SCRATCH.ints(size);
  for (let k = size - 1; k >= 0; k--) {
    let more = 0;
    for (let edge = 0; edge < 2; edge++) {
      const to = (edge === 0 ? taken : next)[k]!;
      if (to !== NONE && checks[to] === 0 && cost[to]! > more) more = cost[to]!;
    }
    cost[k] = count[order[k]!]! + more;
  }
  return { checks, cost };
}
