/**
 * `Program`: what every later stage takes. Plain data, independent of any machine or kernel; it can be printed, saved
 * and compared.
 */
import { jumpTarget, rowOf } from './decode.ts';
import type { Endian, Insn } from './insn.ts';

/** A function of a program: the slots `start` (inclusive) to `end` (exclusive). */
export interface Subprogram {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** What stands behind a {@link MapDef}: a map proper, or a section of global data that the kernel holds in an array map. */
export type MapKind = 'map' | 'rodata' | 'data' | 'bss' | 'kconfig';

/** A map definition. Sizes in bytes. */
export interface MapDef {
  readonly name: string;
  readonly kind: MapKind;
  /** `enum bpf_map_type`, e.g. 1 = HASH, 2 = ARRAY. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** `LIBBPF_PIN_BY_NAME` = 1. */
  readonly pinning?: number;
  readonly numaNode?: number;
  readonly mapExtra?: bigint;
  /** Definition of the inner map, for ARRAY_OF_MAPS and HASH_OF_MAPS. */
  readonly inner?: MapDef;
  /** Contents of a data section, `valueSize` bytes. */
  readonly initial?: Uint8Array;
  /** Places in `initial` (by byte offset) or slots of the map (by index) that hold the address of something symbolic. */
  readonly initialSymbols?: readonly DataSymbol[];
  /** Section that defines it. */
  readonly section?: string;
  /** BTF type ids of key and value in the object's BTF. */
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
}

/** A symbolic address inside initial data: `symbol` + `addend` belongs at `offset`, in `size` bytes. */
export interface DataSymbol {
  readonly offset: number;
  readonly size: 4 | 8;
  readonly kind: 'map' | 'data' | 'program' | 'subprogram' | 'extern';
  readonly symbol: string;
  /** Index into `Program.maps`, for `map` and `data`. */
  readonly map?: number;
  readonly addend: number;
}

/**
 * What one instruction refers to by name.
 *
 * - `map`: ld_imm64 of `maps[map]`; the insn is `BPF_PSEUDO_MAP_IDX` with `imm` = index into {@link Program.maps}
 * - `data`: address inside a data map; the insn is `BPF_PSEUDO_MAP_IDX_VALUE`, `imm` = index, second slot = offset
 * - `extern`: ld_imm64 of a kernel or user symbol that nothing defines
 * - `kfunc`: call of a function that nothing defines
 * - `subprogram`: ld_imm64 (`BPF_PSEUDO_FUNC`) or call of a function that is missing from the program
 *
 * The first two are bound by index and can be run; the others are unresolved: `imm` is -1, engines refuse to execute
 * them (`E_RUN_SYMBOL`) and compilers turn them into relocations of their object.
 */
export interface ProgramRelocation {
  readonly insn: number;
  readonly kind: 'map' | 'data' | 'extern' | 'kfunc' | 'subprogram';
  readonly symbol: string;
  readonly addend: number;
  /** A missing weak symbol is 0 by definition. */
  readonly weak?: boolean;
}

/** Source position of the instructions from `insn` on, until the next entry. */
export interface SourceLine {
  readonly insn: number;
  readonly file: string;
  /** 1-based; 0 when unknown */
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** One eBPF program with all it needs. */
export interface Program {
  readonly name: string;
  readonly endian: Endian;
  /** One element per slot. */
  readonly insns: readonly Insn[];
  /** In order of `start`, without gaps; the first is the entry. */
  readonly subprograms: readonly Subprogram[];
  readonly maps: readonly MapDef[];
  readonly relocations: readonly ProgramRelocation[];
  readonly lines: readonly SourceLine[];
  /** ELF section it came from. */
  readonly section?: string;
  /** Program type in libbpf's words, e.g. `xdp`, `kprobe`, `tracepoint`; undefined when the section name does not tell. */
  readonly type?: string;
  /** Attach type in the uapi's words, e.g. `BPF_CGROUP_INET_INGRESS`. */
  readonly attachType?: string;
  /** What follows the type in the section name, e.g. `syscalls/sys_enter_openat`. */
  readonly attachTo?: string;
  readonly sleepable?: boolean;
  readonly license?: string;
}

/** What {@link makeProgram} takes beside instructions. */
export type ProgramInit = Partial<Omit<Program, 'insns'>>;

/**
 * A {@link Program} around instructions. Subprograms default to one function plus one for each target of a local call
 * or function address, so that raw bytes need no symbol table.
 */
export function makeProgram(insns: readonly Insn[], init: ProgramInit = {}): Program {
  return {
    name: 'main',
    endian: 'little',
    maps: [],
    relocations: [],
    lines: [],
    ...init,
    insns,
    subprograms: init.subprograms ?? findSubprograms(insns, init.name ?? 'main', unresolved(init.relocations ?? [])),
  };
}

/** Instructions whose function is missing: their `imm` is no distance. */
function unresolved(relocations: readonly ProgramRelocation[]): ReadonlySet<number> {
  return new Set(relocations.filter((relocation) => relocation.kind === 'subprogram').map(({ insn }) => insn));
}

/**
 * Functions of a program by its local calls and function addresses (kernel: `add_subprog_and_kfunc`).
 *
 * @param skip - insn indices of calls and addresses that are not resolved yet
 */
export function findSubprograms(
  insns: readonly Insn[],
  mainName = 'main',
  skip: ReadonlySet<number> = new Set(),
): Subprogram[] {
  const starts = new Set<number>([0]);
  for (let i = 0; i < insns.length; i++) {
    const row = rowOf(insns[i]!);
    if (row === undefined) continue;
    if (row.immUse === 'subprogram' && !skip.has(i)) {
      const target = jumpTarget(row, insns[i]!, i)!;
      if (target >= 0 && target < insns.length) starts.add(target);
    }
    i += row.slots - 1;
  }
  const sorted = [...starts].sort((a, b) => a - b);
  return sorted.map((start, k) => ({
    name: start === 0 ? mainName : `func_${start}`,
    start,
    end: sorted[k + 1] ?? insns.length,
  }));
}
