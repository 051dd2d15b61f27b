/** BPF_MAP_TYPE_HASH and PERCPU_HASH (kernel/bpf/hashtab.c). */
import { PERCPU_VALUE_LIMIT } from './array.ts';
import { ERRNO } from './errno.ts';
import { genericDeleteBatch, genericUpdateBatch } from './generic-batch.ts';
import type { Read } from './guest-map.ts';
import { HashTable, NONE } from './hash-table.ts';
import { accessFlagsOk, type MapCore, type MapOps, powerOfTwo, roundUp8, withoutLock } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import { fromHex, type SnapshotBody, type SnapshotEntry, toHex } from './snapshot.ts';
import { copyValue, freeFields, userCopy, zeroValue } from './value-copy.ts';

const CREATE_FLAGS =
  MAP_FLAG.NO_PREALLOC |
  MAP_FLAG.NO_COMMON_LRU |
  MAP_FLAG.NUMA_NODE |
  MAP_FLAG.RDONLY |
  MAP_FLAG.WRONLY |
  MAP_FLAG.RDONLY_PROG |
  MAP_FLAG.WRONLY_PROG |
  MAP_FLAG.ZERO_SEED;
/** KMALLOC_MAX_SIZE less the head of an element, on x86_64: what key and value together must stay below. */
const ELEMENT_LIMIT = (4 << 20) - 48;
/** U32_MAX over the size of a bucket. */
const BUCKET_LIMIT = 0x0fffffff;

/** 0, or the errno with which the kernel refuses the definition (kernel: `htab_map_alloc_check`, `htab_map_alloc`). */
export function checkHash(core: MapCore): number {
  const { type, flags } = core;
  const perCpu = type === MAP_TYPE.PERCPU_HASH || type === MAP_TYPE.LRU_PERCPU_HASH;
  const lru = type === MAP_TYPE.LRU_HASH || type === MAP_TYPE.LRU_PERCPU_HASH;
  const ownLists = (flags & MAP_FLAG.NO_COMMON_LRU) !== 0;
  if ((flags & ~CREATE_FLAGS) !== 0 || !accessFlagsOk(flags)) return ERRNO.EINVAL;
  if (!lru && ownLists) return ERRNO.EINVAL;
  if (lru && (flags & MAP_FLAG.NO_PREALLOC) !== 0) return ERRNO.ENOTSUPP;
  if (core.numaNode !== undefined && (perCpu || ownLists)) return ERRNO.EINVAL;
  if (core.maxEntries === 0 || core.keySize === 0 || core.valueSize === 0) return ERRNO.EINVAL;
  if (core.keySize + core.valueSize >= ELEMENT_LIMIT) return ERRNO.E2BIG;
  if (perCpu && roundUp8(core.valueSize) > PERCPU_VALUE_LIMIT) return ERRNO.E2BIG;
  if (core.maxEntries > 2 ** 31 || powerOfTwo(core.maxEntries) > BUCKET_LIMIT) return ERRNO.E2BIG;
  return 0;
}

/** A new table, or ENOMEM when the host has no memory for its buckets. */
export function makeTable(core: MapCore, valueBytes: number, slots: number): HashTable | number {
  try {
    return new HashTable(core, valueBytes, slots);
  } catch (error) {
    if (error instanceof RangeError) return ERRNO.ENOMEM;
    throw error;
  }
}

/** EEXIST and ENOENT of an update (kernel: `check_flags`). */
export function checkExistence(exists: boolean, flags: number): number {
  const wanted = withoutLock(flags);
  if (exists && wanted === UPDATE_FLAG.NOEXIST) return ERRNO.EEXIST;
  return !exists && wanted === UPDATE_FLAG.EXIST ? ERRNO.ENOENT : 0;
}

/** A hash map; a negative errno when the definition is refused. */
export function makeHash(core: MapCore): MapOps | number {
  const refusal = checkHash(core);
  if (refusal !== 0) return refusal;
  return core.type === MAP_TYPE.PERCPU_HASH ? makePerCpuHash(core) : makePlainHash(core);
}

