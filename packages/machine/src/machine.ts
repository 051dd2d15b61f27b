/** A machine: a CPU that runs native code, here or under QEMU, behind a synchronous interface. */
import { type Program, rowOf } from '@polybpf/isa';
import { BpfError } from '@polybpf/errors';
import { GUARD_BYTES, type Target } from '@polybpf/jit';
import { canariesAreIntact, writeCanaries } from './canary.ts';
import { createCodeStore } from './code-store.ts';
import { type Execution, findExecution } from './execution.ts';
import { createJobRunner } from './job-runner.ts';
import { ARENA_BASE, ARENA_BYTES, arenaAddress, HEADER, type LayoutSizes, planLayout, SHARED_BASE } from './layout.ts';
import { arenaMemory, createMachineMemory, type MachineMemory } from './machine-memory.ts';
import type { JobOutcome, NativeJob } from './native-job.ts';
import { preparePrograms, type PreparedProgram, type PreparedPrograms, type PrepareOptions } from './prepare.ts';
import { createRegionAllocator } from './region-allocator.ts';
import { GENERIC_LINUX } from './linux-abi.ts';
import { buildRunner } from './runner-image.ts';
import { createRunnerProcess } from './runner-process.ts';
import { runnerCpu } from './runners/runner-cpus.ts';
import { createSharedFile } from './shared-file.ts';
import { createSymbolSlots } from './symbol-slots.ts';

/** Options of {@link openMachine}. Sizes are in bytes and are address space of a sparse file, not memory. */
export interface MachineOptions {
  /** Insist on running directly (`host`) or under qemu-user (`qemu`); default: directly where that is possible. */
  readonly via?: 'host' | 'qemu';
  /** Limit of CPU time for a job that names none, in milliseconds; default 10000. */
  readonly timeoutMs?: number;
  /** Helper ids that can be called: those below; default 512. */
  readonly helperCount?: number;
  /** How many kfuncs and other named functions can be called; default 256. */
  readonly symbolCount?: number;
  /** Room for code; default 16 MiB. */
  readonly codeBytes?: number;
  /** Room for maps, global data and allocations; default 32 MiB. */
  readonly dataBytes?: number;
  /** Room for records and memory of the jobs of one doorbell; default 16 MiB. */
  readonly batchBytes?: number;
  /** Stack of the native code; default 1 MiB. */
  readonly stackBytes?: number;
}

/** What a job runs with. */
export interface RunOptions {
  /** Memory that the program gets a copy of, at an address that is a multiple of 64. */
  readonly mem?: Uint8Array;
  /**
   * r1 to r5, missing ones 0; default: address (0 without `mem`) and length of the copy of `mem`. A function is told
   * that address.
   */
  readonly args?: readonly bigint[] | ((memAddress: bigint) => readonly bigint[]);
  /** How often the program is called, without resetting memory between; default 1. */
  readonly repeat?: number;
  /** Limit of CPU time for all repetitions together, in milliseconds. */
  readonly timeoutMs?: number;
}

/** One job of {@link Machine.runBatch}. */
export interface MachineJob extends RunOptions {
  readonly program: PreparedProgram;
}

/** A program that ended. */
export interface RunResult {
  /** Unsigned 64-bit. */
  readonly r0: bigint;
  /** The copy of `mem` as the program left it; empty without `mem`. */
  readonly mem: Uint8Array;
  /** Wall time of all repetitions on the machine, without the way there and back. */
  readonly elapsedNs: number;
}

