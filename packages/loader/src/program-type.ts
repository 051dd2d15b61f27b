/**
 * Program types by section name, as libbpf tells them: Documentation/bpf/libbpf/program_types.rst of the kernel and the
 * table `section_defs` of libbpf. Types are spelled as libbpf prints them, attach types as uapi/linux/bpf.h has them.
 */

/** What a section name says about its programs. */
export interface ProgramType {
  /** Program type, e.g. `xdp`, `kprobe`, `cgroup_sock_addr`. */
  readonly type: string;
  /** Attach type, e.g. `BPF_CGROUP_INET4_BIND`; absent where the program type has none or it is chosen later. */
  readonly attachType?: string;
  /** What follows the type, e.g. `syscalls/sys_enter_openat`. */
  readonly attachTo?: string;
  /** May sleep (`BPF_F_SLEEPABLE`). */
  readonly sleepable?: boolean;
}

/**
 * One row: section name, program type, attach type, `s` for sleepable. A name that ends with `+` stands alone or before
 * a slash and a target; the others are whole names.
 */
type SectionRow = readonly [name: string, type: string, attachType?: string | undefined, sleepable?: 's'];

const SECTION_ROWS: readonly SectionRow[] = [
  ['socket', 'socket_filter'],
  ['sk_reuseport/migrate', 'sk_reuseport', 'BPF_SK_REUSEPORT_SELECT_OR_MIGRATE'],
  ['sk_reuseport', 'sk_reuseport', 'BPF_SK_REUSEPORT_SELECT'],
  ['kprobe+', 'kprobe'],
  ['uprobe+', 'kprobe'],
  ['uprobe.s+', 'kprobe', undefined, 's'],
  ['kretprobe+', 'kprobe'],
  ['uretprobe+', 'kprobe'],
  ['uretprobe.s+', 'kprobe', undefined, 's'],
  ['kprobe.multi+', 'kprobe', 'BPF_TRACE_KPROBE_MULTI'],
  ['kretprobe.multi+', 'kprobe', 'BPF_TRACE_KPROBE_MULTI'],
  ['kprobe.session+', 'kprobe', 'BPF_TRACE_KPROBE_SESSION'],
  ['uprobe.multi+', 'kprobe', 'BPF_TRACE_UPROBE_MULTI'],
  ['uretprobe.multi+', 'kprobe', 'BPF_TRACE_UPROBE_MULTI'],
  ['uprobe.session+', 'kprobe', 'BPF_TRACE_UPROBE_SESSION'],
  ['uprobe.multi.s+', 'kprobe', 'BPF_TRACE_UPROBE_MULTI', 's'],
  ['uretprobe.multi.s+', 'kprobe', 'BPF_TRACE_UPROBE_MULTI', 's'],
  ['uprobe.session.s+', 'kprobe', 'BPF_TRACE_UPROBE_SESSION', 's'],
  ['ksyscall+', 'kprobe'],
  ['kretsyscall+', 'kprobe'],
  ['usdt+', 'kprobe'],
  ['usdt.s+', 'kprobe', undefined, 's'],
  ['tc/ingress', 'sched_cls', 'BPF_TCX_INGRESS'],
  ['tc/egress', 'sched_cls', 'BPF_TCX_EGRESS'],
  ['tcx/ingress', 'sched_cls', 'BPF_TCX_INGRESS'],
  ['tcx/egress', 'sched_cls', 'BPF_TCX_EGRESS'],
  ['tc', 'sched_cls'],
  ['classifier', 'sched_cls'],
  ['action', 'sched_act'],
  ['netkit/primary', 'sched_cls', 'BPF_NETKIT_PRIMARY'],
  ['netkit/peer', 'sched_cls', 'BPF_NETKIT_PEER'],
  ['tracepoint+', 'tracepoint'],
  ['tp+', 'tracepoint'],
  ['raw_tracepoint+', 'raw_tracepoint'],
  ['raw_tp+', 'raw_tracepoint'],
  ['raw_tracepoint.w+', 'raw_tracepoint_writable'],
  ['raw_tp.w+', 'raw_tracepoint_writable'],
  ['tp_btf+', 'tracing', 'BPF_TRACE_RAW_TP'],
  ['fentry+', 'tracing', 'BPF_TRACE_FENTRY'],
  ['fmod_ret+', 'tracing', 'BPF_MODIFY_RETURN'],
  ['fexit+', 'tracing', 'BPF_TRACE_FEXIT'],
  ['fsession+', 'tracing', 'BPF_TRACE_FSESSION'],
  ['fentry.s+', 'tracing', 'BPF_TRACE_FENTRY', 's'],
  ['fmod_ret.s+', 'tracing', 'BPF_MODIFY_RETURN', 's'],
  ['fexit.s+', 'tracing', 'BPF_TRACE_FEXIT', 's'],
  ['fsession.s+', 'tracing', 'BPF_TRACE_FSESSION', 's'],
  ['freplace+', 'ext'],
  ['lsm+', 'lsm', 'BPF_LSM_MAC'],
  ['lsm.s+', 'lsm', 'BPF_LSM_MAC', 's'],
  ['lsm_cgroup+', 'lsm', 'BPF_LSM_CGROUP'],
  ['iter+', 'tracing', 'BPF_TRACE_ITER'],
  ['iter.s+', 'tracing', 'BPF_TRACE_ITER', 's'],
  ['syscall', 'syscall', undefined, 's'],
  ['xdp.frags/devmap', 'xdp', 'BPF_XDP_DEVMAP'],
  ['xdp/devmap', 'xdp', 'BPF_XDP_DEVMAP'],
  ['xdp.frags/cpumap', 'xdp', 'BPF_XDP_CPUMAP'],
  ['xdp/cpumap', 'xdp', 'BPF_XDP_CPUMAP'],
  ['xdp.frags', 'xdp', 'BPF_XDP'],
  ['xdp', 'xdp', 'BPF_XDP'],
  ['perf_event', 'perf_event'],
  ['lwt_in', 'lwt_in'],
  ['lwt_out', 'lwt_out'],
  ['lwt_xmit', 'lwt_xmit'],
  ['lwt_seg6local', 'lwt_seg6local'],
  ['sockops', 'sock_ops', 'BPF_CGROUP_SOCK_OPS'],
  ['sk_skb/stream_parser', 'sk_skb', 'BPF_SK_SKB_STREAM_PARSER'],
  ['sk_skb/stream_verdict', 'sk_skb', 'BPF_SK_SKB_STREAM_VERDICT'],
  ['sk_skb/verdict', 'sk_skb', 'BPF_SK_SKB_VERDICT'],
  ['sk_skb', 'sk_skb'],
  ['sk_msg', 'sk_msg', 'BPF_SK_MSG_VERDICT'],
  ['lirc_mode2', 'lirc_mode2', 'BPF_LIRC_MODE2'],
  ['flow_dissector', 'flow_dissector', 'BPF_FLOW_DISSECTOR'],
  ['cgroup_skb/ingress', 'cgroup_skb', 'BPF_CGROUP_INET_INGRESS'],
  ['cgroup_skb/egress', 'cgroup_skb', 'BPF_CGROUP_INET_EGRESS'],
  ['cgroup/skb', 'cgroup_skb'],
  ['cgroup/sock_create', 'cgroup_sock', 'BPF_CGROUP_INET_SOCK_CREATE'],
  ['cgroup/sock_release', 'cgroup_sock', 'BPF_CGROUP_INET_SOCK_RELEASE'],
  ['cgroup/sock', 'cgroup_sock', 'BPF_CGROUP_INET_SOCK_CREATE'],
  ['cgroup/post_bind4', 'cgroup_sock', 'BPF_CGROUP_INET4_POST_BIND'],
  ['cgroup/post_bind6', 'cgroup_sock', 'BPF_CGROUP_INET6_POST_BIND'],
  ['cgroup/bind4', 'cgroup_sock_addr', 'BPF_CGROUP_INET4_BIND'],
  ['cgroup/bind6', 'cgroup_sock_addr', 'BPF_CGROUP_INET6_BIND'],
  ['cgroup/connect4', 'cgroup_sock_addr', 'BPF_CGROUP_INET4_CONNECT'],
  ['cgroup/connect6', 'cgroup_sock_addr', 'BPF_CGROUP_INET6_CONNECT'],
  ['cgroup/connect_unix', 'cgroup_sock_addr', 'BPF_CGROUP_UNIX_CONNECT'],
  ['cgroup/sendmsg4', 'cgroup_sock_addr', 'BPF_CGROUP_UDP4_SENDMSG'],
  ['cgroup/sendmsg6', 'cgroup_sock_addr', 'BPF_CGROUP_UDP6_SENDMSG'],
  ['cgroup/sendmsg_unix', 'cgroup_sock_addr', 'BPF_CGROUP_UNIX_SENDMSG'],
  ['cgroup/recvmsg4', 'cgroup_sock_addr', 'BPF_CGROUP_UDP4_RECVMSG'],
  ['cgroup/recvmsg6', 'cgroup_sock_addr', 'BPF_CGROUP_UDP6_RECVMSG'],
  ['cgroup/recvmsg_unix', 'cgroup_sock_addr', 'BPF_CGROUP_UNIX_RECVMSG'],
  ['cgroup/getpeername4', 'cgroup_sock_addr', 'BPF_CGROUP_INET4_GETPEERNAME'],
  ['cgroup/getpeername6', 'cgroup_sock_addr', 'BPF_CGROUP_INET6_GETPEERNAME'],
  ['cgroup/getpeername_unix', 'cgroup_sock_addr', 'BPF_CGROUP_UNIX_GETPEERNAME'],
  ['cgroup/getsockname4', 'cgroup_sock_addr', 'BPF_CGROUP_INET4_GETSOCKNAME'],
  ['cgroup/getsockname6', 'cgroup_sock_addr', 'BPF_CGROUP_INET6_GETSOCKNAME'],
  ['cgroup/getsockname_unix', 'cgroup_sock_addr', 'BPF_CGROUP_UNIX_GETSOCKNAME'],
  ['cgroup/sysctl', 'cgroup_sysctl', 'BPF_CGROUP_SYSCTL'],
  ['cgroup/getsockopt', 'cgroup_sockopt', 'BPF_CGROUP_GETSOCKOPT'],
  ['cgroup/setsockopt', 'cgroup_sockopt', 'BPF_CGROUP_SETSOCKOPT'],
  ['cgroup/dev', 'cgroup_device', 'BPF_CGROUP_DEVICE'],
  ['struct_ops+', 'struct_ops'],
  ['struct_ops.s+', 'struct_ops', undefined, 's'],
  ['sk_lookup', 'sk_lookup', 'BPF_SK_LOOKUP'],
  ['netfilter', 'netfilter', 'BPF_NETFILTER'],
];

