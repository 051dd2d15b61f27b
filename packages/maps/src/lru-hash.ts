/** BPF_MAP_TYPE_LRU_HASH and LRU_PERCPU_HASH (kernel/bpf/hashtab.c): full maps evict instead of refusing. */
import { ERRNO } from './errno.ts';
import { checkExistence, checkHash, dumpTable, freePerCpu, hashOps, initPerCpu, loadTable, makeTable, perCpuHashOps, writePerCpu } from './hash.ts'; // prettier-ignore
import { type HashTable, NONE } from './hash-table.ts';
import { LruLists } from './lru-lists.ts';
import { type MapCore, type MapOps, roundUp8 } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import { type SnapshotBody, stateLists, stateNumbers } from './snapshot.ts';
import { copyValue, freeFields, userCopy } from './value-copy.ts';

/** An LRU map; a negative errno when the definition is refused. */
export function makeLruHash(core: MapCore): MapOps | number {
  const refusal = checkHash(core);
  if (refusal !== 0) return refusal;
  const own = (core.flags & MAP_FLAG.NO_COMMON_LRU) !== 0;
  // Each CPU's lists get the same number of elements.
  if (own) core.maxEntries = Math.ceil(core.maxEntries / core.cpus) * core.cpus;
  const perCpu = core.type === MAP_TYPE.LRU_PERCPU_HASH;
  const valueBytes = roundUp8(core.valueSize) * (perCpu ? core.cpus : 1);
  const table = makeTable(core, valueBytes, core.maxEntries);
  if (typeof table === 'number') return table;
  const release = (slot: number): void => {
    if (perCpu) freePerCpu(core, table, slot);
    else freeFields(core, table.pool.bytes(slot), table.valueOffset(slot), table.valueAddress(slot));
  };
  const lists = new LruLists(core.maxEntries, core.cpus, own, (slot) => {
    if (!table.remove(slot)) return false;
    release(slot);
    return true;
  });
  if (core.preallocate && !table.pool.ensure(0)) return ERRNO.ENOMEM;
  const lru: Lru = { core, table, lists, release, valueBytes };
  return perCpu ? perCpuOps(lru) : plainOps(lru);
}

interface Lru {
  readonly core: MapCore;
  readonly table: HashTable;
  readonly lists: LruLists;
  /** Lets go of the special fields of a slot. */
  readonly release: (slot: number) => void;
  readonly valueBytes: number;
}

function plainOps(lru: Lru): MapOps {
  const { core, table, lists, release } = lru;
  const giveBack = (slot: number): void => {
    release(slot);
    lists.push(slot);
  };
  const update = (key: Uint8Array, value: Uint8Array, flags: number): number => {
    if (flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
    const hash = table.hash(key);
    const slot = takeSlot(lru, hash);
    if (slot === NONE) return ERRNO.ENOMEM;
    table.writeKey(slot, key);
    copyValue(core, table.pool.bytes(slot), table.valueOffset(slot), value, 0, core.valueSize);
    // Only now: taking a slot may have evicted this very key.
    const old = table.find(key, hash);
    const refusal = checkExistence(old !== NONE, flags);
    if (refusal !== 0) {
      giveBack(slot);
      return refusal;
    }
    table.insert(slot, hash);
    if (old !== NONE) {
      lists.touch(slot);
      table.remove(old);
      giveBack(old);
    }
    return 0;
  };
  const remove = (slot: number): void => {
    table.remove(slot);
    giveBack(slot);
  };
  const read = (slot: number): Uint8Array =>
    userCopy(core, table.pool.bytes(slot), table.valueOffset(slot), core.valueSize);
  return {
    ...hashOps(core, table, read, remove, update),
    lookup: (key) => {
      const slot = table.find(key);
      if (slot === NONE) return 0n;
      lists.touch(slot);
      return table.valueAddress(slot);
    },
    update,
    forEach: (visit, flags) => table.forEach(visit, flags, (slot) => table.valueAddress(slot)),
    dump: () => dumpLru(lru, core.valueSize),
    load: (body) => loadLru(lru, body, core.valueSize),
  };
}

function perCpuOps(lru: Lru): MapOps {
  const { core, table, lists, release, valueBytes } = lru;
  const write = (key: Uint8Array, value: Uint8Array, flags: number, allCpus: boolean): number => {
    if (flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
    const hash = table.hash(key);
    const slot = flags === UPDATE_FLAG.EXIST ? NONE : takeSlot(lru, hash);
    if (slot === NONE && flags !== UPDATE_FLAG.EXIST) return ERRNO.ENOMEM;
    if (slot !== NONE) table.writeKey(slot, key);
    const old = table.find(key, hash);
    const refusal = checkExistence(old !== NONE, flags);
    if (refusal === 0 && old === NONE) {
      initPerCpu(core, table.pool.bytes(slot), table.valueOffset(slot), value, allCpus);
      table.insert(slot, hash);
      return 0;
    }
    if (refusal === 0) {
      lists.touch(old);
      writePerCpu(core, table.pool.bytes(old), table.valueOffset(old), value, allCpus);
    }
    if (slot !== NONE) lists.push(slot);
    return refusal;
  };
  const remove = (slot: number): void => {
    table.remove(slot);
    release(slot);
    lists.push(slot);
  };
  return {
    ...perCpuHashOps(core, table, remove, write, (slot) => lists.touch(slot)),
    dump: () => dumpLru(lru, valueBytes),
    load: (body) => loadLru(lru, body, valueBytes),
  };
}

/** A free slot with memory, or NONE. */
function takeSlot({ core, table, lists }: Lru, hash: number): number {
  const slot = lists.pop(core.currentCpu());
  if (slot < 0) return NONE;
  if (!table.pool.ensure(slot)) {
    lists.push(slot);
    return NONE;
  }
  table.setHash(slot, hash);
  return slot;
}

function dumpLru({ table, lists }: Lru, valueBytes: number): SnapshotBody {
  const slots = Array.from(table.slots());
  const body = dumpTable(table, (slot) => {
    const at = table.valueOffset(slot);
    return table.pool.bytes(slot).subarray(at, at + valueBytes);
  });
  const { lists: listed, referenced, cpus, rotation, steal } = lists.save();
  return { ...body, state: { slots, lists: listed, referenced, cpus, rotation, steal } };
}

/** Without the state of the lists, as in a snapshot made by hand, elements are inserted in order. */
function loadLru(lru: Lru, body: SnapshotBody, valueBytes: number): void {
  const { core, table, lists } = lru;
  table.clear();
  lists.reset();
  const { state } = body;
  if (state === undefined) {
    loadTable(core, table, body, valueBytes, () => lists.pop(core.currentCpu()));
    return;
  }
  const slots = stateNumbers(state, 'slots');
  loadTable(core, table, body, valueBytes, (i) => slots[i]!);
  lists.load({
    lists: stateLists(state, 'lists'),
    referenced: stateNumbers(state, 'referenced'),
    cpus: stateNumbers(state, 'cpus'),
    rotation: stateNumbers(state, 'rotation'),
    steal: stateNumbers(state, 'steal'),
  });
}
