// First releases that the fact file lacks or has wrong, by the release whose include/uapi/linux/bpf.h has them first.

export const HELPER_SINCE: Readonly<Record<string, string>> = { bpf_get_prandom_u32: '4.1' };

export const KFUNC_SINCE: Readonly<Record<string, string>> = {
  bpf_dynptr_is_rdonly: '6.5', // with bpf_dynptr_is_null() and bpf_dynptr_size()
  bpf_strnlen: '6.17', // with bpf_strlen()
};

export const ATTACH_SINCE: Readonly<Record<string, string>> = {
  BPF_STRUCT_OPS: '6.4',
  BPF_NETFILTER: '6.4',
  BPF_TRACE_UPROBE_MULTI: '6.6',
  BPF_CGROUP_UNIX_CONNECT: '6.7',
  BPF_CGROUP_UNIX_SENDMSG: '6.7',
  BPF_CGROUP_UNIX_RECVMSG: '6.7',
  BPF_CGROUP_UNIX_GETPEERNAME: '6.7',
  BPF_CGROUP_UNIX_GETSOCKNAME: '6.7',
  BPF_TRACE_UPROBE_SESSION: '6.13',
};
