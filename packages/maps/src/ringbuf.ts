/** BPF_MAP_TYPE_RINGBUF. */

/** What the ring buffer helpers do, and reading. */
export interface RingBuffer extends AsyncIterable<Uint8Array> {
  /** `bpf_ringbuf_reserve`: address of the record; 0 when there is no room. */
  reserve(size: number | bigint, flags?: number | bigint): bigint;
  /** `bpf_ringbuf_submit` of the record at an address. */
  submit(address: bigint, flags?: number | bigint): void;
  /** `bpf_ringbuf_discard`. */
  discard(address: bigint, flags?: number | bigint): void;
  /** `bpf_ringbuf_output`: 0 or a negative errno. */
  output(data: Uint8Array, flags?: number | bigint): number;
  /** `bpf_ringbuf_query`. */
  query(flags: number | bigint): bigint;
  /** Records that are complete, which are taken away; as libbpf's `ring_buffer__consume` gives them. */
  drain(): Uint8Array[];
  /** Wake-ups of the reader so far. */
  readonly wakeups: number;
  /** Ends async iteration after the records that are there. */
  close(): void;
}
