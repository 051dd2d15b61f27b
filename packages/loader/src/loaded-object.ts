import type { Btf, BtfCoreRelocation, BtfFuncInfo } from '@polybpf/btf';
import type { Endian, MapDef, Program } from '@polybpf/isa';
import type { AppliedCoreRelocation } from './apply-core.ts';
import type { KconfigValues } from './kconfig-values.ts';
import type { KernelSymbol } from './kernel-symbols.ts';

/** What {@link loadObject} makes of an object file. */
export interface LoadedObject {
  readonly endian: Endian;
  /** In the order of the sections and, within one, of the code. */
  readonly programs: readonly Program[];
  /** What the object says about each program beyond {@link Program}; same order as `programs`. */
  readonly details: readonly ProgramDetails[];
  /** All maps and data sections. Every program's `maps` is this list, so an index means the same in all of them. */
  readonly maps: readonly MapDef[];
  /** Variables of the map `.kconfig`, to be filled from the configuration of a kernel. */
  readonly kconfig: readonly KconfigVariable[];
  /** Global and static variables of the data maps, by map and place. */
  readonly variables: readonly GlobalVariable[];
  /** References of programs that nothing in the object defines. They stay symbolic in `Program.relocations`. */
  readonly unresolved: readonly UnresolvedReference[];
  /** Text of the section `license`. */
  readonly license?: string;
  /** Number in the section `version`: the kernel version that old kprobe programs ask for. */
  readonly version?: number;
  readonly btf?: Btf;
  /** What was read but does not mean anything here, for people to see. */
  readonly warnings: readonly string[];
}

/** Facts of a program that only some consumers need. */
export interface ProgramDetails {
  readonly name: string;
  /** False for a section name that starts with `?`. */
  readonly autoload: boolean;
  /** XDP program that handles packets of several buffers (`xdp.frags`). */
  readonly frags: boolean;
  /** Functions with their BTF type; `insn` is the index in the program. */
  readonly funcInfo: readonly (Pick<BtfFuncInfo, 'type'> & { readonly insn: number })[];
  /** CO-RE relocations that are not applied; `insn` is the index in the program. */
  readonly coreRelocations: readonly (Omit<BtfCoreRelocation, 'insnOffset'> & { readonly insn: number })[];
  /** CO-RE relocations that were applied, with `LoadOptions.targetBtf`. */
  readonly appliedCore: readonly AppliedCoreRelocation[];
  /** References to the kernel that were filled in, with `LoadOptions.targetBtf` and `kernelSymbols`. */
  readonly kernelSymbols: readonly KernelSymbol[];
}

/** A reference that the object leaves open. */
export interface UnresolvedReference {
  readonly program: string;
  readonly insn: number;
  readonly kind: 'extern' | 'kfunc' | 'subprogram';
  readonly symbol: string;
  readonly weak: boolean;
}

/** A variable in a data map. */
export interface GlobalVariable {
  readonly name: string;
  /** Index into `LoadedObject.maps`. */
  readonly map: number;
  /** Place in the map's value, in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly isStatic: boolean;
  /** Id of its type in the object's BTF; absent without BTF. */
  readonly btfTypeId?: number;
}

/** An extern variable of `.kconfig`. */
export interface KconfigVariable {
  /** `LINUX_KERNEL_VERSION`, `CONFIG_HZ` and so on. */
  readonly name: string;
  /** Place in the map `.kconfig`, in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly weak: boolean;
  /** Id in the object's BTF. */
  readonly btfTypeId: number;
}

/** How {@link loadObject} reads. */
export interface LoadOptions {
  /** `keep` takes programs with instructions that no eBPF machine knows, as they are; default `check`. */
  readonly illegal?: 'check' | 'keep';
  /**
   * Types of the kernel that the programs are for: CO-RE relocations are applied and typed `.ksyms` filled in. The
   * first is the kernel's own, the others those of its modules. Bytes are parsed. Without it both stay symbolic.
   */
  readonly targetBtf?: Btf | readonly Btf[] | Uint8Array;
  /** Values of `.kconfig`; without them the map has no contents. */
  readonly kconfig?: KconfigValues;
  /** Addresses of untyped `.ksyms`, as in /proc/kallsyms. */
  readonly kernelSymbols?: ReadonlyMap<string, bigint>;
}
