/** BPF_MAP_TYPE_LPM_TRIE (kernel/bpf/lpm_trie.c): keys are a prefix length in guest order and bits, first bit first. */
import { ERRNO } from './errno.ts';
import { genericDeleteBatch, genericLookupBatch, genericUpdateBatch } from './generic-batch.ts';
import type { Read } from './guest-map.ts';
import { accessFlagsOk, type MapCore, type MapOps, readU32, roundUp8, writeU32 } from './map-core.ts';
import { MAP_FLAG, UPDATE_FLAG } from './map-type.ts';
import { SlotPool } from './slot-pool.ts';
import { fromHex, toHex } from './snapshot.ts';

const CREATE_FLAGS =
  MAP_FLAG.NO_PREALLOC |
  MAP_FLAG.NUMA_NODE |
  MAP_FLAG.RDONLY |
  MAP_FLAG.WRONLY |
  MAP_FLAG.RDONLY_PROG |
  MAP_FLAG.WRONLY_PROG;
const PREFIX_BYTES = 4;
const DATA_LIMIT = 256;
/** KMALLOC_MAX_SIZE less the longest key and the head of a node, on x86_64. */
const VALUE_LIMIT = (4 << 20) - DATA_LIMIT - 24;

interface Node {
  readonly prefix: number;
  readonly data: Uint8Array;
  /** NONE in a node that only joins its two children. */
  slot: number;
  readonly children: [Node | undefined, Node | undefined];
}

const NONE = -1;

/** A trie; a negative errno when the definition is refused. */
export function makeLpmTrie(core: MapCore): MapOps | number {
  const { flags, keySize, valueSize } = core;
  if (
    core.maxEntries === 0 ||
    (flags & MAP_FLAG.NO_PREALLOC) === 0 ||
    (flags & ~CREATE_FLAGS) !== 0 ||
    !accessFlagsOk(flags) ||
    keySize <= PREFIX_BYTES ||
    keySize > PREFIX_BYTES + DATA_LIMIT ||
    valueSize < 1 ||
    valueSize > VALUE_LIMIT
  ) {
    return ERRNO.EINVAL;
  }
  return trieOps(core, new Trie(core));
}

function trieOps(core: MapCore, trie: Trie): MapOps {
  const userLookup = (key: Uint8Array): Read => {
    const slot = trie.match(key);
    return slot === NONE ? ERRNO.ENOENT : trie.value(slot).slice();
  };
  const batch = {
    nextKey: (key: Uint8Array | undefined): Read => trie.nextKey(key),
    userLookup,
    update: (key: Uint8Array, value: Uint8Array, bits: number): number => trie.update(key, value, bits),
    delete: (key: Uint8Array): number => trie.delete(key),
  };
  return {
    ...batch,
    lookup: (key) => {
      const slot = trie.match(key);
      return slot === NONE ? 0n : trie.pool.address(slot);
    },
    lookupBatch: genericLookupBatch(core, batch),
    updateBatch: genericUpdateBatch(core, batch),
    deleteBatch: genericDeleteBatch(core, batch),
    size: () => trie.count,
    dump: () => ({
      entries: trie.all().map((node) => ({ key: toHex(trie.keyOf(node)), value: toHex(trie.value(node.slot)) })),
    }),
    load: ({ entries }) => {
      trie.clear();
      for (const { key, value } of entries) {
        trie.update(fromHex(key, core.keySize), fromHex(value, core.valueSize), UPDATE_FLAG.ANY);
      }
    },
  };
}

class Trie {
  readonly pool: SlotPool;
  count = 0;
  readonly #core: MapCore;
  readonly #maxPrefix: number;
  #root: Node | undefined;
  #freeSlots: number[] = [];
  #freshSlot = 0;

  constructor(core: MapCore) {
    this.#core = core;
    this.#maxPrefix = 8 * (core.keySize - PREFIX_BYTES);
    // One more: a value is replaced by a new one before the old one goes.
    this.pool = new SlotPool(core, roundUp8(core.valueSize), core.maxEntries + 1);
  }

