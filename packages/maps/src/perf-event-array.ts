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
const U16_MAX = 65535;

/** A record that a program wrote. */
export interface PerfRecord {
  readonly cpu: number;
  readonly data: Uint8Array;
  /** Bytes that perf tells for it: with the size before it a multiple of 8, the rest being padding. */
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

/** A perf event array; a negative errno when the definition is refused. */
export function makePerfEventArray(core: MapCore): MapOps | number {
  const slots = makeObjectArray(core);
  if (typeof slots === 'number') return slots;
  const objects = slots.objects!;
  const records: PerfRecord[] = [];
  const used = new Map<PerfBuffer, number>();
  const lost = new Array<number>(core.cpus).fill(0);
  const mailbox = new Mailbox<PerfRecord>();
  const buffer = (cpu: number, bytes = DEFAULT_BYTES): MapObject => ({
    id: 0,
    kind: 'perf_event',
    object: { cpu, capacity: bytes } satisfies PerfBuffer,
  });
  const take = (): PerfRecord | undefined => {
    const record = records.shift();
    if (records.length === 0) used.clear();
    return record;
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
      const size = SAMPLE_HEADER + RAW_SIZE + paddedSize;
      const filled = used.get(target) ?? 0;
      // A record's size has 16 bits (kernel: `perf_event_output` gives E2BIG beyond).
      if (size > U16_MAX) return ERRNO.E2BIG;
      if (filled + size > target.capacity) {
        lost[cpu]!++;
        return ERRNO.ENOSPC;
      }
      used.set(target, filled + size);
      records.push({ cpu, data: data.slice(), paddedSize });
      mailbox.wake();
      return 0;
    },
    drain() {
      used.clear();
      return records.splice(0);
    },
    lost,
    close: () => mailbox.close(),
    [Symbol.asyncIterator]: () => mailbox.iterate(take),
  };
  return { ...slots, events };
}
