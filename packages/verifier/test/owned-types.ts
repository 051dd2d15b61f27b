/** BTF for programs that own objects: objects with nodes of lists and trees, map values with kptrs, lists and trees. */
import { type BtfType, encodeBtf } from '@polybpf/btf';

const types: BtfType[] = [{ kind: 'VOID', id: 0, name: '' }];

type Unnumbered = BtfType extends infer T ? (T extends BtfType ? Omit<T, 'id'> : never) : never;

function add(type: Unnumbered): number {
  const id = types.length;
  types.push({ ...type, id } as BtfType);
  return id;
}

type Field = readonly [name: string, type: number, offset: number, contains?: string];

function struct(name: string, size: number, ...fields: readonly Field[]): number {
  const members = fields.map(([field, type, offset]) => ({
    name: field,
    type,
    bitOffset: offset * 8,
    bitfieldSize: 0,
  }));
  const id = add({ kind: 'STRUCT', name, size, members });
  fields.forEach(([, , , contains], i) => {
    if (contains !== undefined) {
      add({ kind: 'DECL_TAG', name: `contains:${contains}`, type: id, componentIndex: i, attribute: false });
    }
  });
  return id;
}

function pointer(to: number, tag?: string): number {
  const type = tag === undefined ? to : add({ kind: 'TYPE_TAG', name: tag, type: to, attribute: false });
  return add({ kind: 'PTR', name: '', type, attribute: false });
}

const int = (name: string, size: number): number => add({ kind: 'INT', name, size, encoding: 0, bitOffset: 0, bits: size * 8 }); // prettier-ignore
const u32 = int('unsigned int', 4);
const u64 = int('unsigned long long', 8);
const words = (count: number): number => add({ kind: 'ARRAY', name: '', type: u64, indexType: u32, nelems: count });

const lock = struct('bpf_spin_lock', 4, ['val', u32, 0]);
const head = struct('bpf_list_head', 16, ['__opaque', words(2), 0]);
const listNode = struct('bpf_list_node', 24, ['__opaque', words(3), 0]);
const root = struct('bpf_rb_root', 16, ['__opaque', words(2), 0]);
const treeNode = struct('bpf_rb_node', 32, ['__opaque', words(4), 0]);
const refcount = struct('bpf_refcount', 4, ['__opaque', u32, 0]);
const task = struct('task_struct', 4, ['x', u32, 0]);
const cpumask = struct('bpf_cpumask', 4, ['x', u32, 0]);
const sock = struct('sock', 4, ['x', u32, 0]);

/** An object that programs allocate: its type, its size, and where its nodes and numbers are. */
export interface ObjectType {
  readonly id: number;
  readonly size: number;
  readonly list?: number;
  readonly tree?: number;
  readonly counted?: boolean;
  readonly perCpu?: boolean;
  /** Offset of 8 bytes that may be read and written. */
  readonly data: number;
}

const lnodeId = struct('lnode', 32, ['key', u64, 0], ['n', listNode, 8]);
const tnodeId = struct('tnode', 40, ['n', treeNode, 0], ['key', u64, 32]);
const rnodeId = struct('rnode', 72, ['key', u64, 0], ['ref', refcount, 8], ['l', listNode, 16], ['r', treeNode, 40]);
const twoId = struct('two', 56, ['a', listNode, 0], ['b', listNode, 24], ['key', u64, 48]);
const plainId = struct('plain', 32, ['a', u64, 0], ['p', pointer(0), 8], ['i', pointer(u64), 16], ['l', pointer(lnodeId), 24]); // prettier-ignore
const perCpuId = struct('counters', 16, ['a', u64, 0], ['b', u32, 8], ['c', u32, 12]);
const ownerId = struct('owner', 48, ['lock', lock, 0], ['h', head, 8, 'lnode:n'], ['r', root, 24, 'tnode:n'], ['x', u64, 40]); // prettier-ignore
const holderId = struct('holder', 40, ['a', u64, 0], ['pc', pointer(perCpuId, 'percpu_kptr'), 8], ['p', pointer(plainId, 'kptr'), 16], ['t', pointer(task, 'kptr'), 24], ['r', pointer(rnodeId, 'kptr'), 32]); // prettier-ignore

/** Objects by name. */
export const OBJECTS = {
  lnode: { id: lnodeId, size: 32, list: 8, data: 0 },
  tnode: { id: tnodeId, size: 40, tree: 0, data: 32 },
  rnode: { id: rnodeId, size: 72, list: 16, tree: 40, counted: true, data: 0 },
  two: { id: twoId, size: 56, list: 24, data: 48 },
  plain: { id: plainId, size: 32, data: 0 },
  counters: { id: perCpuId, size: 16, perCpu: true, data: 0 },
  owner: { id: ownerId, size: 48, data: 40 },
  holder: { id: holderId, size: 40, data: 0 },
} as const satisfies Readonly<Record<string, ObjectType>>;

