/** `polybpf run`: a program in the interpreter or as native code, or, with a context, in a virtual machine. */
import { BpfError } from '@polybpf/errors';
import { formatHex, type WasmEngineName } from '@polybpf/conformance';
import { createInterpreter, type Engine } from '@polybpf/interpreter';
import type { Endian, Program } from '@polybpf/isa';
import { autoEngine, wasmEngine, wasmInterpreterEngine } from '@polybpf/jit-wasm';
import { openMachine } from '@polybpf/machine';
import type { Bounds, Target } from '@polybpf/jit';
import { ALL_TARGETS, targetByName } from '@polybpf/targets';
import { writeOutput } from '../files.ts';
import { basicHelpers } from '../basic-helpers.ts';
import { chooseProgram, inOrder, type InputKind, readProgramFile, type TargetKernelFlags } from '../input.ts';
import { parseCount, parseMemory } from '../memory-argument.ts';
import { type EventFlags, runEvents, wantsVm } from './run-events.ts';
import { hex64, printJson, printLine } from '../print.ts';

export interface RunFlags extends TargetKernelFlags, EventFlags {
  readonly engine?: 'interpreter' | 'native' | WasmEngineName;
  readonly target?: string;
  readonly mem?: string;
  readonly memOut?: string;
  readonly prog?: string;
  readonly budget?: string;
  readonly repeat?: string;
  readonly bounds?: Bounds;
  readonly input?: InputKind;
  readonly endian?: Endian;
  readonly json?: boolean;
}

interface Outcome {
  readonly r0: bigint;
  readonly mem: Uint8Array;
  readonly insnsExecuted: number | null;
  readonly elapsedNs: number;
}

/**
 * Runs the command.
 *
 * @returns false when an event ended with a fault; other faults are thrown
 */
export function runRun(path: string, flags: RunFlags): boolean {
  const input = readProgramFile(path, {
    ...(flags.input === undefined ? {} : { kind: flags.input }),
    ...(flags.endian === undefined ? {} : { endian: flags.endian }),
    kernel: flags,
    preferLiveBtf: true,
  });
  if (wantsVm(flags)) return runEvents(input, flags, vmEngine(flags));
  const program = chooseProgram(input, flags.prog);
  const mem = parseMemory(flags.mem);
  const repeat = flags.repeat === undefined ? 1 : parseCount('--repeat', flags.repeat);
  const engine = flags.engine ?? (flags.target === undefined && flags.bounds === undefined ? 'interpreter' : 'native');
  const target = engine === 'native' ? chooseTarget(flags.target) : undefined;
  if (engine !== 'native' && flags.target !== undefined)
    throw new BpfError('E_USAGE', '--target is for --engine native');
  if (engine === 'native' && flags.budget !== undefined) throw new BpfError('E_UNSUPPORTED', 'an instruction budget of native code', { expected: '--engine interpreter' }); // prettier-ignore
  if (engine !== 'native' && flags.bounds !== undefined)
    throw new BpfError('E_USAGE', '--bounds is for native code: the other engines check every access');
  const budget = flags.budget === undefined ? undefined : parseCount('--budget', flags.budget);
  const outcome =
    target === undefined
      ? interpret(program, mem, repeat, budget, executionEngine(engine))
      : runNative(inOrder(input, program, target.endian), target, mem, repeat, flags.bounds ?? 'none');
  if (flags.memOut !== undefined) writeOutput(flags.memOut, outcome.mem);
  if (flags.json === true) {
    const { r0, insnsExecuted, elapsedNs } = outcome;
    printJson({
      program: program.name,
      engine,
      target: target?.name ?? null,
      r0: hex64(r0),
      mem: formatHex(outcome.mem),
      insnsExecuted,
      repeat,
      elapsedNs,
    });
  } else printLine(hex64(outcome.r0));
  return true;
}

/** The engine of a virtual machine. */
function vmEngine({ engine, target, bounds, mem }: RunFlags): Engine | undefined {
  if (engine === 'native' || target !== undefined || bounds !== undefined) {
    throw new BpfError('E_UNSUPPORTED', 'contexts and maps in native code', {
      expected: '--engine interpreter, wasm, wasm-interpreter or auto',
    });
  }
  if (mem !== undefined) throw new BpfError('E_USAGE', '--mem is for programs without a context');
  return executionEngine(engine ?? 'interpreter');
}

/** The named target, or the one of this host. */
function chooseTarget(name: string | undefined): Target {
  if (name !== undefined) return targetByName(name);
  const host = ({ x64: 'x86_64', arm64: 'arm64', s390x: 's390x' } as const)[process.arch as 'x64'] ?? process.arch;
  const target = ALL_TARGETS.find((candidate) => candidate.name === host);
  if (target === undefined)
    throw new BpfError('E_UNSUPPORTED', `native code for this host (${process.arch})`, { expected: '--target' });
  return target;
}

/** The engine behind the interpreter's face; undefined for its own loop. */
function executionEngine(name: NonNullable<RunFlags['engine']>): Engine | undefined {
  if (name === 'wasm') return wasmEngine();
  if (name === 'auto') return autoEngine();
  return name === 'wasm-interpreter' ? wasmInterpreterEngine() : undefined;
}

function interpret(
  program: Program,
  mem: Uint8Array,
  repeat: number,
  budget: number | undefined,
  engine: Engine | undefined,
): Outcome {
  const interpreter = createInterpreter(program, {
    helpers: basicHelpers(),
    ...(engine === undefined ? {} : { engine }),
    ...(budget === undefined ? {} : { budget }),
  });
  const memory = mem.slice();
  const start = process.hrtime.bigint();
  let result = interpreter.run({ mem: memory });
  for (let i = 1; i < repeat; i++) result = interpreter.run({ mem: memory });
  const elapsedNs = Number(process.hrtime.bigint() - start);
  return { r0: result.r0, mem: memory, insnsExecuted: result.insnsExecuted, elapsedNs };
}

function runNative(program: Program, target: Target, mem: Uint8Array, repeat: number, bounds: Bounds): Outcome {
  using machine = openMachine(target);
  using prepared = machine.prepare(program, {
    bounds,
    helpers: { helper: (id) => basicHelpers().find((helper) => helper.id === id) },
  });
  const { r0, mem: after, elapsedNs } = prepared.run({ repeat, ...(mem.length === 0 ? {} : { mem }) });
  return { r0, mem: after, insnsExecuted: null, elapsedNs };
}
