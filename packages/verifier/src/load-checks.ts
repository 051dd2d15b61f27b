/** What is refused before the verifier begins: flags, size, privileges, type and attach type (kernel: bpf_prog_load). */
import type { ProgramVariant, Registry } from '@polybpf/helpers';
import { type EnvOptions, reject } from './env.ts';
import {
  F_ANY_ALIGNMENT,
  F_SLEEPABLE,
  F_STRICT_ALIGNMENT,
  F_TEST_REG_INVARIANTS,
  F_TEST_RND_HI32,
  F_TEST_STATE_FREQ,
  F_XDP_DEV_BOUND_ONLY,
  F_XDP_HAS_FRAGS,
  type VerifyInput,
} from './input.ts';
import { E2BIG, EINVAL, EPERM } from './reject.ts';

const KNOWN_FLAGS: number =
  F_STRICT_ALIGNMENT |
  F_ANY_ALIGNMENT |
  F_TEST_RND_HI32 |
  F_TEST_STATE_FREQ |
  F_SLEEPABLE |
  F_XDP_HAS_FRAGS |
  F_XDP_DEV_BOUND_ONLY |
  F_TEST_REG_INVARIANTS;

/** Types that loaders without CAP_PERFMON may not load (kernel: is_perfmon_prog_type). */
const NEEDS_PERFMON: ReadonlySet<string> = new Set([
  'KPROBE',
  'TRACEPOINT',
  'PERF_EVENT',
  'RAW_TRACEPOINT',
  'RAW_TRACEPOINT_WRITABLE',
  'TRACING',
  'LSM',
  'STRUCT_OPS',
  'EXT',
]);

/** Attach types of the program types that are not loaded with any (kernel: bpf_prog_load_check_attach). */
const ATTACH_TYPES: Readonly<Record<string, readonly string[]>> = {
  CGROUP_SOCK: [
    'BPF_CGROUP_INET_SOCK_CREATE',
    'BPF_CGROUP_INET_SOCK_RELEASE',
    'BPF_CGROUP_INET4_POST_BIND',
    'BPF_CGROUP_INET6_POST_BIND',
  ],
  CGROUP_SOCK_ADDR: [
    ...['INET4_BIND', 'INET6_BIND', 'INET4_CONNECT', 'INET6_CONNECT', 'UNIX_CONNECT'].map(
      (name) => `BPF_CGROUP_${name}`,
    ),
    ...['GETPEERNAME', 'GETSOCKNAME'].flatMap((name) => ['INET4', 'INET6', 'UNIX'].map((family) => `BPF_CGROUP_${family}_${name}`)), // prettier-ignore
    ...['SENDMSG', 'RECVMSG'].flatMap((name) =>
      ['UDP4', 'UDP6', 'UNIX'].map((family) => `BPF_CGROUP_${family}_${name}`),
    ),
  ],
  CGROUP_SKB: ['BPF_CGROUP_INET_INGRESS', 'BPF_CGROUP_INET_EGRESS'],
  CGROUP_SOCKOPT: ['BPF_CGROUP_SETSOCKOPT', 'BPF_CGROUP_GETSOCKOPT'],
  SK_LOOKUP: ['BPF_SK_LOOKUP'],
  SK_REUSEPORT: ['BPF_SK_REUSEPORT_SELECT', 'BPF_SK_REUSEPORT_SELECT_OR_MIGRATE'],
  NETFILTER: ['BPF_NETFILTER'],
  SYSCALL: ['BPF_CGROUP_INET_INGRESS'],
  EXT: ['BPF_CGROUP_INET_INGRESS'],
};

/** The attach type that none stands for (kernel: bpf_prog_load_fixup_attach_type). */
const DEFAULT_ATTACH: Readonly<Record<string, string>> = {
  CGROUP_SOCK: 'BPF_CGROUP_INET_SOCK_CREATE',
  SK_REUSEPORT: 'BPF_SK_REUSEPORT_SELECT',
};
const FIRST_ATTACH_TYPE = 'BPF_CGROUP_INET_INGRESS';

/** Name of the attach type that a program of the type is loaded with; its number when it has none. */
export function attachTypeOf(input: VerifyInput, type: string, registry: Registry): string {
  const { attachType } = input;
  const names = registry.profile.attachTypes;
  const name =
    typeof attachType === 'number'
      ? (Object.entries(names).find(([, { id }]) => id === attachType)?.[0] ?? String(attachType))
      : (attachType ?? FIRST_ATTACH_TYPE);
  return name === FIRST_ATTACH_TYPE ? (DEFAULT_ATTACH[type] ?? name) : name;
}

/** Refuses what never reaches the verifier. */
export function checkLoad(input: VerifyInput, options: EnvOptions, variant: ProgramVariant, registry: Registry): void {
  const { limits } = registry.profile;
  const { type } = variant;
  if (((input.flags ?? 0) & ~KNOWN_FLAGS) !== 0) reject(EINVAL, '');
  const count = input.insns.length;
  if (count === 0 || count > (options.bpfCapable ? limits.insns : limits.insnsUnprivileged)) reject(E2BIG, '');
  if (!options.bpfCapable && type !== 'SOCKET_FILTER' && type !== 'CGROUP_SKB') reject(EPERM, '');
  if (!options.allowPtrLeaks && NEEDS_PERFMON.has(type)) reject(EPERM, '');
  const allowed = ATTACH_TYPES[type];
  if (allowed !== undefined && !allowed.includes(attachTypeOf(input, type, registry))) reject(EINVAL, '');
}

/** Types all of whose programs may sleep; of kprobes, those of user space. */
const MAY_SLEEP: ReadonlySet<string> = new Set(['LSM', 'KPROBE', 'STRUCT_OPS']);
const MAY_SLEEP_TRACING: ReadonlySet<string> = new Set([
  'BPF_TRACE_FENTRY',
  'BPF_TRACE_FEXIT',
  'BPF_MODIFY_RETURN',
  'BPF_TRACE_ITER',
]);

/** Programs that may sleep, and those that must (kernel: check_attach_btf_id, can_be_sleepable). */
export function checkSleepable(type: string, attachType: string, sleepable: boolean): void {
  if (type === 'SYSCALL') {
    if (!sleepable) reject(EINVAL, 'Syscall programs can only be sleepable');
    return;
  }
  if (!sleepable || MAY_SLEEP.has(type) || (type === 'TRACING' && MAY_SLEEP_TRACING.has(attachType))) return;
  reject(EINVAL, 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable');
}
