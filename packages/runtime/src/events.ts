/**
 * What programs run on: events as plain data. Builders for each kind of context; none of them needs a VM, so that events
 * can be written to files, compared and replayed.
 */
import { BpfError } from '@polybpf/errors';
import type { FieldValue } from './context-layouts.ts';
import type { RegisterValues } from './registers.ts';

/** What can be said about the moment of any event. */
export interface EventFacts {
  /** `CLOCK_MONOTONIC` in nanoseconds; default: the VM's time. Timers that are due fire before. */
  readonly time?: bigint | number;
  readonly cpu?: number;
  readonly pid?: number;
  /** Default: `pid`. */
  readonly tgid?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly comm?: string;
  readonly cgroupId?: bigint | number;
  /** Ids of the cgroup's ancestors, root first. */
  readonly cgroupAncestors?: readonly (bigint | number)[];
  /** Bytes of the `task_struct`; without them `bpf_get_current_task` gives a pointer that cannot be read. */
  readonly task?: Uint8Array;
  /** Instruction addresses, innermost first. */
  readonly kernelStack?: readonly (bigint | number)[];
  readonly userStack?: readonly (bigint | number)[];
  /** Answers of helpers by name: `socketCookie`, `netnsCookie`, `socketUid`, `hash`, `attachCookie`, `perfCounter`, ... */
  readonly facts?: Readonly<Record<string, bigint | number>>;
}

/** XDP: `struct xdp_md`. */
export interface XdpEvent extends EventFacts {
  readonly kind: 'xdp';
  readonly packet: Uint8Array;
  readonly ingressIfindex?: number;
  readonly rxQueueIndex?: number;
  readonly egressIfindex?: number;
  /** Bytes before the packet that an earlier program left; a multiple of 4. */
  readonly metadata?: Uint8Array;
}

/** Socket filter, tc, cgroup skb, sk_skb, lwt: `struct __sk_buff`. The packet begins with its Ethernet header. */
export interface SkbEvent extends EventFacts {
  readonly kind: 'skb';
  readonly packet: Uint8Array;
  /**
   * Whether the program sees the Ethernet header; default: as test runs have it, true for `sched_cls` and `sched_act`, false
   * for socket filters and for cgroup, sockmap and lwt programs.
   */
  readonly linkHeader?: boolean;
  /**
   * Fields of `__sk_buff`, e.g. `mark`, `priority`, `ifindex`, `cb`, `queue_mapping`, `tc_classid`, `remote_port`; not those
   * that follow from the packet (`len`, `protocol`, `vlan_*`, `data`).
   */
  readonly fields?: Readonly<Record<string, FieldValue>>;
  /** Tag that the card took out of the packet. */
  readonly vlan?: { readonly protocol?: number; readonly tci: number };
  /** Fields of the socket's `struct bpf_sock`; without them `sk` is null. */
  readonly socket?: Readonly<Record<string, FieldValue>>;
}

/** A tracepoint by name, with its fields. */
export interface TracepointEvent extends EventFacts {
  readonly kind: 'tracepoint';
  /** `group:name`; a slash instead of the colon will do. */
  readonly name: string;
  readonly fields: Readonly<Record<string, TracepointValue>>;
  /** Places of the fields; default: those of the kernel profile. */
  readonly layout?: readonly TracepointField[];
}

/** Value of a tracepoint field; text for `char` arrays, and for pointers to text, which becomes readable memory. */
export type TracepointValue = number | bigint | string | Uint8Array | readonly (number | bigint)[];

/** One field of a tracepoint's record. */
export interface TracepointField {
  readonly name: string;
  /** C type, e.g. `const char *`, `char[16]`, `__data_loc char[]`. */
  readonly type: string;
  readonly offset: number;
  readonly size: number;
}

/** kprobe, kretprobe, uprobe, uretprobe: `struct pt_regs`. */
export interface KprobeEvent extends EventFacts {
  readonly kind: 'kprobe';
  readonly arch: string;
  readonly regs: RegisterValues;
  /** Texts and bytes that registers point to: the register becomes their address. */
  readonly memory?: Readonly<Record<string, string | Uint8Array>>;
  readonly function?: bigint | number;
}

/** perf_event: registers, period, address. */
export interface PerfEventEvent extends EventFacts {
  readonly kind: 'perf_event';
  readonly arch: string;
  readonly regs?: RegisterValues;
  readonly samplePeriod?: bigint | number;
  readonly addr?: bigint | number;
}

/** Raw tracepoints and fentry, fexit, tp_btf, LSM programs: an array of 64-bit arguments. */
export interface ArgumentsEvent extends EventFacts {
  readonly kind: 'arguments';
  /** Texts and bytes become readable memory and their address. */
  readonly args: readonly (bigint | number | string | Uint8Array)[];
  /** Result of the traced function, for fexit; stands behind the arguments. */
  readonly result?: bigint | number;
  readonly function?: bigint | number;
}

