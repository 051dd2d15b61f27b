/** BPF_MAP_TYPE_USER_RINGBUF. */

/** User space produces, `bpf_user_ringbuf_drain` consumes. */
export interface UserRingBuffer {
  /** Puts a record into the ring, as libbpf's `user_ring_buffer__submit`: 0 or a negative errno. */
  produce(data: Uint8Array): number;
  /** `bpf_user_ringbuf_drain`: number of records given to `visit`, or a negative errno. */
  drain(
    visit: (record: { readonly data: Uint8Array; readonly address: bigint }) => number | bigint,
    flags: number | bigint,
  ): number;
}
