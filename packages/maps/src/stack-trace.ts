/** BPF_MAP_TYPE_STACK_TRACE. */

/** What `bpf_get_stackid` does, for a stack that the virtual machine gives. */
export interface StackTraces {
  /** The id of a stack of instruction addresses, innermost first, or a negative errno. */
  store(frames: readonly bigint[], flags: number | bigint): number;
}
