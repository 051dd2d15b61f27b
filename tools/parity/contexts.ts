/** Every access to the context and every return value of each program type, through the live kernel and our verifier. `contexts.ts [TYPE]` */
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel, PROGRAM_TYPES } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';

const EXIT = [makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
const SIZES = [0x10, 0x08, 0x00, 0x18];
const VALUES = [-4096, -4095, -2, -1, 0, 1, 2, 3, 4, 7, 8, 9, 0x7fffffff];
const WITH_ATTACH: Readonly<Record<string, readonly (string | undefined)[]>> = {
  cgroup_skb: ['BPF_CGROUP_INET_INGRESS', 'BPF_CGROUP_INET_EGRESS'],
  cgroup_sock: [
    'BPF_CGROUP_INET_SOCK_CREATE',
    'BPF_CGROUP_INET_SOCK_RELEASE',
    'BPF_CGROUP_INET4_POST_BIND',
    'BPF_CGROUP_INET6_POST_BIND',
  ],
  cgroup_sock_addr: [
    'BPF_CGROUP_INET4_BIND',
    'BPF_CGROUP_INET6_BIND',
    'BPF_CGROUP_INET4_CONNECT',
    'BPF_CGROUP_INET6_CONNECT',
    'BPF_CGROUP_UNIX_CONNECT',
    'BPF_CGROUP_UDP4_SENDMSG',
    'BPF_CGROUP_UDP6_SENDMSG',
    'BPF_CGROUP_UNIX_SENDMSG',
    'BPF_CGROUP_UDP4_RECVMSG',
    'BPF_CGROUP_UDP6_RECVMSG',
    'BPF_CGROUP_UNIX_RECVMSG',
    'BPF_CGROUP_INET4_GETPEERNAME',
    'BPF_CGROUP_INET6_GETPEERNAME',
    'BPF_CGROUP_INET4_GETSOCKNAME',
    'BPF_CGROUP_INET6_GETSOCKNAME',
    'BPF_CGROUP_UNIX_GETPEERNAME',
    'BPF_CGROUP_UNIX_GETSOCKNAME',
  ],
  cgroup_sockopt: ['BPF_CGROUP_GETSOCKOPT', 'BPF_CGROUP_SETSOCKOPT'],
  sk_reuseport: ['BPF_SK_REUSEPORT_SELECT', 'BPF_SK_REUSEPORT_SELECT_OR_MIGRATE'],
  xdp: [undefined, 'BPF_XDP_DEVMAP', 'BPF_XDP_CPUMAP'],
  cgroup_device: ['BPF_CGROUP_DEVICE'],
  cgroup_sysctl: ['BPF_CGROUP_SYSCTL'],
  sock_ops: ['BPF_CGROUP_SOCK_OPS'],
  sk_lookup: ['BPF_SK_LOOKUP'],
  flow_dissector: ['BPF_FLOW_DISSECTOR'],
  netfilter: ['BPF_NETFILTER'],
  sk_skb: [undefined, 'BPF_SK_SKB_STREAM_PARSER', 'BPF_SK_SKB_STREAM_VERDICT', 'BPF_SK_SKB_VERDICT'],
  sk_msg: ['BPF_SK_MSG_VERDICT'],
  kprobe: [undefined, 'BPF_TRACE_KPROBE_MULTI', 'BPF_TRACE_KPROBE_SESSION', 'BPF_TRACE_UPROBE_MULTI'],
  sched_cls: [undefined, 'BPF_TCX_INGRESS', 'BPF_NETKIT_PRIMARY'],
  lirc_mode2: ['BPF_LIRC_MODE2'],
};

using kernel = openLiveKernel();
const only = process.argv[2];

function check(tally: Tally, type: string, attachType: string | undefined, insns: readonly Insn[], what: string): void {
  const loaded = kernel.load(insns, {
    type: type as 'xdp',
    ...(attachType === undefined ? {} : { attachType: attachType as 'xdp' }),
    logLevel: 4,
  });
  if (loaded.accepted) kernel.close(loaded.fd);
  let ours;
  try {
    ours = toldByUs(verify({ insns, type, ...(attachType === undefined ? {} : { attachType }) }));
  } catch (error) {
    tally.add(`crash: ${String(error)}`, what);
    return;
  }
  tally.add(difference(toldByKernel(loaded), ours), what);
}

for (const type of PROGRAM_TYPES) {
  if (only !== undefined && type !== only) continue;
  if (['tracing', 'lsm', 'ext', 'struct_ops', 'syscall', 'unspec'].includes(type) && only === undefined) continue;
  for (const attach of WITH_ATTACH[type] ?? [undefined]) {
    const tally = new Tally();
    for (let off = -8; off < 260; off++) {
      for (const size of SIZES) {
        check(tally, type, attach, [makeInsn(0x61 | size, 2, 1, off, 0), ...EXIT], `load ${size} ${off}`);
        check(
          tally,
          type,
          attach,
          [makeInsn(0xb7, 2, 0, 0, 0), makeInsn(0x63 | size, 1, 2, off, 0), ...EXIT],
          `store ${size} ${off}`,
        );
        if (off % 4 === 0)
          check(tally, type, attach, [makeInsn(0x62 | size, 1, 0, off, 5), ...EXIT], `st ${size} ${off}`);
      }
    }
    for (const value of VALUES) {
      check(tally, type, attach, [makeInsn(0xb7, 0, 0, 0, value), EXIT[1]!], `return ${value}`);
      check(tally, type, attach, [makeInsn(0xb4, 0, 0, 0, value), EXIT[1]!], `return32 ${value}`);
    }
    check(tally, type, attach, [makeInsn(0x85, 0, 0, 0, 7), EXIT[1]!], 'return unknown');
    for (const mask of [1, 3, 7])
      check(
        tally,
        type,
        attach,
        [makeInsn(0x85, 0, 0, 0, 7), makeInsn(0x57, 0, 0, 0, mask), EXIT[1]!],
        `return masked ${mask}`,
      );
    check(tally, type, attach, [makeInsn(0xbf, 0, 1, 0, 0), EXIT[1]!], 'return context');
    tally.print(`${type} ${attach ?? ''}`);
  }
}
