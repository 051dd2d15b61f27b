/** BPF_MAP_CREATE for every map type, and what the size of a value means for it. */
import { readFileSync } from 'node:fs';
import { MAP_CREATE_ATTR as A } from './attr-layout.ts';
import { adopt, beginAttr, callBpf, type BpfContext, demand, writeName } from './syscall.ts';
import { mapTypeName, type MapTypeName, mapTypeNumber } from './type-names.ts';

/** A map to create. Sizes in bytes. */
export interface MapInit {
  /** Name or number. */
  readonly type: MapTypeName | (string & {}) | number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*` of map creation. */
  readonly flags?: number;
  /** For people and bpftool; default `polybpf`. */
  readonly name?: string;
  /** File descriptor of a map like those that a map of maps will hold. */
  readonly innerMapFd?: number;
  /** With `BPF_F_NUMA_NODE`. */
  readonly numaNode?: number;
  /** Hash functions of a Bloom filter, start address of an arena. */
  readonly mapExtra?: bigint;
  /** BTF of key and value: spin locks, timers, kernel pointers, local storage. */
  readonly btfFd?: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
  /** BTF id of the kernel's value type, for struct_ops. */
  readonly btfVmlinuxValueTypeId?: number;
}

/** Flags of `map_flags` (uapi/linux/bpf.h). */
export const MAP_FLAGS = {
  BPF_F_NO_PREALLOC: 0x1,
  BPF_F_NO_COMMON_LRU: 0x2,
  BPF_F_NUMA_NODE: 0x4,
  BPF_F_RDONLY: 0x8,
  BPF_F_WRONLY: 0x10,
  BPF_F_STACK_BUILD_ID: 0x20,
  BPF_F_ZERO_SEED: 0x40,
  BPF_F_RDONLY_PROG: 0x80,
  BPF_F_WRONLY_PROG: 0x100,
  BPF_F_CLONE: 0x200,
  BPF_F_MMAPABLE: 0x400,
  BPF_F_PRESERVE_ELEMS: 0x800,
  BPF_F_INNER_MAP: 0x1000,
  BPF_F_LINK: 0x2000,
  BPF_F_PATH_FD: 0x4000,
  BPF_F_VTYPE_BTF_OBJ_FD: 0x8000,
  BPF_F_TOKEN_FD: 0x10000,
  BPF_F_SEGV_ON_FAULT: 0x20000,
  BPF_F_NO_USER_CONV: 0x40000,
} as const;

/**
 * Creates a map; the file descriptor.
 *
 * @throws BpfError `E_KERNEL_CALL`, `E_INPUT` for an unknown type
 */
export function createMapFd(cx: BpfContext, init: MapInit): number {
  const result = tryCreateMap(cx, init);
  return demand('MAP_CREATE', result, describeMap(init));
}

/** As {@link createMapFd}; a refusal is the negative errno. */
export function tryCreateMap(cx: BpfContext, init: MapInit): number {
  const attr = beginAttr(cx);
  attr.setUint32(A.map_type, mapTypeNumber(init.type), true);
  attr.setUint32(A.key_size, init.keySize, true);
  attr.setUint32(A.value_size, init.valueSize, true);
  attr.setUint32(A.max_entries, init.maxEntries, true);
  attr.setUint32(A.map_flags, init.flags ?? 0, true);
  writeName(cx.attr.bytes, A.map_name, init.name ?? 'polybpf');
  if (init.innerMapFd !== undefined) attr.setUint32(A.inner_map_fd, init.innerMapFd, true);
  if (init.numaNode !== undefined) attr.setUint32(A.numa_node, init.numaNode, true);
  if (init.mapExtra !== undefined) attr.setBigUint64(A.map_extra, init.mapExtra, true);
  if (init.btfFd !== undefined) attr.setUint32(A.btf_fd, init.btfFd, true);
  if (init.btfKeyTypeId !== undefined) attr.setUint32(A.btf_key_type_id, init.btfKeyTypeId, true);
  if (init.btfValueTypeId !== undefined) attr.setUint32(A.btf_value_type_id, init.btfValueTypeId, true);
  if (init.btfVmlinuxValueTypeId !== undefined) {
    attr.setUint32(A.btf_vmlinux_value_type_id, init.btfVmlinuxValueTypeId, true);
  }
  const result = callBpf(cx, 'MAP_CREATE');
  return result < 0 ? result : adopt(cx, result);
}

/** For messages: `hash map counts (key 4, value 8, 16 entries)`. */
export function describeMap(init: MapInit): string {
  const type = mapTypeName(mapTypeNumber(init.type));
  const name = init.name === undefined ? '' : ` ${init.name}`;
  return `${type} map${name} (key ${init.keySize}, value ${init.valueSize}, ${init.maxEntries} entries)`;
}

const PER_CPU_TYPES: ReadonlySet<string> = new Set(['percpu_hash', 'percpu_array', 'lru_percpu_hash', 'percpu_cgroup_storage']); // prettier-ignore
/** Types whose user-space value is a 32-bit id or file descriptor whatever their value size is. */
const FD_VALUE_TYPES: ReadonlySet<string> = new Set(['prog_array', 'perf_event_array', 'cgroup_array', 'array_of_maps', 'hash_of_maps']); // prettier-ignore

/** Whether user space sees one value for each possible CPU. */
export function isPerCpu(type: number): boolean {
  return PER_CPU_TYPES.has(mapTypeName(type));
}

/**
 * Bytes of a value as user space reads and writes it (kernel/bpf/syscall.c, bpf_map_value_size): values of all possible
 * CPUs, each rounded up to 8 bytes, for per-CPU maps; a 32-bit id or file descriptor for maps that hold objects.
 */
export function userValueSize(type: number, valueSize: number): number {
  if (isPerCpu(type)) return possibleCpus() * ((valueSize + 7) & ~7);
  if (FD_VALUE_TYPES.has(mapTypeName(type))) return 4;
  return valueSize;
}

let cpus: number | undefined;

/** Number of possible CPUs, from `/sys/devices/system/cpu/possible`, e.g. `0-7`. */
export function possibleCpus(): number {
  return (cpus ??= countCpus(readFileSync('/sys/devices/system/cpu/possible', 'utf8')));
}

/** Number of CPUs of a list like `0-3,8,10-11`. */
export function countCpus(list: string): number {
  return list
    .trim()
    .split(',')
    .map((range) => range.split('-').map(Number))
    .reduce((sum, [first, last]) => sum + (last ?? first!) - first! + 1, 0);
}
