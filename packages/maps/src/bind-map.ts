/** A family's operations behind the two faces of a map: helpers on one side, the checks of bpf(2) on the other. */
import { BpfError } from '@polybpf/errors';
import { ERRNO } from './errno.ts';
import { flagNumber } from './flags.ts';
import type { BatchCount, BatchResult, Flags, GuestMap, ProgramSide, Read, UserSide } from './guest-map.ts';
import { type MapCore, type MapOps, roundUp8, unsupported, withoutLock } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import { checkSnapshot } from './snapshot.ts';
import { userValueSize } from './value-size.ts';

/** The map of a core and its operations. */
export function bindMap(core: MapCore, ops: MapOps, handle: bigint): GuestMap {
  const state = { frozen: false };
  const map: GuestMap = {
    type: core.type,
    name: core.name,
    keySize: core.keySize,
    valueSize: core.valueSize,
    maxEntries: core.maxEntries,
    flags: core.flags,
    mapExtra: core.mapExtra,
    id: core.id,
    endian: core.endian,
    cpus: core.cpus,
    userValueSize: userValueSize(core.type, core.valueSize, core.cpus),
    fields: core.fields,
    get frozen() {
      return state.frozen;
    },
    handle,
    program: programSide(core, ops),
    user: userSide(core, ops, state),
    values: ops.values,
    valueStride: roundUp8(core.valueSize),
    ring: ops.ring,
    userRing: ops.userRing,
    events: ops.events,
    stacks: ops.stacks,
    storage: ops.storage,
    objects: ops.objects,
    get size() {
      return ops.size();
    },
    snapshot: () => ({
      type: core.type,
      name: core.name,
      keySize: core.keySize,
      valueSize: core.valueSize,
      maxEntries: core.maxEntries,
      frozen: state.frozen,
      ...ops.dump(),
    }),
    restore(snapshot) {
      checkSnapshot(map, snapshot);
      ops.load(snapshot);
      state.frozen = snapshot.frozen;
    },
  };
  core.self = map;
  return map;
}

function programSide(core: MapCore, ops: MapOps): ProgramSide {
  const demand = <F>(operation: F | undefined, helper: string): F => {
    if (operation === undefined) throw unsupported(core, helper);
    return operation;
  };
  const checkKey = (key: Uint8Array): void => checkSize(core, 'key', core.keySize, key.length);
  const checkValue = (value: Uint8Array): void => checkSize(core, 'value', core.valueSize, value.length);
  return {
    lookup(key) {
      checkKey(key);
      return demand(ops.lookup, 'bpf_map_lookup_elem')(key);
    },
    lookupPercpu(key, cpu) {
      checkKey(key);
      return demand(ops.lookupPercpu, 'bpf_map_lookup_percpu_elem')(key, cpu >>> 0);
    },
    update(key, value, flags) {
      checkKey(key);
      checkValue(value);
      return demand(ops.update, 'bpf_map_update_elem')(key, value, flagNumber(flags));
    },
    delete(key) {
      checkKey(key);
      return demand(ops.delete, 'bpf_map_delete_elem')(key);
    },
    push(value, flags) {
      checkValue(value);
      return demand(ops.push, 'bpf_map_push_elem')(value, flagNumber(flags));
    },
    pop(into) {
      checkValue(into);
      return demand(ops.pop, 'bpf_map_pop_elem')(into);
    },
    peek(into) {
      checkValue(into);
      return demand(ops.peek, 'bpf_map_peek_elem')(into);
    },
    forEach: (visit, flags) => demand(ops.forEach, 'bpf_for_each_map_elem')(visit, flagNumber(flags)),
  };
}

const QUEUES: ReadonlySet<number> = /* @__PURE__ */ new Set([MAP_TYPE.QUEUE, MAP_TYPE.STACK]);