const graphValue = struct(
  'graph_value', 96,
  ['lock', lock, 0], ['lh', head, 8, 'lnode:n'], ['tr', root, 24, 'tnode:n'], ['rl', head, 40, 'rnode:l'],
  ['rt', root, 56, 'rnode:r'], ['l2', head, 72, 'two:b'], ['data', u64, 88],
); // prettier-ignore
const kptrValue = struct(
  'kptr_value', 80,
  ['t', pointer(task, 'kptr'), 0], ['m', pointer(cpumask, 'kptr'), 8], ['p', pointer(plainId, 'kptr'), 16],
  ['pc', pointer(perCpuId, 'percpu_kptr'), 24], ['l', pointer(lnodeId, 'kptr'), 32], ['r', pointer(rnodeId, 'kptr'), 40],
  ['o', pointer(ownerId, 'kptr'), 48], ['h', pointer(holderId, 'kptr'), 56], ['data', u64, 64], ['data2', u64, 72],
); // prettier-ignore
const untrustedValue = struct(
  'untrusted_value', 32,
  ['t', pointer(task, 'kptr_untrusted'), 0], ['s', pointer(sock, 'kptr_untrusted'), 8],
  ['l', pointer(lnodeId, 'kptr_untrusted'), 16], ['data', u64, 24],
); // prettier-ignore

const proto = (returnType: number, ...params: readonly number[]): number =>
  add({ kind: 'FUNC_PROTO', name: '', returnType, params: params.map((type, i) => ({ name: `a${i}`, type })) });
const func = (name: string, type: number, linkage: number): number => add({ kind: 'FUNC', name, type, linkage });
const plainMain = func('main', proto(u32, pointer(0)), 1);
const less = func('less', proto(u32, pointer(treeNode), pointer(treeNode)), 0);
const loop = func('step', proto(u32, u32, pointer(0)), 0);
const thrower = func('thrower', proto(u32, u64), 0);
const globalThrower = func('global_thrower', proto(u32, u64), 1);
const handler = func('handler', proto(u32, u64), 1);
const badHandler = func('bad_handler', proto(u32, u64, u64), 1);
const handled = func('main_handled', proto(u32, pointer(0)), 1);
add({ kind: 'DECL_TAG', name: 'exception_callback:handler', type: handled, componentIndex: -1, attribute: false });
const badlyHandled = func('main_badly', proto(u32, pointer(0)), 1);
add({ kind: 'DECL_TAG', name: 'exception_callback:bad_handler', type: badlyHandled, componentIndex: -1, attribute: false }); // prettier-ignore

/** Ids of functions. */
export const FUNCTIONS = { plainMain, less, loop, thrower, globalThrower, handler, badHandler, handled, badlyHandled } as const; // prettier-ignore

/** All of it, as loaders take it. */
export const OWNED_BTF: Uint8Array = encodeBtf({ endian: 'little', types });

const map = (name: string, type: number, valueSize: number, btfValueTypeId: number, keyType = u32) => ({
  name,
  type,
  keySize: 4,
  valueSize,
  maxEntries: 1,
  btfKeyTypeId: keyType,
  btfValueTypeId,
});

/** Maps of all programs, by index: two with lists and trees, five with kptrs, one with untrusted ones. */
export const OWNED_MAPS = [
  map('graph', 2, 96, graphValue),
  map('graph_hash', 1, 96, graphValue),
  map('kptrs', 2, 80, kptrValue),
  map('kptrs_hash', 1, 80, kptrValue),
  map('kptrs_percpu', 6, 80, kptrValue),
  map('kptrs_lru', 9, 80, kptrValue),
  map('untrusted', 2, 32, untrustedValue),
] as const;

/** Lists of a `graph_value`: offset, and what they contain. */
export const LISTS = [
  [8, 'lnode'],
  [40, 'rnode'],
  [72, 'two'],
] as const;
/** Trees of a `graph_value`. */
export const TREES = [
  [24, 'tnode'],
  [56, 'rnode'],
] as const;
/** Kptrs of a `kptr_value`: offset, and what they point to. */
export const KPTRS = [
  [0, 'task'],
  [8, 'cpumask'],
  [16, 'plain'],
  [24, 'counters'],
  [32, 'lnode'],
  [40, 'rnode'],
  [48, 'owner'],
  [56, 'holder'],
] as const;
