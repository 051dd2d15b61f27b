/** The face of a map: what programs do with it through helpers, and what user space does with it through bpf(2). */
import type { Endian, MapDef } from '@polybpf/isa';
import type { MapAllocation, MapArena } from './arena.ts';
import type { LocalStorage } from './local-storage.ts';
import type { ObjectSlots } from './object-slots.ts';
import type { PerfEvents } from './perf-event-array.ts';
import type { RingBuffer } from './ringbuf.ts';
import type { MapSnapshot } from './snapshot.ts';
import type { StackTraces } from './stack-trace.ts';
import type { UserRingBuffer } from './user-ringbuf.ts';

/** What a map is: a `MapDef` of @polybpf/isa is one. Sizes in bytes. */
export type MapSpec = Pick<MapDef, 'type' | 'keySize' | 'valueSize' | 'maxEntries'> &
  Partial<Pick<MapDef, 'name' | 'kind' | 'flags' | 'numaNode' | 'mapExtra' | 'inner' | 'initial'>>;

/** What a value can hold that is no plain data (kernel: `enum btf_field_type`). Users see zeros, updates leave it alone. */
export type SpecialFieldKind =
  | 'spin_lock'
  | 'res_spin_lock'
  | 'timer'
  | 'workqueue'
  | 'task_work'
  | 'kptr'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'refcount'
  | 'uptr';

/** One special field of a value, as BTF tells it. */
export interface SpecialField {
  readonly kind: SpecialFieldKind;
  readonly offset: number;
  readonly size: number;
}

/** Flags of an operation; a 64-bit argument of a helper is a bigint. */
export type Flags = number | bigint;

/** A kernel object that a map can hold: a program, a map, a socket... */
export interface MapObject {
  /** What user space reads back. */
  readonly id: number;
  readonly kind: 'map' | 'program' | 'perf_event' | 'cgroup' | 'socket' | 'task' | 'inode';
  /** A {@link GuestMap} for `map`; anything for the others, the map only keeps it. */
  readonly object: unknown;
}

/** What all maps of one virtual machine share. */
export interface MapEnvironment {
  readonly arena: MapArena;
  /** Byte order of array indices, prefix lengths, record headers. */
  readonly endian: Endian;
  /** Number of possible CPUs, default 1. */
  readonly cpus?: number;
  /** CPU that the running program is on, default 0; asked at each operation that depends on it. */
  readonly currentCpu?: () => number;
  /** 32 random bits, for hash seeds without `BPF_F_ZERO_SEED`; default: seed 0, so that every run is equal. */
  readonly random?: () => number;
  /** The object behind a file descriptor; needed where user space fills maps of objects by number. */
  readonly resolveFd?: (fd: number) => MapObject | undefined;
  /** Whether there is a network device of this index; needed where user space fills device maps. */
  readonly resolveDevice?: (ifindex: number) => boolean;
  /** Called for a timer, workqueue or kernel pointer whose element goes; its bytes are zeroed after. */
  readonly freeField?: (field: SpecialField, address: bigint, map: GuestMap) => void;
}

/** What {@link createMap} takes beside the definition. */
export interface MapOptions extends MapEnvironment {
  /** Default: 0. What a program's reference to the map gives; a map inside a map is looked up to this. */
  readonly handle?: bigint;
  /** What `bpf_map_info.id` tells, default 0. */
  readonly id?: number;
  /** Special fields of the value. */
  readonly fields?: readonly SpecialField[];
  /** Template of the maps that a map of maps will hold; default: made from `def.inner`. */
  readonly inner?: GuestMap;
  /** Allocates all memory at creation, instead of in steps up to `maxEntries`. */
  readonly preallocate?: boolean;
}

/** The result of a read: bytes, or a negative errno. */
export type Read = Uint8Array | number;

/** An element as `bpf_for_each_map_elem` gives it to its callback. */
export interface ElementVisit {
  readonly key: Uint8Array;
  readonly keyAddress: bigint;
  readonly valueAddress: bigint;
}

/**
 * What helpers do. Results are 0 or a negative errno, addresses are 0 for NULL. An operation that the verifier allows for no
 * program on this type of map throws `E_UNSUPPORTED`.
 */
