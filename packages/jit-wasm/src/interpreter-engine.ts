/** The engine around the fast interpreter: state into the mailbox, run, state back, one instruction by the other loop. */
import type { Arena, Engine } from '@polybpf/interpreter';
import { type Execute, FRAME_WORDS, type Machine, STATUS_PAUSED, type WasmModule, wasmApi } from '@polybpf/interpreter/engine'; // prettier-ignore
import type { Endian } from '@polybpf/isa';
import { fastInterpreterModule, RUN_PAUSED } from './fast-interpreter.ts';
import { FIXED_FRAMES, MAILBOX } from './mailbox.ts';

/** `run` of the module: executes the image at this byte address. */
type Run = (code: number) => number;

const modules = new Map<Endian, WasmModule>();
const instances = new WeakMap<Arena, Map<Endian, Run>>();

/** The interpreter's `run` for an arena; the module is made once for each byte order, the instance once for an arena. */
function runOf(arena: Arena, endian: Endian): Run {
  let known = instances.get(arena);
  if (known === undefined) instances.set(arena, (known = new Map()));
  let run = known.get(endian);
  if (run === undefined) {
    const api = wasmApi();
    let module = modules.get(endian);
    if (module === undefined) modules.set(endian, (module = new api.Module(fastInterpreterModule(endian))));
    const { exports } = new api.Instance(module, { bpf: { memory: arena.memory } });
    run = exports['run'] as Run;
    known.set(endian, run);
  }
  return run;
}

/**
 * The outermost frame that may be left without the host: below it exits change the program or the count of frames.
 */
function floorOf(cx: Machine): number {
  const { activation, callers, hostDepth, image } = cx;
  let floor = cx.depth;
  while (floor > hostDepth && callers[floor] === image && activation[floor] === activation[floor - 1]) floor--;
  return floor;
}

/** First depth that only the host can enter: a frame too many, or one that has no stack yet. */
export function depthLimitOf(cx: Machine): number {
  return Math.min(cx.activation[cx.depth]! + cx.limits.maxCallFrames, FIXED_FRAMES, cx.stacks.length);
}

/** Writes what code in WebAssembly needs to know of the machine. */
export function writeLimits(cx: Machine, words: Int32Array): void {
  words[MAILBOX.depthLimit >> 2] = depthLimitOf(cx);
  words[MAILBOX.stackSize >> 2] = cx.limits.stackSize;
  words[MAILBOX.mayGotoLimit >> 2] = cx.limits.mayGotoLimit;
  words[MAILBOX.saved >> 2] = cx.saved.byteOffset;
  words[MAILBOX.loops >> 2] = cx.loops.byteOffset;
  words[MAILBOX.activation >> 2] = cx.activation.byteOffset;
}

/** An {@link Execute} that runs slots in WebAssembly. */
export function bindInterpreter(cx: Machine, fallback: Execute): Execute {
  // What changes every call or every access is left to the loop that knows it.
  if (cx.limits.clobber || cx.image.alignAll) return fallback;
  const arena = cx.memory.arena!;
  const { words } = arena;
  const run = runOf(arena, cx.memory.endian);
  return (machine) => {
    for (;;) {
      const floor = floorOf(machine);
      words[MAILBOX.fuel >> 2] = machine.fuel;
      words[MAILBOX.pc >> 2] = machine.pc;
      words[MAILBOX.depth >> 2] = machine.depth;
      words[MAILBOX.floor >> 2] = floor;
      writeLimits(machine, words);
      const status = run(machine.code.byteOffset);
      machine.pc = words[MAILBOX.pc >> 2]!;
      const fuel = words[MAILBOX.fuel >> 2]!;
      machine.fuel = fuel;
      const depth = words[MAILBOX.depth >> 2]!;
      machine.depth = depth;
      for (let d = floor + 1; d <= depth; d++) machine.callers[d] = machine.image;
      if (status === RUN_PAUSED) return STATUS_PAUSED;
      const ended = oneByHost(machine, fallback, fuel);
      if (ended !== STATUS_PAUSED || machine.fuel === 0) return ended;
    }
  };
}

/** Executes one instruction with the other loop; afterwards the slice has one instruction less. */
function oneByHost(cx: Machine, fallback: Execute, fuel: number): number {
  cx.fuel = 1;
  cx.reserve += fuel - 1;
  const status = fallback(cx);
  const left = cx.reserve + cx.fuel;
  cx.fuel = Math.min(status === STATUS_PAUSED ? fuel - 1 : fuel, left);
  cx.reserve = left - cx.fuel;
  return status;
}

/** The fast interpreter as an engine of `createInterpreter`. */
export function wasmInterpreterEngine(): Engine {
  return { name: 'wasm-interpreter', bind: bindInterpreter };
}

/** Words of a frame in the table of saved registers; for compiled code. */
export const SAVED_BYTES: number = FRAME_WORDS * 4;
