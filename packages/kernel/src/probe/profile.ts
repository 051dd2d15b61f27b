/**
 * The kernel profile: what one kernel offers to eBPF programs, as data. Names are the kernel's; keys of types are without
 * `BPF_PROG_TYPE_` and `BPF_MAP_TYPE_`.
 */

/** A kernel profile. */
export interface KernelProfile {
  readonly kernel: {
    readonly release: string;
    readonly machine: string;
    /** Build options that decide what is there: `y`, `m` or `n`. */
    readonly config: Readonly<Record<string, string>>;
    readonly jitEnable: string;
    readonly jitHarden: string;
  };
  /** How it was found out, for people. */
  readonly method: string;
  readonly counts: {
    readonly progTypes: number;
    readonly mapTypes: number;
    readonly attachTypes: number;
    readonly cmds: number;
    readonly linkTypes: number;
    readonly helpers: number;
    readonly kfuncs: number;
    readonly variantsProbed: number;
    readonly variantsLoadable: number;
  };
  /** Helpers that every variant with any helper has. */
  readonly helpersInEveryProbedVariant: readonly string[];
  readonly limits: Readonly<Record<string, LimitProfile>>;
  readonly isa: Readonly<Record<string, IsaProfile>>;
  readonly mapTypes: Readonly<Record<string, MapTypeProfile>>;
  readonly programVariants: Readonly<Record<string, ProgramVariantProfile>>;
  readonly helpers: Readonly<Record<string, HelperProfile>>;
  readonly kfuncs: Readonly<Record<string, KfuncProfile>>;
  /** Numbers by name, by name of the enumeration. */
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly helperSets: Readonly<Record<string, readonly string[]>>;
  readonly kfuncSets: Readonly<Record<string, readonly string[]>>;
  readonly acceptedOpcodes: OpcodeProfile;
}

/** A number, or what a self tail call does; null when not even the smallest was accepted. */
export type LimitProfile =
  number | null | { readonly programExecutions: number; readonly tailCallsTaken: number; readonly retval: number };

/** Whether an instruction is known, and what the verifier says to one that is not. */
export interface IsaProfile {
  readonly ok: boolean;
  readonly errno?: string | undefined;
  readonly log?: string | undefined;
}

export interface MapTypeProfile {
  readonly id: number;
  readonly available: boolean;
  readonly probeArgs: {
    readonly keySize: number;
    readonly valueSize: number;
    readonly maxEntries: number;
    readonly flags: number;
  };
}

/** One program type with its attach type. */
export interface ProgramVariantProfile {
  readonly progType: string;
  readonly progTypeId: number;
  /** `member X` for struct_ops. */
  readonly expectedAttachType: string | null;
  readonly expectedAttachTypeId: number | null;
  readonly sleepable: boolean;
  readonly loadable: boolean;
  /** Function, tracepoint typedef or struct in the kernel's BTF. */
  readonly attachBtfTarget?: string | undefined;
  /** Errno when it is not loadable. */
  readonly error?: string | undefined;
  readonly note?: string | undefined;
  readonly returnValue: ReturnValueProfile;
  /** Whether BPF_PROG_TEST_RUN is there for it. */
  readonly testRun?: boolean | undefined;
  readonly ctxAccess?: readonly ContextAccess[] | { readonly sameAs: string } | null | undefined;
  readonly helperSet?: string | undefined;
  readonly kfuncSet?: string | undefined;
}

/** Offset, size, what a load gives (null: not readable), whether it may be stored to. */
export type ContextAccess = readonly [offset: number, size: number, type: string | null, writable: boolean];

/** Which numbers a program may return. */
export interface ReturnValueProfile {
  /** Constants among those tried. */
  readonly accepted: readonly number[];
  /** `any scalar`, the range `[0, 1]`, or what the verifier says to an unknown number. */
  readonly rule: string | null;
}

export interface HelperProfile {
  readonly id: number;
  /** Null when no variant may call it. */
  readonly gplOnly: boolean | null;
  readonly allowedInProgTypes: readonly string[];
  readonly allowedInVariants: number;
  readonly sleepableOnly?: boolean | undefined;
  /** Known to a type, but refused at the place it was tried for. */
  readonly sometimesNotAllowedInProbe?: boolean | undefined;
  /** What the verifier wants of r1, told when it got the context. */
  readonly arg1Expected?: string | undefined;
}

export interface KfuncProfile {
  readonly ret: string;
  readonly params: readonly { readonly name: string; readonly type: string }[];
  readonly fastcall: boolean;
  readonly sleepableOnly?: boolean | undefined;
  readonly allowedInProgTypes: readonly string[];
}

export interface OpcodeProfile {
  readonly count: number;
  readonly method: string;
  /** `0x4` and so on. */
  readonly bytes: readonly string[];
  /** Values of `imm` that 64-bit atomic instructions may have. */
  readonly atomicImm: readonly number[];
}
