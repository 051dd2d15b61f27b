/** The face of the package: a program bound to memory, maps and helpers, ready to run. */
import { BpfError } from '@polybpf/errors';
import { BPF_FUNC_tail_call, BPF_MAX_LOOPS, MAX_CALL_FRAMES, MAX_TAIL_CALL_CNT, type Program, STACK_SIZE } from '@polybpf/isa'; // prettier-ignore
import { callBack, storeArgument } from './control.ts';
import { driveOne, driveToBreakpoint, driveToEnd, type ExecutionStatus, machineState, type MachineState, runResult, type RunResult, setBreakpoint, type TraceHook, traceView } from './execution.ts'; // prettier-ignore
import { faultOf } from './fault.ts';
import { createHelperRegistry, type Helper, type HelperContext, type HelperRegistry } from './helpers.ts';
import {
  CODE_START,
  codeAddress,
  createImage,
  type Image,
  insnIndex,
  isInsnStart,
  REGISTER_WORDS,
  undecodeSlot,
} from './image.ts';
import { storeBigInt, storeInteger, toBigInt } from './int64.ts';
import { bindMaps, type BoundMap, createMapTable, mapOfHandle, type MapTable, type ResolveMap, resolveInitialSymbols, type ResolveSymbol } from './map-binding.ts'; // prettier-ignore
import {
  closeFrame,
  type Machine,
  type MachineLimits,
  MEM_REGION,
  openFrame,
  PACKET_REGION,
  type PacketState,
} from './machine.ts';
import { createMemory, type Memory, type Region } from './memory.ts';

/** How many instructions a run may execute when nothing else is said: a few seconds. */
export const DEFAULT_BUDGET = 1_000_000_000;

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
  /** Scramble r1 to r5 after each call, as native code may; default: helpers leave them, functions leave their own. */
  readonly clobber?: boolean;
  /** Called before every instruction; makes runs much slower. */
  readonly trace?: TraceHook;
}

/** What a run starts with. */
export interface RunInput {
  /** r1 to r5; missing ones are 0, or what `mem` makes of r1 and r2. */
  readonly args?: readonly (bigint | number)[];
  /** Context or buffer of the program, used in place: r1 = its address, r2 = its length. Absent or empty: both 0. */
  readonly mem?: Uint8Array;
  /** Default true. */
  readonly memWritable?: boolean;
  /** Packet of LD_ABS and LD_IND. */
  readonly packet?: Uint8Array | PacketInput;
}

/** A packet and where its headers start, in bytes. */
export interface PacketInput {
  readonly data: Uint8Array;
  /** Default 0. */
  readonly macOffset?: number;
  /** Unknown by default. */
  readonly networkOffset?: number;
}

/** A run that can be stopped between instructions. */
export interface Execution {
  readonly status: ExecutionStatus;
  /** The state between two instructions, or where the run ended. */
  state(): MachineState;
  /** Executes one instruction; a helper and its callbacks count as one. Does nothing when the run has ended. */
  step(): ExecutionStatus;
  /** Runs to the next breakpoint or the end. */
  resume(): ExecutionStatus;
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
  const memory = options.memory ?? createMemory({ endian: program.endian });
  if (memory.endian !== program.endian) {
    throw new BpfError('E_INPUT', 'byte order of the memory', { expected: program.endian, got: memory.endian });
  }
  const images = createImageCache(memory, options);
  const main = images.imageOf(program);
  const cx = createMachine(main, memory, options, images);
  const trace = options.trace === undefined ? undefined : bindTrace(cx, options.trace);
  cx.helperContext = createHelperContext(cx, images.maps, trace);
  let generation = 0;

