/**
 * BPF_MAP_TYPE_RINGBUF (kernel/bpf/ringbuf.c): records with a header of 8 bytes, length and page offset in guest order, each
 * rounded up to 8 bytes.
 *
 * The kernel maps the data twice so that a record that wraps is still in one piece. Here such a record is written in a
 * place of its own and goes into the ring when it is submitted.
 */
import { BpfError } from '@polybpf/errors';
import type { MapAllocation } from './arena.ts';
import { flagNumber, lowBits } from './flags.ts';
import { ERRNO } from './errno.ts';
import type { Flags } from './guest-map.ts';
import { allocate, type MapCore, type MapOps, powerOfTwo, readU32, roundUp8, writeU32 } from './map-core.ts';
import { MAP_FLAG } from './map-type.ts';
import { Mailbox } from './mailbox.ts';
import { fromHex, stateNumber, stateText, toHex } from './snapshot.ts';

/** Bytes of a record's header. */
export const RING_HEADER = 8;
const BUSY = 0x80000000;
const DISCARD = 0x40000000;
const LENGTH_MASK = 0x3fffffff;
/** UINT_MAX / 4. */
const RECORD_LIMIT = 0x3fffffff;
const PAGE = 4096;
/** Pages from the kernel's `struct bpf_ringbuf` to its data: the struct, the consumer's page, the producer's. */
const DATA_PAGE = 3;
const NO_WAKEUP = 1;
const FORCE_WAKEUP = 2;
const QUERY = { AVAIL_DATA: 0, RING_SIZE: 1, CONS_POS: 2, PROD_POS: 3 } as const;

/** What the ring buffer helpers do, and reading. */
export interface RingBuffer extends AsyncIterable<Uint8Array> {
  /** `bpf_ringbuf_reserve`: address of the record; 0 when there is no room. */
  reserve(size: Flags, flags?: Flags): bigint;
  /**
   * `bpf_ringbuf_submit` of the record at an address.
   *
   * @throws BpfError `E_RUN_HELPER` when no record is reserved there
   */
  submit(address: bigint, flags?: Flags): void;
  /** `bpf_ringbuf_discard`. @throws BpfError `E_RUN_HELPER` */
  discard(address: bigint, flags?: Flags): void;
  /** `bpf_ringbuf_output`: 0 or a negative errno. */
  output(data: Uint8Array, flags?: Flags): number;
  /** `bpf_ringbuf_query`. */
  query(flags: Flags): bigint;
  /** Bytes of the record that is reserved at an address; undefined when there is none. */
  reservedSize(address: bigint): number | undefined;
  /** Records that are complete, which are taken away, at most `limit`; as libbpf's `ring_buffer__consume` gives them. */
  drain(limit?: number): Uint8Array[];
  /** Wake-ups of the reader so far. */
  readonly wakeups: number;
  /** Ends async iteration after the records that are there. */
  close(): void;
}

/** 0, or why the definition of a ring is refused; also of user ring buffers. */
export function checkRing(core: MapCore): number {
  const { maxEntries } = core;
  if ((core.flags & ~MAP_FLAG.NUMA_NODE) !== 0 || core.keySize !== 0 || core.valueSize !== 0) return ERRNO.EINVAL;
  return maxEntries === 0 || powerOfTwo(maxEntries) !== maxEntries || maxEntries % PAGE !== 0 ? ERRNO.EINVAL : 0;
}

/** What every operation on elements of a ring gives. */
export const NO_ELEMENTS: Pick<MapOps, 'nextKey' | 'userLookup' | 'userUpdate' | 'userDelete' | 'size'> = {
  nextKey: () => ERRNO.ENOTSUPP,
  userLookup: () => ERRNO.ENOTSUPP,
  userUpdate: () => ERRNO.ENOTSUPP,
  userDelete: () => ERRNO.ENOTSUPP,
  size: () => 0,
};

