/** Perf event arrays: a buffer of records for each CPU. */

/** A record that a program wrote. */
export interface PerfRecord {
  readonly cpu: number;
  readonly data: Uint8Array;
}

/** What `bpf_perf_event_output` does, and reading. */
export interface PerfEvents extends AsyncIterable<PerfRecord> {
  /** `bpf_perf_event_output`: 0 or a negative errno; `flags` as the helper gets them. */
  output(flags: number | bigint, data: Uint8Array): number;
  /** All records so far, which are taken away. */
  drain(): PerfRecord[];
  /** Records lost since the map was made, by CPU. */
  readonly lost: readonly number[];
  /** Ends async iteration after the records that are there. */
  close(): void;
}
