/**
 * BPF_MAP_TYPE_PERF_EVENT_ARRAY (kernel/trace/bpf_trace.c: `__bpf_perf_event_output`): a buffer of records for each CPU.
 * As in the kernel a program's output goes nowhere, ENOENT, until somebody opens buffers.
 */
import { ERRNO } from './errno.ts';
import { flagNumber } from './flags.ts';
import type { Flags, MapObject } from './guest-map.ts';
import { Mailbox } from './mailbox.ts';
import { bytesOfU32, type MapCore, type MapOps } from './map-core.ts';
import { makeObjectArray } from './object-array.ts';

/** BPF_F_CURRENT_CPU and BPF_F_INDEX_MASK. */
const CURRENT_CPU = 0xffffffff;
const DEFAULT_BYTES = 64 * 4096;
/** `perf_event_header` and the size before raw data. */
const SAMPLE_HEADER = 8;
const RAW_SIZE = 4;
const LOST_RECORD = 24;
const U16_MAX = 65535;

/** A record that a program wrote. */
export interface PerfRecord {
  readonly cpu: number;
  readonly data: Uint8Array;
  /** Bytes that perf tells for it: with the size before it a multiple of 8. What is in the padding is undefined. */
  readonly paddedSize: number;
}

/** A buffer for the records of one CPU; what a perf event is for a real map. */
export interface PerfBuffer {
  readonly cpu: number;
  /** Room for records in bytes, headers counted. */
  readonly capacity: number;
}

/** What `bpf_perf_event_output` does, and reading. */
export interface PerfEvents extends AsyncIterable<PerfRecord> {
  /**
   * Opens a buffer for each CPU at the index of its number, as libbpf's `perf_buffer__new`; 0, or E2BIG when the map has
   * fewer entries than there are CPUs: those that fit are open then.
   *
   * @param bytes - size of each buffer, default 64 pages
   */
  open(bytes?: number): number;
  /** A buffer for one CPU, to be put into the map with `objects.set`. */
  buffer(cpu: number, bytes?: number): MapObject;
  /**
   * `bpf_perf_event_output` with the lower 32 bits of its flags, index or `BPF_F_CURRENT_CPU`: 0, E2BIG for an index out of
   * range, ENOENT without a buffer, EOPNOTSUPP for the buffer of another CPU, ENOSPC when it is full.
   */
  output(flags: Flags, data: Uint8Array): number;
  /** All records so far, which are taken away, in the order in which they were written. */
  drain(): PerfRecord[];
  /** Records that found no room, by CPU. */
  readonly lost: readonly number[];
  /** Ends async iteration after the records that are there. */
  close(): void;
}

interface BufferState {
  /** Bytes that were not read yet. */
  used: number;
  /** Records lost since the last one that found room. */
  unreported: number;
}

interface Written {
  readonly record: PerfRecord;
  readonly size: number;
  readonly state: BufferState;
}

/** A perf event array; a negative errno when the definition is refused. */
export function makePerfEventArray(core: MapCore): MapOps | number {
  const slots = makeObjectArray(core);
  if (typeof slots === 'number') return slots;
  const objects = slots.objects!;
  const records: Written[] = [];
  const states = new Map<PerfBuffer, BufferState>();
  const lost = new Array<number>(core.cpus).fill(0);
  const mailbox = new Mailbox<PerfRecord>();
  const buffer = (cpu: number, bytes = DEFAULT_BYTES): MapObject => ({
    id: 0,
    kind: 'perf_event',
    object: { cpu, capacity: bytes } satisfies PerfBuffer,
  });
  const take = (): PerfRecord | undefined => {
    const written = records.shift();
    if (written !== undefined) written.state.used -= written.size;
    return written?.record;
  };
  const stateOf = (target: PerfBuffer): BufferState => {
    const known = states.get(target) ?? { used: 0, unreported: 0 };
    states.set(target, known);
    return known;
  };
  const events: PerfEvents = {
    buffer,
    open(bytes) {
      for (let cpu = 0; cpu < core.cpus; cpu++) {
        const errno = objects.set(bytesOfU32(core, cpu), buffer(cpu, bytes));
        if (errno !== 0) return errno;
      }
      return 0;
    },
    output(flags, data) {
      const wanted = flagNumber(flags);
      if (wanted > CURRENT_CPU) return ERRNO.EINVAL;
      const cpu = core.currentCpu();
      const index = wanted === CURRENT_CPU ? cpu : wanted;
      if (index >= core.maxEntries) return ERRNO.E2BIG;
      const target = objects.get(bytesOfU32(core, index))?.object as PerfBuffer | undefined;
      if (target === undefined) return ERRNO.ENOENT;
      if (target.cpu !== cpu) return ERRNO.EOPNOTSUPP;
      const paddedSize = Math.ceil((data.length + RAW_SIZE) / 8) * 8 - RAW_SIZE;
      // A record's size has 16 bits (kernel: `perf_event_output` gives E2BIG beyond).
      if (SAMPLE_HEADER + RAW_SIZE + paddedSize > U16_MAX) return ERRNO.E2BIG;
      const state = stateOf(target);
      // What was lost is told first, in a record of its own; the last byte of a buffer stays free.
      const size = SAMPLE_HEADER + RAW_SIZE + paddedSize + (state.unreported > 0 ? LOST_RECORD : 0);
      if (state.used + size >= target.capacity) {
        state.unreported++;
        lost[cpu]!++;
        return ERRNO.ENOSPC;
      }
      state.used += size;
      state.unreported = 0;
      records.push({ record: { cpu, data: data.slice(), paddedSize }, size, state });
      mailbox.wake();
      return 0;
    },
    drain() {
      for (const state of states.values()) state.used = 0;
      return records.splice(0).map(({ record }) => record);
    },
    lost,
    close: () => mailbox.close(),
    [Symbol.asyncIterator]: () => mailbox.iterate(take),
  };
  return { ...slots, events };
}