  value(slot: number): Uint8Array {
    const at = this.pool.offset(slot);
    return this.pool.bytes(slot).subarray(at, at + this.#core.valueSize);
  }

  keyOf(node: Node): Uint8Array {
    const key = new Uint8Array(this.#core.keySize);
    writeU32(this.#core, key, 0, node.prefix);
    key.set(node.data, PREFIX_BYTES);
    return key;
  }

  clear(): void {
    this.#root = undefined;
    this.count = 0;
    this.#freeSlots = [];
    this.#freshSlot = 0;
  }

  /** Slot of the longest prefix of a key, or NONE. */
  match(key: Uint8Array): number {
    const prefix = readU32(this.#core, key);
    if (prefix > this.#maxPrefix) return NONE;
    const data = key.subarray(PREFIX_BYTES);
    let found = NONE;
    for (let node = this.#root; node !== undefined;) {
      const matched = commonPrefix(node, data, prefix);
      if (matched === this.#maxPrefix) return node.slot;
      if (matched < node.prefix) break;
      if (node.slot !== NONE) found = node.slot;
      node = node.children[bitAt(data, node.prefix)];
    }
    return found;
  }

  update(key: Uint8Array, value: Uint8Array, flags: number): number {
    const prefix = readU32(this.#core, key);
    if (flags > UPDATE_FLAG.EXIST || prefix > this.#maxPrefix) return ERRNO.EINVAL;
    const data = key.slice(PREFIX_BYTES);
    const { parent, node, matched } = this.#walk(data, prefix);
    const replaces = node !== undefined && node.prefix === matched && node.slot !== NONE;
    if (replaces) {
      if (flags === UPDATE_FLAG.NOEXIST) return ERRNO.EEXIST;
    } else {
      if (flags === UPDATE_FLAG.EXIST) return ERRNO.ENOENT;
      if (this.count === this.#core.maxEntries) return ERRNO.ENOSPC;
    }
    const slot = this.#takeSlot();
    if (slot === NONE) return ERRNO.ENOMEM;
    this.pool.bytes(slot).set(value, this.pool.offset(slot));
    if (!replaces) this.count++;
    const added: Node = { prefix, data, slot, children: [undefined, undefined] };
    if (node === undefined) this.#replace(parent, node, added, data);
    else if (node.prefix === matched) {
      added.children[0] = node.children[0];
      added.children[1] = node.children[1];
      this.#replace(parent, node, added, data);
      if (node.slot !== NONE) this.#freeSlots.push(node.slot);
    } else if (matched === prefix) {
      added.children[bitAt(node.data, matched)] = node;
      this.#replace(parent, node, added, data);
    } else {
      const joint: Node = { prefix: matched, data: node.data, slot: NONE, children: [undefined, undefined] };
      const bit = bitAt(data, matched);
      joint.children[bit] = added;
      joint.children[bit ^ 1] = node;
      this.#replace(parent, node, joint, data);
    }
    return 0;
  }

  delete(key: Uint8Array): number {
    const prefix = readU32(this.#core, key);
    if (prefix > this.#maxPrefix) return ERRNO.EINVAL;
    const data = key.subarray(PREFIX_BYTES);
    const { grandparent, parent, node, matched } = this.#walk(data, prefix);
    if (node === undefined || node.prefix !== prefix || node.prefix !== matched || node.slot === NONE) {
      return ERRNO.ENOENT;
    }
    this.count--;
    this.#freeSlots.push(node.slot);
    const [left, right] = node.children;
    if (left !== undefined && right !== undefined) node.slot = NONE;
    else if (parent !== undefined && parent.slot === NONE && left === undefined && right === undefined) {
      // A joint without one of its children is none.
      this.#replace(grandparent, parent, parent.children[parent.children[0] === node ? 1 : 0], data);
    } else this.#replace(parent, node, left ?? right, data);
    return 0;
  }

  /** Postorder: more specific prefixes before less specific ones (kernel: `trie_get_next_key`). */
  nextKey(key: Uint8Array | undefined): Read {
    if (this.#root === undefined) return ERRNO.ENOENT;
    const prefix = key === undefined ? undefined : readU32(this.#core, key);
    if (key === undefined || prefix === undefined || prefix > this.#maxPrefix) return this.keyOf(leftmost(this.#root));
    const data = key.subarray(PREFIX_BYTES);
    const path: Node[] = [];
    let exact: Node | undefined;
    for (let node = this.#root as Node | undefined; node !== undefined;) {
      path.push(node);
      const matched = commonPrefix(node, data, prefix);
      if (node.prefix !== matched || node.prefix === prefix) {
        exact = node.prefix === matched && node.slot !== NONE ? node : undefined;
        break;
      }
      node = node.children[bitAt(data, node.prefix)];
    }
    if (exact === undefined) return this.keyOf(leftmost(this.#root));
    let node = exact;
    for (let i = path.length - 2; i >= 0; i--) {
      const parent = path[i]!;
      const sibling = parent.children[0] === node ? parent.children[1] : undefined;
      if (sibling !== undefined) return this.keyOf(leftmost(sibling));
      if (parent.slot !== NONE) return this.keyOf(parent);
      node = parent;
    }
    return ERRNO.ENOENT;
  }

  /** Nodes with a value, in order of iteration. */
  all(): Node[] {
    const list: Node[] = [];
    const visit = (node: Node | undefined): void => {
      if (node === undefined) return;
      visit(node.children[0]);
      visit(node.children[1]);
      if (node.slot !== NONE) list.push(node);
    };
    visit(this.#root);
    return list;
  }

  /** Where a prefix belongs: the node there, if any, how far it agrees, and the two nodes above. */
  #walk(
    data: Uint8Array,
    prefix: number,
  ): { grandparent: Node | undefined; parent: Node | undefined; node: Node | undefined; matched: number } {
    let grandparent: Node | undefined;
    let parent: Node | undefined;
    let matched = 0;
    let node = this.#root;
    while (node !== undefined) {
      matched = commonPrefix(node, data, prefix);
      if (node.prefix !== matched || node.prefix === prefix) break;
      grandparent = parent;
      parent = node;
      node = node.children[bitAt(data, node.prefix)];
    }
    return { grandparent, parent, node, matched };
  }

  #replace(parent: Node | undefined, from: Node | undefined, to: Node | undefined, data: Uint8Array): void {
    if (parent === undefined) this.#root = to;
    else if (from === undefined) parent.children[bitAt(data, parent.prefix)] = to;
    else parent.children[parent.children[0] === from ? 0 : 1] = to;
  }

  #takeSlot(): number {
    const used = this.#freeSlots.pop();
    if (used !== undefined) return used;
    return this.pool.ensure(this.#freshSlot) ? this.#freshSlot++ : NONE;
  }
}

function leftmost(root: Node): Node {
  let found = root;
  for (let node: Node | undefined = root; node !== undefined;) {
    if (node.slot !== NONE) found = node;
    node = node.children[0] ?? node.children[1];
  }
  return found;
}

function bitAt(data: Uint8Array, index: number): 0 | 1 {
  return ((data[index >> 3]! >> (7 - (index & 7))) & 1) as 0 | 1;
}

/** Number of bits that a node's prefix and a prefix have in common. */
function commonPrefix(node: Node, data: Uint8Array, prefix: number): number {
  const limit = Math.min(node.prefix, prefix);
  for (let i = 0; 8 * i < limit; i++) {
    const different = node.data[i]! ^ data[i]!;
    if (different !== 0) return Math.min(limit, 8 * i + Math.clz32(different) - 24);
  }
  return limit;
}
