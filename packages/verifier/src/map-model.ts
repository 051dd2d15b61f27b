/** Maps as the verifier sees them. */
import type { VerifyMap } from './input.ts';

export const MAP_HASH = 1;
export const MAP_ARRAY = 2;
export const MAP_PROG_ARRAY = 3;
export const MAP_PERF_EVENT_ARRAY = 4;
export const MAP_PERCPU_HASH = 5;
export const MAP_PERCPU_ARRAY = 6;
export const MAP_STACK_TRACE = 7;
export const MAP_CGROUP_ARRAY = 8;
export const MAP_LRU_HASH = 9;
export const MAP_LRU_PERCPU_HASH = 10;
export const MAP_LPM_TRIE = 11;
export const MAP_ARRAY_OF_MAPS = 12;
export const MAP_HASH_OF_MAPS = 13;
export const MAP_DEVMAP = 14;
export const MAP_SOCKMAP = 15;
export const MAP_CPUMAP = 16;
export const MAP_XSKMAP = 17;
export const MAP_SOCKHASH = 18;
export const MAP_CGROUP_STORAGE = 19;
export const MAP_REUSEPORT_SOCKARRAY = 20;
export const MAP_PERCPU_CGROUP_STORAGE = 21;
export const MAP_QUEUE = 22;
export const MAP_STACK = 23;
export const MAP_SK_STORAGE = 24;
export const MAP_DEVMAP_HASH = 25;
export const MAP_STRUCT_OPS = 26;
export const MAP_RINGBUF = 27;
export const MAP_INODE_STORAGE = 28;
export const MAP_TASK_STORAGE = 29;
export const MAP_BLOOM_FILTER = 30;
export const MAP_USER_RINGBUF = 31;
export const MAP_CGRP_STORAGE = 32;
export const MAP_ARENA = 33;
export const MAP_INSN_ARRAY = 34;

export const F_RDONLY_PROG: number = 1 << 7;
export const F_WRONLY_PROG: number = 1 << 8;
export const F_INNER_MAP: number = 1 << 12;

/** Kind of a special field of a map value or of an object (kernel: enum btf_field_type). */
export type FieldKind =
  | 'bpf_spin_lock'
  | 'bpf_res_spin_lock'
  | 'bpf_timer'
  | 'bpf_wq'
  | 'bpf_task_work'
  | 'kptr'
  | 'bpf_list_head'
  | 'bpf_list_node'
  | 'bpf_rb_root'
  | 'bpf_rb_node'
  | 'bpf_refcount'
  | 'uptr';

/** What a pointer in a map value points to, and whether it is owned. */
export type KptrKind = 'untrusted' | 'ref' | 'percpu' | 'user';

/** A special field. */
export interface SpecialField {
  readonly kind: FieldKind;
  readonly offset: number;
  readonly size: number;
  /** Name in messages: `percpu_kptr` for a per-CPU kptr, else {@link kind}. */
  readonly tag: string;
  /** Of a kptr. */
  readonly kptr?: KptrKind;
  /** Of a kptr: {@link target} is a type of the kernel, else one of the same BTF. */
  readonly inKernel?: boolean;
  /** Of a kptr: number of the BTF of {@link target}. */
  readonly object?: number;
  /** Type that a kptr points to, or that a list or tree contains. */
  readonly target?: number;
  /** Of a list or tree: offset of the node in {@link target}. */
  readonly nodeOffset?: number;
}

/** One map. */
export interface MapModel {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly frozen: Uint8Array | undefined;
  /** Index of the model of the inner maps. */
  readonly inner: number | undefined;
  readonly hasBtf: boolean;
  readonly fields: readonly SpecialField[];
  readonly source: VerifyMap;
}

/**
 * Models of the maps of a program; those of inner maps follow after them.
 *
 * @param fieldsOf - special fields in the value of a map that has BTF
 */
export function modelMaps(
  maps: readonly VerifyMap[],
  fieldsOf: (map: VerifyMap) => readonly SpecialField[],
): MapModel[] {
  const models: MapModel[] = [];
  const innerOf = new Map<number, VerifyMap>();
  const model = (map: VerifyMap, index: number, inner: number | undefined): MapModel => ({
    index,
    name: map.name ?? '',
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: (map.flags ?? 0) | (map.type === MAP_DEVMAP || map.type === MAP_DEVMAP_HASH ? F_RDONLY_PROG : 0),
    frozen: map.frozen,
    inner,
    hasBtf: map.btf !== undefined && (map.btfValueTypeId ?? 0) !== 0,
    fields: map.btf === undefined ? [] : fieldsOf(map),
    source: map,
  });
  let next = maps.length;
  maps.forEach((map, index) => {
    if (map.inner === undefined) models.push(model(map, index, undefined));
    else {
      innerOf.set(next, map.inner);
      models.push(model(map, index, next++));
    }
  });
  for (const [index, map] of innerOf) models.push(model(map, index, undefined));
  return models;
}

/** Whether the map has a field of one of these kinds. */
export function hasField(map: MapModel, ...kinds: readonly FieldKind[]): boolean {
  return map.fields.some(({ kind }) => kinds.includes(kind));
}

/** Whether loads and stores may go to its values by address (kernel: map_direct_value_addr). */
export function hasDirectValue(map: MapModel): boolean {
  return map.type === MAP_ARRAY || map.type === MAP_ARENA || map.type === MAP_INSN_ARRAY;
}

/** Whether the contents never change (kernel: bpf_map_is_rdonly). */
export function isReadOnly(map: MapModel): boolean {
  return (map.flags & F_RDONLY_PROG) !== 0 && map.frozen !== undefined;
}