/** A ring buffer; a negative errno when the definition is refused. */
export function makeRingBuffer(core: MapCore): MapOps | number {
  const refusal = checkRing(core);
  if (refusal !== 0) return refusal;
  const data = allocate(core, '', core.maxEntries);
  if (data === undefined) return ERRNO.ENOMEM;
  const ring = new Ring(core, data);
  return {
    ...NO_ELEMENTS,
    ring: ring.face(),
    dump: () => ring.dump(),
    load: ({ state }) =>
      ring.load(stateNumber(state, 'producer'), stateNumber(state, 'consumer'), stateText(state, 'data')),
  };
}

interface Reservation {
  readonly position: number;
  readonly size: number;
  /** Where the record is written when it wraps. */
  readonly aside: MapAllocation | undefined;
}

class Ring {
  readonly #core: MapCore;
  readonly #data: MapAllocation;
  readonly #mask: number;
  /** Positions only grow: exact up to 2^53 bytes. */
  #producer = 0;
  #consumer = 0;
  /** Oldest record that is not committed yet. */
  #pending = 0;
  #wakeups = 0;
  readonly #reserved = new Map<bigint, Reservation>();
  readonly #asides: MapAllocation[] = [];
  readonly #mailbox = new Mailbox<Uint8Array>();

  constructor(core: MapCore, data: MapAllocation) {
    this.#core = core;
    this.#data = data;
    this.#mask = data.bytes.length - 1;
  }

