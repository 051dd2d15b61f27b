/**
 * Runs programs in the kernel as other engines do: memory in, all 64 bits of r0 (and of the other registers) and the
 * memory out. Nothing is left behind; the maps for memory and results are shared by all programs of a runner.
 */
import { BpfError } from '@polybpf/errors';
import { type Insn, makeProgram, type Program } from '@polybpf/isa';
import { captureProgram, RESULT_MARK, RESULT_SIZE } from './capture.ts';
import type { LiveKernel } from './live-kernel.ts';
import type { LoadOptions, LoadOutcome } from './load-program.ts';
import type { KernelMap } from './map-access.ts';
import { openProgramMaps, type ProgramMaps, usedMaps } from './program-maps.ts';

/** How programs are prepared. */
export interface PrepareOptions extends Omit<LoadOptions, 'fdArray' | 'type'> {
  /** Default `sched_cls`: it can be test-run and may return anything. */
  readonly type?: LoadOptions['type'];
  /** Bytes of memory that each run gets: r1 = its address, r2 = its length. Default 0, and then r1 = 0. */
  readonly memSize?: number;
  /** `context`: r1 is the program type's context instead, and runs take `data` and `context`. Default `memory`. */
  readonly input?: 'memory' | 'context';
  /** Default `all`: every register that is certainly initialised at the exits. */
  readonly registers?: 'r0' | 'all';
}

/** Input of one run. */
export interface KernelRunInput {
  /** As many bytes as `memSize`. */
  readonly mem?: Uint8Array;
  /** Packet, for `input: 'context'`; default 64 zero bytes. */
  readonly data?: Uint8Array;
  /** Context, for `input: 'context'`. */
  readonly context?: Uint8Array;
  /** Runs, memory carried on; default 1. */
  readonly repeat?: number;
}

/** What the kernel computed. */
export interface KernelRunResult {
  /** All 64 bits; the lower 32 only when the program ended elsewhere, see {@link complete}. */
  readonly r0: bigint;
  /** r0-r9 at the exit; undefined for those that may be uninitialised. */
  readonly registers: readonly (bigint | undefined)[];
  /** The memory afterwards. */
  readonly mem: Uint8Array;
  /** The packet afterwards. */
  readonly data: Uint8Array;
  readonly context: Uint8Array;
  readonly retval: number;
  /** Mean time of one run. */
  readonly durationNs: number;
  /** False when the program did not reach an exit of its own: a tail call or an exception ended it. */
  readonly complete: boolean;
}

/** A program in the kernel. */
export interface PreparedKernelProgram extends Disposable {
  readonly fd: number;
  /** The program's maps by index; undefined for those that it does not use. */
  readonly maps: readonly (KernelMap | undefined)[];
  /** @throws BpfError `E_KERNEL_CALL`, `E_INPUT` for memory of another size */
  run(input?: KernelRunInput): KernelRunResult;
  close(): void;
}

/** A prepared program, or why there is none. */
export type PrepareOutcome =
  | { readonly accepted: true; readonly program: PreparedKernelProgram; readonly load: LoadOutcome }
  | { readonly accepted: false; readonly load: Extract<LoadOutcome, { accepted: false }>; readonly firstInsn: number };

/** A result, or the kernel's refusal. */
export type KernelRunOutcome =
  | ({ readonly accepted: true } & KernelRunResult)
  | {
      readonly accepted: false;
      readonly errno: number;
      readonly errnoName: string;
      readonly message: string;
      readonly log: string;
      /** What the log calls insn N is insn N - `firstInsn` of the program; the rest belongs to the wrapper. */
      readonly firstInsn: number;
    };

