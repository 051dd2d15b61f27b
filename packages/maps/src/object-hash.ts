/** BPF_MAP_TYPE_HASH_OF_MAPS (kernel/bpf/hashtab.c: `htab_of_map_*`). */
import { ERRNO } from './errno.ts';
import { genericUpdateBatch } from './generic-batch.ts';
import type { BatchResult, MapObject, Read } from './guest-map.ts';
import { checkHash, makePlainHash } from './hash.ts';
import { bytesOfU32, type MapCore, type MapOps, readU32 } from './map-core.ts';
import { dumpObjects, handleOf } from './object-array.ts';
import { checkObject, checkTemplate, type ObjectSlots, resolveObject } from './object-slots.ts';

/** A hash of maps; a negative errno when the definition is refused. */
export function makeHashOfMaps(core: MapCore): MapOps | number {
  if (core.valueSize !== 4) return ERRNO.EINVAL;
  const refusal = checkHash(core) || checkTemplate(core.inner);
  if (refusal !== 0) return refusal;
  // A hash whose values are numbers of objects, as the kernel's are pointers.
  const numbers = makePlainHash({ ...core, valueSize: 8, fields: [], hasSpinLock: false }, true);
  if (typeof numbers === 'number') return numbers;
  const byNumber: MapObject[] = [];
  const numberOf = (object: MapObject): number => {
    const known = byNumber.findIndex((other) => other.object === object.object && other.id === object.id);
    return known >= 0 ? known : byNumber.push(object) - 1;
  };
  const objectOf = (value: Uint8Array): MapObject => byNumber[readU32(core, value)]!;
  const store = (key: Uint8Array, object: MapObject, flags: number): number => {
    const value = new Uint8Array(8);
    value.set(bytesOfU32(core, numberOf(object)));
    return numbers.update!(key, value, flags);
  };
  const objects: ObjectSlots = {
    get(key) {
      const value = numbers.userLookup(key, 0);
      return typeof value === 'number' ? undefined : objectOf(value);
    },
    set: (key, object, flags = 0) => checkObject(core, object, 'map') || store(key, object, flags),
    *entries() {
      for (let key = numbers.nextKey(undefined); typeof key !== 'number'; key = numbers.nextKey(key)) {
        yield [key, objects.get(key)!] as const;
      }
    },
  };
  const userLookup = (key: Uint8Array): Read => {
    const object = objects.get(key);
    return object === undefined ? ERRNO.ENOENT : bytesOfU32(core, object.id);
  };
  const userUpdate = (key: Uint8Array, value: Uint8Array, flags: number): number => {
    const object = resolveObject(core, readU32(core, value), 'map');
    return typeof object === 'number' ? object : store(key, object, flags);
  };
  const withIds = (batch: BatchResult): BatchResult => ({
    ...batch,
    values: batch.values.map((value) => bytesOfU32(core, objectOf(value).id)),
  });
  return {
    lookup: (key) => handleOf(objects.get(key)),
    nextKey: numbers.nextKey,
    userLookup,
    userUpdate,
    userDelete: numbers.delete!,
    lookupBatch: (from, count, flags) => withIds(numbers.lookupBatch!(from, count, flags)),
    lookupAndDeleteBatch: (from, count, flags) => withIds(numbers.lookupAndDeleteBatch!(from, count, flags)),
    updateBatch: genericUpdateBatch(core, { update: userUpdate }),
    deleteBatch: numbers.deleteBatch!,
    objects,
    size: numbers.size,
    dump: () => dumpObjects(core, objects),
    load: () => undefined,
  };
}
