// What is kept by hand about helpers: which variants have which prototype, and what changed between Linux 6.1, where the
// fact file has its prototypes from, and 6.18. Each entry names the kernel function or commit subject that says so.

/** Struct behind an expression for a BTF id in a prototype. */
export const BTF_IDS: Readonly<Record<string, string>> = {
  'btf_sock_ids[BTF_SOCK_TYPE_SOCK_COMMON]': 'sock_common',
  'btf_sock_ids[BTF_SOCK_TYPE_TCP6]': 'tcp6_sock',
  'btf_sock_ids[BTF_SOCK_TYPE_TCP]': 'tcp_sock',
  'btf_sock_ids[BTF_SOCK_TYPE_TCP_TW]': 'tcp_timewait_sock',
  'btf_sock_ids[BTF_SOCK_TYPE_TCP_REQ]': 'tcp_request_sock',
  'btf_sock_ids[BTF_SOCK_TYPE_UDP6]': 'udp6_sock',
  'btf_sock_ids[BTF_SOCK_TYPE_UNIX]': 'unix_sock',
  'btf_sock_ids[BTF_SOCK_TYPE_MPTCP]': 'mptcp_sock',
  'btf_tracing_ids[BTF_TRACING_TYPE_TASK]': 'task_struct',
  'bpf_skb_output_btf_ids[0]': 'sk_buff',
  tcp_sock_id: 'tcp_sock',
  'bpf_xdp_output_btf_ids[0]': 'xdp_buff',
  'bpf_xdp_get_buff_len_bpf_ids[0]': 'xdp_buff',
  'btf_seq_file_ids[0]': 'seq_file',
  'bpf_inode_storage_btf_ids[0]': 'inode',
  'bpf_d_path_btf_ids[0]': 'path',
  'bpf_bprm_opts_set_btf_ids[0]': 'linux_binprm',
  'bpf_ima_inode_hash_btf_ids[0]': 'inode',
  'bpf_ima_file_hash_btf_ids[0]': 'file',
  'bpf_sock_from_file_btf_ids[0]': 'socket',
  'bpf_sock_from_file_btf_ids[1]': 'file',
  'bpf_task_pt_regs_ids[0]': 'pt_regs',
  cgroup: 'cgroup',
  BPF_PTR_POISON: '', // any struct: the verifier takes it from the map
};

/** Bytes behind an expression for a size in a prototype. */
export const SIZES: Readonly<Record<string, number>> = {
  'sizeof(s64)': 8,
  'sizeof(u64)': 8,
  'sizeof(u32)': 4,
  'sizeof(struct iphdr)': 20,
  'sizeof(struct ipv6hdr)': 40,
  'sizeof(struct tcphdr)': 20,
};