  const begin = (input: RunInput): void => {
    generation++;
    resetMachine(cx, main, input);
  };
  const tryRun = (input: RunInput = {}): RunResult => {
    begin(input);
    const error = runFault(() => driveToEnd(cx, trace));
    return runResult(cx, error);
  };
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
      begin(input);
      const own = generation;
      return createExecution(cx, trace, () => own === generation);
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

function createExecution(cx: Machine, trace: (() => void) | undefined, isCurrent: () => boolean): Execution {
  let status: ExecutionStatus = 'paused';
  let error: BpfError | undefined;
  const advance = (body: () => ExecutionStatus): ExecutionStatus => {
    if (!isCurrent())
      throw new BpfError('E_INPUT', 'this execution has ended: the interpreter has started another run');
    if (status === 'done' || status === 'fault') return status;
    error = runFault(() => {
      status = body();
    });
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
    resume: () => advance(() => driveToBreakpoint(cx, trace)),
    result: () => runResult(cx, error),
    *steps() {
      while (status === 'paused' || status === 'breakpoint') {
        yield machineState(cx);
        step();
      }
    },
  };
}

/** Images of all programs of one interpreter. */
interface ImageCache {
  readonly maps: MapTable;
  imageOf(program: Program): Image;
}

function createImageCache(memory: Memory, options: InterpreterOptions): ImageCache {
  const maps = createMapTable(memory, options.maps);
  const images = new Map<Program, Image>();
  const { helpers } = options;
  const registry = helpers === undefined || 'helper' in helpers ? helpers : createHelperRegistry(helpers);
  const imageOf = (program: Program): Image => {
    const known = images.get(program);
    if (known !== undefined) return known;
    if (program.endian !== memory.endian) {
      throw new BpfError('E_INPUT', `byte order of program ${program.name}`, {
        expected: memory.endian,
        got: program.endian,
      });
    }
    const binding = bindMaps(maps, program);
    const image = createImage(program, {
      memory,
      maps: binding.maps,
      helpers: registry,
      resolve: options.resolve,
      tailCallId: BPF_FUNC_tail_call,
      alignAll: options.alignment === 'all',
    });
    images.set(program, image);
    const subprogram = (name: string): bigint | undefined => {
      const found = program.subprograms.find((candidate) => candidate.name === name);
      return found === undefined ? undefined : codeAddress(image, found.start);
    };
    for (const map of binding.fresh) resolveInitialSymbols(memory, binding.maps, map, { subprogram }, options.resolve);
    return image;
  };
  return { maps, imageOf };
}

function tailTarget(options: InterpreterOptions, map: BoundMap, index: number): Program | undefined {
  const given = options.tailCalls?.(map, index);
  if (given !== undefined) return given;
  const slot = map.def.initialSymbols?.find(({ kind, offset }) => kind === 'program' && offset === index);
  return slot === undefined ? undefined : options.programs?.find(({ name }) => name === slot.symbol);
}

function checkedOption(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new BpfError('E_INPUT', `option ${name}`, { expected: `${min} to ${max}`, got: String(value) });
}

function createMachine(main: Image, memory: Memory, options: InterpreterOptions, images: ImageCache): Machine {
  const limits: MachineLimits = {
    stackSize: checkedOption('stackSize', options.stackSize ?? STACK_SIZE, 0, 1 << 20),
    maxCallFrames: checkedOption('maxCallFrames', options.maxCallFrames ?? MAX_CALL_FRAMES, 1, 1024),
    maxTailCalls: checkedOption('maxTailCalls', options.maxTailCalls ?? MAX_TAIL_CALL_CNT, 0, 1000),
    mayGotoLimit: checkedOption('mayGotoLimit', options.mayGotoLimit ?? BPF_MAX_LOOPS, 0, 0x7fffffff),
    clobber: options.clobber ?? false,
    alignAtomics: options.alignment !== 'none',
  };
  return {
    memory,
    little: memory.endian === 'little',
    limits,
    budget: checkedOption('budget', options.budget ?? DEFAULT_BUDGET, 0, Number.MAX_SAFE_INTEGER),
    image: main,
    code: main.code,
    pc: CODE_START,
    fuel: 0,
    reserve: 0,
    depth: 0,
    hostDepth: 0,
    saved: new Int32Array(0),
    callers: [],
    activation: new Int32Array(0),
    loops: new Int32Array(0),
    stacks: [],
    tailCalls: 0,
    terminated: undefined,
    arena: options.arena?.number ?? 0,
    packet: undefined,
    tailTable(map, index) {
      const program = tailTarget(options, map, index);
      return program === undefined ? undefined : images.imageOf(program);
    },
    helperContext: undefined as unknown as HelperContext,
  };
}

function resetMachine(cx: Machine, main: Image, input: RunInput): void {
  for (let depth = 0; depth < cx.stacks.length; depth++) {
    const stack = cx.stacks[depth]!;
    stack.data.fill(0);
    // Another interpreter may have used the same memory, and with it the same region numbers, since the last run.
    if (cx.memory.region(stack.number) !== stack) cx.stacks[depth] = cx.memory.add(stack);
    if (depth > 0) closeFrame(cx, depth);
  }
  cx.image = main;
  cx.code = main.code;
  cx.code.fill(0, 0, REGISTER_WORDS);
  cx.pc = CODE_START;
  cx.fuel = 0;
  cx.reserve = cx.budget;
  cx.hostDepth = 0;
  cx.tailCalls = 0;
  cx.terminated = undefined;
  cx.packet = bindPacket(cx.memory, input.packet);
  bindMem(cx, input);
  const args = input.args ?? [];
  if (args.length > 5) throw new BpfError('E_INPUT', 'arguments', { expected: 'at most 5', got: String(args.length) });
  args.forEach((value, k) => storeArgument(cx.code, k + 1, value));
  openFrame(cx, 0);
}

function bindMem(cx: Machine, { mem, memWritable }: RunInput): void {
  const { memory, code } = cx;
  if (mem === undefined || mem.length === 0) {
    memory.remove(MEM_REGION);
    return;
  }
  memory.add({ number: MEM_REGION, name: 'mem', kind: 'mem', data: mem, writable: memWritable ?? true });
  code[3] = MEM_REGION;
  code[4] = mem.length;
}

function bindPacket(memory: Memory, packet: Uint8Array | PacketInput | undefined): PacketState | undefined {
  if (packet === undefined) {
    memory.remove(PACKET_REGION);
    return undefined;
  }
  const input = packet instanceof Uint8Array ? { data: packet } : packet;
  memory.add({ number: PACKET_REGION, name: 'packet', kind: 'packet', data: input.data });
  return { data: input.data, macOffset: input.macOffset ?? 0, networkOffset: input.networkOffset ?? -1 };
}

function bindTrace(cx: Machine, hook: TraceHook): () => void {
  const view = traceView(cx);
  return () => hook(view);
}

function createHelperContext(cx: Machine, maps: MapTable, trace: (() => void) | undefined): HelperContext {
  const drive = (machine: Machine): void => driveToEnd(machine, trace);
  return {
    get regs() {
      return cx.code;
    },
    memory: cx.memory,
    get program() {
      return cx.image.program;
    },
    get insn() {
      return insnIndex(cx.pc);
    },
    arg: (n) => toBigInt(cx.code, 2 * n),
    arg32: (n) => cx.code[2 * n]! >>> 0,
    setResult(value) {
      if (typeof value === 'bigint') storeBigInt(cx.code, 0, value);
      else storeInteger(cx.code, 0, value);
    },
    mapAt: (address) => mapOfHandle(maps, address),
    terminate(result) {
      cx.terminated = BigInt.asUintN(64, BigInt(result));
    },
    call: (address, args) => callBack(cx, drive, address, args),
  };
}
