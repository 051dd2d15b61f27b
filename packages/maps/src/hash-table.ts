/**
 * The table behind all hash maps (kernel/bpf/hashtab.c): buckets by the lower bits of jhash, in each bucket a list with the
 * newest element first. Elements are slots of a {@link SlotPool}: the key, rounded up to 8 bytes, then the value.
 */
import { ERRNO } from './errno.ts';
import type { BatchResult, ElementVisit, Read } from './guest-map.ts';
import { batchFlagsOk } from './generic-batch.ts';
import { jhashKey } from './jhash.ts';
import { type MapCore, powerOfTwo, roundUp8, writeU32, readU32 } from './map-core.ts';
import { MAP_FLAG } from './map-type.ts';
import { SlotPool } from './slot-pool.ts';

/** No slot. */
export const NONE = -1;

export class HashTable {
  readonly pool: SlotPool;
  readonly keyBytes: number;
  readonly buckets: number;
  /** Elements in the table. */
  count = 0;
  readonly #core: MapCore;
  readonly #seed: number;
  readonly #mask: number;
  /** First slot of each bucket plus 1; 0 when empty. */
  readonly #heads: Int32Array;
  #next: Int32Array = new Int32Array(16);
  #hashes: Int32Array = new Int32Array(16);

  constructor(core: MapCore, valueBytes: number, slots: number) {
    this.#core = core;
    this.keyBytes = roundUp8(core.keySize);
    this.pool = new SlotPool(core, this.keyBytes + valueBytes, slots);
    this.buckets = powerOfTwo(core.maxEntries);
    this.#mask = this.buckets - 1;
    this.#heads = new Int32Array(this.buckets);
    this.#seed = (core.flags & MAP_FLAG.ZERO_SEED) !== 0 ? 0 : core.random() >>> 0;
  }

  get seed(): number {
    return this.#seed;
  }