/** Contexts that are a struct of numbers: `bpf_sock_ops`, `bpf_sock_addr`, `bpf_sock`, ... */
export interface StructEvent extends EventFacts {
  readonly kind: 'struct';
  readonly struct:
    | 'bpf_sock_ops'
    | 'bpf_sock_addr'
    | 'bpf_sock'
    | 'bpf_cgroup_dev_ctx'
    | 'bpf_sysctl'
    | 'bpf_sockopt'
    | 'sk_msg_md'
    | 'sk_reuseport_md'
    | 'bpf_sk_lookup';
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** What `data` (message, packet) or `optval` points to. */
  readonly data?: Uint8Array;
  /** The socket behind the member `sk`. */
  readonly socket?: Readonly<Record<string, FieldValue>>;
  readonly texts?: Readonly<Record<string, string>>;
}

/** Flow dissector: a packet in, keys out. */
export interface FlowDissectorEvent extends EventFacts {
  readonly kind: 'flow_dissector';
  readonly packet: Uint8Array;
  readonly flags?: number;
}

/** Any other context, e.g. of `syscall` programs: bytes that the program may write. */
export interface BytesEvent extends EventFacts {
  readonly kind: 'bytes';
  readonly context: Uint8Array;
}

/** Anything that a program can run on. */
export type BpfEvent =
  | XdpEvent
  | SkbEvent
  | TracepointEvent
  | KprobeEvent
  | PerfEventEvent
  | ArgumentsEvent
  | StructEvent
  | FlowDissectorEvent
  | BytesEvent;

/** An XDP event. */
export function xdp(init: Omit<XdpEvent, 'kind'>): XdpEvent {
  return { kind: 'xdp', ...init };
}

/** An event with a socket buffer. */
export function skb(init: Omit<SkbEvent, 'kind'>): SkbEvent {
  return { kind: 'skb', ...init };
}

/**
 * A tracepoint event.
 *
 * @param name - `syscalls:sys_enter_openat`
 */
export function tracepoint(
  name: string,
  fields: TracepointEvent['fields'] = {},
  facts: Omit<TracepointEvent, 'kind' | 'name' | 'fields'> = {},
): TracepointEvent {
  return { kind: 'tracepoint', name: name.replace('/', ':'), fields, ...facts };
}

/**
 * An event of a kprobe or uprobe.
 *
 * @param regs - registers by name; `parm1`, `ret`, `sp`, `ip` mean those of the architecture
 * @param arch - default `x86_64`
 */
export function kprobe(
  regs: RegisterValues = {},
  arch = 'x86_64',
  facts: Omit<KprobeEvent, 'kind' | 'regs' | 'arch'> = {},
): KprobeEvent {
  return { kind: 'kprobe', regs, arch, ...facts };
}

/** A sample of a perf event. */
export function perfEvent(
  init: Omit<PerfEventEvent, 'kind' | 'arch'> & { readonly arch?: string } = {},
): PerfEventEvent {
  return { kind: 'perf_event', arch: 'x86_64', ...init };
}

/** A raw tracepoint. */
export function rawTracepoint(args: ArgumentsEvent['args'], facts: EventFacts = {}): ArgumentsEvent {
  return { kind: 'arguments', args, ...facts };
}

/** A traced function: fentry without, fexit with `result`. */
export function functionCall(
  args: ArgumentsEvent['args'],
  facts: Omit<ArgumentsEvent, 'kind' | 'args'> = {},
): ArgumentsEvent {
  return { kind: 'arguments', args, ...facts };
}

type Fields = Readonly<Record<string, FieldValue>>;
type StructFacts = Omit<StructEvent, 'kind' | 'struct' | 'fields'>;

function structEvent(struct: StructEvent['struct'], fields: Fields, facts: StructFacts): StructEvent {
  return { kind: 'struct', struct, fields, ...facts };
}

/** `struct bpf_sock_ops`: `op`, `args`, `family`, `state`, ... */
export function sockOps(fields: Fields, facts: StructFacts = {}): StructEvent {
  return structEvent('bpf_sock_ops', fields, facts);
}

/** `struct bpf_sock_addr`: bind, connect, sendmsg, ... */
export function sockAddr(fields: Fields, facts: StructFacts = {}): StructEvent {
  return structEvent('bpf_sock_addr', fields, facts);
}

/** `struct bpf_sock`: creation, release and post-bind of a socket in a cgroup. */
export function cgroupSock(fields: Fields, facts: StructFacts = {}): StructEvent {
  return structEvent('bpf_sock', fields, facts);
}

/** Access to a device node: `access` has `BPF_DEVCG_ACC_*` (1 mknod, 2 read, 4 write), `type` `BPF_DEVCG_DEV_*` (1 block, 2 char). */
export function cgroupDevice(
  device: { readonly type: number; readonly access: number; readonly major: number; readonly minor: number },
  facts: StructFacts = {},
): StructEvent {
  const { type, access, major, minor } = device;
  return structEvent('bpf_cgroup_dev_ctx', { access_type: (access << 16) | type, major, minor }, facts);
}

