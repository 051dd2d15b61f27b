/** Timers in event time: a callback runs as its own program when the clock passes its time. */
import { createInterpreter, type InterpreterOptions, type RunResult } from '@polybpf/interpreter';
import { makeInsn, type Program } from '@polybpf/isa';
import type { RunState, TimerState, World } from './world.ts';

/** Slots of the trampoline: a local call and an exit. */
const TRAMPOLINE = 2;

/** Programs that enter another one at a function, and which one that is. */
const trampolines = new WeakMap<Program, Program>();

/**
 * `program` behind two instructions that call its function at an insn index: so that a callback can be entered from
 * outside.
 */
export function callbackProgram(program: Program, insn: number): Program {
  const shifted: Program = {
    ...program,
    name: `${program.name} (callback)`,
    insns: [makeInsn(0x85, 0, 1, 0, insn + TRAMPOLINE - 1), makeInsn(0x95, 0, 0, 0, 0), ...program.insns],
    subprograms: [
      { name: 'callback', start: 0, end: TRAMPOLINE },
      ...program.subprograms.map(({ name, start, end }) => ({
        name,
        start: start + TRAMPOLINE,
        end: end + TRAMPOLINE,
      })),
    ],
    relocations: program.relocations.map((relocation) => ({ ...relocation, insn: relocation.insn + TRAMPOLINE })),
    lines: program.lines.map((line) => ({ ...line, insn: line.insn + TRAMPOLINE })),
  };
  trampolines.set(shifted, program);
  return shifted;
}

/** Program and insn index of a code address that a program took. */
function functionOf(timer: TimerState): { readonly program: Program; readonly insn: number } {
  const insn = Number(BigInt.asUintN(32, timer.callback!)) / 8;
  const base = trampolines.get(timer.program!);
  return base === undefined ? { program: timer.program!, insn } : { program: base, insn: insn - TRAMPOLINE };
}

/** The timer that fires next, at `until` or before. */
export function nextTimer(world: World, until: bigint): TimerState | undefined {
  let next: TimerState | undefined;
  for (const timer of world.timers.values()) {
    const { expires } = timer;
    if (expires !== undefined && expires <= until && (next?.expires === undefined || expires < next.expires))
      next = timer;
  }
  return next;
}

/** The key and value that a timer lies in. */
function elementOf({ map, address }: TimerState): { readonly key: bigint; readonly value: bigint } | undefined {
  let found: { key: bigint; value: bigint } | undefined;
  map.program.forEach(({ keyAddress, valueAddress }) => {
    if (address < valueAddress || address >= valueAddress + BigInt(map.valueSize)) return 0;
    found = { key: keyAddress, value: valueAddress };
    return 1;
  }, 0);
  return found;
}

/**
 * Runs a timer's callback with the map, its key and its value.
 *
 * @returns undefined when its element is gone
 */
export function fireTimer(world: World, timer: TimerState, options: InterpreterOptions): RunResult | undefined {
  const element = elementOf(timer);
  timer.expires = undefined;
  if (element === undefined) return undefined;
  const { program, insn } = functionOf(timer);
  const interpreter = createInterpreter(callbackProgram(program, insn), options);
  world.cpu = timer.cpu;
  const run: RunState = {
    program,
    type: program.type ?? 'socket_filter',
    packet: undefined,
    context: new Uint8Array(0),
    contextAddress: 0n,
    stacks: { kernel: [], user: [] },
    functionArgs: [],
    functionResult: undefined,
    functionAddress: 0n,
    facts: { timer: timer.address },
    texts: {},
    owners: { socket: {}, task: {}, cgroup: {}, inode: {} },
    redirects: [],
    effects: [],
  };
  world.run = run;
  try {
    return interpreter.run({ args: [timer.map.handle, element.key, element.value] });
  } finally {
    world.run = undefined;
  }
}