  hash(key: Uint8Array): number {
    return jhashKey(key, this.#seed, this.#core.littleEndian);
  }

  /** Slot of a key, or {@link NONE}. */
  find(key: Uint8Array, hash: number = this.hash(key)): number {
    const signed = hash | 0;
    for (let slot = this.#heads[hash & this.#mask]! - 1; slot >= 0; slot = this.#next[slot]! - 1) {
      if (this.#hashes[slot] === signed && this.#sameKey(slot, key)) return slot;
    }
    return NONE;
  }

  /** Writes the key of a slot that is not in the table yet. */
  writeKey(slot: number, key: Uint8Array): void {
    this.pool.bytes(slot).set(key, this.pool.offset(slot));
  }

  /** A copy of a slot's key. */
  keyOf(slot: number): Uint8Array {
    const at = this.pool.offset(slot);
    return this.pool.bytes(slot).slice(at, at + this.#core.keySize);
  }

  /** Where in `pool.bytes(slot)` the value begins. */
  valueOffset(slot: number): number {
    return this.pool.offset(slot) + this.keyBytes;
  }

  valueAddress(slot: number): bigint {
    return this.pool.address(slot) + BigInt(this.keyBytes);
  }

  /** Puts a slot, whose key is written, at the head of its bucket. */
  insert(slot: number, hash: number): void {
    if (slot >= this.#next.length) this.#grow(slot + 1);
    const bucket = hash & this.#mask;
    this.#hashes[slot] = hash | 0;
    this.#next[slot] = this.#heads[bucket]!;
    this.#heads[bucket] = slot + 1;
    this.count++;
  }

  /** Takes a slot out of its bucket; false when it is not in the table. */
  remove(slot: number): boolean {
    if (slot >= this.#hashes.length) return false;
    const bucket = this.#hashes[slot]! & this.#mask;
    let previous = NONE;
    for (let at = this.#heads[bucket]! - 1; at >= 0; at = this.#next[at]! - 1) {
      if (at === slot) {
        if (previous < 0) this.#heads[bucket] = this.#next[at]!;
        else this.#next[previous] = this.#next[at]!;
        this.count--;
        return true;
      }
      previous = at;
    }
    return false;
  }

  /** Remembers the hash of a slot that is given out but not in the table yet (LRU maps evict by it). */
  setHash(slot: number, hash: number): void {
    if (slot >= this.#next.length) this.#grow(slot + 1);
    this.#hashes[slot] = hash | 0;
  }

  /** Slots of one bucket, in order. */
  slotsOf(bucket: number): number[] {
    const slots: number[] = [];
    for (let slot = this.#heads[bucket]! - 1; slot >= 0; slot = this.#next[slot]! - 1) slots.push(slot);
    return slots;
  }

  /** Slots of all buckets, in order of iteration; the table must not change meanwhile. */
  *slots(): Generator<number> {
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      for (let slot = this.#heads[bucket]! - 1; slot >= 0; slot = this.#next[slot]! - 1) yield slot;
    }
  }

  /** Forgets all elements. */
  clear(): void {
    this.#heads.fill(0);
    this.count = 0;
  }

  /** Kernel: `htab_map_get_next_key`: a key that is gone begins again. */
  nextKey(key: Uint8Array | undefined): Read {
    let bucket = 0;
    if (key !== undefined) {
      const hash = this.hash(key);
      const slot = this.find(key, hash);
      if (slot !== NONE) {
        const next = this.#next[slot]! - 1;
        if (next >= 0) return this.keyOf(next);
        bucket = (hash & this.#mask) + 1;
      }
    }
    for (; bucket < this.buckets; bucket++) {
      const head = this.#heads[bucket]!;
      if (head !== 0) return this.keyOf(head - 1);
    }
    return ERRNO.ENOENT;
  }

  /**
   * Kernel: `bpf_for_each_hash_elem`. The successor is looked up after the visit, as the kernel does; of an element that
   * the visit deletes, the list goes on from the deleted one.
   */
  forEach(
    visit: (element: ElementVisit) => number | bigint,
    flags: number,
    addressOf: (slot: number) => bigint,
  ): number {
    if (flags !== 0) return ERRNO.EINVAL;
    let visited = 0;
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      for (let slot = this.#heads[bucket]! - 1; slot >= 0; slot = this.#next[slot]! - 1) {
        visited++;
        const stop = visit({
          key: this.keyOf(slot),
          keyAddress: this.pool.address(slot),
          valueAddress: addressOf(slot),
        });
        if (stop !== 0 && stop !== 0n) return visited;
      }
    }
    return visited;
  }

  /**
   * Kernel: `__htab_map_lookup_and_delete_batch`. The position is a bucket number; buckets are read whole.
   *
   * @param read - the value of a slot for user space
   * @param remove - called for the slots of a bucket after the last of it was read
   */
  batch(
    from: Uint8Array | undefined,
    count: number,
    flags: number,
    read: (slot: number) => Uint8Array,
    remove?: (slots: readonly number[]) => void,
  ): BatchResult {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    if (!batchFlagsOk(this.#core, flags)) return { errno: ERRNO.EINVAL, keys, values, next: undefined };
    if (count === 0) return { errno: 0, keys, values, next: undefined };
    let bucket = from === undefined ? 0 : readU32(this.#core, from);
    if (bucket >= this.buckets) return { errno: ERRNO.ENOENT, keys, values, next: undefined };
    let errno = 0;
    for (; bucket < this.buckets; bucket++) {
      const slots = this.slotsOf(bucket);
      if (slots.length > count - keys.length) {
        errno = keys.length === 0 ? ERRNO.ENOSPC : 0;
        break;
      }
      for (const slot of slots) {
        keys.push(this.keyOf(slot));
        values.push(read(slot));
      }
      if (remove !== undefined && slots.length > 0) remove(slots);
    }
    const next = new Uint8Array(4);
    writeU32(this.#core, next, 0, bucket);
    return { errno: bucket >= this.buckets ? ERRNO.ENOENT : errno, keys, values, next };
  }

  #sameKey(slot: number, key: Uint8Array): boolean {
    const bytes = this.pool.bytes(slot);
    const at = this.pool.offset(slot);
    for (let i = 0; i < key.length; i++) {
      if (bytes[at + i] !== key[i]) return false;
    }
    return true;
  }

  #grow(length: number): void {
    const capacity = Math.min(this.pool.capacity, Math.max(length, 2 * this.#next.length));
    const next = new Int32Array(capacity);
    const hashes = new Int32Array(capacity);
    next.set(this.#next.subarray(0, capacity));
    hashes.set(this.#hashes.subarray(0, capacity));
    this.#next = next;
    this.#hashes = hashes;
  }
}
