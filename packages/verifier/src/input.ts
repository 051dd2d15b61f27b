/** What {@link verify} takes: a program, its maps and how it is loaded. Plain data. */
import type { Insn } from '@polybpf/isa';

/**
 * Who loads. `root` has CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; `bpf` has CAP_BPF and CAP_NET_ADMIN, so that pointers must
 * not leak and Spectre v1 is guarded against; `none` has nothing, on a host that lets unprivileged users load programs.
 */
export type Privilege = 'root' | 'bpf' | 'none';

/** A map that the program uses. */
export interface VerifyMap {
  readonly name?: string;
  /** `enum bpf_map_type`. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*` of map creation. */
  readonly flags?: number;
  /** Contents of an array of one entry, once it is frozen: loads from it are known. */
  readonly frozen?: Uint8Array;
  /** Definition of the inner maps. */
  readonly inner?: VerifyMap;
  /** BTF of key and value, as bytes of a `.BTF` section, with the ids of the types. */
  readonly btf?: Uint8Array;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
  /** `map_extra`, e.g. the user address of an arena. */
  readonly mapExtra?: bigint;
}

/** Function information of `.BTF.ext`. */
export interface FunctionInfo {
  readonly insn: number;
  /** Id of a FUNC in the program's BTF. */
  readonly type: number;
}

/** A line of source. */
export interface LineInfo {
  readonly insn: number;
  readonly file?: string;
  readonly line: number;
  readonly text: string;
}

/** A program to be verified. */
export interface VerifyInput {
  readonly name?: string;
  /** Slots. References to maps are BPF_PSEUDO_MAP_IDX or BPF_PSEUDO_MAP_IDX_VALUE with the index into `maps`. */
  readonly insns: readonly Insn[];
  readonly maps?: readonly VerifyMap[];
  /** Slots of ld_imm64 that load a map, with its index; for programs that still have BPF_PSEUDO_MAP_FD. */
  readonly fixups?: readonly (readonly [insn: number, map: number])[];
  /** `xdp`, `BPF_PROG_TYPE_XDP` or a number; default socket_filter. */
  readonly type?: string | number;
  /** `expected_attach_type`, by name or number; `member NAME` of a struct of functions. */
  readonly attachType?: string | number | null;
  /** `BPF_F_*` of program loading. */
  readonly flags?: number;
  /** Default `GPL`. */
  readonly license?: string;
  /** BTF of the program, bytes of `.BTF`. */
  readonly btf?: Uint8Array;
  readonly functions?: readonly FunctionInfo[];
  readonly lines?: readonly LineInfo[];
  /** Calls of kernel functions, by name. */
  readonly kfuncs?: readonly (readonly [name: string, insn: number])[];
  /** Function, tracepoint, hook or struct of the kernel that the program is for. */
  readonly attachBtfName?: string;
}

/** Bits of {@link VerifyInput.flags}. */
export const F_STRICT_ALIGNMENT = 1;
export const F_ANY_ALIGNMENT = 2;
export const F_TEST_RND_HI32 = 4;
export const F_TEST_STATE_FREQ = 8;
export const F_SLEEPABLE = 16;
export const F_XDP_HAS_FRAGS = 32;
export const F_XDP_DEV_BOUND_ONLY = 64;
export const F_TEST_REG_INVARIANTS = 128;
