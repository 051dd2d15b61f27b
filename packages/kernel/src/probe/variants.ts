/** The program variants that are probed: types, with each attach type that makes a difference to the verifier. */
import { typeById } from '@polybpf/btf';
import { readVmlinuxBtf } from '../load-btf.ts';
import { type LoadOptions, PROGRAM_FLAGS } from '../load-program.ts';
import { ATTACH_TYPES, PROGRAM_TYPES, type ProgramTypeName } from '../type-names.ts';
import { type NamedKind, vmlinuxId } from '../vmlinux-names.ts';

/** A variant, and how a program of it is loaded. */
export interface Variant {
  /** `XDP/BPF_XDP_DEVMAP`, `KPROBE(sleepable uprobe)` and so on. */
  readonly name: string;
  readonly type: ProgramTypeName;
  /** Uapi name, or `member X`. */
  readonly attachType: string | null;
  readonly sleepable: boolean;
  readonly target: string | undefined;
  /** Undefined when the kernel does not have what the variant is for. */
  readonly options: LoadOptions | undefined;
}

interface VariantInit {
  /** Name, when it is not made of type and attach type. */
  readonly name?: string;
  readonly sleepable?: true;
  readonly target?: string;
  readonly kind?: NamedKind;
}

type Row = readonly [type: ProgramTypeName, attachTypes: readonly (string | null)[], init?: VariantInit];

/** Types with one attach type are named by their type alone. */
// prettier-ignore
const ROWS: readonly Row[] = [
  ['socket_filter', [null]], ['sched_cls', [null]], ['sched_act', [null]], ['tracepoint', [null]], ['perf_event', [null]],
  ['lwt_in', [null]], ['lwt_out', [null]], ['lwt_xmit', [null]], ['raw_tracepoint', [null]], ['raw_tracepoint_writable', [null]],
  ['lwt_seg6local', [null]], ['sk_skb', [null]], ['kprobe', [null]],
  ['kprobe', [null], { name: 'KPROBE(sleepable uprobe)', sleepable: true }],
  ['kprobe', ['BPF_TRACE_KPROBE_MULTI', 'BPF_TRACE_UPROBE_MULTI', 'BPF_TRACE_KPROBE_SESSION', 'BPF_TRACE_UPROBE_SESSION']],
  ['xdp', ['BPF_XDP'], { name: 'XDP' }],
  ['xdp', ['BPF_XDP_DEVMAP', 'BPF_XDP_CPUMAP']],
  ['cgroup_skb', ['BPF_CGROUP_INET_INGRESS', 'BPF_CGROUP_INET_EGRESS']],
  ['cgroup_sock', ['BPF_CGROUP_INET_SOCK_CREATE', 'BPF_CGROUP_INET_SOCK_RELEASE', 'BPF_CGROUP_INET4_POST_BIND', 'BPF_CGROUP_INET6_POST_BIND']],
  ['sock_ops', ['BPF_CGROUP_SOCK_OPS'], { name: 'SOCK_OPS' }],
  ['cgroup_device', ['BPF_CGROUP_DEVICE'], { name: 'CGROUP_DEVICE' }],
  ['sk_msg', ['BPF_SK_MSG_VERDICT'], { name: 'SK_MSG' }],
  ['cgroup_sock_addr', [
    'BPF_CGROUP_INET4_BIND', 'BPF_CGROUP_INET6_BIND',
    'BPF_CGROUP_INET4_CONNECT', 'BPF_CGROUP_INET6_CONNECT', 'BPF_CGROUP_UNIX_CONNECT',
    'BPF_CGROUP_UDP4_SENDMSG', 'BPF_CGROUP_UDP6_SENDMSG', 'BPF_CGROUP_UNIX_SENDMSG',
    'BPF_CGROUP_UDP4_RECVMSG', 'BPF_CGROUP_UDP6_RECVMSG', 'BPF_CGROUP_UNIX_RECVMSG',
    'BPF_CGROUP_INET4_GETPEERNAME', 'BPF_CGROUP_INET6_GETPEERNAME', 'BPF_CGROUP_UNIX_GETPEERNAME',
    'BPF_CGROUP_INET4_GETSOCKNAME', 'BPF_CGROUP_INET6_GETSOCKNAME', 'BPF_CGROUP_UNIX_GETSOCKNAME',
  ]],
  ['lirc_mode2', ['BPF_LIRC_MODE2'], { name: 'LIRC_MODE2' }],
  ['sk_reuseport', ['BPF_SK_REUSEPORT_SELECT', 'BPF_SK_REUSEPORT_SELECT_OR_MIGRATE']],
  ['flow_dissector', ['BPF_FLOW_DISSECTOR'], { name: 'FLOW_DISSECTOR' }],
  ['cgroup_sysctl', ['BPF_CGROUP_SYSCTL'], { name: 'CGROUP_SYSCTL' }],
  ['cgroup_sockopt', ['BPF_CGROUP_GETSOCKOPT', 'BPF_CGROUP_SETSOCKOPT']],
  ['tracing', ['BPF_TRACE_RAW_TP'], { target: 'btf_trace_sched_switch', kind: 'TYPEDEF' }],
  ['tracing', ['BPF_TRACE_FENTRY', 'BPF_TRACE_FEXIT'], { target: 'bpf_fentry_test1' }],
  ['tracing', ['BPF_MODIFY_RETURN'], { target: 'bpf_modify_return_test' }],
  ['tracing', ['BPF_TRACE_ITER'], { target: 'bpf_iter_task' }],
  ['tracing', ['BPF_TRACE_ITER'], { target: 'bpf_iter_task', sleepable: true }],
  ['tracing', ['BPF_TRACE_FENTRY'], { target: process.arch === 'arm64' ? '__arm64_sys_getpgid' : '__x64_sys_getpgid', sleepable: true }],
  ['lsm', ['BPF_LSM_MAC'], { target: 'bpf_lsm_file_open' }],
  ['lsm', ['BPF_LSM_MAC'], { target: 'bpf_lsm_file_open', sleepable: true }],
  ['lsm', ['BPF_LSM_CGROUP'], { target: 'bpf_lsm_socket_create' }],
  ['sk_lookup', ['BPF_SK_LOOKUP'], { name: 'SK_LOOKUP' }],
  ['syscall', [null], { name: 'SYSCALL', sleepable: true }],
  ['netfilter', ['BPF_NETFILTER'], { name: 'NETFILTER' }],
  ['struct_ops', ['member cong_avoid'], { name: 'STRUCT_OPS/tcp_congestion_ops.cong_avoid', target: 'tcp_congestion_ops', kind: 'STRUCT' }],
  ['struct_ops', ['member test_1'], { name: 'STRUCT_OPS/bpf_dummy_ops.test_1', target: 'bpf_dummy_ops', kind: 'STRUCT' }],
];

