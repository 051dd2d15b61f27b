/** Maps that hold kernel objects by reference: other maps, programs, sockets, devices, perf events. */
import type { MapObject } from './guest-map.ts';

/** The objects of a map, beside what user space does by file descriptor. */
export interface ObjectSlots {
  /** The object at a key. */
  get(key: Uint8Array): MapObject | undefined;
  /** As an update with the object's file descriptor: 0, or a negative errno. */
  set(key: Uint8Array, object: MapObject, flags?: number): number;
  /** Every key that has an object, in order of iteration. */
  entries(): Iterable<readonly [key: Uint8Array, object: MapObject]>;
}
