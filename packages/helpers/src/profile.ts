/**
 * A registry profile: what one kernel offers to eBPF programs, as plain data. Names are the kernel's; those of types are
 * without `BPF_PROG_TYPE_` and `BPF_MAP_TYPE_`, those of helpers and attach types are whole.
 */
import type { ArgumentKind, ResultKind } from './argument-kinds.ts';
import type { Capability } from './capabilities.ts';

/** A release as `6.18`; compare with {@link compareReleases}. */
export type Release = string;

/** A fact about a kernel that was not asked itself: when it came in, and whether that is known or concluded. */
export interface Availability {
  readonly available: boolean;
  /** First mainline release; null when no source tells. */
  readonly since: Release | null;
  /**
   * `probed`: the kernel said so. `certain`: the first release is known, and lies on one side of this one. `derived`:
   * concluded from what newer kernels say.
   */
  readonly basis: 'probed' | 'certain' | 'derived';
}

/** One verifier prototype (`struct bpf_func_proto`) of a helper. */
export interface HelperPrototype {
  /** Names of the kernel's variables, all with the same content. */
  readonly symbols: readonly string[];
  readonly args: readonly ArgumentKind[];
  readonly result: ResultKind;
  readonly gplOnly: boolean;
  /** `pkt_access`: packet pointers may be passed as memory. */
  readonly pktAccess: boolean;
  readonly mightSleep: boolean;
  /** `allow_fastcall`: keeps r1 to r5 when the JIT inlines it. */
  readonly fastcall: boolean;
  /** Variants that have it, by name or program type; undefined: all but those that another prototype names. */
  readonly variants: readonly string[] | undefined;
}

/** Parameter of a C prototype. */
export interface Parameter {
  readonly type: string;
  readonly name: string;
}

/** One helper. */
export interface HelperInfo extends Availability {
  readonly id: number;
  /** `bpf_map_lookup_elem` */
  readonly name: string;
  /** C type of the result. */
  readonly ret: string;
  readonly params: readonly Parameter[];
  /** `bpf_trace_printk(fmt, fmt_size, ...)` */
  readonly variadic: boolean;
  readonly gplOnly: boolean;
  /** Only sleepable programs may call it. */
  readonly sleepableOnly: boolean;
  /** bpf_helper_changes_pkt_data(): packet pointers end with the call. */
  readonly changesPacket: boolean;
  /** What the loader must have for programs that call it; see `capabilityOf` of the registry for the exception. */
  readonly capability: Capability;
  /** At least one. */
  readonly prototypes: readonly HelperPrototype[];
}

/** Flag of a kfunc, `KF_*` in include/linux/btf.h. */
export type KfuncFlag =
  | 'ACQUIRE'
  | 'RELEASE'
  | 'RET_NULL'
  | 'TRUSTED_ARGS'
  | 'SLEEPABLE'
  | 'DESTRUCTIVE'
  | 'RCU'
  | 'ITER_NEW'
  | 'ITER_NEXT'
  | 'ITER_DESTROY'
  | 'RCU_PROTECTED'
  | 'FASTCALL'
  | 'ARENA_RET'
  | 'ARENA_ARG1'
  | 'ARENA_ARG2';

/** One kernel function that programs may call. */
export interface KfuncInfo extends Availability {
  readonly name: string;
  /** C type of the result. */
  readonly ret: string;
  /** Suffixes of names (`__sz`, `__k`, `__ign`, `__opt`, `__uninit`) mean something to the verifier. */
  readonly params: readonly Parameter[];
  readonly flags: readonly KfuncFlag[];
  /** False when the flags are those alone that probing shows. */
  readonly flagsKnown: boolean;
}

/** One access to the context that is allowed. */
export interface ContextAccess {
  readonly offset: number;
  readonly size: number;
  /** What a load gives: `scalar`, `pkt`, `pkt_end`, `sock_or_null`, ...; null when it may not be loaded. */
  readonly type: string | null;
  readonly writable: boolean;
}

/** Field of a context struct. */
export interface ContextField {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly size: number;
}

/** The memory that r1 points to when a program starts. */
export interface ContextLayout {
  /** `__sk_buff`, `xdp_md`, ...; null for argument arrays and records of no fixed type. */
  readonly struct: string | null;
  readonly fields: readonly ContextField[];
  /** Bytes; accesses end below. */
  readonly size: number;
  /**
   * By offset, then size; offsets to 287: contexts of TRACEPOINT and SYSCALL programs go on like that up to `size`. Empty
   * where the attach target decides.
   */
  readonly access: readonly ContextAccess[];
}

