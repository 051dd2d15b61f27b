/**
 * Names of program, map and attach types: `enum bpf_prog_type`, `bpf_map_type` and `bpf_attach_type` of
 * include/uapi/linux/bpf.h up to Linux 6.18. A native test compares them with the running kernel's BTF.
 */
import { BpfError } from '@polybpf/errors';

/** By number, in lower case and without prefix, as libbpf prints them. */
// prettier-ignore
export const PROGRAM_TYPES = [
  'unspec', 'socket_filter', 'kprobe', 'sched_cls', 'sched_act', 'tracepoint', 'xdp', 'perf_event', 'cgroup_skb',
  'cgroup_sock', 'lwt_in', 'lwt_out', 'lwt_xmit', 'sock_ops', 'sk_skb', 'cgroup_device', 'sk_msg', 'raw_tracepoint',
  'cgroup_sock_addr', 'lwt_seg6local', 'lirc_mode2', 'sk_reuseport', 'flow_dissector', 'cgroup_sysctl',
  'raw_tracepoint_writable', 'cgroup_sockopt', 'tracing', 'struct_ops', 'ext', 'lsm', 'sk_lookup', 'syscall',
  'netfilter',
] as const;
export type ProgramTypeName = (typeof PROGRAM_TYPES)[number];

/** By number, in lower case and without prefix. */
// prettier-ignore
export const MAP_TYPES = [
  'unspec', 'hash', 'array', 'prog_array', 'perf_event_array', 'percpu_hash', 'percpu_array', 'stack_trace',
  'cgroup_array', 'lru_hash', 'lru_percpu_hash', 'lpm_trie', 'array_of_maps', 'hash_of_maps', 'devmap', 'sockmap',
  'cpumap', 'xskmap', 'sockhash', 'cgroup_storage', 'reuseport_sockarray', 'percpu_cgroup_storage', 'queue', 'stack',
  'sk_storage', 'devmap_hash', 'struct_ops', 'ringbuf', 'inode_storage', 'task_storage', 'bloom_filter',
  'user_ringbuf', 'cgrp_storage', 'arena',
] as const;
export type MapTypeName = (typeof MAP_TYPES)[number];

/** By number, in the uapi's words. */
// prettier-ignore
export const ATTACH_TYPES = [
  'BPF_CGROUP_INET_INGRESS', 'BPF_CGROUP_INET_EGRESS', 'BPF_CGROUP_INET_SOCK_CREATE', 'BPF_CGROUP_SOCK_OPS',
  'BPF_SK_SKB_STREAM_PARSER', 'BPF_SK_SKB_STREAM_VERDICT', 'BPF_CGROUP_DEVICE', 'BPF_SK_MSG_VERDICT',
  'BPF_CGROUP_INET4_BIND', 'BPF_CGROUP_INET6_BIND', 'BPF_CGROUP_INET4_CONNECT', 'BPF_CGROUP_INET6_CONNECT',
  'BPF_CGROUP_INET4_POST_BIND', 'BPF_CGROUP_INET6_POST_BIND', 'BPF_CGROUP_UDP4_SENDMSG', 'BPF_CGROUP_UDP6_SENDMSG',
  'BPF_LIRC_MODE2', 'BPF_FLOW_DISSECTOR', 'BPF_CGROUP_SYSCTL', 'BPF_CGROUP_UDP4_RECVMSG', 'BPF_CGROUP_UDP6_RECVMSG',
  'BPF_CGROUP_GETSOCKOPT', 'BPF_CGROUP_SETSOCKOPT', 'BPF_TRACE_RAW_TP', 'BPF_TRACE_FENTRY', 'BPF_TRACE_FEXIT',
  'BPF_MODIFY_RETURN', 'BPF_LSM_MAC', 'BPF_TRACE_ITER', 'BPF_CGROUP_INET4_GETPEERNAME',
  'BPF_CGROUP_INET6_GETPEERNAME', 'BPF_CGROUP_INET4_GETSOCKNAME', 'BPF_CGROUP_INET6_GETSOCKNAME', 'BPF_XDP_DEVMAP',
  'BPF_CGROUP_INET_SOCK_RELEASE', 'BPF_XDP_CPUMAP', 'BPF_SK_LOOKUP', 'BPF_XDP', 'BPF_SK_SKB_VERDICT',
  'BPF_SK_REUSEPORT_SELECT', 'BPF_SK_REUSEPORT_SELECT_OR_MIGRATE', 'BPF_PERF_EVENT', 'BPF_TRACE_KPROBE_MULTI',
  'BPF_LSM_CGROUP', 'BPF_STRUCT_OPS', 'BPF_NETFILTER', 'BPF_TCX_INGRESS', 'BPF_TCX_EGRESS', 'BPF_TRACE_UPROBE_MULTI',
  'BPF_CGROUP_UNIX_CONNECT', 'BPF_CGROUP_UNIX_SENDMSG', 'BPF_CGROUP_UNIX_RECVMSG', 'BPF_CGROUP_UNIX_GETPEERNAME',
  'BPF_CGROUP_UNIX_GETSOCKNAME', 'BPF_NETKIT_PRIMARY', 'BPF_NETKIT_PEER', 'BPF_TRACE_KPROBE_SESSION',
  'BPF_TRACE_UPROBE_SESSION',
] as const;
export type AttachTypeName = (typeof ATTACH_TYPES)[number];

/**
 * The number of a program type, from `xdp`, `XDP` or `BPF_PROG_TYPE_XDP`; numbers pass.
 *
 * @throws BpfError `E_INPUT`
 */
export function programTypeNumber(type: string | number): number {
  return numberOf(type, PROGRAM_TYPES, 'BPF_PROG_TYPE_', 'program type');
}

/**
 * The number of a map type, from `hash`, `HASH` or `BPF_MAP_TYPE_HASH`; numbers pass.
 *
 * @throws BpfError `E_INPUT`
 */
export function mapTypeNumber(type: string | number): number {
  return numberOf(type, MAP_TYPES, 'BPF_MAP_TYPE_', 'map type');
}

/**
 * The number of an attach type by its uapi name; numbers pass.
 *
 * @throws BpfError `E_INPUT`
 */
export function attachTypeNumber(type: string | number): number {
  return numberOf(type, ATTACH_TYPES, '', 'attach type');
}

/** Name of a program type; its number when it is newer than this table. */
export function programTypeName(type: number): string {
  return PROGRAM_TYPES[type] ?? String(type);
}

/** Name of a map type; its number when it is newer than this table. */
export function mapTypeName(type: number): string {
  return MAP_TYPES[type] ?? String(type);
}

function numberOf(type: string | number, names: readonly string[], prefix: string, what: string): number {
  if (typeof type === 'number') return type;
  const bare = type.startsWith(prefix) ? type.slice(prefix.length) : type;
  const index = names.findIndex((name) => name.toLowerCase() === bare.toLowerCase());
  if (index >= 0) return index;
  throw new BpfError('E_INPUT', `unknown ${what}`, { expected: names.join(', '), got: type });
}