/** Whole names that libbpf before 1.0 took as the start of a longer one, e.g. `xdp_prog` or `classifier/ingress`. */
const NEVER_A_PREFIX: ReadonlySet<string> = new Set(['tc', 'syscall', 'netfilter']);

/**
 * The program type that a section name stands for, or undefined when it is none of libbpf's. A leading `?` (not loaded
 * unless asked for) is skipped. Names such as `xdp_prog`, which libbpf took before version 1.0, are understood too.
 */
export function programTypeOfSection(section: string): ProgramType | undefined {
  const name = section.startsWith('?') ? section.slice(1) : section;
  for (const row of SECTION_ROWS) {
    const target = matchedTarget(row[0], name);
    if (target !== undefined) return fromRow(row, target);
  }
  let best: SectionRow | undefined;
  for (const row of SECTION_ROWS) {
    const [prefix] = row;
    if (prefix.endsWith('+') || NEVER_A_PREFIX.has(prefix) || !name.startsWith(prefix)) continue;
    if (best === undefined || prefix.length > best[0].length) best = row;
  }
  return best === undefined ? undefined : fromRow(best, '');
}

/** What a name says beyond the pattern: '' for nothing; undefined when it does not match. */
function matchedTarget(pattern: string, name: string): string | undefined {
  if (!pattern.endsWith('+')) return name === pattern ? '' : undefined;
  const prefix = pattern.slice(0, -1);
  if (name === prefix) return '';
  return name.startsWith(`${prefix}/`) ? name.slice(prefix.length + 1) : undefined;
}

function fromRow([, type, attachType, sleepable]: SectionRow, attachTo: string): ProgramType {
  return {
    type,
    ...(attachType === undefined ? {} : { attachType }),
    ...(attachTo === '' ? {} : { attachTo }),
    ...(sleepable === 's' ? { sleepable: true } : {}),
  };
}
