/** Helper functions: how a program reaches the world outside of its registers and memory. */
import type { Program } from '@polybpf/isa';
import type { BoundMap } from './map-binding.ts';
import type { Memory } from './memory.ts';

/**
 * What a helper sees while it runs. Arguments stay in the register file, as 32-bit halves, so that a helper that needs
 * only small numbers never touches bigint.
 */
export interface HelperContext {
  /** r0 to r10 as pairs: `regs[2 * n]` is the low and `regs[2 * n + 1]` the high half of register n. */
  readonly regs: Int32Array;
  readonly memory: Memory;
  /** The program that called. */
  readonly program: Program;
  /** Insn index of the call. */
  readonly insn: number;
  /** Register `n` (0 to 10) as unsigned 64-bit number; arguments are 1 to 5. */
  arg(n: number): bigint;
  /** The low half of register `n`, unsigned. */
  arg32(n: number): number;
  /** Sets r0. A number is a safe integer and is sign-extended. */
  setResult(value: bigint | number): void;
  /** The map whose handle (the value of ld_imm64 of a map) is `address`, or undefined. */
  mapAt(address: bigint): BoundMap | undefined;
  /** Ends the program with this r0, once the helper has returned. */
  terminate(result: bigint | number): void;
  /**
   * Calls a function of the running program, as `bpf_loop` calls its callback, and returns its r0. Registers are as
   * before when it returns. The instructions count against the same budget, the frames against the same depth.
   *
   * @param address - value of ld_imm64 with `BPF_PSEUDO_FUNC`
   * @throws BpfError `E_RUN_*` of the callee; let it pass
   */
  call(address: bigint, args: readonly (bigint | number)[]): bigint;
}

/** One helper function or kfunc. */
export interface Helper {
  /** Helper id (`call` imm), or BTF id of a kfunc. */
  readonly id: number;
  /** Name, for messages and for kfuncs that are called by name. */
  readonly name?: string;
  /**
   * Runs the helper. What it returns becomes r0; with `undefined` r0 is what {@link HelperContext.setResult} made it, or
   * else unchanged. A thrown `BpfError` with a fault ends the program with that fault; anything else thrown ends it with
   * `E_RUN_HELPER`.
   */
  call(cx: HelperContext): bigint | number | void;
}

/** Which kfunc a call means. */
export interface KfuncReference {
  /** Name by its relocation, when the object said it. */
  readonly name?: string;
  /** BTF id, the imm of the call; -1 when unresolved. */
  readonly id: number;
  /** Index of the BTF file descriptor, the offset of the call. */
  readonly btfIndex: number;
}

/** Where the interpreter looks up functions. It asks once for each call instruction. */
export interface HelperRegistry {
  helper(id: number): Helper | undefined;
  kfunc?(reference: KfuncReference): Helper | undefined;
}

/**
 * A registry around lists of helpers and kfuncs. Kfuncs are found by name first, then by BTF id.
 *
 * @param helpers - by id; a later one replaces an earlier one
 * @param kfuncs - by name or BTF id
 */
export function createHelperRegistry(helpers: readonly Helper[], kfuncs: readonly Helper[] = []): HelperRegistry {
  const byId = new Map(helpers.map((helper) => [helper.id, helper]));
  return {
    helper: (id) => byId.get(id),
    kfunc: ({ name, id }) =>
      (name === undefined ? undefined : kfuncs.find((kfunc) => kfunc.name === name)) ??
      (id > 0 ? kfuncs.find((kfunc) => kfunc.id === id) : undefined),
  };
}

/**
 * The *unwind* helper of uBPF and of the conformance suite (`ubpf_set_unwind_function_index`): returns its first
 * argument, and ends the program with 0 when that is 0.
 */
export function unwindHelper(id = 5): Helper {
  return {
    id,
    name: 'unwind',
    call(cx) {
      const low = cx.regs[2]!;
      const high = cx.regs[3]!;
      cx.regs[0] = low;
      cx.regs[1] = high;
      if ((low | high) === 0) cx.terminate(0);
    },
  };
}