/** A socket option that is set or read: `level`, `optname`, `retval`, and its bytes. */
export function sockopt(fields: Fields, value: Uint8Array, facts: StructFacts = {}): StructEvent {
  return structEvent('bpf_sockopt', { optlen: value.length, ...fields }, { data: value, ...facts });
}

/** A sysctl that is read or written. */
export function sysctl(
  init: { readonly name: string; readonly currentValue?: string; readonly newValue?: string; readonly write?: boolean },
  facts: StructFacts = {},
): StructEvent {
  const { name, currentValue, newValue, write = newValue !== undefined } = init;
  return structEvent('bpf_sysctl', { write: write ? 1 : 0 }, {
    texts: { name, ...(currentValue === undefined ? {} : { currentValue }), ...(newValue === undefined ? {} : { newValue }) },
    ...facts,
  }); // prettier-ignore
}

/** A message that is sent on a socket of a sockmap. */
export function skMsg(data: Uint8Array, fields: Fields = {}, facts: StructFacts = {}): StructEvent {
  return structEvent('sk_msg_md', { size: data.length, ...fields }, { data, ...facts });
}

/** Choice of a socket of a reuseport group; `data` begins behind the link header. */
export function skReuseport(data: Uint8Array, fields: Fields = {}, facts: StructFacts = {}): StructEvent {
  return structEvent('sk_reuseport_md', { len: data.length, ...fields }, { data, ...facts });
}

/** `struct bpf_sk_lookup`. */
export function skLookup(fields: Fields, facts: StructFacts = {}): StructEvent {
  return structEvent('bpf_sk_lookup', fields, facts);
}

/** A packet for a flow dissector. */
export function flowDissector(
  packet: Uint8Array,
  facts: Omit<FlowDissectorEvent, 'kind' | 'packet'> = {},
): FlowDissectorEvent {
  return { kind: 'flow_dissector', packet, ...facts };
}

/** A context of bytes. */
export function bytesContext(context: Uint8Array, facts: EventFacts = {}): BytesEvent {
  return { kind: 'bytes', context, ...facts };
}

/** Kinds of events that a program type takes; what is not listed takes bytes. */
const KINDS: Readonly<Record<string, readonly BpfEvent['kind'][]>> = {
  xdp: ['xdp'],
  socket_filter: ['skb'],
  sched_cls: ['skb'],
  sched_act: ['skb'],
  cgroup_skb: ['skb'],
  sk_skb: ['skb'],
  lwt_in: ['skb'],
  lwt_out: ['skb'],
  lwt_xmit: ['skb'],
  lwt_seg6local: ['skb'],
  tracepoint: ['tracepoint'],
  kprobe: ['kprobe'],
  perf_event: ['perf_event'],
  raw_tracepoint: ['arguments'],
  raw_tracepoint_writable: ['arguments'],
  tracing: ['arguments'],
  lsm: ['arguments'],
  struct_ops: ['arguments'],
  sock_ops: ['struct'],
  cgroup_sock_addr: ['struct'],
  cgroup_sock: ['struct'],
  cgroup_device: ['struct'],
  cgroup_sysctl: ['struct'],
  cgroup_sockopt: ['struct'],
  sk_msg: ['struct'],
  sk_reuseport: ['struct'],
  sk_lookup: ['struct'],
  flow_dissector: ['flow_dissector'],
};

const STRUCT_OF_TYPE: Readonly<Record<string, StructEvent['struct']>> = {
  sock_ops: 'bpf_sock_ops',
  cgroup_sock_addr: 'bpf_sock_addr',
  cgroup_sock: 'bpf_sock',
  cgroup_device: 'bpf_cgroup_dev_ctx',
  cgroup_sysctl: 'bpf_sysctl',
  cgroup_sockopt: 'bpf_sockopt',
  sk_msg: 'sk_msg_md',
  sk_reuseport: 'sk_reuseport_md',
  sk_lookup: 'bpf_sk_lookup',
};

/** The struct that is the context of a program type, for types whose events are structs. */
export function structOfType(type: string): StructEvent['struct'] | undefined {
  return STRUCT_OF_TYPE[type];
}

/** The kind of event that a program type wants. */
export function eventKindOf(type: string): BpfEvent['kind'] {
  return KINDS[type]?.[0] ?? 'bytes';
}

/**
 * Checks that an event fits a program type. Raw bytes fit any.
 *
 * @throws BpfError `E_INPUT`
 */
export function checkEventKind(type: string, event: BpfEvent): void {
  const wanted = KINDS[type];
  const struct = STRUCT_OF_TYPE[type];
  const fits = event.kind === 'bytes' || wanted === undefined || wanted.includes(event.kind);
  const sameStruct = event.kind !== 'struct' || struct === undefined || event.struct === struct;
  if (fits && sameStruct) return;
  throw new BpfError('E_INPUT', `event for a program of type ${type}`, {
    expected: struct ?? wanted!.join(' or '),
    got: event.kind === 'struct' ? event.struct : event.kind,
  });
}
