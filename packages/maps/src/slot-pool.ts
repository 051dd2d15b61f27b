/**
 * Slots of equal size in guest memory: key and value of each element. Memory comes in chunks when slots are first used,
 * up to the number that the map may hold; slots never move and are reused.
 */
import type { MapAllocation } from './arena.ts';
import { allocate, type MapCore } from './map-core.ts';

/** Bytes of one chunk, unless one slot is larger or the map is smaller. */
const CHUNK_BYTES = 65536;

export class SlotPool {
  readonly slotBytes: number;
  readonly capacity: number;
  readonly #core: MapCore;
  readonly #shift: number;
  readonly #chunks: (MapAllocation | undefined)[] = [];

  constructor(core: MapCore, slotBytes: number, capacity: number) {
    this.#core = core;
    this.slotBytes = slotBytes;
    this.capacity = capacity;
    const perChunk = Math.max(1, Math.floor(CHUNK_BYTES / slotBytes));
    const whole = core.preallocate || capacity <= perChunk;
    this.#shift = whole ? 31 : 31 - Math.clz32(perChunk);
  }

  /** Makes the memory of a slot exist; false when there is no room for it. */
  ensure(slot: number): boolean {
    const chunk = slot >>> this.#shift;
    if (this.#chunks[chunk] !== undefined) return true;
    const first = chunk * 2 ** this.#shift;
    const slots = Math.min(2 ** this.#shift, this.capacity - first);
    this.#chunks[chunk] = allocate(this.#core, chunk === 0 ? '' : String(chunk), slots * this.slotBytes);
    return this.#chunks[chunk] !== undefined;
  }

  /** The bytes that a slot is in, see {@link offset}. The slot's memory must exist. */
  bytes(slot: number): Uint8Array {
    return this.#chunks[slot >>> this.#shift]!.bytes;
  }

  /** Where in {@link bytes} a slot begins. */
  offset(slot: number): number {
    return (slot & (2 ** this.#shift - 1)) * this.slotBytes;
  }

  /** Guest address of a slot. */
  address(slot: number): bigint {
    return this.#chunks[slot >>> this.#shift]!.address + BigInt(this.offset(slot));
  }
}