/** A CPU that runs native code. Not re-entrant: a helper cannot run jobs on its own machine, see `HelperCallContext.call`. */
export interface Machine {
  readonly target: Target;
  /** How code runs here. */
  readonly execution: Execution;
  /** Process id of the runner while there is one. */
  readonly pid: number | undefined;
  /** Memory of the native code. */
  readonly memory: MachineMemory;
  /**
   * Compiles and links programs that belong together: they share maps and can tail-call each other.
   *
   * @throws BpfError of `compile` and `link`; `E_MACHINE_LIMIT` when code or data do not fit
   */
  prepare(program: Program, options?: PrepareOptions): PreparedProgram;
  prepare(programs: readonly Program[], options?: PrepareOptions): PreparedPrograms;
  /**
   * Runs many jobs, ringing the doorbell once for as many as fit. A job that fails does not disturb the others; failures
   * of a native program and of its helpers are in the outcome.
   *
   * @throws BpfError `E_MACHINE_*` for what is not the fault of one job, e.g. `E_MACHINE_LIMIT` for `mem` that does not fit
   */
  runBatch(jobs: readonly MachineJob[]): JobOutcome[];
  /**
   * Calls machine code of this CPU that follows the C calling convention.
   *
   * @param code - position independent, or linked for `address`, see {@link Machine.allocateCode}
   * @throws BpfError `E_MACHINE_CRASH`, `E_MACHINE_TIMEOUT`, `E_MACHINE_LIMIT`
   */
  runCode(code: Uint8Array, options?: RunOptions): RunResult;
  /** Where sandboxed programs may access memory. */
  readonly arena: ArenaInfo;
  /** Reserves memory that stays until {@link Machine.release}, filled with `initial` or zeros. */
  allocate(bytes: number, initial?: Uint8Array): bigint;
  /** Gives back what {@link Machine.allocate} returned. */
  release(address: bigint): void;
  /** Ends the runner and frees everything. Any later use throws `E_INPUT`. */
  close(): void;
  [Symbol.dispose](): void;
}

/** The arena of sandboxed programs, see `@polybpf/jit`. */
export interface ArenaInfo {
  readonly address: bigint;
  readonly bytes: number;
  /** Unmapped bytes on either side; above it may be more. */
  readonly guardBytes: number;
  /** Unmapped bytes above. */
  readonly guardAboveBytes: number;
  /** Whether the pages beyond the guard zones, and the code of prepared programs, are as they were. */
  isIntact(): boolean;
}

/** The part of a job that its code decides. */
type JobCode = Pick<NativeJob, 'name' | 'code' | 'insnAt' | 'callTarget' | 'confined' | 'isAtomic'>;

const MIB = 2 ** 20;
const DEFAULT_TIMEOUT_MS = 10_000;
/** What `setitimer` takes without overflow on any CPU: 24 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31;

/**
 * Opens a machine for a target: finds out how its code runs here, and prepares a runner, which starts with the first job.
 *
 * @throws BpfError `E_MACHINE_MISSING` when nothing runs the target's code here, `E_UNSUPPORTED` on systems other than
 *   Linux or targets without runner, `E_MACHINE_LIMIT` for impossible sizes
 */
