/** BPF_MAP_TYPE_USER_RINGBUF (kernel/bpf/ringbuf.c): user space produces, programs consume with `bpf_user_ringbuf_drain`. */
import type { MapAllocation } from './arena.ts';
import { ERRNO } from './errno.ts';
import { flagNumber } from './flags.ts';
import type { Flags } from './guest-map.ts';
import { allocate, type MapCore, type MapOps, powerOfTwo, readU32, roundUp8, writeU32 } from './map-core.ts';
import { checkRing, NO_ELEMENTS, RING_HEADER } from './ringbuf.ts';
import { fromHex, stateNumber, stateText, toHex } from './snapshot.ts';

const BUSY = 0x80000000;
const DISCARD = 0x40000000;
const LENGTH_MASK = 0x3fffffff;
/** BPF_MAX_USER_RINGBUF_SAMPLES. */
const SAMPLE_LIMIT = 128 * 1024;
/** DYNPTR_MAX_SIZE. */
const DYNPTR_LIMIT = 0xffffff;
const NO_WAKEUP = 1;
const FORCE_WAKEUP = 2;

/** A record as a program gets it. */
export interface UserRecord {
  readonly data: Uint8Array;
  /** Guest address of the data, for as long as the visit lasts. */
  readonly address: bigint;
}

/** User space produces, `bpf_user_ringbuf_drain` consumes. */
export interface UserRingBuffer {
  /**
   * Puts a record into the ring, as libbpf's `user_ring_buffer__reserve` and `__submit`: 0, ENOSPC when there is no room now,
   * E2BIG when there can be none.
   */
  produce(data: Uint8Array): number;
  /** Puts a record that programs skip, as `user_ring_buffer__discard`. */
  produceDiscarded(size: number): number;
  /**
   * `bpf_user_ringbuf_drain`: number of records given to `visit`, which ends the visit with anything but 0; or a negative
   * errno.
   */
  drain(visit: (record: UserRecord) => number | bigint, flags: Flags): number;
  /** Wake-ups of the producer so far. */
  readonly wakeups: number;
}

/** A user ring buffer; a negative errno when the definition is refused. */
export function makeUserRingBuffer(core: MapCore): MapOps | number {
  const refusal = checkRing(core);
  if (refusal !== 0) return refusal;
  const data = allocate(core, '', core.maxEntries);
  if (data === undefined) return ERRNO.ENOMEM;
  const ring = new UserRing(core, data);
  const wakeups = (): number => ring.wakeups;
  return {
    ...NO_ELEMENTS,
    userRing: {
      produce: (record) => ring.produce(record.length, record, 0),
      produceDiscarded: (size) => ring.produce(size, undefined, DISCARD),
      drain: (visit, flags) => ring.drain(visit, flagNumber(flags)),
      get wakeups() {
        return wakeups();
      },
    },
    dump: () => ({
      entries: [],
      state: { producer: ring.producer, consumer: ring.consumer, data: toHex(data.bytes) },
    }),
    load: ({ state }) => {
      ring.producer = stateNumber(state, 'producer');
      ring.consumer = stateNumber(state, 'consumer');
      data.bytes.set(fromHex(stateText(state, 'data'), data.bytes.length));
    },
  };
}

class UserRing {
  producer = 0;
  consumer = 0;
  wakeups = 0;
  readonly #core: MapCore;
  readonly #data: MapAllocation;
  /** Where a record that wraps is put together. */
  #aside: MapAllocation | undefined;
  #busy = false;

  constructor(core: MapCore, data: MapAllocation) {
    this.#core = core;
    this.#data = data;
  }

  produce(size: number, record: Uint8Array | undefined, flag: number): number {
    const { bytes } = this.#data;
    if (size > LENGTH_MASK) return ERRNO.E2BIG;
    const length = roundUp8(size + RING_HEADER);
    if (length > bytes.length) return ERRNO.E2BIG;
    if (length > bytes.length - (this.producer - this.consumer)) return ERRNO.ENOSPC;
    const at = this.producer % bytes.length;
    writeU32(this.#core, bytes, at, (size | flag) >>> 0);
    writeU32(this.#core, bytes, at + 4, 0);
    if (record !== undefined) {
      const first = Math.min(size, bytes.length - at - RING_HEADER);
      bytes.set(record.subarray(0, first), at + RING_HEADER);
      bytes.set(record.subarray(first), 0);
    }
    this.producer += length;
    return 0;
  }

  /** Kernel: `bpf_user_ringbuf_drain`. */
  drain(visit: (record: UserRecord) => number | bigint, flags: number): number {
    if (flags > (NO_WAKEUP | FORCE_WAKEUP)) return ERRNO.EINVAL;
    if (this.#busy) return ERRNO.EBUSY;
    this.#busy = true;
    let samples = 0;
    try {
      const result = this.#consume(visit, () => samples++);
      if ((flags & FORCE_WAKEUP) !== 0 || ((flags & NO_WAKEUP) === 0 && samples > 0)) this.wakeups++;
      return result;
    } finally {
      this.#busy = false;
    }
  }

  #consume(visit: (record: UserRecord) => number | bigint, count: () => void): number {
    let visited = 0;
    for (let samples = 0; samples < SAMPLE_LIMIT; samples++) {
      if (this.consumer >= this.producer) return visited;
      const header = readU32(this.#core, this.#data.bytes, this.consumer % this.#data.bytes.length);
      const size = header & LENGTH_MASK;
      const length = roundUp8(size + RING_HEADER);
      if (length > this.producer - this.consumer) return ERRNO.EINVAL;
      if (length > this.#data.bytes.length || size > DYNPTR_LIMIT) return ERRNO.E2BIG;
      if ((header & DISCARD) !== 0) {
        this.consumer += length;
        count();
        continue;
      }
      if (header >= BUSY) return visited;
      const record = this.#record(size);
      if (record === undefined) return ERRNO.ENOMEM;
      const stop = visit(record);
      this.consumer += length;
      count();
      visited++;
      if (stop !== 0 && stop !== 0n) return visited;
    }
    return visited;
  }

  #record(size: number): UserRecord | undefined {
    const { bytes, address } = this.#data;
    const at = (this.consumer + RING_HEADER) % bytes.length;
    if (at + size <= bytes.length) return { data: bytes.subarray(at, at + size), address: address + BigInt(at) };
    if (this.#aside === undefined || this.#aside.bytes.length < size) {
      this.#aside = allocate(this.#core, 'wrapped', Math.max(64, powerOfTwo(size)));
    }
    if (this.#aside === undefined) return undefined;
    const data = this.#aside.bytes.subarray(0, size);
    const first = bytes.length - at;
    data.set(bytes.subarray(at));
    data.set(bytes.subarray(0, size - first), first);
    return { data, address: this.#aside.address };
  }
}
