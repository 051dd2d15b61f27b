/** BPF_MAP_TYPE_ARRAY and PERCPU_ARRAY (kernel/bpf/arraymap.c): every index has a value, from creation on. */
import { ERRNO } from './errno.ts';
import { genericLookupBatch, genericUpdateBatch } from './generic-batch.ts';
import { accessFlagsOk, allocate, bytesOfU32, type MapCore, type MapOps, readU32, roundUp8, withoutLock } from './map-core.ts'; // prettier-ignore
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import { fromHex, toHex } from './snapshot.ts';
import { copyValue, freeFields, userCopy } from './value-copy.ts';

const CREATE_FLAGS =
  MAP_FLAG.NUMA_NODE |
  MAP_FLAG.MMAPABLE |
  MAP_FLAG.RDONLY |
  MAP_FLAG.WRONLY |
  MAP_FLAG.RDONLY_PROG |
  MAP_FLAG.WRONLY_PROG |
  MAP_FLAG.PRESERVE_ELEMS |
  MAP_FLAG.INNER_MAP;
const INT_MAX = 0x7fffffff;
const U32_MAX = 0xffffffff;
/** PCPU_MIN_UNIT_SIZE (include/linux/percpu.h): the largest value that a per-CPU map takes. */
export const PERCPU_VALUE_LIMIT = 32768;

/** 0, or the errno with which the kernel refuses the definition (kernel: `array_map_alloc_check`). */
export function checkArray(core: MapCore): number {
  const { type, flags } = core;
  const perCpu = type === MAP_TYPE.PERCPU_ARRAY;
  if (
    core.maxEntries === 0 ||
    core.keySize !== 4 ||
    core.valueSize === 0 ||
    (flags & ~CREATE_FLAGS) !== 0 ||
    !accessFlagsOk(flags) ||
    (perCpu && core.numaNode !== undefined)
  ) {
    return ERRNO.EINVAL;
  }
  if (type !== MAP_TYPE.ARRAY && (flags & (MAP_FLAG.MMAPABLE | MAP_FLAG.INNER_MAP)) !== 0) return ERRNO.EINVAL;
  if (type !== MAP_TYPE.PERF_EVENT_ARRAY && (flags & MAP_FLAG.PRESERVE_ELEMS) !== 0) return ERRNO.EINVAL;
  if (core.valueSize > INT_MAX) return ERRNO.E2BIG;
  if (perCpu && roundUp8(core.valueSize) > PERCPU_VALUE_LIMIT) return ERRNO.E2BIG;
  return 0;
}

/** Key after `key` of a map whose keys are 0 to `maxEntries` - 1 (kernel: `array_map_get_next_key`). */
export function nextIndex(core: MapCore, key: Uint8Array | undefined): Uint8Array | number {
  const index = key === undefined ? U32_MAX : readU32(core, key);
  if (index >= core.maxEntries) return bytesOfU32(core, 0);
  return index === core.maxEntries - 1 ? ERRNO.ENOENT : bytesOfU32(core, index + 1);
}

/** An array; a negative errno when there is no memory. */
export function makeArray(core: MapCore): MapOps | number {
  const refusal = checkArray(core);
  if (refusal !== 0) return refusal;
  return core.type === MAP_TYPE.PERCPU_ARRAY ? makePerCpuArray(core) : makePlainArray(core);
}

function makePlainArray(core: MapCore): MapOps | number {
  const stride = roundUp8(core.valueSize);
  const pageBytes = core.flags & MAP_FLAG.MMAPABLE ? 4096 : 8;
  const total = Math.ceil((stride * core.maxEntries) / pageBytes) * pageBytes;
  const values = allocate(core, '', total, pageBytes);
  const keys = allocate(core, 'key', 8);
  if (values === undefined || keys === undefined) return ERRNO.ENOMEM;
  const addressOf = (index: number): bigint => values.address + BigInt(index * stride);
  const update = (key: Uint8Array, value: Uint8Array, flags: number): number => {
    const index = readU32(core, key);
    const refusal = checkUpdate(core, index, flags);
    if (refusal !== 0) return refusal;
    if ((flags & UPDATE_FLAG.F_LOCK) !== 0 && !core.hasSpinLock) return ERRNO.EINVAL;
    copyValue(core, values.bytes, index * stride, value, 0, core.valueSize);
    freeFields(core, values.bytes, index * stride, addressOf(index));
    return 0;
  };
  const userLookup = (key: Uint8Array): Uint8Array | number => {
    const index = readU32(core, key);
    return index >= core.maxEntries ? ERRNO.ENOENT : userCopy(core, values.bytes, index * stride, core.valueSize);
  };
  const batchOps = { nextKey: (key: Uint8Array | undefined) => nextIndex(core, key), userLookup, update };
  return {
    lookup: (key) => {
      const index = readU32(core, key);
      return index >= core.maxEntries ? 0n : addressOf(index);
    },
    update,
    delete: () => ERRNO.EINVAL,
    forEach: (visit, flags) => visitIndices(core, flags, visit, keys, addressOf),
    nextKey: batchOps.nextKey,
    userLookup,
    lookupBatch: genericLookupBatch(core, batchOps),
    updateBatch: genericUpdateBatch(core, batchOps),
    values,
    size: () => core.maxEntries,
    dump: () => ({
      entries: Array.from({ length: core.maxEntries }, (_, i) => ({
        key: toHex(bytesOfU32(core, i)),
        value: toHex(values.bytes.subarray(i * stride, i * stride + core.valueSize)),
      })),
    }),
    load: ({ entries }) => {
      values.bytes.fill(0);
      for (const { key, value } of entries) {
        const index = readU32(core, fromHex(key, 4));
        if (index < core.maxEntries) values.bytes.set(fromHex(value, core.valueSize), index * stride);
      }
    },
  };
}

