/** Context structs of program types: include/uapi/linux/bpf.h, and the sizes that `is_valid_access` functions allow. */
import type { ContextAccess, ContextField, ContextLayout } from './profile.ts';

/** Struct of a program type; null for argument arrays and records of no fixed type. */
const STRUCTS: Readonly<Record<string, string>> = {
  SOCKET_FILTER: '__sk_buff',
  SCHED_CLS: '__sk_buff',
  SCHED_ACT: '__sk_buff',
  CGROUP_SKB: '__sk_buff',
  LWT_IN: '__sk_buff',
  LWT_OUT: '__sk_buff',
  LWT_XMIT: '__sk_buff',
  LWT_SEG6LOCAL: '__sk_buff',
  SK_SKB: '__sk_buff',
  FLOW_DISSECTOR: '__sk_buff',
  XDP: 'xdp_md',
  KPROBE: 'pt_regs',
  PERF_EVENT: 'bpf_perf_event_data',
  CGROUP_SOCK: 'bpf_sock',
  SOCK_OPS: 'bpf_sock_ops',
  CGROUP_DEVICE: 'bpf_cgroup_dev_ctx',
  SK_MSG: 'sk_msg_md',
  RAW_TRACEPOINT: 'bpf_raw_tracepoint_args',
  RAW_TRACEPOINT_WRITABLE: 'bpf_raw_tracepoint_args',
  CGROUP_SOCK_ADDR: 'bpf_sock_addr',
  SK_REUSEPORT: 'sk_reuseport_md',
  CGROUP_SYSCTL: 'bpf_sysctl',
  CGROUP_SOCKOPT: 'bpf_sockopt',
  SK_LOOKUP: 'bpf_sk_lookup',
  NETFILTER: 'bpf_nf_ctx',
};

/** Where accesses end when it is not at the last probed one: they were tried below 288 only. */
const SIZES: Readonly<Record<string, number>> = {
  TRACEPOINT: 8192, // PERF_MAX_TRACE_SIZE: tp_prog_is_valid_access()
  SYSCALL: 0xffff, // U16_MAX: syscall_prog_is_valid_access()
};

/** Structs by name. */
export type Structs = ReadonlyMap<string, readonly ContextField[]>;

/** The layout of a type's context around the accesses that were probed. */
export function contextLayout(type: string, access: readonly ContextAccess[], structs: Structs): ContextLayout {
  const struct = STRUCTS[type] ?? null;
  const fields = (struct === null ? undefined : structs.get(struct)) ?? [];
  const used = access.reduce((most, row) => Math.max(most, row.offset + row.size), 0);
  const declared = fields.reduce((most, field) => Math.max(most, field.offset + field.size), 0);
  return { struct, fields, size: SIZES[type] ?? Math.max(used, Math.ceil(declared / 8) * 8), access };
}
