/** What a helper sees while a native program waits for it. The members mean what they mean in `@polybpf/interpreter`. */
import type { MapDef, Program } from '@polybpf/isa';
import type { HelperMemory } from './machine-memory.ts';

/** A map of a native program. */
export interface MachineMap {
  readonly def: MapDef;
  /** What ld_imm64 of the map gives: identifies it; nothing of use lies there. */
  readonly handle: bigint;
  /** Address of the values, when the map has memory: every data section, and maps that were given `values`. */
  readonly valuesAddress?: bigint | undefined;
  /** From {@link MachineMapInit.object}. */
  readonly object: unknown;
}

/** What the caller gives for one map. */
export interface MachineMapInit {
  /** First contents of the values; they get memory of this length, reachable through ld_imm64 of a value address. */
  readonly values?: Uint8Array;
  /** Anything that helpers need to find at {@link MachineMap.object}. */
  readonly object?: unknown;
}

/** Arguments and memory of one helper call. */
export interface HelperCallContext {
  /** r0 to r10 as pairs of 32-bit halves, low first; r1 to r5 are the arguments, the others are 0. */
  readonly regs: Int32Array;
  readonly memory: HelperMemory;
  /** The program that the job started with. */
  readonly program: Program;
  /** -1: native code does not know its insn index. */
  readonly insn: number;
  /** Argument `n` (1 to 5), unsigned. */
  arg(n: number): bigint;
  /** Low half of argument `n`, unsigned. */
  arg32(n: number): number;
  /** Sets r0. A number is a safe integer and is sign-extended. */
  setResult(value: bigint | number): void;
  /** The map with this handle, or undefined. */
  mapAt(address: bigint): MachineMap | undefined;
  /** Ends the program with this r0, once the helper has returned. */
  terminate(result: bigint | number): void;
  /**
   * Calls a native function, as `bpf_loop` calls its callback, and returns its r0.
   *
   * @param address - value of ld_imm64 with `BPF_PSEUDO_FUNC`, or of a program
   * @throws whatever ends the program meanwhile; let it pass
   */
  call(address: bigint, args: readonly (bigint | number)[]): bigint;
}

/** One helper function or kfunc. A `Helper` of `@polybpf/interpreter` that keeps to {@link HelperCallContext} is one. */
export interface MachineHelper {
  readonly id: number;
  readonly name?: string;
  /** What it returns becomes r0; with `undefined`, what `setResult` was given, else 0. */
  call(cx: HelperCallContext): bigint | number | void;
}

/** Which kfunc a call means: by name when the object said it, else by BTF id. */
export interface MachineKfuncReference {
  readonly name?: string;
  readonly id: number;
  readonly btfIndex: number;
}

/** Where a native program's calls are looked up, at each call. A `HelperRegistry` of `@polybpf/interpreter` is one. */
export interface MachineHelperRegistry {
  helper(id: number): MachineHelper | undefined;
  kfunc?(reference: MachineKfuncReference): MachineHelper | undefined;
}
