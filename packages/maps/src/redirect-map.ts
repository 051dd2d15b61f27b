/**
 * BPF_MAP_TYPE_DEVMAP, DEVMAP_HASH (kernel/bpf/devmap.c) and CPUMAP (kernel/bpf/cpumap.c): where XDP programs send packets.
 * Values are what user space wrote; a device exists when `resolveDevice` of the environment knows it.
 */
import { ERRNO } from './errno.ts';
import type { Read } from './guest-map.ts';
import { nextIndex } from './array.ts';
import { allocate, bytesOfU32, type MapCore, type MapOps, powerOfTwo, readU32, roundUp8 } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import { fromHex, type SnapshotBody, toHex } from './snapshot.ts';

const DEV_FLAGS = MAP_FLAG.NUMA_NODE | MAP_FLAG.RDONLY | MAP_FLAG.WRONLY;
/** The largest queue of a CPU. */
const QUEUE_LIMIT = 16384;
/** CONFIG_NR_CPUS of distribution kernels. */
const NR_CPUS = 8192;

/** A redirect map; a negative errno when the definition is refused. */
export function makeRedirectMap(core: MapCore): MapOps | number {
  const { type, flags, maxEntries, valueSize } = core;
  const isCpus = type === MAP_TYPE.CPUMAP;
  if (maxEntries === 0 || core.keySize !== 4 || (valueSize !== 4 && valueSize !== 8)) return ERRNO.EINVAL;
  if ((flags & ~(isCpus ? MAP_FLAG.NUMA_NODE : DEV_FLAGS)) !== 0) return ERRNO.EINVAL;
  if (isCpus && maxEntries > NR_CPUS) return ERRNO.E2BIG;
  if (type === MAP_TYPE.DEVMAP_HASH && maxEntries > 2 ** 31) return ERRNO.EINVAL;
  return type === MAP_TYPE.DEVMAP_HASH ? makeDevHash(core) : makeDevArray(core);
}

