/** Creation of a map of any type, with the checks of BPF_MAP_CREATE (kernel/bpf/syscall.c, `map_create`). */
import { BpfError } from '@polybpf/errors';
import { makeArray } from './array.ts';
import { bindMap } from './bind-map.ts';
import { ERRNO, errnoText } from './errno.ts';
import type { GuestMap, MapOptions, MapSpec } from './guest-map.ts';
import { makeBloomFilter } from './bloom-filter.ts';
import { makeCgroupStorage, makeLocalStorage } from './local-storage.ts';
import { makePerfEventArray } from './perf-event-array.ts';
import { makeRedirectMap } from './redirect-map.ts';
import { makeArenaMap, makeStructOps } from './region-map.ts';
import { makeSocketMap } from './socket-map.ts';
import { makeStackTrace } from './stack-trace.ts';
import { makeUserRingBuffer } from './user-ringbuf.ts';
import { makeHash } from './hash.ts';
import { makeLpmTrie } from './lpm-trie.ts';
import { makeLruHash } from './lru-hash.ts';
import { makeObjectArray } from './object-array.ts';
import { makeHashOfMaps } from './object-hash.ts';
import { shapeOf } from './object-slots.ts';
import { makeQueueStack } from './queue-stack.ts';
import { makeRingBuffer } from './ringbuf.ts';
import type { MapCore, MapOps } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, mapTypeName } from './map-type.ts';

/** What makes a map of a type; a negative errno when the definition is refused. */
type MakeMap = (core: MapCore) => MapOps | number;

const FAMILIES: Readonly<Record<number, MakeMap>> = {
  [MAP_TYPE.HASH]: makeHash,
  [MAP_TYPE.ARRAY]: makeArray,
  [MAP_TYPE.PROG_ARRAY]: makeObjectArray,
  [MAP_TYPE.PERF_EVENT_ARRAY]: makePerfEventArray,
  [MAP_TYPE.PERCPU_HASH]: makeHash,
  [MAP_TYPE.PERCPU_ARRAY]: makeArray,
  [MAP_TYPE.STACK_TRACE]: makeStackTrace,
  [MAP_TYPE.CGROUP_ARRAY]: makeObjectArray,
  [MAP_TYPE.LRU_HASH]: makeLruHash,
  [MAP_TYPE.LRU_PERCPU_HASH]: makeLruHash,
  [MAP_TYPE.LPM_TRIE]: makeLpmTrie,
  [MAP_TYPE.ARRAY_OF_MAPS]: makeObjectArray,
  [MAP_TYPE.HASH_OF_MAPS]: makeHashOfMaps,
  [MAP_TYPE.DEVMAP]: makeRedirectMap,
  [MAP_TYPE.SOCKMAP]: makeSocketMap,
  [MAP_TYPE.CPUMAP]: makeRedirectMap,
  [MAP_TYPE.XSKMAP]: makeSocketMap,
  [MAP_TYPE.SOCKHASH]: makeSocketMap,
  [MAP_TYPE.CGROUP_STORAGE]: makeCgroupStorage,
  [MAP_TYPE.REUSEPORT_SOCKARRAY]: makeSocketMap,
  [MAP_TYPE.PERCPU_CGROUP_STORAGE]: makeCgroupStorage,
  [MAP_TYPE.QUEUE]: makeQueueStack,
  [MAP_TYPE.STACK]: makeQueueStack,
  [MAP_TYPE.SK_STORAGE]: makeLocalStorage,
  [MAP_TYPE.DEVMAP_HASH]: makeRedirectMap,
  [MAP_TYPE.STRUCT_OPS]: makeStructOps,
  [MAP_TYPE.RINGBUF]: makeRingBuffer,
  [MAP_TYPE.INODE_STORAGE]: makeLocalStorage,
  [MAP_TYPE.TASK_STORAGE]: makeLocalStorage,
  [MAP_TYPE.BLOOM_FILTER]: makeBloomFilter,
  [MAP_TYPE.USER_RINGBUF]: makeUserRingBuffer,
  [MAP_TYPE.CGRP_STORAGE]: makeLocalStorage,
  [MAP_TYPE.ARENA]: makeArenaMap,
};

/**
 * Creates a map in guest memory.
 *
 * @throws BpfError `E_KERNEL_CALL` with the errno with which the kernel refuses the definition, ENOMEM when the arena is
 * full
 */
export function createMap(def: MapSpec, options: MapOptions): GuestMap {
  const map = tryCreateMap(def, options);
  if (typeof map !== 'number') return map;
  const name = def.name === undefined ? '' : ` ${def.name}`;
  const sizes = `key ${def.keySize}, value ${def.valueSize}, ${def.maxEntries} entries, flags 0x${(def.flags ?? 0).toString(16)}`;
  throw new BpfError('E_KERNEL_CALL', `BPF_MAP_CREATE of ${mapTypeName(def.type)} map${name} (${sizes})`, {
    got: errnoText(map),
  });
}

/** As {@link createMap}; a refusal is the negative errno. */
export function tryCreateMap(def: MapSpec, options: MapOptions): GuestMap | number {
  const core = makeCore(def, options);
  const refusal = checkCommon(core);
  if (refusal !== 0) return refusal;
  const make = FAMILIES[core.type];
  if (make === undefined) return ERRNO.EINVAL;
  const ops = make(core);
  if (typeof ops === 'number') return ops;
  const map = bindMap(core, ops, options.handle ?? 0n);
  if (def.initial !== undefined && ops.values !== undefined) {
    ops.values.bytes.set(def.initial.subarray(0, ops.values.bytes.length));
  }
  return map;
}

function makeCore(def: MapSpec, options: MapOptions): MapCore {
  const flags = def.flags ?? 0;
  const fields = [...(options.fields ?? [])].sort((a, b) => a.offset - b.offset);
  return {
    type: def.type,
    name: def.name ?? mapTypeName(def.type).toLowerCase(),
    keySize: def.keySize,
    valueSize: def.valueSize,
    maxEntries: def.maxEntries,
    flags,
    mapExtra: def.mapExtra ?? 0n,
    numaNode: (flags & MAP_FLAG.NUMA_NODE) !== 0 ? (def.numaNode ?? 0) : undefined,
    id: options.id ?? 0,
    endian: options.endian,
    littleEndian: options.endian === 'little',
    cpus: options.cpus ?? 1,
    fields,
    hasSpinLock: fields.some(({ kind }) => kind === 'spin_lock'),
    preallocate: options.preallocate ?? false,
    currentCpu: options.currentCpu ?? (() => 0),
    random: options.random ?? (() => 0),
    environment: options,
    inner: options.inner ?? (def.inner === undefined ? undefined : shapeOf(def.inner)),
    self: undefined,
  };
}

/** What `map_create` checks before it asks the type. */
function checkCommon(core: MapCore): number {
  const takesExtra = core.type === MAP_TYPE.BLOOM_FILTER || core.type === MAP_TYPE.ARENA;
  if (!takesExtra && core.mapExtra !== 0n) return ERRNO.EINVAL;
  const both = MAP_FLAG.RDONLY | MAP_FLAG.WRONLY;
  if ((core.flags & both) === both) return ERRNO.EINVAL;
  if (core.numaNode !== undefined && core.numaNode !== 0) return ERRNO.EINVAL;
  return 0;
}