/** Prepares and runs programs. */
export interface KernelRunner extends Disposable {
  /**
   * Gives a program to the kernel.
   *
   * @throws BpfError `E_RUN_SYMBOL` for references that nothing defines, `E_UNSUPPORTED` for a big-endian program,
   *   `E_KERNEL_CALL` for a map that the kernel refuses
   */
  prepare(program: Program | readonly Insn[], options?: PrepareOptions): PrepareOutcome;
  /** Prepares, runs once and closes; a refused program is an outcome with the verifier's last line. Errors as {@link prepare}. */
  run(program: Program | readonly Insn[], input?: KernelRunInput, options?: PrepareOptions): KernelRunOutcome;
  close(): void;
}

/** Memory maps of so many sizes stay open. */
const MAX_MEMORY_MAPS = 32;
const KEY: Uint8Array = /* @__PURE__ */ new Uint8Array(4);
const NO_RESULT: Uint8Array = /* @__PURE__ */ new Uint8Array(RESULT_SIZE);
const EMPTY: Uint8Array = /* @__PURE__ */ new Uint8Array(0);
/** The kernel wants at least an Ethernet header of every packet. */
const DEFAULT_PACKET: Uint8Array = /* @__PURE__ */ new Uint8Array(64);

/** A runner on an open kernel. */
export function createKernelRunner(kernel: LiveKernel): KernelRunner {
  const memories = new Map<number, SharedMemory>();
  const results = kernel.createMap({ type: 'array', keySize: 4, valueSize: RESULT_SIZE, maxEntries: 1 });
  const cx: RunnerContext = { kernel, results, memory: (size) => memoryOf(kernel, memories, size) };
  const close = (): void => {
    for (const { map } of memories.values()) map.close();
    memories.clear();
    results.close();
  };
  return {
    prepare: (program, options) => prepare(cx, program, options ?? {}),
    run: (program, input, options) => runOnce(cx, program, input ?? {}, options ?? {}),
    close,
    [Symbol.dispose]: close,
  };
}

interface RunnerContext {
  readonly kernel: LiveKernel;
  readonly results: KernelMap;
  readonly memory: (size: number) => SharedMemory | undefined;
}

/** A map that holds the memory of programs, with the number of prepared programs that refer to it. */
interface SharedMemory {
  readonly map: KernelMap;
  users: number;
}

/** The map that holds memory of this size: exactly, so that the verifier knows its bounds. */
function memoryOf(kernel: LiveKernel, memories: Map<number, SharedMemory>, size: number): SharedMemory | undefined {
  if (size === 0) return undefined;
  const known = memories.get(size);
  if (known !== undefined) return known;
  const idle = memories.size < MAX_MEMORY_MAPS ? undefined : [...memories].find(([, { users }]) => users === 0);
  if (idle !== undefined) {
    memories.delete(idle[0]);
    idle[1].map.close();
  }
  const memory = { map: kernel.createMap({ type: 'array', keySize: 4, valueSize: size, maxEntries: 1 }), users: 0 };
  memories.set(size, memory);
  return memory;
}

function prepare(cx: RunnerContext, given: Program | readonly Insn[], options: PrepareOptions): PrepareOutcome {
  const program = 'insns' in given ? given : makeProgram(given);
  checkProgram(program);
  const { memSize = 0, input = 'memory', registers = 'all', type = 'sched_cls', ...load } = options;
  const memory = input === 'context' ? undefined : cx.memory(memSize);
  const captured = captureProgram(program, {
    resultFd: cx.results.fd,
    input: input === 'context' ? 'context' : { mapFd: memory?.map.fd, size: memSize },
    registers,
  });
  const maps = openProgramMaps(cx.kernel, program.maps);
  maps.ensure(usedMaps(program.insns, program.maps));
  const outcome = cx.kernel.load(captured.insns, {
    ...load,
    type,
    name: load.name ?? program.name,
    fdArray: maps.fdArray,
  });
  if (!outcome.accepted) {
    maps.close();
    return { accepted: false, load: outcome, firstInsn: captured.firstInsn };
  }
  if (!captured.wrapped) {
    cx.kernel.close(outcome.fd);
    maps.close();
    throw new BpfError('E_UNSUPPORTED', 'reading the result of a program whose main function has no end of its own');
  }
  const loaded = { fd: outcome.fd, memory, memSize, input, registers: captured.registers };
  return { accepted: true, program: bind(cx, loaded, maps), load: outcome };
}

