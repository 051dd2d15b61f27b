/** What all programs of one virtual machine share: memory, maps, CPUs, the clock, chance, the current task, outputs. */
import type { Btf } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import type { HelperContext, Memory } from '@polybpf/interpreter';
import type { Endian, Program } from '@polybpf/isa';
import type { GuestMap } from '@polybpf/maps';
import type { PacketBuffer } from './packet-buffer.ts';

/** The task that a program runs on. */
export interface TaskState {
  /** Thread id, the lower half of `bpf_get_current_pid_tgid`. */
  readonly pid: number;
  /** Process id, the upper half. */
  readonly tgid: number;
  readonly uid: number;
  readonly gid: number;
  /** At most 15 bytes. */
  readonly comm: string;
  readonly cgroupId: bigint;
  /** Ids of the ancestors of its cgroup, root first; `bpf_get_current_ancestor_cgroup_id`. */
  readonly cgroupAncestors: readonly bigint[];
  /** What `bpf_get_current_task` gives; 0 unless the event has a `task_struct`. */
  readonly address: bigint;
}

/** Stacks of a run, instruction addresses, innermost first. */
export interface StackState {
  readonly kernel: readonly bigint[];
  readonly user: readonly bigint[];
}

/** A packet that a program sent elsewhere. */
export interface Redirect {
  readonly kind: 'redirect' | 'redirect_map' | 'clone' | 'peer' | 'neigh' | 'socket';
  /** Interface, for what names one. */
  readonly ifindex?: number;
  readonly map?: string;
  readonly key?: Uint8Array;
  readonly flags: bigint;
  /** The packet at this moment, for clones. */
  readonly packet?: Uint8Array;
}

/** One run of one program. */
export interface RunState {
  readonly program: Program;
  /** Program type in libbpf's words. */
  readonly type: string;
  readonly packet: PacketBuffer | undefined;
  /** Context as bytes; for struct contexts. */
  readonly context: Uint8Array;
  readonly contextAddress: bigint;
  readonly stacks: StackState;
  /** Arguments of the traced function, for `bpf_get_func_arg`. */
  readonly functionArgs: readonly bigint[];
  readonly functionResult: bigint | undefined;
  readonly functionAddress: bigint;
  /** What helpers ask of the event: `socketCookie`, `netnsCookie`, `hash`, ... */
  readonly facts: Readonly<Record<string, bigint>>;
  /** Texts of the event: name and values of a sysctl. Helpers may change them. */
  readonly texts: Record<string, string>;
  /** Owners of local storage of this run. */
  readonly owners: { readonly socket: object; readonly task: object; readonly cgroup: object; readonly inode: object };
  readonly redirects: Redirect[];
  /** Further results, by name: `return_value` of `bpf_set_retval`, signals, ... */
  readonly effects: { readonly name: string; readonly value: bigint }[];
}

/** A timer of a map value. */
export interface TimerState {
  readonly address: bigint;
  readonly map: GuestMap;
  callback: bigint | undefined;
  /** Program whose callback it is. */
  program: Program | undefined;
  /** Nanoseconds of event time; undefined when not armed. */
  expires: bigint | undefined;
  cpu: number;
}

/** See the file's head. Fields that runs change are mutable. */
export interface World {
  readonly memory: Memory;
  readonly endian: Endian;
  readonly cpus: number;
  cpu: number;
  /** `CLOCK_MONOTONIC` in nanoseconds: event time. */
  time: bigint;
  /** Nanoseconds that each reading of the clock adds, so that programs can measure; default 0. */
  readonly tick: bigint;
  /** `CLOCK_BOOTTIME` - `CLOCK_MONOTONIC`. */
  readonly bootOffset: bigint;
  /** `CLOCK_TAI` - `CLOCK_MONOTONIC`. */
  readonly taiOffset: bigint;
  /** Jiffies per second. */
  readonly hz: number;
  /** 32 random bits. */
  readonly random: () => number;
  task: TaskState;
  run: RunState | undefined;
  /** Maps by handle. */
  readonly maps: Map<bigint, GuestMap>;
  readonly timers: Map<bigint, TimerState>;
  /** Per-CPU kernel variables by address of ld_imm64: CPU to address. */
  readonly percpu: Map<bigint, readonly bigint[]>;
  readonly symbols: ReadonlyMap<bigint, string>;
  readonly locks: Set<bigint>;
  /** Buffers that helpers lent to the program, by address: dynptr memory, objects. */
  readonly lent: Map<bigint, { readonly map: GuestMap; readonly size: number }>;
  readonly print: (text: string) => void;
  /** Types of the kernel, for helpers that take type ids. */
  readonly kernelTypes: Btf | undefined;
}

/** Code of a helper; what it returns becomes r0. */
export type HelperCode = (cx: HelperContext, world: World) => bigint | number | void;

/** Helpers by kernel name. */
export type HelperTable = Readonly<Record<string, HelperCode>>;

/** The run that is going on. */
export function currentRun(world: World): RunState {
  if (world.run === undefined) throw new Error('BUG: a helper runs outside of a run');
  return world.run;
}

/**
 * The map whose reference is in register `n`.
 *
 * @throws BpfError `E_INPUT` when it is no map; the interpreter makes it a fault of the helper
 */
export function mapArgument(cx: HelperContext, world: World, n: number): GuestMap {
  const map = world.maps.get(cx.arg(n));
  if (map !== undefined) return map;
  throw new BpfError('E_INPUT', `argument ${n}`, { expected: 'a map', got: `0x${cx.arg(n).toString(16)}` });
}

/** Bytes at an address however the program may access them, or undefined; what the kernel's nofault copies see. */
export function peekMemory(world: World, address: bigint, length: number): Uint8Array | undefined {
  const found = world.memory.locate(address);
  if (found === undefined || found.region.kind === 'map' || found.region.kind === 'code') return undefined;
  const { region, offset } = found;
  return offset + length <= region.data.length ? region.data.subarray(offset, offset + length) : undefined;
}

/** Bytes of the string at an address, without its zero and at most `limit - 1`; undefined when memory ends before. */
export function peekString(world: World, address: bigint, limit: number): Uint8Array | undefined {
  const found = world.memory.locate(address);
  if (found === undefined || found.region.kind === 'map' || found.region.kind === 'code') return undefined;
  const rest = found.region.data.subarray(found.offset);
  if (rest.length === 0) return undefined;
  const end = rest.subarray(0, limit).indexOf(0);
  if (end >= 0) return rest.subarray(0, end);
  return rest.length < limit ? undefined : rest.subarray(0, Math.max(0, limit - 1));
}

/** Signed 32-bit value of the lower half of register `n`. */
export function int32(cx: HelperContext, n: number): number {
  return cx.regs[2 * n]! | 0;
}

/** Bits of flags outside `allowed`. */
export function unknownFlags(flags: bigint, allowed: bigint): boolean {
  return (flags & ~allowed) !== 0n;
}