/** Free slots: those that were used, the last one first, then fresh ones. */
export class FreeSlots {
  readonly #table: HashTable;
  #used: number[] = [];
  #fresh = 0;

  constructor(table: HashTable) {
    this.#table = table;
  }

  /** A slot whose memory exists, or {@link NONE}. */
  take(): number {
    const used = this.#used.pop();
    if (used !== undefined) return used;
    if (this.#fresh >= this.#table.pool.capacity || !this.#table.pool.ensure(this.#fresh)) return NONE;
    return this.#fresh++;
  }

  give(slot: number): void {
    this.#used.push(slot);
  }

  reset(): void {
    this.#used = [];
    this.#fresh = 0;
  }
}

/**
 * Replacing an element takes another slot: pointers into the old value keep seeing it until its slot is used again, as in
 * the kernel, which has one spare element for each CPU.
 *
 * @param inPlace - replace values where they are, as the kernel does in hashes of maps
 */
export function makePlainHash(core: MapCore, inPlace = false): MapOps | number {
  const table = makeTable(core, roundUp8(core.valueSize), core.maxEntries + core.cpus);
  if (typeof table === 'number') return table;
  const { pool } = table;
  const free = new FreeSlots(table);
  /** The spare slot of each CPU; NONE until it is first needed. */
  const spare: number[] = new Array<number>(core.cpus).fill(NONE);
  if (core.preallocate && !pool.ensure(0)) return ERRNO.ENOMEM;

  const release = (slot: number): void => {
    freeFields(core, pool.bytes(slot), table.valueOffset(slot), table.valueAddress(slot));
  };
  const slotFor = (old: number): number => {
    if (old === NONE) return table.count >= core.maxEntries ? NONE : free.take();
    const cpu = core.currentCpu();
    const slot = spare[cpu] === NONE ? free.take() : spare[cpu]!;
    if (slot !== NONE) spare[cpu] = old;
    return slot;
  };
  const update = (key: Uint8Array, value: Uint8Array, flags: number): number => {
    if (withoutLock(flags) > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
    const locked = (flags & UPDATE_FLAG.F_LOCK) !== 0;
    if (locked && !core.hasSpinLock) return ERRNO.EINVAL;
    const hash = table.hash(key);
    const old = table.find(key, hash);
    const refusal = checkExistence(old !== NONE, flags);
    if (refusal !== 0) return refusal;
    if ((locked || inPlace) && old !== NONE) {
      copyValue(core, pool.bytes(old), table.valueOffset(old), value, 0, core.valueSize);
      return 0;
    }
    const slot = slotFor(old);
    if (slot === NONE) return old === NONE && table.count >= core.maxEntries ? ERRNO.E2BIG : ERRNO.ENOMEM;
    table.writeKey(slot, key);
    copyValue(core, pool.bytes(slot), table.valueOffset(slot), value, 0, core.valueSize);
    table.insert(slot, hash);
    if (old !== NONE) {
      table.remove(old);
      release(old);
    }
    return 0;
  };
  const remove = (slot: number): void => {
    table.remove(slot);
    release(slot);
    free.give(slot);
  };
  const read = (slot: number): Uint8Array => userCopy(core, pool.bytes(slot), table.valueOffset(slot), core.valueSize);
  return {
    ...hashOps(core, table, read, remove, update),
    lookup: (key) => {
      const slot = table.find(key);
      return slot === NONE ? 0n : table.valueAddress(slot);
    },
    update,
    forEach: (visit, flags) => table.forEach(visit, flags, (slot) => table.valueAddress(slot)),
    dump: () => dumpTable(table, (slot) => rawValue(table, slot, core.valueSize)),
    load: (body) => {
      table.clear();
      free.reset();
      spare.fill(NONE);
      loadTable(core, table, body, core.valueSize, () => free.take());
    },
  };
}

function makePerCpuHash(core: MapCore): MapOps | number {
  const stride = roundUp8(core.valueSize);
  const row = stride * core.cpus;
  const table = makeTable(core, row, core.maxEntries);
  if (typeof table === 'number') return table;
  const { pool } = table;
  const free = new FreeSlots(table);
  if (core.preallocate && !pool.ensure(0)) return ERRNO.ENOMEM;
  const write = (key: Uint8Array, value: Uint8Array, flags: number, allCpus: boolean): number => {
    if (flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
    const hash = table.hash(key);
    const old = table.find(key, hash);
    const refusal = checkExistence(old !== NONE, flags);
    if (refusal !== 0) return refusal;
    if (old !== NONE) {
      writePerCpu(core, pool.bytes(old), table.valueOffset(old), value, allCpus);
      return 0;
    }
    if (table.count >= core.maxEntries) return ERRNO.E2BIG;
    const slot = free.take();
    if (slot === NONE) return ERRNO.ENOMEM;
    table.writeKey(slot, key);
    initPerCpu(core, pool.bytes(slot), table.valueOffset(slot), value, allCpus);
    table.insert(slot, hash);
    return 0;
  };
  const remove = (slot: number): void => {
    table.remove(slot);
    freePerCpu(core, table, slot);
    free.give(slot);
  };
  return {
    ...perCpuHashOps(core, table, remove, write),
    load: (body) => {
      table.clear();
      free.reset();
      loadTable(core, table, body, row, () => free.take());
    },
  };
}

/** Kernel: `pcpu_copy_value`. */
export function writePerCpu(core: MapCore, bytes: Uint8Array, at: number, value: Uint8Array, allCpus: boolean): void {
  const stride = roundUp8(core.valueSize);
  if (!allCpus) copyValue(core, bytes, at + core.currentCpu() * stride, value, 0, core.valueSize);
  else for (let i = 0; i < core.cpus; i++) copyValue(core, bytes, at + i * stride, value, i * stride, stride);
}

/** Kernel: `pcpu_init_value`: a program sets the value of its CPU and zeroes those of the others. */
export function initPerCpu(core: MapCore, bytes: Uint8Array, at: number, value: Uint8Array, allCpus: boolean): void {
  if (!allCpus) {
    for (let cpu = 0; cpu < core.cpus; cpu++) zeroValue(core, bytes, at + cpu * roundUp8(core.valueSize));
  }
  writePerCpu(core, bytes, at, value, allCpus);
}

/** Lets go of the special fields of all CPUs. */
export function freePerCpu(core: MapCore, table: HashTable, slot: number): void {
  const stride = roundUp8(core.valueSize);
  for (let cpu = 0; cpu < core.cpus; cpu++) {
    const at = cpu * stride;
    freeFields(core, table.pool.bytes(slot), table.valueOffset(slot) + at, table.valueAddress(slot) + BigInt(at));
  }
}

/** What the per-CPU hashes, LRU or not, share. */
export function perCpuHashOps(
  core: MapCore,
  table: HashTable,
  remove: (slot: number) => void,
  write: (key: Uint8Array, value: Uint8Array, flags: number, allCpus: boolean) => number,
  /** Called for an element that a program looks up. */
  touch: (slot: number) => void = () => undefined,
): Omit<MapOps, 'load'> {
  const stride = roundUp8(core.valueSize);
  const row = stride * core.cpus;
  const addressOf = (slot: number, cpu: number): bigint => table.valueAddress(slot) + BigInt(cpu * stride);
  const lookup = (key: Uint8Array, cpu: number): bigint => {
    const slot = table.find(key);
    if (slot === NONE) return 0n;
    touch(slot);
    return addressOf(slot, cpu);
  };
  const read = (slot: number): Uint8Array => {
    const copy = new Uint8Array(row);
    const from = table.valueOffset(slot);
    for (let at = 0; at < row; at += stride) copyValue(core, copy, at, table.pool.bytes(slot), from + at, stride);
    return copy;
  };
  const userUpdate = (key: Uint8Array, value: Uint8Array, flags: number): number => write(key, value, flags, true);
  return {
    ...hashOps(core, table, read, remove, userUpdate),
    lookup: (key) => lookup(key, core.currentCpu()),
    lookupPercpu: (key, cpu) => (cpu >= core.cpus ? 0n : lookup(key, cpu)),
    update: (key, value, flags) => write(key, value, flags, false),
    userUpdate,
    forEach: (visit, flags) => table.forEach(visit, flags, (slot) => addressOf(slot, core.currentCpu())),
    dump: () => dumpTable(table, (slot) => rawValue(table, slot, row)),
  };
}

/** What all hashes share: deletion, iteration, user space's reading, batches. */
export function hashOps(
  core: MapCore,
  table: HashTable,
  read: (slot: number) => Uint8Array,
  remove: (slot: number) => void,
  userUpdate: (key: Uint8Array, value: Uint8Array, flags: number) => number,
): Pick<
  Required<MapOps>,
  | 'delete'
  | 'nextKey'
  | 'userLookup'
  | 'lookupAndDelete'
  | 'lookupBatch'
  | 'lookupAndDeleteBatch'
  | 'updateBatch'
  | 'deleteBatch'
  | 'size'
> {
  const deleteKey = (key: Uint8Array): number => {
    const slot = table.find(key);
    if (slot === NONE) return ERRNO.ENOENT;
    remove(slot);
    return 0;
  };
  const userLookup = (key: Uint8Array): Read => {
    const slot = table.find(key);
    return slot === NONE ? ERRNO.ENOENT : read(slot);
  };
  return {
    delete: deleteKey,
    nextKey: (key) => table.nextKey(key),
    userLookup,
    lookupAndDelete: (key) => {
      const slot = table.find(key);
      if (slot === NONE) return ERRNO.ENOENT;
      const value = read(slot);
      remove(slot);
      return value;
    },
    lookupBatch: (from, count, flags) => table.batch(from, count, flags, read),
    lookupAndDeleteBatch: (from, count, flags) =>
      table.batch(from, count, flags, read, (slots) => {
        // The kernel strings them up as it goes and frees the last one first.
        for (let i = slots.length - 1; i >= 0; i--) remove(slots[i]!);
      }),
    updateBatch: genericUpdateBatch(core, { update: userUpdate }),
    deleteBatch: genericDeleteBatch(core, { delete: deleteKey }),
    size: () => table.count,
  };
}

function rawValue(table: HashTable, slot: number, size: number): Uint8Array {
  const at = table.valueOffset(slot);
  return table.pool.bytes(slot).subarray(at, at + size);
}

/** All elements of a table as a snapshot has them. */
export function dumpTable(table: HashTable, read: (slot: number) => Uint8Array): { entries: SnapshotEntry[] } {
  return {
    entries: Array.from(table.slots(), (slot) => ({ key: toHex(table.keyOf(slot)), value: toHex(read(slot)) })),
  };
}

/** Puts elements back so that buckets have their order again; the slots that were taken, in order of `entries`. */
export function loadTable(
  core: MapCore,
  table: HashTable,
  { entries }: SnapshotBody,
  valueBytes: number,
  take: (index: number) => number,
): number[] {
  const slots = entries.map(({ key, value }, i) => {
    const slot = take(i);
    table.pool.ensure(slot);
    table.writeKey(slot, fromHex(key, core.keySize));
    table.pool.bytes(slot).set(fromHex(value, valueBytes), table.valueOffset(slot));
    return slot;
  });
  for (let i = slots.length - 1; i >= 0; i--) table.insert(slots[i]!, table.hash(table.keyOf(slots[i]!)));
  return slots;
}
