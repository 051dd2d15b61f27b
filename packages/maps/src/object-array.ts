/** BPF_MAP_TYPE_PROG_ARRAY, ARRAY_OF_MAPS and CGROUP_ARRAY (kernel/bpf/arraymap.c: `fd_array_map_*`). */
import { checkArray, nextIndex } from './array.ts';
import { ERRNO } from './errno.ts';
import { genericLookupBatch, genericUpdateBatch } from './generic-batch.ts';
import type { GuestMap, MapObject, Read } from './guest-map.ts';
import { bytesOfU32, type MapCore, type MapOps, readU32 } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE } from './map-type.ts';
import { checkObject, checkTemplate, type ObjectSlots, resolveObject } from './object-slots.ts';
import { type SnapshotBody, toHex } from './snapshot.ts';

const KINDS: Readonly<Record<number, MapObject['kind']>> = {
  [MAP_TYPE.PROG_ARRAY]: 'program',
  [MAP_TYPE.ARRAY_OF_MAPS]: 'map',
  [MAP_TYPE.CGROUP_ARRAY]: 'cgroup',
  [MAP_TYPE.PERF_EVENT_ARRAY]: 'perf_event',
};

/** An array of objects; a negative errno when the definition is refused. */
export function makeObjectArray(core: MapCore): MapOps | number {
  if (core.valueSize !== 4 || (core.flags & (MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG)) !== 0) return ERRNO.EINVAL;
  const refusal = checkArray(core);
  if (refusal !== 0) return refusal;
  const kind = KINDS[core.type]!;
  if (kind === 'map') {
    const unfit = checkTemplate(core.inner);
    if (unfit !== 0) return unfit;
  }
  const slots: (MapObject | undefined)[] = [];
  const objects: ObjectSlots = {
    get: (key) => slots[readU32(core, key)],
    set(key, object, flags = 0) {
      const index = readU32(core, key);
      if (flags !== 0) return ERRNO.EINVAL;
      if (index >= core.maxEntries) return ERRNO.E2BIG;
      const unfit = checkObject(core, object, kind);
      if (unfit !== 0) return unfit;
      slots[index] = object;
      return 0;
    },
    *entries() {
      for (const [index, object] of slots.entries()) {
        if (object !== undefined) yield [bytesOfU32(core, index), object] as const;
      }
    },
  };
  // Perf events and cgroups have no id that user space could read.
  const hasIds = kind === 'map' || kind === 'program';
  const userLookup = (key: Uint8Array): Read => {
    if (!hasIds) return ERRNO.ENOTSUPP;
    const object = objects.get(key);
    return object === undefined ? ERRNO.ENOENT : bytesOfU32(core, object.id);
  };
  const userUpdate = (key: Uint8Array, value: Uint8Array, flags: number): number => {
    if (flags !== 0) return ERRNO.EINVAL;
    if (readU32(core, key) >= core.maxEntries) return ERRNO.E2BIG;
    const object = resolveObject(core, readU32(core, value), kind);
    return typeof object === 'number' ? object : objects.set(key, object);
  };
  const batch = { nextKey: (key: Uint8Array | undefined): Read => nextIndex(core, key), userLookup };
  const isOfMaps = kind === 'map';
  return {
    ...(isOfMaps ? { lookup: (key: Uint8Array): bigint => handleOf(objects.get(key)) } : {}),
    nextKey: batch.nextKey,
    userLookup,
    userUpdate,
    userDelete(key) {
      const index = readU32(core, key);
      if (index >= core.maxEntries) return ERRNO.E2BIG;
      if (slots[index] === undefined) return ERRNO.ENOENT;
      slots[index] = undefined;
      return 0;
    },
    ...(isOfMaps
      ? { lookupBatch: genericLookupBatch(core, batch), updateBatch: genericUpdateBatch(core, { update: userUpdate }) }
      : {}),
    objects,
    size: () => slots.reduce((count, object) => count + (object === undefined ? 0 : 1), 0),
    dump: () => dumpObjects(core, objects),
    // Objects are not in a snapshot: whoever restores it puts them in.
    load: () => undefined,
  };
}

/** Ids of the objects of a map, by key. */
export function dumpObjects(core: MapCore, objects: ObjectSlots): SnapshotBody {
  return {
    entries: Array.from(objects.entries(), ([key, { id }]) => ({
      key: toHex(key),
      value: toHex(bytesOfU32(core, id)),
    })),
  };
}

/** What a program gets for an inner map; 0 for none. */
export function handleOf(object: MapObject | undefined): bigint {
  return object === undefined ? 0n : (object.object as GuestMap).handle;
}
