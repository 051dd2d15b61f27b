/** The state of a run, and what happens to it at calls, returns and tail calls. */
import type { BpfError } from '@polybpf/errors';
import { faultError } from './fault.ts';
import { type Image, insnIndex, REGISTER_WORDS } from './image.ts';
import type { BoundMap } from './map-binding.ts';
import type { HelperContext } from './helpers.ts';
import type { Memory, Region } from './memory.ts';
import type { PacketInput } from './options.ts';

/** What {@link Machine} code returns instead of the word of the next slot. */
export const STATUS_PAUSED = -1;
export const STATUS_DONE = -2;
export const STATUS_SWITCHED = -3;
export const STATUS_BREAKPOINT = -4;

/** Region numbers that are the same in every run. */
export const STACK_REGION = 1;
export const MEM_REGION = 2;
export const PACKET_REGION = 3;
/** Frames 1 to 7 have the region numbers from this one on, frame 0 has {@link STACK_REGION}, deeper ones free numbers. */
const CALLEE_STACK_REGION = 4;
export const NUMBERED_FRAMES = 8;

/** Finds the image that slot `index` of a program array holds; undefined when it is empty. */
export type TailCallTable = (map: BoundMap, index: number) => Image | undefined;

/** Limits and choices that do not change while a program runs. */
export interface MachineLimits {
  readonly stackSize: number;
  readonly maxCallFrames: number;
  readonly maxTailCalls: number;
  readonly mayGotoLimit: number;
  /** Scramble r1 to r5 after calls. */
  readonly clobber: boolean;
  readonly alignAtomics: boolean;
  /** Loads of memory that is not there give 0. */
  readonly probeLoads: boolean;
}

/**
 * Runs from `cx.pc` until the fuel is used up, the outermost function of the call exits, or the image changes; gives a
 * `STATUS_*`. On a fault it throws and leaves `cx.pc` at the slot at fault.
 */
export type Execute = (cx: Machine) => number;

/** The state of a run. */
export interface Machine {
  readonly memory: Memory;
  readonly little: boolean;
  readonly limits: MachineLimits;
  readonly budget: number;
  image: Image;
  /** `image.code`. */
  code: Int32Array;
  /** Word of the slot that runs or is next. */
  pc: number;
  /** Instructions until the loop returns, and those that are left beside them. */
  fuel: number;
  reserve: number;
  /** Innermost frame; 0 is the main program. */
  depth: number;
  /** Frame whose exit ends the current call of the loop; above 0 inside callbacks. */
  hostDepth: number;
  /** Per frame {@link FRAME_WORDS} words: word of the slot to return to, r6 to r10 of the caller. */
  saved: Int32Array;
  /** Per frame: image to return to. */
  callers: (Image | undefined)[];
  /** Per frame: outermost frame of the same program; tail calls start a new count. */
  activation: Int32Array;
  /** Per frame: what is left of the may_goto counter. */
  loops: Int32Array;
  /** Per frame: its stack. */
  stacks: Region[];
  tailCalls: number;
  /** r0 that a helper has ended the program with. */
  terminated: bigint | undefined;
  /** Address space casts go to this region; 0 is identity. */
  arena: number;
  /** Packet of LD_ABS and LD_IND. */
  packet: PacketInput | undefined;
  /** Bytes of the embedder that the memory has copied, by the number of the region with the copy. */
  readonly copied: Map<number, Uint8Array>;
  /** Runs from `pc`: the loop of this package, or that of another engine. */
  execute: Execute;
  /** The caller wants nothing but the end: no trace, no breakpoints, no steps. Engines may then run compiled code. */
  whole: boolean;
  tailTable: TailCallTable;
  helperContext: HelperContext;
}

/** Words that one frame has in {@link Machine.saved}. */
export const FRAME_WORDS = 11;
const R10 = 20;

/** An error at the instruction that runs. */
export function faultHere(
  cx: Machine,
  kind: Parameters<typeof faultError>[0],
  message: string,
  details: { readonly expected?: string; readonly got?: string; readonly reason?: unknown } = {},
): BpfError {
  return faultError(kind, message, { insn: insnIndex(cx.pc), program: cx.image.program.name, ...details });
}

/** Opens frame `depth`: makes its stack accessible and points r10 behind it. */
export function openFrame(cx: Machine, depth: number): void {
  if (depth >= cx.stacks.length) addStack(cx, depth);
  const { number } = cx.stacks[depth]!;
  const { memory } = cx;
  memory.readEnd[number] = cx.limits.stackSize;
  memory.writeEnd[number] = cx.limits.stackSize;
  cx.loops[depth] = cx.limits.mayGotoLimit;
  cx.code[R10] = cx.limits.stackSize;
  cx.code[R10 + 1] = number;
  cx.depth = depth;
}