/** Program types or variants whose `get_func_proto` returns the prototype that is not the common one. */
export const PROTOTYPE_VARIANTS: Readonly<Record<string, readonly string[]>> = {
  // bpf_tracing_func_proto(), tc_cls_act_func_proto(), xdp_func_proto(), lwt_out_func_proto(), syscall_prog_func_proto();
  // bpf_base_func_proto() gives the others bpf_get_raw_smp_processor_id_proto
  bpf_get_smp_processor_id_proto: ['SCHED_CLS', 'SCHED_ACT', 'XDP', 'LWT_IN', 'LWT_OUT', 'LWT_XMIT', 'LWT_SEG6LOCAL', 'KPROBE', 'TRACEPOINT', 'PERF_EVENT', 'RAW_TRACEPOINT', 'RAW_TRACEPOINT_WRITABLE', 'TRACING', 'LSM', 'SYSCALL'], // prettier-ignore
  // tc_cls_act_func_proto() and lwt_out_func_proto() of net/core/filter.c; all others have the one of the current task
  bpf_get_cgroup_classid_proto: ['SCHED_CLS', 'SCHED_ACT', 'LWT_IN', 'LWT_OUT', 'LWT_XMIT', 'LWT_SEG6LOCAL'],
  // tracing_prog_func_proto() of kernel/trace/bpf_trace.c, which syscall_prog_func_proto() falls back to;
  // sk_reuseport_func_proto() of net/core/filter.c
  bpf_get_socket_ptr_cookie_proto: ['TRACING', 'SYSCALL', 'SK_REUSEPORT'],
  bpf_sk_storage_get_tracing_proto: ['TRACING', 'SYSCALL'],
  bpf_sk_storage_delete_tracing_proto: ['TRACING', 'SYSCALL'],
  bpf_xdp_get_buff_len_trace_proto: ['TRACING', 'SYSCALL'],
  // cg_sockopt_func_proto(), bpf_lsm_func_proto(), bpf_iter_tcp and bpf_iter_unix: bpf_tcp_ca_get_func_proto()
  bpf_sk_setsockopt_proto: ['CGROUP_SOCKOPT', 'LSM', 'TRACING', 'STRUCT_OPS'],
  bpf_sk_getsockopt_proto: ['CGROUP_SOCKOPT', 'LSM', 'TRACING', 'STRUCT_OPS'],
  // sock_addr_func_proto() of net/core/filter.c
  bpf_sock_addr_sk_lookup_tcp_proto: ['CGROUP_SOCK_ADDR'],
  bpf_sock_addr_sk_lookup_udp_proto: ['CGROUP_SOCK_ADDR'],
  bpf_sock_addr_skc_lookup_tcp_proto: ['CGROUP_SOCK_ADDR'],
  // sock_filter_func_proto() of net/core/filter.c
  bpf_sk_storage_get_cg_sock_proto: ['CGROUP_SOCK'],
  // sk_lookup_func_proto() of net/core/filter.c
  bpf_sk_lookup_assign_proto: ['SK_LOOKUP'],
  // kprobe_prog_func_proto() of kernel/trace/bpf_trace.c
  bpf_get_func_ip_proto_kprobe_multi: ['KPROBE/BPF_TRACE_KPROBE_MULTI', 'KPROBE/BPF_TRACE_KPROBE_SESSION'],
};

/** bpf_helper_changes_pkt_data() of net/core/filter.c. */
// prettier-ignore
export const CHANGES_PACKET: ReadonlySet<string> = new Set([
  'bpf_clone_redirect', 'bpf_l3_csum_replace', 'bpf_l4_csum_replace', 'bpf_lwt_push_encap', 'bpf_lwt_seg6_action',
  'bpf_lwt_seg6_adjust_srh', 'bpf_lwt_seg6_store_bytes', 'bpf_msg_pop_data', 'bpf_msg_pull_data', 'bpf_msg_push_data',
  'bpf_skb_adjust_room', 'bpf_skb_change_head', 'bpf_skb_change_proto', 'bpf_skb_change_tail', 'bpf_skb_pull_data',
  'bpf_skb_store_bytes', 'bpf_skb_vlan_pop', 'bpf_skb_vlan_push', 'bpf_store_hdr_opt', 'bpf_xdp_adjust_head',
  'bpf_xdp_adjust_meta', 'bpf_xdp_adjust_tail', 'bpf_tail_call',
]);

/** Prototypes with `allow_fastcall`: calls that the x86-64 and arm64 JITs put in place. */
export const FASTCALL: ReadonlySet<string> = new Set(['bpf_get_smp_processor_id_proto']);

/** One correction of a prototype for 6.18. */
export interface PrototypeChange {
  /** Argument number from 1; 0 is the result. */
  readonly arg: number;
  /** In the kernel's spelling. */
  readonly kind: string;
  readonly size?: number;
  readonly btf?: string;
  readonly why: string;
}

const RDONLY_DYNPTR = 'bpf_dynptr_read(), bpf_dynptr_write() and bpf_dynptr_data() leave the dynptr itself as it is';
const NULLABLE_OBJECT = 'the functions test for NULL themselves, and the live kernel takes 0';