export interface ProgramSide {
  /** `bpf_map_lookup_elem`: address of the value; of this CPU's on a per-CPU map; the inner map's handle on a map of maps. */
  lookup(key: Uint8Array): bigint;
  /** `bpf_map_lookup_percpu_elem`. */
  lookupPercpu(key: Uint8Array, cpu: number): bigint;
  /** `bpf_map_update_elem`. */
  update(key: Uint8Array, value: Uint8Array, flags: Flags): number;
  /** `bpf_map_delete_elem`. */
  delete(key: Uint8Array): number;
  /** `bpf_map_push_elem`. */
  push(value: Uint8Array, flags: Flags): number;
  /** `bpf_map_pop_elem`; the value is written to `into`, zeros when there is none. */
  pop(into: Uint8Array): number;
  /** `bpf_map_peek_elem`; for a Bloom filter `into` is the value asked for. */
  peek(into: Uint8Array): number;
  /**
   * `bpf_for_each_map_elem`: number of elements visited, or a negative errno. Stops after the element for which `visit`
   * gives something else than 0.
   */
  forEach(visit: (element: ElementVisit) => number | bigint, flags: Flags): number;
}

/** One batch that was read. */
export interface BatchResult {
  /** 0; ENOENT at the end of the map, with the last elements; ENOSPC when a bucket has more than `count`. */
  readonly errno: number;
  readonly keys: readonly Uint8Array[];
  readonly values: readonly Uint8Array[];
  /** Position of the next batch; undefined when none was told. Opaque: a key, or a bucket. */
  readonly next: Uint8Array | undefined;
}

/** What a batch that writes gave. */
export interface BatchCount {
  readonly errno: number;
  /** Elements done. */
  readonly count: number;
}

/** What bpf(2) does. Values are of {@link GuestMap.userValueSize} bytes: of all CPUs for per-CPU maps. */
export interface UserSide {
  lookup(key: Uint8Array, flags?: Flags): Read;
  /** Bloom filters: 0 when the value may be in it, else ENOENT. */
  contains(value: Uint8Array, flags?: Flags): number;
  lookupAndDelete(key: Uint8Array, flags?: Flags): Read;
  update(key: Uint8Array, value: Uint8Array, flags?: Flags): number;
  delete(key: Uint8Array): number;
  /** Key after `key`; the first one after undefined. */
  nextKey(key: Uint8Array | undefined): Read;
  lookupBatch(from: Uint8Array | undefined, count: number, flags?: Flags): BatchResult;
  lookupAndDeleteBatch(from: Uint8Array | undefined, count: number, flags?: Flags): BatchResult;
  updateBatch(keys: readonly Uint8Array[], values: readonly Uint8Array[], flags?: Flags): BatchCount;
  deleteBatch(keys: readonly Uint8Array[], flags?: Flags): BatchCount;
  /** Makes the map read-only for user space; 0, or EPERM when it is so already. */
  freeze(): number;
}

/** A map in guest memory. */
export interface GuestMap {
  /** `BPF_MAP_TYPE_*`, see `MAP_TYPE`. */
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  /** As a program sees it. */
  readonly valueSize: number;
  /** As the kernel keeps it: LRU maps without a common list round it. */
  readonly maxEntries: number;
  readonly flags: number;
  readonly mapExtra: bigint;
  readonly id: number;
  readonly endian: Endian;
  readonly cpus: number;
  /** Bytes of a value as user space reads and writes it. */
  readonly userValueSize: number;
  readonly fields: readonly SpecialField[];
  readonly frozen: boolean;
  /** What a program's reference to the map gives; whoever binds maps to programs sets it. */
  handle: bigint;
  readonly program: ProgramSide;
  readonly user: UserSide;
  /** Values one after the other, for addresses of values in programs: arrays (stride {@link valueStride}) and arenas. */
  readonly values: MapAllocation | undefined;
  /** Bytes from one value to the next where {@link values} is given: the value size rounded up to 8. */
  readonly valueStride: number;
  /** RINGBUF. */
  readonly ring: RingBuffer | undefined;
  /** USER_RINGBUF. */
  readonly userRing: UserRingBuffer | undefined;
  /** PERF_EVENT_ARRAY. */
  readonly events: PerfEvents | undefined;
  /** STACK_TRACE. */
  readonly stacks: StackTraces | undefined;
  /** SK/TASK/INODE/CGRP_STORAGE, CGROUP_STORAGE. */
  readonly storage: LocalStorage | undefined;
  /** Maps that hold objects: of maps, programs, cgroups, sockets, devices. */
  readonly objects: ObjectSlots | undefined;
  /** Number of elements that are there; of an array, all. */
  readonly size: number;
  /** All contents as plain data. Not an operation of bpf(2): changes nothing, not even the age of LRU elements. */
  snapshot(): MapSnapshot;
  /**
   * Brings back the contents of a snapshot of a map of the same definition.
   *
   * @throws BpfError `E_INPUT` when the snapshot is of another kind of map
   */
  restore(snapshot: MapSnapshot): void;
}