/** What a program may return in r0. */
export interface ReturnRule {
  /** Inclusive range; null when any number will do. */
  readonly range: readonly [min: number, max: number] | null;
  /** False for a usual range, where the attach target decides. */
  readonly known: boolean;
}

/** A program type with an attach type, as far as the verifier makes a difference. */
export interface ProgramVariant extends Availability {
  /** `XDP/BPF_XDP_DEVMAP`, `KPROBE(sleepable uprobe)`. */
  readonly name: string;
  /** `XDP` */
  readonly type: string;
  readonly typeId: number;
  /** `BPF_XDP_DEVMAP`, `member cong_avoid`; null when it makes no difference. */
  readonly attachType: string | null;
  readonly attachTypeId: number | null;
  readonly sleepable: boolean;
  /** Function, tracepoint or struct that was tried. */
  readonly target: string | undefined;
  /** Whether the probed machine loaded it: some let nobody trace functions. `false` says nothing about other machines. */
  readonly loadable: boolean;
  readonly returns: ReturnRule;
  /** Whether BPF_PROG_TEST_RUN is there; null when not known. */
  readonly testRun: boolean | null;
  readonly context: ContextLayout;
  /** Key of {@link RegistryProfile.helperSets}. */
  readonly helperSet: string | undefined;
  /** Key of {@link RegistryProfile.kfuncSets}. */
  readonly kfuncSet: string | undefined;
}

/** One program type. */
export interface ProgramTypeInfo extends Availability {
  readonly id: number;
  /** What the loader must have, beside CAP_BPF. */
  readonly capability: Capability;
  /** Names of its variants. */
  readonly variants: readonly string[];
}

export interface MapTypeInfo extends Availability {
  readonly id: number;
}

export interface AttachTypeInfo extends Availability {
  readonly id: number;
}

/** What a program or its loader may need of the kernel: instructions, BTF kinds, map flags, rules of the verifier. */
export interface KernelFeature extends Availability {
  /** What it is, for people. */
  readonly title: string;
}

/** Numbers that the verifier stops at. */
export interface Limits {
  /** Bytes of one frame, and of all frames of a program without private stack. */
  readonly stackBytes: number;
  /** Processed instructions, and length of a program, for privileged loaders. */
  readonly insns: number;
  /** Length of a program for unprivileged loaders (`BPF_MAXINSNS`). */
  readonly insnsUnprivileged: number;
  readonly callFrames: number;
  readonly subprograms: number;
  readonly usedMaps: number;
  readonly tailCalls: number;
  /** Branches that wait to be explored (`BPF_COMPLEXITY_LIMIT_JMP_SEQ`). */
  readonly pendingBranches: number;
  /** Bounded loops are explored (5.3). */
  readonly boundedLoops: boolean;
  /** Programs of these types have 512 bytes for each function: bpf_enable_priv_stack(), where the JIT supports it (6.13). */
  readonly privateStackTypes: readonly string[];
}

/** What one kernel offers. */
export interface RegistryProfile {
  /** `6.18`, or the release of a probed kernel. */
  readonly name: string;
  readonly release: Release;
  /** Whether the kernel itself was asked, or newer kernels and lists of first releases. */
  readonly basis: 'probed' | 'derived';
  readonly programTypes: Readonly<Record<string, ProgramTypeInfo>>;
  readonly variants: Readonly<Record<string, ProgramVariant>>;
  readonly helperSets: Readonly<Record<string, readonly string[]>>;
  readonly kfuncSets: Readonly<Record<string, readonly string[]>>;
  /** By name. */
  readonly helpers: Readonly<Record<string, HelperInfo>>;
  /** By name. */
  readonly kfuncs: Readonly<Record<string, KfuncInfo>>;
  readonly mapTypes: Readonly<Record<string, MapTypeInfo>>;
  readonly attachTypes: Readonly<Record<string, AttachTypeInfo>>;
  /** By name: `jmp32`, `bounded_loops`, `btf_enum64`, ... */
  readonly features: Readonly<Record<string, KernelFeature>>;
  readonly limits: Limits;
  /** Numbers by name, by name of the uapi enumeration. */
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Negative when `a` is older than `b`. Parts that are missing count as 0. */
export function compareReleases(a: Release, b: Release): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
