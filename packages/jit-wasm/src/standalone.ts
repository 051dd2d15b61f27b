/**
 * A program as a `.wasm` file that owns its memory, for any host. Maps and data sections, frames and the table of regions
 * are in its data segments, as a run of the interpreter would find them.
 *
 * ```text
 *   export memory                  guest memory, fixed size
 *   export mem      i32            where the program's buffer starts
 *   export run      (i32) -> i64   runs with a buffer of this many bytes; r0. Traps on every fault
 *   import bpf.host (i32, i32, i32) -> i32   only if the program calls helpers: executes one (0, insn, depth); registers
 *                                  are 64-bit words from `registers` on; 0: go on, 1: the program is over, r0 is set
 * ```
 *
 * When it has trapped, the word at 0x78 of the memory is the instruction (bit 30: its jump goes nowhere).
 */
import { BpfError } from '@polybpf/errors';
import {
  type Arena,
  createArena,
  createInterpreter,
  createMemory,
  DEFAULT_BUDGET,
  type InterpreterOptions,
} from '@polybpf/interpreter';
import { ARENA_HEAP, ARENA_TABLES_END, type Machine, prepareFrames } from '@polybpf/interpreter/engine';
import type { Program } from '@polybpf/isa';
import { compileImage, LARGEST_FUNCTION } from './compile-module.ts';
import { FIXED_FRAMES, MAILBOX } from './mailbox.ts';
import type { Facts } from './module-context.ts';

/** What {@link compileToWasm} can be told; options of the interpreter say what symbols and maps are. */
export interface CompileOptions extends Pick<
  InterpreterOptions,
  'helpers' | 'maps' | 'resolve' | 'programs' | 'stackSize' | 'maxCallFrames' | 'mayGotoLimit' | 'budget' | 'alignment'
> {
  /** Most bytes of the program's buffer; default 65536. */
  readonly memBytes?: number;
  /** What the buffer holds at first; default zeros. */
  readonly mem?: Uint8Array;
  /** Accesses that a verifier has proven, by instruction. */
  readonly facts?: Facts;
}

/** A program as a module of its own. */
export interface WasmProgram {
  readonly bytes: Uint8Array;
  /** Byte address of r0 in the memory, for the host's helpers. */
  readonly registers: number;
  /** Byte address of the buffer, also exported as `mem`. */
  readonly mem: number;
  /** `bpf.host` is really called. */
  readonly needsHost: boolean;
  /** Functions that needed a dispatch loop, because a jump enters a loop from the side. */
  readonly irreducible: number;
}

/**
 * Compiles a program into a module of its own.
 *
 * @throws BpfError `E_UNSUPPORTED` for a program that is too large for one function, `E_INPUT` for options that make no
 * sense
 */
export function compileToWasm(program: Program, options: CompileOptions = {}): WasmProgram {
  const { mem: initial, facts, budget = DEFAULT_BUDGET, memBytes = Math.max(65536, initial?.length ?? 0), ...rest } = options; // prettier-ignore
  if (!Number.isInteger(memBytes) || memBytes < 0 || memBytes > 1 << 28) {
    throw new BpfError('E_INPUT', 'option memBytes', { expected: '0 to 268435456', got: String(memBytes) });
  }
  const isShared = rest.maps === undefined && rest.programs === undefined;
  const arena = takeArena(isShared, (4 << 20) + memBytes + program.insns.length * 64);
  try {
    return compileInto(arena, program, memBytes, initial, budget, facts, rest);
  } finally {
    if (isShared && arena.bytes.length <= KEPT_ARENA) IDLE.arena = arena;
  }
}

/** Programs of this many slots or less share an arena, which is made once: most of its pages are never touched. */
const SHARED_SLOTS = 65536;
const KEPT_ARENA: number = (4 << 20) + (1 << 16) + 64 * SHARED_SLOTS;
/** The arena of compilations without maps and programs of others, who might keep views of it; taken while one is at work. */
const IDLE: { arena: Arena | undefined } = { arena: undefined };