function addStack(cx: Machine, depth: number): void {
  const number = depth === 0 ? STACK_REGION : depth < NUMBERED_FRAMES ? CALLEE_STACK_REGION + depth - 1 : undefined;
  cx.stacks[depth] = cx.memory.add({
    name: depth === 0 ? 'stack' : `stack of frame ${depth}`,
    kind: 'stack',
    data: cx.memory.allocate(cx.limits.stackSize),
    ...(number === undefined ? {} : { number }),
  });
  if (depth < cx.loops.length) return;
  const capacity = Math.max(16, depth * 2);
  cx.saved = grown(cx.memory, cx.saved, capacity * FRAME_WORDS);
  cx.activation = grown(cx.memory, cx.activation, capacity);
  cx.loops = grown(cx.memory, cx.loops, capacity);
}

function grown(memory: Memory, array: Int32Array, length: number): Int32Array {
  const copy = memory.allocateWords(length);
  copy.set(array);
  return copy;
}

/** Makes the stacks of frames up to `depth`, exclusive, where they are missing; they are not accessible yet. */
export function prepareFrames(cx: Machine, depth: number): void {
  while (cx.stacks.length < depth) {
    const next = cx.stacks.length;
    addStack(cx, next);
    closeFrame(cx, next);
  }
}

/** Makes a frame's stack inaccessible: a pointer to it that outlives it faults. */
export function closeFrame(cx: Machine, depth: number): void {
  const { number } = cx.stacks[depth]!;
  cx.memory.readEnd[number] = 0;
  cx.memory.writeEnd[number] = 0;
}

/**
 * Enters a function: own frame, r6 to r10 of the caller put aside.
 *
 * @returns `target`
 * @throws BpfError `E_RUN_CALL_DEPTH`
 */
export function enterFunction(cx: Machine, returnTo: number, target: number): number {
  const depth = cx.depth + 1;
  const base = cx.activation[cx.depth]!;
  if (depth - base >= cx.limits.maxCallFrames) {
    throw faultHere(cx, 'call_depth', 'call frames', {
      expected: `at most ${cx.limits.maxCallFrames}`,
      got: String(depth - base + 1),
    });
  }
  if (depth >= cx.stacks.length) addStack(cx, depth);
  const { code, saved } = cx;
  const at = depth * FRAME_WORDS;
  saved[at] = returnTo;
  // r6 to r10; written out because a loop doubles the time of a call.
  saved[at + 1] = code[12]!;
  saved[at + 2] = code[13]!;
  saved[at + 3] = code[14]!;
  saved[at + 4] = code[15]!;
  saved[at + 5] = code[16]!;
  saved[at + 6] = code[17]!;
  saved[at + 7] = code[18]!;
  saved[at + 8] = code[19]!;
  saved[at + 9] = code[20]!;
  saved[at + 10] = code[21]!;
  cx.callers[depth] = cx.image;
  cx.activation[depth] = base;
  openFrame(cx, depth);
  return target;
}

/** Returns from a function: the word of the next slot, or a status. */
export function leaveFunction(cx: Machine): number {
  const { depth, saved } = cx;
  if (depth === cx.hostDepth) return STATUS_DONE;
  closeFrame(cx, depth);
  const caller = cx.callers[depth]!;
  const switched = caller !== cx.image;
  if (switched) switchImage(cx, caller);
  const { code } = cx;
  const at = depth * FRAME_WORDS;
  code[12] = saved[at + 1]!;
  code[13] = saved[at + 2]!;
  code[14] = saved[at + 3]!;
  code[15] = saved[at + 4]!;
  code[16] = saved[at + 5]!;
  code[17] = saved[at + 6]!;
  code[18] = saved[at + 7]!;
  code[19] = saved[at + 8]!;
  code[20] = saved[at + 9]!;
  code[21] = saved[at + 10]!;
  if (cx.limits.clobber) clobberArguments(code);
  cx.depth = depth - 1;
  const next = saved[at]!;
  if (!switched) return next;
  cx.pc = next;
  return STATUS_SWITCHED;
}

/** Goes on in another image with the same registers. */
export function switchImage(cx: Machine, image: Image): void {
  image.code.set(cx.code.subarray(0, REGISTER_WORDS));
  cx.image = image;
  cx.code = image.code;
}

/** r1 to r5 after a call, when the caller asked for garbage: a fixed pattern that is no valid address. */
export function clobberArguments(code: Int32Array): void {
  for (let k = 2; k < 12; k += 2) {
    code[k] = 0xdead0000 | 0 | (k >> 1);
    code[k + 1] = 0xbadc0de0 | 0;
  }
}