/** The checks of kernel/bpf/syscall.c, in its order, before the family's operation. */
function userSide(core: MapCore, ops: MapOps, state: { frozen: boolean }): UserSide {
  const canRead = (core.flags & MAP_FLAG.WRONLY) === 0;
  const canWrite = (): boolean => (core.flags & MAP_FLAG.RDONLY) === 0 && !state.frozen;
  const userBytes = userValueSize(core.type, core.valueSize, core.cpus);
  const lockRefused = (flags: number): boolean => (flags & UPDATE_FLAG.F_LOCK) !== 0 && !core.hasSpinLock;
  const checkKey = (key: Uint8Array): void => checkSize(core, 'key', core.keySize, key.length);
  const checkValue = (value: Uint8Array): void => checkSize(core, 'value', userBytes, value.length);
  const update = ops.userUpdate ?? ops.update ?? ((): number => ERRNO.EOPNOTSUPP);
  const remove = ops.userDelete ?? ops.delete ?? ((): number => ERRNO.EOPNOTSUPP);
  const noBatch = (errno: number): BatchResult => ({ errno, keys: [], values: [], next: undefined });
  const readBatch = (
    batch: MapOps['lookupBatch'],
    writes: boolean,
    from: Uint8Array | undefined,
    count: number,
    flags: Flags,
  ): BatchResult => {
    if (!canRead || (writes && !canWrite())) return noBatch(ERRNO.EPERM);
    return batch === undefined ? noBatch(ERRNO.ENOTSUPP) : batch(from, count, flagNumber(flags));
  };
  const writeBatch = (known: boolean, count: number, run: () => BatchCount): BatchCount => {
    if (!canWrite()) return { errno: ERRNO.EPERM, count };
    return known ? run() : { errno: ERRNO.ENOTSUPP, count };
  };
  return {
    lookup(key, flags = 0) {
      checkKey(key);
      const bits = flagNumber(flags);
      if (withoutLock(bits) !== 0) return ERRNO.EINVAL;
      if (!canRead) return ERRNO.EPERM;
      return lockRefused(bits) ? ERRNO.EINVAL : ops.userLookup(key, bits);
    },
    contains(value, flags = 0) {
      checkValue(value);
      const bits = flagNumber(flags);
      if (withoutLock(bits) !== 0) return ERRNO.EINVAL;
      if (!canRead) return ERRNO.EPERM;
      if (lockRefused(bits)) return ERRNO.EINVAL;
      if (core.type !== MAP_TYPE.BLOOM_FILTER) throw unsupported(core, 'membership of a value');
      return ops.peek!(value);
    },
    lookupAndDelete(key, flags = 0): Read {
      checkKey(key);
      const bits = flagNumber(flags);
      if (withoutLock(bits) !== 0) return ERRNO.EINVAL;
      if (!canRead || !canWrite()) return ERRNO.EPERM;
      if (bits !== 0 && QUEUES.has(core.type)) return ERRNO.EINVAL;
      if (lockRefused(bits)) return ERRNO.EINVAL;
      return ops.lookupAndDelete === undefined ? ERRNO.ENOTSUPP : ops.lookupAndDelete(key, bits);
    },
    update(key, value, flags = 0) {
      checkKey(key);
      checkValue(value);
      const bits = flagNumber(flags);
      if (!canWrite()) return ERRNO.EPERM;
      return lockRefused(bits) ? ERRNO.EINVAL : update(key, value, bits);
    },
    delete(key) {
      checkKey(key);
      return canWrite() ? remove(key) : ERRNO.EPERM;
    },
    nextKey(key) {
      if (key !== undefined) checkKey(key);
      return canRead ? ops.nextKey(key) : ERRNO.EPERM;
    },
    lookupBatch: (from, count, flags = 0) => readBatch(ops.lookupBatch, false, from, count, flags),
    lookupAndDeleteBatch: (from, count, flags = 0) => readBatch(ops.lookupAndDeleteBatch, true, from, count, flags),
    updateBatch(keys, values, flags = 0) {
      keys.forEach(checkKey);
      values.forEach(checkValue);
      return writeBatch(ops.updateBatch !== undefined, keys.length, () =>
        ops.updateBatch!(keys, values, flagNumber(flags)),
      );
    },
    deleteBatch(keys, flags = 0) {
      keys.forEach(checkKey);
      return writeBatch(ops.deleteBatch !== undefined, keys.length, () => ops.deleteBatch!(keys, flagNumber(flags)));
    },
    freeze() {
      if (core.type === MAP_TYPE.STRUCT_OPS || core.fields.length > 0) return ERRNO.ENOTSUPP;
      if (!canWrite()) return ERRNO.EPERM;
      state.frozen = true;
      return 0;
    },
  };
}

function checkSize(core: MapCore, what: 'key' | 'value', expected: number, got: number): void {
  if (expected === got) return;
  throw new BpfError('E_INPUT', `${what} of map ${core.name}`, { expected: `${expected} bytes`, got: `${got}` });
}