/** Values of one index are together, one for each CPU. */
function makePerCpuArray(core: MapCore): MapOps | number {
  const stride = roundUp8(core.valueSize);
  const row = stride * core.cpus;
  const values = allocate(core, '', row * core.maxEntries);
  const keys = allocate(core, 'key', 8);
  if (values === undefined || keys === undefined) return ERRNO.ENOMEM;
  const { bytes } = values;
  const addressOf = (index: number, cpu = core.currentCpu()): bigint =>
    values.address + BigInt(index * row + cpu * stride);
  const userLookup = (key: Uint8Array): Uint8Array | number => {
    const index = readU32(core, key);
    if (index >= core.maxEntries) return ERRNO.ENOENT;
    const copy = new Uint8Array(row);
    for (let at = 0; at < row; at += stride) copyValue(core, copy, at, bytes, index * row + at, stride);
    return copy;
  };
  const userUpdate = (key: Uint8Array, value: Uint8Array, flags: number): number => {
    const index = readU32(core, key);
    if (flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
    if (index >= core.maxEntries) return ERRNO.E2BIG;
    if (flags === UPDATE_FLAG.NOEXIST) return ERRNO.EEXIST;
    for (let cpu = 0; cpu < core.cpus; cpu++) {
      const at = index * row + cpu * stride;
      copyValue(core, bytes, at, value, cpu * stride, stride);
      freeFields(core, bytes, at, addressOf(index, cpu));
    }
    return 0;
  };
  const batchOps = { nextKey: (key: Uint8Array | undefined) => nextIndex(core, key), userLookup, update: userUpdate };
  return {
    lookup: (key) => {
      const index = readU32(core, key);
      return index >= core.maxEntries ? 0n : addressOf(index);
    },
    lookupPercpu: (key, cpu) => {
      const index = readU32(core, key);
      return index >= core.maxEntries || cpu >= core.cpus ? 0n : addressOf(index, cpu);
    },
    update: (key, value, flags) => {
      const index = readU32(core, key);
      const refusal = checkUpdate(core, index, flags);
      if (refusal !== 0) return refusal;
      if ((flags & UPDATE_FLAG.F_LOCK) !== 0) return ERRNO.EINVAL;
      const at = index * row + core.currentCpu() * stride;
      copyValue(core, bytes, at, value, 0, core.valueSize);
      freeFields(core, bytes, at, addressOf(index));
      return 0;
    },
    delete: () => ERRNO.EINVAL,
    forEach: (visit, flags) => visitIndices(core, flags, visit, keys, addressOf),
    nextKey: batchOps.nextKey,
    userLookup,
    userUpdate,
    lookupBatch: genericLookupBatch(core, batchOps),
    updateBatch: genericUpdateBatch(core, batchOps),
    size: () => core.maxEntries,
    dump: () => ({
      entries: Array.from({ length: core.maxEntries }, (_, i) => ({
        key: toHex(bytesOfU32(core, i)),
        value: toHex(bytes.subarray(i * row, (i + 1) * row)),
      })),
    }),
    load: ({ entries }) => {
      bytes.fill(0);
      for (const { key, value } of entries) {
        const index = readU32(core, fromHex(key, 4));
        if (index < core.maxEntries) bytes.set(fromHex(value, row), index * row);
      }
    },
  };
}

/** Kernel: the beginning of `array_map_update_elem`. */
function checkUpdate(core: MapCore, index: number, flags: number): number {
  if (withoutLock(flags) > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
  if (index >= core.maxEntries) return ERRNO.E2BIG;
  return (flags & UPDATE_FLAG.NOEXIST) !== 0 ? ERRNO.EEXIST : 0;
}

function visitIndices(
  core: MapCore,
  flags: number,
  visit: Parameters<NonNullable<MapOps['forEach']>>[0],
  keys: { readonly bytes: Uint8Array; readonly address: bigint },
  addressOf: (index: number) => bigint,
): number {
  if (flags !== 0) return ERRNO.EINVAL;
  for (let i = 0; i < core.maxEntries; i++) {
    const key = bytesOfU32(core, i);
    keys.bytes.set(key);
    const stop = visit({ key, keyAddress: keys.address, valueAddress: addressOf(i) });
    if (stop !== 0 && stop !== 0n) return i + 1;
  }
  return core.maxEntries;
}