/** All variants, in the order in which profiles have them. */
export function programVariants(): Variant[] {
  return ROWS.flatMap(([type, attachTypes, init = {}]) => attachTypes.map((attach) => makeVariant(type, attach, init)));
}

function makeVariant(type: ProgramTypeName, attachType: string | null, init: VariantInit): Variant {
  const upper = type.toUpperCase();
  const plain = attachType === null ? upper : `${upper}/${attachType}`;
  const name = init.name ?? (init.sleepable === true ? `${plain}(sleepable)` : plain);
  const base = { name, type, attachType, sleepable: init.sleepable === true, target: init.target };
  return { ...base, options: loadOptions(type, attachType, init) };
}

function loadOptions(type: ProgramTypeName, attachType: string | null, init: VariantInit): LoadOptions | undefined {
  const flags = init.sleepable === true ? { flags: PROGRAM_FLAGS.BPF_F_SLEEPABLE } : {};
  if (init.target === undefined) return { type, ...(attachType === null ? {} : { attachType }), ...flags };
  const id = vmlinuxId(init.kind ?? 'FUNC', init.target);
  if (id === undefined) return undefined;
  if (init.kind !== 'STRUCT') return { type, attachType: attachType!, attachBtfId: id, ...flags };
  const struct = typeById(readVmlinuxBtf(), id);
  const member = attachType!.slice('member '.length);
  const index = struct.kind === 'STRUCT' ? struct.members.findIndex((candidate) => candidate.name === member) : -1;
  return index < 0 ? undefined : { type, attachType: index, attachBtfId: id, ...flags };
}

/** Number of a program type. */
export function programTypeId(type: ProgramTypeName): number {
  return PROGRAM_TYPES.indexOf(type);
}

/** Number of an attach type; null for none and for members. */
export function attachTypeId(attachType: string | null): number | null {
  const index = attachType === null ? -1 : (ATTACH_TYPES as readonly string[]).indexOf(attachType);
  return index < 0 ? null : index;
}
