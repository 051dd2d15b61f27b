/**
 * Capabilities beyond CAP_BPF: which program types cannot be loaded, and which helpers cannot be called, without them. A
 * native test asks the kernel in a process without CAP_PERFMON, and in one without CAP_NET_ADMIN.
 */

/** What a loader must have; null: nothing (where unprivileged BPF is not turned off altogether). */
export type Capability = 'CAP_PERFMON' | 'CAP_NET_ADMIN' | 'CAP_BPF' | null;

/** Types that need neither CAP_PERFMON nor CAP_NET_ADMIN: bpf_prog_load() of kernel/bpf/syscall.c. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(['SK_LOOKUP', 'SK_REUSEPORT', 'SYSCALL']);
/** Types that anybody may load: bpf_prog_load(). */
const OPEN_TYPES: ReadonlySet<string> = new Set(['SOCKET_FILTER', 'CGROUP_SKB']);
/** is_perfmon_prog_type() of kernel/bpf/syscall.c. EXT needs CAP_NET_ADMIN too. */
const PERFMON_TYPES: ReadonlySet<string> = new Set(['KPROBE', 'TRACEPOINT', 'PERF_EVENT', 'RAW_TRACEPOINT', 'RAW_TRACEPOINT_WRITABLE', 'TRACING', 'LSM', 'STRUCT_OPS', 'EXT']); // prettier-ignore

/** What loading a program of a type needs beyond CAP_BPF; CAP_BPF itself when that is enough. */
export function typeCapability(type: string): Capability {
  if (OPEN_TYPES.has(type)) return null;
  if (PLAIN_TYPES.has(type)) return 'CAP_BPF';
  return PERFMON_TYPES.has(type) ? 'CAP_PERFMON' : 'CAP_NET_ADMIN';
}

/**
 * The part of bpf_base_func_proto() and bpf_sk_base_func_proto() that is for CAP_PERFMON, and what syscall programs and
 * bpf_tracing_func_proto() add.
 */
// prettier-ignore
const PERFMON: ReadonlySet<string> = new Set([
  'trace_printk', 'get_current_comm', 'perf_event_read', 'get_current_task', 'perf_event_read_value', 'send_signal',
  'probe_read_user', 'probe_read_kernel', 'probe_read_user_str', 'probe_read_kernel_str', 'send_signal_thread',
  'skc_to_tcp6_sock', 'skc_to_tcp_sock', 'skc_to_tcp_timewait_sock', 'skc_to_tcp_request_sock', 'skc_to_udp6_sock',
  'get_task_stack', 'copy_from_user', 'snprintf_btf', 'get_current_task_btf', 'snprintf', 'sys_bpf', 'task_pt_regs',
  'get_branch_snapshot', 'trace_vprintk', 'skc_to_unix_sock', 'find_vma', 'copy_from_user_task', 'skc_to_mptcp_sock',
]);

/** Helpers of the base set that come after its check for CAP_BPF; those of single program types have no check. */
// prettier-ignore
const BPF: ReadonlySet<string> = new Set([
  'spin_lock', 'spin_unlock', 'jiffies64', 'per_cpu_ptr', 'this_cpu_ptr', 'timer_init', 'timer_set_callback', 'timer_start',
  'timer_cancel', 'kptr_xchg', 'for_each_map_elem', 'loop', 'user_ringbuf_drain', 'ringbuf_reserve_dynptr',
  'ringbuf_submit_dynptr', 'ringbuf_discard_dynptr', 'dynptr_from_mem', 'dynptr_read', 'dynptr_write', 'dynptr_data',
  'cgrp_storage_get', 'cgrp_storage_delete', 'get_current_cgroup_id', 'get_current_ancestor_cgroup_id',
  'current_task_under_cgroup', 'task_storage_get', 'task_storage_delete',
]);

/**
 * What calling a helper needs of the loader. That of CAP_BPF is concluded, not asked.
 *
 * @param type - program type; syscall programs get `bpf_skc_to_*` from tracing_prog_func_proto(), which does not check
 */
export function helperCapability(helper: string, type?: string): Capability {
  const name = helper.replace(/^bpf_/, '');
  if (type === 'SYSCALL' && name.startsWith('skc_to_')) return null;
  if (PERFMON.has(name)) return 'CAP_PERFMON';
  return BPF.has(name) ? 'CAP_BPF' : null;
}