export function openMachine(target: Target, options: MachineOptions = {}): Machine {
  const cpu = runnerCpu(target);
  const defaultTimeout = checkTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const helperCount = options.helperCount ?? 512;
  const symbolCount = options.symbolCount ?? 256;
  const execution = findExecution(target, cpu, options.via);
  // Emulators keep the guest's address space in tables of their own.
  const wideGuard = cpu.wideGuard === true && execution.kind === 'host';
  const layout = planLayout(sizesOf(options, helperCount + symbolCount), wideGuard);
  const image = buildRunner(target, cpu, layout);
  const file = createSharedFile(layout.length);
  writeCanaries(file, layout);
  const process = createRunnerProcess(execution, image.elf, file.fd, target.endian === 'big');
  const memory = createMachineMemory(file, layout, target.endian);
  const code = createCodeStore(file, layout);
  const data = createRegionAllocator(arenaAddress(layout, layout.data), layout.dataBytes, 'dataBytes');
  const runJobs = createJobRunner({
    process,
    file,
    layout,
    endian: target.endian,
    linux: cpu.linux ?? GENERIC_LINUX,
    memory,
    code,
    stubs: image.stubs,
    signalHandler: image.signalHandler,
  });
  const symbols = createSymbolSlots(helperCount, symbolCount, image.stubs);
  let open = true;

  const checkOpen = (): void => {
    if (!open) throw new BpfError('E_INPUT', `the machine for ${target.name} is closed`);
  };
  const allocate = (bytes: number, initial?: Uint8Array): number => {
    const address = data.allocate(bytes);
    const contents = new Uint8Array(bytes);
    if (initial !== undefined) contents.set(initial.subarray(0, bytes));
    memory.writeBytes(BigInt(address), contents);
    return address;
  };
  const toJob = (code: JobCode, run: RunOptions): NativeJob => {
    const { mem, args } = run;
    const length = BigInt(mem?.length ?? 0);
    return {
      ...code,
      mem,
      args: typeof args === 'function' ? args : (memAddress) => args ?? [memAddress, length],
      repeat: checkRepeat(run.repeat ?? 1),
      timeoutMs: run.timeoutMs === undefined ? defaultTimeout : checkTimeout(run.timeoutMs),
    };
  };
  const runOne = (job: NativeJob): RunResult => {
    checkOpen();
    const outcome = runJobs([job])[0]!;
    if (outcome.status === 'failed') throw outcome.error;
    return { r0: outcome.r0, mem: outcome.mem, elapsedNs: outcome.elapsedNs };
  };
  const jobOf = (program: PreparedProgram, run: RunOptions): NativeJob =>
    toJob(
      {
        name: program.name,
        code: program.address,
        insnAt: program.insnAt,
        callTarget: program.callTarget,
        confined: program.compiled.bounds === 'sandbox',
        isAtomic: (insn) => isAtomic(program.compiled.program, insn),
      },
      run,
    );
  const close = (): void => {
    if (!open) return;
    open = false;
    process.close();
    file.close();
  };

  function prepare(program: Program, options?: PrepareOptions): PreparedProgram;
  function prepare(programs: readonly Program[], options?: PrepareOptions): PreparedPrograms;
  function prepare(
    programs: Program | readonly Program[],
    options: PrepareOptions = {},
  ): PreparedProgram | PreparedPrograms {
    checkOpen();
    const single = !isList(programs);
    const prepared = preparePrograms(single ? [programs] : programs, options, {
      target,
      memory,
      arena: arenaMemory(memory, layout),
      arenaSymbol: BigInt(SHARED_BASE + layout.header + HEADER.arena),
      code,
      symbols,
      allocate,
      release: (address) => data.release(address),
      helperTable: BigInt(SHARED_BASE + layout.table),
      helperCount,
      stubs: image.stubs,
      wideGuard,
      run: (program, run) => runOne(jobOf(program, run)),
    });
    return single ? prepared.programs[0]! : prepared;
  }

  return {
    target,
    execution,
    memory,
    arena: {
      address: BigInt(ARENA_BASE),
      bytes: ARENA_BYTES,
      guardBytes: GUARD_BYTES,
      guardAboveBytes: layout.guardAbove,
      isIntact() {
        checkOpen();
        return canariesAreIntact(file, layout) && code.isIntact();
      },
    },
    get pid() {
      return process.pid;
    },
    prepare,
    runBatch(jobs) {
      checkOpen();
      return runJobs(jobs.map((job) => jobOf(job.program, job)));
    },
    runCode(bytes, run = {}) {
      checkOpen();
      const address = code.allocate(bytes.length);
      try {
        code.write(address, bytes);
        return runOne(
          toJob(
            {
              name: 'code',
              code: BigInt(address),
              insnAt: () => undefined,
              callTarget: refuseCalls,
              confined: false,
              isAtomic: () => false,
            },
            run,
          ),
        );
      } finally {
        code.release(address);
      }
    },
    allocate(bytes, initial) {
      checkOpen();
      return BigInt(allocate(bytes, initial));
    },
    release: (address) => data.release(Number(address)),
    close,
    [Symbol.dispose]: close,
  };
}

function isAtomic({ insns }: Program, insn: number): boolean {
  const row = insns[insn] === undefined ? undefined : rowOf(insns[insn]);
  return row !== undefined && ['atomic', 'load_acquire', 'store_release'].includes(row.kind);
}

function isList(programs: Program | readonly Program[]): programs is readonly Program[] {
  return Array.isArray(programs);
}

function sizesOf(options: MachineOptions, slots: number): LayoutSizes {
  return {
    stackBytes: options.stackBytes ?? MIB,
    slots,
    codeBytes: options.codeBytes ?? 16 * MIB,
    dataBytes: options.dataBytes ?? 32 * MIB,
    batchBytes: options.batchBytes ?? 16 * MIB,
  };
}

function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS) return timeoutMs;
  throw new BpfError('E_INPUT', 'timeoutMs', {
    expected: `more than 0, at most ${LONGEST_TIMEOUT_MS}`,
    got: String(timeoutMs),
  });
}

function checkRepeat(repeat: number): number {
  if (Number.isSafeInteger(repeat) && repeat > 0) return repeat;
  throw new BpfError('E_INPUT', 'repeat', { expected: 'a positive integer', got: String(repeat) });
}

const refuseCalls: NativeJob['callTarget'] = ({ slot }) => {
  throw new BpfError('E_RUN_HELPER', `code that was not prepared called slot ${slot} of the helper table`);
};
