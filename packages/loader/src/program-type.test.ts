import { describe, expect, test } from 'vitest';
import { programTypeOfSection } from './program-type.ts';

describe('programTypeOfSection', () => {
  test.each([
    ['xdp', { type: 'xdp', attachType: 'BPF_XDP' }],
    ['?xdp.frags', { type: 'xdp', attachType: 'BPF_XDP' }],
    ['xdp.frags/devmap', { type: 'xdp', attachType: 'BPF_XDP_DEVMAP' }],
    ['kprobe/do_unlinkat', { type: 'kprobe', attachTo: 'do_unlinkat' }],
    ['kprobe', { type: 'kprobe' }],
    ['uprobe.s//bin/bash:readline', { type: 'kprobe', attachTo: '/bin/bash:readline', sleepable: true }],
    ['kprobe.session/vfs_*', { type: 'kprobe', attachType: 'BPF_TRACE_KPROBE_SESSION', attachTo: 'vfs_*' }],
    ['tracepoint/syscalls/sys_enter_openat', { type: 'tracepoint', attachTo: 'syscalls/sys_enter_openat' }],
    ['raw_tp.w/x', { type: 'raw_tracepoint_writable', attachTo: 'x' }],
    ['fsession.s/f', { type: 'tracing', attachType: 'BPF_TRACE_FSESSION', attachTo: 'f', sleepable: true }],
    ['lsm_cgroup/socket_bind', { type: 'lsm', attachType: 'BPF_LSM_CGROUP', attachTo: 'socket_bind' }],
    ['cgroup/sendmsg6', { type: 'cgroup_sock_addr', attachType: 'BPF_CGROUP_UDP6_SENDMSG' }],
    ['cgroup/sock', { type: 'cgroup_sock', attachType: 'BPF_CGROUP_INET_SOCK_CREATE' }],
    ['tcx/egress', { type: 'sched_cls', attachType: 'BPF_TCX_EGRESS' }],
    ['syscall', { type: 'syscall', sleepable: true }],
    ['netfilter', { type: 'netfilter', attachType: 'BPF_NETFILTER' }],
  ])('%s', (section, expected) => {
    expect(programTypeOfSection(section)).toEqual(expected);
  });

  test.each([
    ['xdp_prog', 'xdp', 'BPF_XDP'],
    ['xdp/devmap_1', 'xdp', 'BPF_XDP_DEVMAP'],
    ['classifier/ingress', 'sched_cls', undefined],
    ['socket1', 'socket_filter', undefined],
    ['cgroup/connect4_block', 'cgroup_sock_addr', 'BPF_CGROUP_INET4_CONNECT'],
    ['sk_skb/stream_parser2', 'sk_skb', 'BPF_SK_SKB_STREAM_PARSER'],
  ])('%s, as libbpf took it before 1.0', (section, type, attachType) => {
    expect(programTypeOfSection(section)).toEqual({ type, ...(attachType === undefined ? {} : { attachType }) });
  });

  test.each(['.text', 'kprobes', 'kprobex/f', 'tcp_stats', 'mysection', '', 'tracepoints/a', 'syscalls'])(
    '%j says nothing',
    (section) => {
      expect(programTypeOfSection(section)).toBeUndefined();
    },
  );
});