function takeArena(isShared: boolean, size: number): Arena {
  if (!isShared) return createArena({ size });
  const { arena } = IDLE;
  IDLE.arena = undefined;
  if (arena !== undefined && size <= arena.bytes.length) return arena;
  return createArena({ size: Math.max(size, KEPT_ARENA) });
}

function compileInto(
  arena: Arena,
  program: Program,
  memBytes: number,
  initial: Uint8Array | undefined,
  budget: number,
  facts: Facts | undefined,
  rest: InterpreterOptions,
): WasmProgram {
  const memory = createMemory({ endian: program.endian, arena });
  let machine: Machine | undefined;
  createInterpreter(program, { ...rest, memory, engine: { name: 'wasm', bind: (cx, loop) => ((machine = cx), loop) } });
  const cx = machine!;
  // A first run's set-up, so that frames and tables are there.
  prepareFrames(cx, FIXED_FRAMES);
  const { code } = cx.image;
  const mem = memory.allocate(memBytes).byteOffset;
  if (initial !== undefined) arena.bytes.set(initial.subarray(0, memBytes), mem);
  memory.add({ number: 2, name: 'mem', kind: 'mem', data: arena.bytes.subarray(mem, mem + memBytes) });
  const { words } = arena;
  words[MAILBOX.depthLimit >> 2] = Math.min(FIXED_FRAMES, cx.limits.maxCallFrames);
  memory.setAccessible(1, true);
  const registers = code.byteOffset;
  const end = ARENA_HEAP + arena.used;
  // The decoded program is left out, and the buffer where it holds nothing.
  const data = [
    ...contents(arena, 0, ARENA_TABLES_END),
    ...contents(arena, ARENA_HEAP, registers),
    ...contents(arena, registers + code.byteLength, initial === undefined ? mem : end),
    ...contents(arena, initial === undefined ? mem + memBytes : end, end),
  ];
  const module = compileImage(
    {
      image: cx.image,
      registers,
      stackSize: cx.limits.stackSize,
      mayGotoLimit: cx.limits.mayGotoLimit,
      alignAtomics: cx.limits.alignAtomics,
      arena: 0,
      saved: cx.saved.byteOffset,
      loops: cx.loops.byteOffset,
      client: 0,
    },
    {
      ...(facts === undefined ? {} : { facts }),
      standalone: { pages: (arena.used + 0x1ffff) >> 16, data, mem, memBytes, budget },
    },
  );
  if (module.largest > LARGEST_FUNCTION) {
    throw new BpfError('E_UNSUPPORTED', `a function of ${module.largest} bytes of WebAssembly`, {
      expected: `at most ${LARGEST_FUNCTION} bytes`,
    });
  }
  return { bytes: module.bytes, registers, mem, needsHost: module.hosted, irreducible: module.irreducible };
}

/** Zeros in a row that end a run. */
const GAP = 32;

/** What is not zero from `from` to `to`, in runs. */
function contents({ bytes, words }: Arena, from: number, to: number): { at: number; bytes: Uint8Array }[] {
  const runs: { at: number; bytes: Uint8Array }[] = [];
  let start = -1;
  let last = -1;
  for (let i = from; i < to; i++) {
    // Most of it is zero: four words at once.
    while ((i & 15) === 0 && i + 16 <= to && isZero(words, i >> 2)) i += 16;
    if (i >= to || bytes[i] === 0) continue;
    if (start >= 0 && i - last > GAP) {
      runs.push({ at: start, bytes: bytes.slice(start, last + 1) });
      start = -1;
    }
    if (start < 0) start = i;
    last = i;
  }
  if (start >= 0) runs.push({ at: start, bytes: bytes.slice(start, last + 1) });
  return runs;
}

function isZero(words: Int32Array, at: number): boolean {
  return (words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) === 0;
}