function checkProgram(program: Program): void {
  if (program.endian === 'big')
    throw new BpfError('E_UNSUPPORTED', 'a big-endian program in this little-endian kernel');
  const open = program.relocations.find(({ kind }) => kind === 'extern' || kind === 'kfunc' || kind === 'subprogram');
  if (open === undefined) return;
  throw new BpfError('E_RUN_SYMBOL', `${open.kind} ${open.symbol} is not bound to anything`, {
    at: { insn: open.insn },
  });
}

interface LoadedProgram {
  readonly fd: number;
  readonly memory: SharedMemory | undefined;
  readonly memSize: number;
  readonly input: 'memory' | 'context';
  readonly registers: readonly number[];
}

function bind(cx: RunnerContext, loaded: LoadedProgram, maps: ProgramMaps): PreparedKernelProgram {
  let open = true;
  if (loaded.memory !== undefined) loaded.memory.users++;
  const close = (): void => {
    if (!open) return;
    open = false;
    if (loaded.memory !== undefined) loaded.memory.users--;
    cx.kernel.close(loaded.fd);
    maps.close();
  };
  return { fd: loaded.fd, maps: maps.maps, run: (input) => runLoaded(cx, loaded, input ?? {}), close, [Symbol.dispose]: close }; // prettier-ignore
}

function runLoaded(cx: RunnerContext, program: LoadedProgram, input: KernelRunInput): KernelRunResult {
  const { mem = EMPTY, data = DEFAULT_PACKET, context = EMPTY, repeat = 1 } = input;
  if (mem.length !== program.memSize) {
    throw new BpfError('E_INPUT', 'memory of a run', { expected: `${program.memSize} bytes`, got: `${mem.length}` });
  }
  program.memory?.map.update(KEY, mem);
  cx.results.update(KEY, NO_RESULT);
  const inContext = program.input === 'context';
  const run = cx.kernel.testRun(program.fd, { data, ...(inContext ? { context } : {}), repeat, output: inContext });
  const stored = cx.results.lookup(KEY)!;
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const complete = stored[RESULT_MARK] === 1;
  return {
    r0: complete ? view.getBigUint64(0, true) : BigInt(run.retval),
    registers: Array.from({ length: 10 }, (_, register) =>
      complete && program.registers.includes(register) ? view.getBigUint64(8 * register, true) : undefined,
    ),
    mem: program.memory?.map.lookup(KEY) ?? EMPTY,
    data: run.data,
    context: run.context,
    retval: run.retval,
    durationNs: run.durationNs,
    complete,
  };
}

function runOnce(
  cx: RunnerContext,
  program: Program | readonly Insn[],
  input: KernelRunInput,
  options: PrepareOptions,
): KernelRunOutcome {
  const given = { ...options, memSize: input.mem?.length ?? options.memSize ?? 0 };
  const prepared = prepare(cx, program, given);
  if (!prepared.accepted) {
    // Refused without a log: ask once more for the reason.
    const again = (given.logLevel ?? 0) === 0 ? prepare(cx, program, { ...given, logLevel: 4 }) : prepared;
    if (again.accepted) again.program.close();
    return refusal(again.accepted ? prepared : again);
  }
  try {
    return { accepted: true, ...prepared.program.run(input) };
  } finally {
    prepared.program.close();
  }
}

function refusal({ load, firstInsn }: Extract<PrepareOutcome, { accepted: false }>): KernelRunOutcome {
  const { errno, errnoName, message, log } = load;
  return { accepted: false, errno, errnoName, message, log, firstInsn };
}
