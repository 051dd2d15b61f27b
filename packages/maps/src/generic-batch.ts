/** Batches of the types that have no way of their own (kernel/bpf/syscall.c: `generic_map_*_batch`). */
import { ERRNO } from './errno.ts';
import type { BatchCount, BatchResult, Read } from './guest-map.ts';
import { type MapCore, withoutLock } from './map-core.ts';
import { UPDATE_FLAG } from './map-type.ts';

/** Element flags that a batch takes: `BPF_F_LOCK`, and that only with a spin lock. */
export function batchFlagsOk(core: MapCore, flags: number): boolean {
  return withoutLock(flags) === 0 && ((flags & UPDATE_FLAG.F_LOCK) === 0 || core.hasSpinLock);
}

/** A lookup batch that goes from key to key. The position is the last key that was looked at. */
export function genericLookupBatch(
  core: MapCore,
  ops: {
    readonly nextKey: (key: Uint8Array | undefined) => Read;
    readonly userLookup: (key: Uint8Array, flags: number) => Read;
  },
): (from: Uint8Array | undefined, count: number, flags: number) => BatchResult {
  return (from, count, flags) => {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    const done = (errno: number, next?: Uint8Array): BatchResult => ({ errno, keys, values, next });
    if (!batchFlagsOk(core, flags)) return done(ERRNO.EINVAL);
    let last = from;
    while (keys.length < count) {
      const key = ops.nextKey(last);
      if (typeof key === 'number') return done(key, keys.length === 0 ? undefined : last);
      const value = ops.userLookup(key, flags);
      if (typeof value !== 'number') {
        keys.push(key);
        values.push(value);
      } else if (value !== ERRNO.ENOENT) {
        // The kernel leaves the count at 0 then, so that the caller sees no elements.
        return { errno: value, keys: [], values: [], next: undefined };
      }
      last = key;
    }
    return done(0, keys.length === 0 ? undefined : last);
  };
}

/** An update batch: one update after the other, until one fails. */
export function genericUpdateBatch(
  core: MapCore,
  ops: { readonly update: (key: Uint8Array, value: Uint8Array, flags: number) => number },
): (keys: readonly Uint8Array[], values: readonly Uint8Array[], flags: number) => BatchCount {
  return (keys, values, flags) => {
    if (!batchFlagsOk(core, flags)) return { errno: ERRNO.EINVAL, count: keys.length };
    for (let i = 0; i < keys.length; i++) {
      const errno = ops.update(keys[i]!, values[i]!, flags);
      if (errno !== 0) return { errno, count: i };
    }
    return { errno: 0, count: keys.length };
  };
}

/** A delete batch: one deletion after the other, until one fails. */
export function genericDeleteBatch(
  core: MapCore,
  ops: { readonly delete: (key: Uint8Array) => number },
): (keys: readonly Uint8Array[], flags: number) => BatchCount {
  return (keys, flags) => {
    if (!batchFlagsOk(core, flags)) return { errno: ERRNO.EINVAL, count: keys.length };
    for (let i = 0; i < keys.length; i++) {
      const errno = ops.delete(keys[i]!);
      if (errno !== 0) return { errno, count: i };
    }
    return { errno: 0, count: keys.length };
  };
}