  face(): RingBuffer {
    const wakeups = (): number => this.#wakeups;
    return {
      reserve: (size, flags = 0) => (flagNumber(flags) === 0 ? this.#reserve(flagNumber(size)) : 0n),
      submit: (address, flags = 0) => this.#commit(address, lowBits(flags), 0),
      discard: (address, flags = 0) => this.#commit(address, lowBits(flags), DISCARD),
      output: (data, flags = 0) => this.#output(data, flagNumber(flags)),
      query: (flags) => BigInt(this.#query(flagNumber(flags))),
      reservedSize: (address) => this.#reserved.get(address)?.size,
      drain: (limit = Number.POSITIVE_INFINITY) => this.#drain(limit),
      get wakeups() {
        return wakeups();
      },
      close: () => this.#mailbox.close(),
      [Symbol.asyncIterator]: () => this.#mailbox.iterate(() => this.#drain(1)[0]),
    };
  }

  dump(): { entries: []; state: { producer: number; consumer: number; data: string } } {
    return {
      entries: [],
      state: { producer: this.#producer, consumer: this.#consumer, data: toHex(this.#data.bytes) },
    };
  }

  load(producer: number, consumer: number, data: string): void {
    this.#producer = producer;
    this.#consumer = this.#pending = consumer;
    this.#data.bytes.set(fromHex(data, this.#data.bytes.length));
    this.#reserved.clear();
  }

  /** Kernel: `__bpf_ringbuf_reserve`. */
  #reserve(size: number): bigint {
    if (size > RECORD_LIMIT) return 0n;
    const length = roundUp8(size + RING_HEADER);
    if (length > this.#mask + 1) return 0n;
    while (this.#pending < this.#producer) {
      const header = this.#header(this.#pending);
      if (header >= BUSY) break;
      this.#pending += roundUp8((header & LENGTH_MASK) + RING_HEADER);
    }
    const position = this.#producer;
    const end = position + length;
    if (end - this.#consumer > this.#mask || end - this.#pending > this.#mask) return 0n;
    const at = position % (this.#mask + 1);
    const wraps = at + length > this.#mask + 1;
    const aside = wraps ? this.#takeAside(size) : undefined;
    if (wraps && aside === undefined) return 0n;
    writeU32(this.#core, this.#data.bytes, at, (size | BUSY) >>> 0);
    writeU32(this.#core, this.#data.bytes, at + 4, DATA_PAGE + Math.floor(at / PAGE));
    this.#producer = end;
    // What was in the ring before shows through until the program overwrites it.
    aside?.bytes.set(this.#read(position + RING_HEADER, size));
    const address = aside?.address ?? this.#data.address + BigInt(at + RING_HEADER);
    this.#reserved.set(address, { position, size, aside });
    return address;
  }

  /** Kernel: `bpf_ringbuf_commit`. */
  #commit(address: bigint, flags: number, discard: number): void {
    const record = this.#reserved.get(address);
    if (record === undefined) {
      throw new BpfError('E_RUN_HELPER', `record at 0x${address.toString(16)} of ring buffer ${this.#core.name}`, {
        expected: 'the address of a reserved record',
        got: 'no record',
      });
    }
    this.#reserved.delete(address);
    const at = record.position % (this.#mask + 1);
    if (record.aside !== undefined) {
      this.#write(at + RING_HEADER, record.aside.bytes.subarray(0, record.size));
      this.#asides.push(record.aside);
    }
    writeU32(this.#core, this.#data.bytes, at, (record.size | discard) >>> 0);
    const caughtUp = this.#consumer % (this.#mask + 1) === at;
    if ((flags & FORCE_WAKEUP) !== 0 || (caughtUp && (flags & NO_WAKEUP) === 0)) {
      this.#wakeups++;
      this.#mailbox.wake();
    }
  }

  #output(data: Uint8Array, flags: number): number {
    if (flags > (NO_WAKEUP | FORCE_WAKEUP)) return ERRNO.EINVAL;
    const address = this.#reserve(data.length);
    if (address === 0n) return ERRNO.EAGAIN;
    const record = this.#reserved.get(address)!;
    if (record.aside !== undefined) record.aside.bytes.set(data);
    else this.#data.bytes.set(data, (record.position % (this.#mask + 1)) + RING_HEADER);
    this.#commit(address, flags, 0);
    return 0;
  }

  #query(what: number): number {
    if (what === QUERY.AVAIL_DATA) return this.#producer - this.#consumer;
    if (what === QUERY.RING_SIZE) return this.#mask + 1;
    if (what === QUERY.CONS_POS) return this.#consumer;
    return what === QUERY.PROD_POS ? this.#producer : 0;
  }

  /** As libbpf's `ringbuf_process_ring`. */
  #drain(limit: number): Uint8Array[] {
    const records: Uint8Array[] = [];
    while (this.#consumer < this.#producer && records.length < limit) {
      const header = this.#header(this.#consumer);
      if (header >= BUSY) break;
      const size = header & LENGTH_MASK;
      if ((header & DISCARD) === 0) records.push(this.#read(this.#consumer + RING_HEADER, size));
      this.#consumer += roundUp8(size + RING_HEADER);
    }
    return records;
  }

  #header(position: number): number {
    return readU32(this.#core, this.#data.bytes, position % (this.#mask + 1));
  }

  #read(position: number, size: number): Uint8Array {
    const at = position % (this.#mask + 1);
    const first = Math.min(size, this.#mask + 1 - at);
    const record = new Uint8Array(size);
    record.set(this.#data.bytes.subarray(at, at + first));
    record.set(this.#data.bytes.subarray(0, size - first), first);
    return record;
  }

  #write(position: number, bytes: Uint8Array): void {
    const at = position % (this.#mask + 1);
    const first = Math.min(bytes.length, this.#mask + 1 - at);
    this.#data.bytes.set(bytes.subarray(0, first), at);
    this.#data.bytes.set(bytes.subarray(first), 0);
  }

  /** Places for records that wrap are reused; there are as many as such records are reserved at once: two in all. */
  #takeAside(size: number): MapAllocation | undefined {
    const index = this.#asides.findIndex(({ bytes }) => bytes.length >= size);
    if (index >= 0) return this.#asides.splice(index, 1)[0];
    return allocate(this.#core, 'wrapped', Math.max(64, powerOfTwo(roundUp8(size))));
  }
}
