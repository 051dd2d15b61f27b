/** What an interpreter and its runs can be told. */
import type { Program } from '@polybpf/isa';
import type { TraceHook } from './execution.ts';
import type { Helper, HelperRegistry } from './helpers.ts';
import type { BoundMap, ResolveMap, ResolveSymbol } from './map-binding.ts';
import type { Execute, Machine } from './machine.ts';
import type { Memory, Region } from './memory.ts';

/** How many instructions a run may execute when nothing else is said: a few seconds. */
export const DEFAULT_BUDGET = 1_000_000_000;

/**
 * Another execution loop behind the same face, see `@polybpf/interpreter/engine`. Without `memory` in the options the
 * interpreter then gets one with an arena.
 */
export interface Engine {
  readonly name: string;
  /** Called once for an interpreter; `fallback` is the loop of this package. */
  bind(cx: Machine, fallback: Execute): Execute;
}

/** What {@link createInterpreter} takes beside the program. */
export interface InterpreterOptions {
  /** Guest memory with further regions; default: new memory in the program's byte order. */
  readonly memory?: Memory;
  readonly helpers?: HelperRegistry | readonly Helper[];
  /** What stands behind each map; default: handles, and a copy of the contents for data sections. */
  readonly maps?: ResolveMap;
  /** Values of externs, map file descriptors, BTF ids and program addresses; without it reaching one is `E_RUN_SYMBOL`. */
  readonly resolve?: ResolveSymbol;
  /** Programs of the same object; those that initial contents of program arrays name can be tail-called. */
  readonly programs?: readonly Program[];
  /** What a slot of a program array holds; asked at every tail call, before `programs`. */
  readonly tailCalls?: (map: BoundMap, index: number) => Program | undefined;
  /** Region that pointers of address space 1 point into. */
  readonly arena?: Region;
  /** Instructions that a run may execute; default {@link DEFAULT_BUDGET}. */
  readonly budget?: number;
  /** Bytes of stack of a frame; default 512. */
  readonly stackSize?: number;
  /** Frames at most, the main program's included; default 8. */
  readonly maxCallFrames?: number;
  /** Tail calls of a run at most; default 33. */
  readonly maxTailCalls?: number;
  /** How often may_goto falls through in one call of a function; default `BPF_MAX_LOOPS`, 8388608. */
  readonly mayGotoLimit?: number;
  /** Which accesses fault when misaligned; default atomics only, as in the kernel. */
  readonly alignment?: 'atomics' | 'all' | 'none';
  /**
   * Loads of memory that is not there give 0 instead of a fault, as loads through pointers of kernel types do in the kernel
   * (`BPF_PROBE_MEM`); default false.
   */
  readonly probeLoads?: boolean;
  /** Scramble r1 to r5 after each call, as native code may; default: helpers leave them, functions leave their own. */
  readonly clobber?: boolean;
  /** Runs the program instead of the loop of this package; needs a memory with an arena. */
  readonly engine?: Engine;
  /** Called before every instruction; makes runs much slower. */
  readonly trace?: TraceHook;
}

/** What a run starts with. */
export interface RunInput {
  /** r1 to r5; missing ones are 0, or what `mem` makes of r1 and r2. */
  readonly args?: readonly (bigint | number)[];
  /**
   * Context or buffer of the program: r1 = its address, r2 = its length. Absent or empty: both 0. Used in place; in a
   * memory with an arena a copy of it is used and copied back when the run, or a step of it, ends.
   */
  readonly mem?: Uint8Array;
  /** Default true. */
  readonly memWritable?: boolean;
  /** Packet of LD_ABS and LD_IND. */
  readonly packet?: Uint8Array | PacketInput;
}

/** A packet and where its headers start, in bytes. Read again at every load, so that helpers may change it. */
export interface PacketInput {
  readonly data: Uint8Array;
  /** Where offsets that are not negative count from (`skb->data`); default 0. */
  readonly start?: number;
  /** False when the embedder makes the packet reachable by address itself; default true, as region 3. */
  readonly region?: boolean;
  /** Default 0. */
  readonly macOffset?: number;
  /** Unknown by default. */
  readonly networkOffset?: number;
}