const WRITES = 'the function writes there; the live kernel refuses read-only memory';

/** By symbol of the prototype. */
export const PROTOTYPE_CHANGES: Readonly<Record<string, readonly PrototypeChange[]>> = {
  bpf_kptr_xchg_proto: [
    {
      arg: 1,
      kind: 'ARG_KPTR_XCHG_DEST',
      why: 'bpf_kptr_xchg() also takes objects of the program: the live kernel expects map_value or ptr_',
    },
  ],
  bpf_dynptr_read_proto: [{ arg: 3, kind: 'ARG_PTR_TO_DYNPTR | MEM_RDONLY', why: RDONLY_DYNPTR }],
  bpf_dynptr_write_proto: [{ arg: 1, kind: 'ARG_PTR_TO_DYNPTR | MEM_RDONLY', why: RDONLY_DYNPTR }],
  bpf_dynptr_data_proto: [{ arg: 1, kind: 'ARG_PTR_TO_DYNPTR | MEM_RDONLY', why: RDONLY_DYNPTR }],
  bpf_get_current_task_btf_proto: [
    { arg: 0, kind: 'RET_PTR_TO_BTF_ID_TRUSTED', btf: 'task_struct', why: 'bpf_get_current_task_btf() gives the running task, which cannot go away' }, // prettier-ignore
  ],
  bpf_task_storage_get_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'task_struct', why: NULLABLE_OBJECT }],
  bpf_task_storage_delete_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'task_struct', why: NULLABLE_OBJECT }], // prettier-ignore
  bpf_cgrp_storage_get_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'cgroup', why: NULLABLE_OBJECT }],
  bpf_cgrp_storage_delete_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'cgroup', why: NULLABLE_OBJECT }],
  bpf_inode_storage_get_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'inode', why: NULLABLE_OBJECT }],
  bpf_inode_storage_delete_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'inode', why: NULLABLE_OBJECT }],
  bpf_sk_storage_get_tracing_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'sock_common', why: NULLABLE_OBJECT }], // prettier-ignore
  bpf_sk_storage_delete_tracing_proto: [{ arg: 2, kind: 'ARG_PTR_TO_BTF_ID_OR_NULL', btf: 'sock_common', why: NULLABLE_OBJECT }], // prettier-ignore
  bpf_get_socket_ptr_cookie_proto: [
    { arg: 1, kind: 'ARG_PTR_TO_BTF_ID_SOCK_COMMON | PTR_MAYBE_NULL', why: 'bpf_get_socket_ptr_cookie() tests for NULL, and the live kernel takes 0' }, // prettier-ignore
  ],
  bpf_snprintf_btf_proto: [{ arg: 1, kind: 'ARG_PTR_TO_MEM | MEM_WRITE', why: WRITES }],
  bpf_snprintf_proto: [{ arg: 1, kind: 'ARG_PTR_TO_MEM_OR_NULL | MEM_WRITE', why: WRITES }],
  bpf_skb_fib_lookup_proto: [{ arg: 2, kind: 'ARG_PTR_TO_MEM | MEM_WRITE', why: WRITES }],
  bpf_xdp_fib_lookup_proto: [{ arg: 2, kind: 'ARG_PTR_TO_MEM | MEM_WRITE', why: WRITES }],
  bpf_read_branch_records_proto: [{ arg: 2, kind: 'ARG_PTR_TO_MEM_OR_NULL | MEM_WRITE', why: WRITES }],
  bpf_sysctl_get_name_proto: [{ arg: 2, kind: 'ARG_PTR_TO_MEM | MEM_WRITE', why: WRITES }],
  bpf_d_path_proto: [
    { arg: 2, kind: 'ARG_PTR_TO_MEM | MEM_WRITE', why: 'bpf_d_path() writes the path there' }, // prettier-ignore
  ],
};