function makeDevArray(core: MapCore): MapOps | number {
  const isCpus = core.type === MAP_TYPE.CPUMAP;
  const stride = roundUp8(core.valueSize);
  const values = allocate(readOnly(core), '', stride * core.maxEntries);
  if (values === undefined) return ERRNO.ENOMEM;
  const present = new Set<number>();
  const at = (index: number): Uint8Array => values.bytes.subarray(index * stride, index * stride + core.valueSize);
  const userUpdate = (key: Uint8Array, value: Uint8Array, flags: number): number => {
    const index = readU32(core, key);
    if (flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
    if (index >= core.maxEntries) return ERRNO.E2BIG;
    if (flags === UPDATE_FLAG.NOEXIST) return ERRNO.EEXIST;
    const first = readU32(core, value);
    const refusal = isCpus ? checkCpu(core, index, first, value) : checkDevice(core, first, value);
    if (refusal !== 0) return refusal;
    if (first === 0) {
      present.delete(index);
      return 0;
    }
    at(index).set(withProgramId(core, value));
    present.add(index);
    return 0;
  };
  return {
    lookup: (key) => {
      const index = readU32(core, key);
      return present.has(index) ? values.address + BigInt(index * stride) : 0n;
    },
    nextKey: (key) => nextIndex(core, key),
    userLookup: (key): Read => {
      const index = readU32(core, key);
      return present.has(index) ? at(index).slice() : ERRNO.ENOENT;
    },
    userUpdate,
    userDelete(key) {
      const index = readU32(core, key);
      if (index >= core.maxEntries) return ERRNO.EINVAL;
      present.delete(index);
      return 0;
    },
    size: () => present.size,
    dump: () => ({
      entries: [...present]
        .sort((a, b) => a - b)
        .map((index) => ({ key: toHex(bytesOfU32(core, index)), value: toHex(at(index)) })),
    }),
    load: ({ entries }) => {
      present.clear();
      for (const { key, value } of entries) {
        const index = readU32(core, fromHex(key, 4));
        at(index).set(fromHex(value, core.valueSize));
        present.add(index);
      }
    },
  };
}

/** Buckets by the lower bits of the index, the newest element of each first (kernel: `dev_map_index_hash`). */
function makeDevHash(core: MapCore): MapOps | number {
  const mask = powerOfTwo(core.maxEntries) - 1;
  const stride = roundUp8(core.valueSize);
  const values = allocate(readOnly(core), '', stride * (core.maxEntries + 1));
  if (values === undefined) return ERRNO.ENOMEM;
  const free = Array.from({ length: core.maxEntries + 1 }, (_, slot) => slot);
  const buckets = new Map<number, number[]>();
  const slots = new Map<number, number>();
  const at = (slot: number): Uint8Array => values.bytes.subarray(slot * stride, slot * stride + core.valueSize);
  const place = (index: number, value: Uint8Array): void => {
    remove(index);
    const slot = free.pop()!;
    at(slot).set(value);
    slots.set(index, slot);
    buckets.set(index & mask, [index, ...(buckets.get(index & mask) ?? [])]);
  };
  const remove = (index: number): boolean => {
    const slot = slots.get(index);
    if (slot === undefined) return false;
    slots.delete(index);
    free.push(slot);
    buckets.set(index & mask, buckets.get(index & mask)!.filter((other) => other !== index)); // prettier-ignore
    return true;
  };
  const ordered = (): number[] => [...buckets.keys()].sort((a, b) => a - b).flatMap((bucket) => buckets.get(bucket)!);
  return {
    lookup: (key) => {
      const slot = slots.get(readU32(core, key));
      return slot === undefined ? 0n : values.address + BigInt(slot * stride);
    },
    nextKey(key): Read {
      const list = ordered();
      const found = key === undefined ? -1 : list.indexOf(readU32(core, key));
      const next = list[found + 1];
      return next === undefined ? ERRNO.ENOENT : bytesOfU32(core, next);
    },
    userLookup(key): Read {
      const slot = slots.get(readU32(core, key));
      return slot === undefined ? ERRNO.ENOENT : at(slot).slice();
    },
    userUpdate(key, value, flags) {
      const index = readU32(core, key);
      if (flags > UPDATE_FLAG.EXIST || readU32(core, value) === 0) return ERRNO.EINVAL;
      const exists = slots.has(index);
      if (exists && (flags & UPDATE_FLAG.NOEXIST) !== 0) return ERRNO.EEXIST;
      const refusal = checkDevice(core, readU32(core, value), value);
      if (refusal !== 0) return refusal;
      if (!exists && slots.size >= core.maxEntries) return ERRNO.E2BIG;
      place(index, withProgramId(core, value));
      return 0;
    },
    userDelete: (key) => (remove(readU32(core, key)) ? 0 : ERRNO.ENOENT),
    size: () => slots.size,
    dump: (): SnapshotBody => ({
      entries: ordered().map((index) => ({
        key: toHex(bytesOfU32(core, index)),
        value: toHex(at(slots.get(index)!)),
      })),
    }),
    load: ({ entries }) => {
      for (const index of [...slots.keys()]) remove(index);
      for (const { key, value } of [...entries].reverse()) {
        place(readU32(core, fromHex(key, 4)), fromHex(value, core.valueSize));
      }
    },
  };
}

/** Kernel: `cpu_map_update_elem`. A queue of size 0 takes the CPU out. */
function checkCpu(core: MapCore, cpu: number, queue: number, value: Uint8Array): number {
  if (queue > QUEUE_LIMIT) return ERRNO.EOVERFLOW;
  if (cpu >= core.cpus) return ERRNO.ENODEV;
  return queue === 0 ? 0 : checkProgram(core, value);
}

/** Kernel: `__dev_map_update_elem`, `__dev_map_alloc_node`: the device, and the program to run for it, if any. */
function checkDevice(core: MapCore, ifindex: number, value: Uint8Array): number {
  const fd = core.valueSize === 8 ? readU32(core, value, 4) | 0 : 0;
  if (ifindex === 0) return fd > 0 ? ERRNO.EINVAL : 0;
  if (core.environment.resolveDevice?.(ifindex) !== true) return ERRNO.EINVAL;
  return checkProgram(core, value);
}

/** A value as it is read back: with the id of the program in place of its file descriptor. */
function withProgramId(core: MapCore, value: Uint8Array): Uint8Array {
  if (core.valueSize < 8) return value;
  const fd = readU32(core, value, 4) | 0;
  const copy = value.slice();
  copy.set(bytesOfU32(core, fd > 0 ? core.environment.resolveFd!(fd)!.id : 0), 4);
  return copy;
}

/** 0, or EINVAL for a program that there is not. */
function checkProgram(core: MapCore, value: Uint8Array): number {
  const fd = core.valueSize === 8 ? readU32(core, value, 4) | 0 : 0;
  return fd <= 0 || core.environment.resolveFd?.(fd)?.kind === 'program' ? 0 : ERRNO.EINVAL;
}

/** Programs may look at values, never change them, whatever the flags of the map. */
function readOnly(core: MapCore): MapCore {
  return { ...core, flags: core.flags | MAP_FLAG.RDONLY_PROG };
}
