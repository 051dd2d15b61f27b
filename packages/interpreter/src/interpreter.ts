/** The face of the package: a program bound to memory, maps and helpers, ready to run. */
import { BpfError } from '@polybpf/errors';
import type { Program } from '@polybpf/isa';
import { driveOne, driveToBreakpoint, driveToEnd, type ExecutionStatus, machineState, type MachineState, runResult, type RunResult, setBreakpoint, type TraceHook, traceView } from './execution.ts'; // prettier-ignore
import { faultOf } from './fault.ts';
import { codeAddress, type Image, isInsnStart, undecodeSlot } from './image.ts';
import type { BoundMap } from './map-binding.ts';
import type { Machine } from './machine.ts';
import { createArena, DEFAULT_ARENA_BYTES } from './arena.ts';
import { createMemory, type Memory } from './memory.ts';
import type { InterpreterOptions, RunInput } from './options.ts';
import { copyBack, createHelperContext, createImageCache, createMachine, resetMachine } from './setup.ts';

/** A run that can be stopped between instructions. */
export interface Execution {
  readonly status: ExecutionStatus;
  /** The state between two instructions, or where the run ended. */
  state(): MachineState;
  /** Executes one instruction; a helper and its callbacks count as one. Does nothing when the run has ended. */
  step(): ExecutionStatus;
  /**
   * Runs to the next breakpoint or the end, or until `limit` instructions have run: it then says `paused`, so that a run
   * can be cancelled between slices.
   */
  resume(limit?: number): ExecutionStatus;
  /** The result so far; final once `status` is `done` or `fault`. */
  result(): RunResult;
  /** Steps to the end, giving the state before each instruction. */
  steps(): IterableIterator<MachineState>;
}

/** A program ready to run. Maps and data sections keep their contents from run to run, as in the kernel. */
export interface Interpreter {
  readonly program: Program;
  readonly memory: Memory;
  /** The program's maps in its own order. */
  readonly maps: readonly BoundMap[];
  /**
   * Runs the program.
   *
   * @throws BpfError `E_RUN_*` with a {@link RunFault} (see `faultOf`), `E_INPUT` for bad input
   */
  run(input?: RunInput): RunResult;
  /** Runs the program; a fault is part of the result. */
  tryRun(input?: RunInput): RunResult;
  /** Prepares a run for single steps. A later run of the same interpreter ends it. */
  start(input?: RunInput): Execution;
  /** Stops {@link Execution.resume} before an instruction of the program. */
  addBreakpoint(insn: number): void;
  removeBreakpoint(insn: number): void;
  /** Guest address of an instruction, what ld_imm64 of a function gives. */
  codeAddress(insn: number): bigint;
}

/**
 * Binds a program to memory, maps and helpers. Instructions are decoded when they are first reached, so a faulty
 * instruction matters only to runs that reach it.
 *
 * @throws BpfError `E_INPUT` for options that make no sense or contents that do not fit, `E_UNSUPPORTED` for addresses
 * in 4-byte fields of initial data
 */
export function createInterpreter(program: Program, options: InterpreterOptions = {}): Interpreter {
  const memory = options.memory ?? defaultMemory(program, options);
  if (memory.endian !== program.endian) {
    throw new BpfError('E_INPUT', 'byte order of the memory', { expected: program.endian, got: memory.endian });
  }
  const images = createImageCache(memory, options);
  const main = images.imageOf(program);
  const cx = createMachine(main, memory, options, images);
  const trace = options.trace === undefined ? undefined : bindTrace(cx, options.trace);
  cx.helperContext = createHelperContext(cx, images.maps, trace);
  if (options.engine !== undefined) {
    if (memory.arena === undefined) {
      throw new BpfError('E_INPUT', `memory of engine ${options.engine.name}`, { expected: 'a memory with an arena' });
    }
    cx.execute = options.engine.bind(cx, cx.execute);
  }
  let generation = 0;
  let running = false;

  const exclusive: Exclusive = (body) => {
    if (running)
      throw new BpfError('E_INPUT', 'the interpreter is running: a helper or trace hook cannot start it again');
    running = true;
    try {
      return body();
    } finally {
      running = false;
    }
  };
  const begin = (input: RunInput): void => {
    generation++;
    resetMachine(cx, main, input);
  };
  const tryRun = (input: RunInput = {}): RunResult =>
    exclusive(() => {
      begin(input);
      const error = runFault(() => driveToEnd(cx, trace));
      copyBack(cx);
      return runResult(cx, error);
    });
  return {
    program,
    memory,
    maps: main.maps,
    tryRun,
    run(input) {
      const result = tryRun(input);
      if (result.error !== undefined) throw result.error;
      return result;
    },
    start(input = {}) {
      exclusive(() => begin(input));
      const own = generation;
      return createExecution(cx, trace, exclusive, () => own === generation);
    },
    addBreakpoint(insn) {
      checkBreakpoint(main, insn);
      setBreakpoint(main, insn);
    },
    removeBreakpoint(insn) {
      checkBreakpoint(main, insn);
      undecodeSlot(main, insn);
    },
    codeAddress: (insn) => codeAddress(main, insn),
  };
}

/** Memory of an interpreter that is given none: what an engine needs, with room for the decoded program. */
function defaultMemory({ endian, insns }: Program, { engine }: InterpreterOptions): Memory {
  if (engine === undefined) return createMemory({ endian });
  return createMemory({ endian, arena: createArena({ size: DEFAULT_ARENA_BYTES + insns.length * 64 }) });
}

/**
 * Runs a program once.
 *
 * @throws BpfError `E_RUN_*`, `E_INPUT`
 */
export function runProgram(program: Program, input: RunInput & InterpreterOptions = {}): RunResult {
  return createInterpreter(program, input).run(input);
}

function checkBreakpoint(image: Image, insn: number): void {
  if (Number.isInteger(insn) && isInsnStart(image, insn)) return;
  throw new BpfError('E_INPUT', 'place of a breakpoint', {
    expected: `an instruction of 0 to ${image.program.insns.length - 1}`,
    got: `insn ${insn}`,
  });
}

/** Runs `body`; returns the fault it threw, if any. Anything but a fault is thrown on. */
function runFault(body: () => void): BpfError | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (faultOf(error) !== undefined) return error as BpfError;
    throw error;
  }
}

/** Runs `body` unless the interpreter is running already. */
type Exclusive = <T>(body: () => T) => T;

function createExecution(
  cx: Machine,
  trace: (() => void) | undefined,
  exclusive: Exclusive,
  isCurrent: () => boolean,
): Execution {
  let status: ExecutionStatus = 'paused';
  let error: BpfError | undefined;
  const advance = (body: () => ExecutionStatus): ExecutionStatus => {
    if (!isCurrent())
      throw new BpfError('E_INPUT', 'this execution has ended: the interpreter has started another run');
    if (status === 'done' || status === 'fault') return status;
    error = exclusive(() =>
      runFault(() => {
        status = body();
      }),
    );
    copyBack(cx);
    if (error !== undefined) status = 'fault';
    return status;
  };
  const step = (): ExecutionStatus => advance(() => (driveOne(cx, trace) ? 'done' : 'paused'));
  return {
    get status() {
      return status;
    },
    state: () => machineState(cx),
    step,
    resume: (limit) => advance(() => driveToBreakpoint(cx, trace, limit)),
    result: () => runResult(cx, error),
    *steps() {
      while (status === 'paused' || status === 'breakpoint') {
        yield machineState(cx);
        step();
      }
    },
  };
}

function bindTrace(cx: Machine, hook: TraceHook): () => void {
  const view = traceView(cx);
  return () => hook(view);
}
