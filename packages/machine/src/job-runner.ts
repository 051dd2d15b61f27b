/** Runs jobs: rings the doorbell, answers helper calls, and goes on with the rest when a job takes the runner down. */
import { BpfError, type ErrorPlace, isBpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import type { CodeStore } from './code-store.ts';
import type { ExitStatus } from './exit-status.ts';
import { ARENA_STACK_OFFSET, ARENA_TAG_OFFSET } from '@polybpf/jit';
import {
  ARENA_BASE,
  ARENA_BYTES,
  COMMAND,
  HEADER,
  IDLE,
  MESSAGE_BYTES,
  RECORD_BYTES,
  REPORT,
  SHARED_BASE,
  type SharedLayout,
  SIGNAL_STACK,
} from './layout.ts';
import type { FlushableMemory } from './machine-memory.ts';
import {
  decodeJob,
  type EncodedBatch,
  encodeJobs,
  jobBytes,
  type JobOutcome,
  type NativeJob,
  writeInterval,
} from './native-job.ts';
import { type LinuxAbi, signalNameOf } from './linux-abi.ts';
import type { RunnerProcess } from './runner-process.ts';
import { signalOf } from './sandbox-fault.ts';
import type { SharedFile } from './shared-file.ts';

/** The parts of a machine that a job needs. */
export interface JobRunnerParts {
  readonly process: RunnerProcess;
  readonly file: SharedFile;
  readonly layout: SharedLayout;
  readonly endian: Endian;
  /** Linux on the target's CPU. */
  readonly linux: LinuxAbi;
  readonly memory: FlushableMemory;
  readonly code: CodeStore;
  /** Addresses of helper stubs by slot. */
  readonly stubs: readonly number[];
  /** Address of the runner's signal handler. */
  readonly signalHandler: number;
}

/** Runs any number of jobs, in order. */
export type RunJobs = (jobs: readonly NativeJob[]) => JobOutcome[];

/** Signals of the runner's timers. */
const TIMER_SIGNALS: readonly (string | undefined)[] = ['SIGPROF', 'SIGALRM'];
/**
 * The limit proper counts CPU time, so that a busy host or a slow helper does not end a job. Code that waits in a system
 * call, which only a wild jump can bring about, is ended by this limit of wall time.
 */
const wallLimitMs = (timeoutMs: number): number => 60_000 + 10 * timeoutMs;

/** si_code of a fault whose address the CPU does not tell. */
const SI_KERNEL = 0x80;
/** Signals whose si_addr is the address of the instruction. */
const INSTRUCTION_SIGNALS: readonly string[] = ['SIGILL', 'SIGFPE', 'SIGTRAP'];

/** What the runner's signal handler has reported. */
interface Fault {
  readonly signal: string;
  /** Address that was accessed, or of the instruction; undefined when unknown. */
  readonly address: bigint | undefined;
  readonly pc: bigint;
}

/** What ends a job from inside a helper. */
interface Ending {
  readonly reason: unknown;
}
/** Thrown through the frames of helpers: the program ends with a result. */
class Termination {
  readonly result: bigint;
  constructor(result: bigint) {
    this.result = result;
  }
}
/** Thrown through the frames of helpers: there is no runner to answer any more. */
class RunnerGone {}

/** Makes the function that runs jobs. */
export function createJobRunner(parts: JobRunnerParts): RunJobs {
  const { process, file, layout, linux, memory, code, stubs } = parts;
  const little = parts.endian === 'little';
  const input = new Uint8Array(MESSAGE_BYTES);
  const inputView = new DataView(input.buffer);
  const output = new Uint8Array(MESSAGE_BYTES);
  const outputView = new DataView(output.buffer);
  let wallLimit = 0;
  let fault: Fault | undefined;
  let busy = false;

  const word = (index: number): bigint => inputView.getBigUint64(8 * index, little);
  const send = (...words: readonly (number | bigint)[]): boolean => {
    words.forEach((value, i) => outputView.setBigUint64(8 * i, BigInt.asUintN(64, BigInt(value)), little));
    return process.send(output);
  };
  /** Waits for a message that is not the runner's last one. Returns false when the runner is gone. */
  const receive = (): boolean => {
    if (!process.receive(input)) return false;
    if (word(0) !== BigInt(REPORT.fault)) return true;
    const signal = signalNameOf(linux, Number(word(1)));
    const code = Number(BigInt.asIntN(32, little === linux.siginfoCode.isSecondHalf ? word(2) >> 32n : word(2)));
    fault = { signal, address: code === SI_KERNEL ? undefined : word(3), pc: word(4) };
    return false;
  };
  const sendOrGone = (...words: readonly (number | bigint)[]): void => {
    memory.flush();
    if (!send(...words)) throw new RunnerGone();
  };

  const start = (): void => {
    const header = new Uint8Array(HEADER.length);
    const headerView = new DataView(header.buffer);
    const field = (offset: number, ...words: readonly (number | bigint)[]): void =>
      words.forEach((value, i) => headerView.setBigUint64(offset + 8 * i, BigInt.asUintN(64, BigInt(value)), little));
    const table = new Uint8Array(stubs.length * 8);
    const view = new DataView(table.buffer);
    stubs.forEach((address, slot) => view.setBigUint64(8 * slot, BigInt(address), little));
    field(HEADER.jobIndex, IDLE);
    field(HEADER.signalAction, ...linux.signalAction(parts.signalHandler, !little));
    const stack = linux.signalStack(SHARED_BASE + layout.header + SIGNAL_STACK.offset, SIGNAL_STACK.length, !little);
    field(HEADER.signalStack, ...stack);
    field(HEADER.arena + ARENA_TAG_OFFSET, ARENA_BASE / ARENA_BYTES);
    field(HEADER.arena + ARENA_STACK_OFFSET, ARENA_BASE - SHARED_BASE);
    file.write(layout.header, header);
    file.write(layout.table, table);
    wallLimit = 0;
    code.forgetCopies();
    process.start();
  };

  const setWallLimit = (jobs: readonly NativeJob[]): void => {
    const limit = wallLimitMs(Math.max(...jobs.map((job) => job.timeoutMs)));
    if (limit === wallLimit) return;
    const interval = new Uint8Array(32);
    writeInterval(new DataView(interval.buffer), 0, limit, little, linux);
    file.write(layout.header + HEADER.wallLimit, interval);
    wallLimit = limit;
  };

  /** Starts jobs `from` to `to` of a batch whose bytes are in the file. */
  const ring = (from: number, to: number): void => {
    const table = SHARED_BASE + layout.records + from * RECORD_BYTES;
    for (let attempt = 0; attempt < 2; attempt++) {
      const { source, target, end } = code.takeCopy();
      if (send(COMMAND.batch, table, to - from, source, target, end)) return;
      // The runner died while it was idle: somebody killed it.
      process.takeExitStatus();
      start();
    }
    throw new BpfError('E_MACHINE_PROTOCOL', 'the native runner dies as soon as it has started');
  };

  /** Answers the helper message in `input`, or throws what ends the job. */
  const answerHelper = (state: Serving): void => {
    const slot = Number(word(1));
    const args = BigUint64Array.from({ length: 5 }, (_, i) => word(2 + i));
    const remaining = word(7);
    const index = Number(word(8));
    const job = state.jobs[index];
    if (job === undefined) throw brokenProtocol(`helper call of job ${index}`);
    if (state.index !== index || state.remaining !== remaining) {
      state.run = {};
      state.index = index;
      state.remaining = remaining;
    }
    const end = (reason: unknown): never => {
      state.ending ??= { reason };
      throw state.ending.reason;
    };
    let result = 0n;
    try {
      result = job.callTarget({
        slot,
        args,
        run: state.run,
        callBack: (address, callArgs) => {
          sendOrGone(COMMAND.call, address, ...callArgs, ...new Array<number>(5 - callArgs.length).fill(0));
          for (;;) {
            if (!receive()) return end(new RunnerGone());
            const kind = word(0);
            if (kind === BigInt(REPORT.returned)) return word(1);
            if (kind !== BigInt(REPORT.helper)) return end(brokenProtocol(`message ${kind}`));
            answerHelper(state);
          }
        },
        terminate: (value) => end(new Termination(value)),
      });
    } catch (reason) {
      end(reason);
    }
    // A helper that swallows what its callback threw does not save the program.
    if (state.ending !== undefined) throw state.ending.reason;
    sendOrGone(COMMAND.answer, result);
  };

  /** Serves the runner until its batch is done or it is dead. */
  const serve = (state: Serving, failures: Map<number, BpfError>): 'done' | 'dead' => {
    for (;;) {
      if (!receive()) return 'dead';
      const kind = word(0);
      if (kind === BigInt(REPORT.done)) return 'done';
      if (kind !== BigInt(REPORT.helper)) throw brokenProtocol(`message ${kind}`);
      state.ending = undefined;
      try {
        answerHelper(state);
      } catch (reason) {
        if (reason instanceof RunnerGone) return 'dead';
        if (isBpfError(reason) && reason.code === 'E_MACHINE_PROTOCOL') throw reason;
        memory.flush();
        const remaining = state.remaining;
        if (reason instanceof Termination) {
          if (!send(COMMAND.abort, reason.result, remaining)) return 'dead';
        } else {
          failures.set(state.index, helperError(reason, state.jobs[state.index]));
          if (!send(COMMAND.abort, 0, 1)) return 'dead';
        }
      }
    }
  };

  /** Index of the job that the dead runner was at; `lost` when the header makes no sense any more. */
  const jobIndex = (count: number): number | 'idle' | 'lost' => {
    const field = new Uint8Array(8);
    file.read(layout.header + HEADER.jobIndex, field);
    const index = new DataView(field.buffer).getBigUint64(0, little);
    return index === BigInt(IDLE) ? 'idle' : index < BigInt(count) ? Number(index) : 'lost';
  };

  const runBatch = (jobs: readonly NativeJob[]): JobOutcome[] => {
    const batch = encodeJobs(jobs, layout, little, linux);
    const outcomes: JobOutcome[] = [];
    let most = jobs.length;
    let idleDeaths = 0;
    while (outcomes.length < jobs.length) {
      const from = outcomes.length;
      const to = Math.min(jobs.length, from + most);
      if (!process.running) start();
      setWallLimit(jobs);
      transfer(batch, from, to, jobs.length, layout, file.write);
      fault = undefined;
      ring(from, to);
      const failures = new Map<number, BpfError>();
      const state: Serving = { jobs: jobs.slice(from, to), index: -1, remaining: 0n, run: {}, ending: undefined };
      let ended: 'done' | 'dead';
      let broken: BpfError | undefined;
      try {
        ended = serve(state, failures);
      } catch (error) {
        if (!isBpfError(error)) throw error;
        broken = error;
        ended = 'dead';
        process.kill();
      }
      const died = ended === 'dead';
      const status = died && broken === undefined ? process.takeExitStatus() : undefined;
      const reached = died ? jobIndex(to - from) : to - from;
      if (reached === 'idle' && idleDeaths++ === 0) continue;
      if (reached === 'lost' && to - from > 1) {
        // The job has overwritten the runner's state: find it by running one at a time.
        most = 1;
        continue;
      }
      const complete = typeof reached === 'number' ? reached : 0;
      transfer(batch, from, from + complete, jobs.length, layout, file.read);
      for (let i = 0; i < complete; i++) {
        const error = failures.get(i);
        const index = from + i;
        outcomes.push(
          error === undefined
            ? decodeJob(jobs[index]!, index, batch.bytes, batch.memOffsets[index]!, little)
            : { status: 'failed', error },
        );
      }
      if (died && outcomes.length < to) {
        const job = jobs[outcomes.length]!;
        outcomes.push({ status: 'failed', error: broken ?? deathOf(job, status!, fault, layout) });
      }
    }
    return outcomes;
  };

  return (jobs) => {
    if (busy) throw new BpfError('E_UNSUPPORTED', 'running a native program from inside a helper of the same machine');
    busy = true;
    try {
      return split(jobs, layout.batchBytes).flatMap(runBatch);
    } catch (error) {
      // Whatever happened, the runner may be in the middle of a job.
      process.kill();
      throw error;
    } finally {
      busy = false;
    }
  };
}

/** What is known about the batch that is being served. */
interface Serving {
  readonly jobs: readonly NativeJob[];
  /** Job and calls left at the last helper call, and the identity of that execution. */
  index: number;
  remaining: bigint;
  run: object;
  ending: Ending | undefined;
}

/** Cuts a list of jobs into batches that fit. */
function split(jobs: readonly NativeJob[], batchBytes: number): NativeJob[][] {
  const batches: NativeJob[][] = [];
  let room = 0;
  for (const job of jobs) {
    const bytes = jobBytes(job);
    if (bytes > batchBytes) {
      throw new BpfError('E_MACHINE_LIMIT', `memory of ${job.name}; option batchBytes makes more`, {
        expected: `at most ${batchBytes} bytes with its record`,
        got: String(bytes),
      });
    }
    if (batches.length === 0 || bytes > room) {
      batches.push([]);
      room = batchBytes;
    }
    batches.at(-1)!.push(job);
    room -= bytes;
  }
  return batches;
}

/** Moves records and memory of jobs `from` to `to` between a batch of `count` jobs and the file. */
function transfer(
  { bytes, memOffsets }: EncodedBatch,
  from: number,
  to: number,
  count: number,
  layout: SharedLayout,
  move: (offset: number, bytes: Uint8Array) => void,
): void {
  const part = (place: number, start: number, end: number): void => {
    if (start < end) move(place + start, bytes.subarray(start, end));
  };
  part(layout.records, from * RECORD_BYTES, to * RECORD_BYTES);
  part(layout.batch - count * RECORD_BYTES, memOffsets[from]!, memOffsets[to]!);
}

function brokenProtocol(got: string): BpfError {
  return new BpfError('E_MACHINE_PROTOCOL', 'the native runner said something senseless', { got });
}

function helperError(reason: unknown, job: NativeJob | undefined): BpfError {
  if (isBpfError(reason)) return reason;
  return new BpfError('E_RUN_HELPER', `helper called by ${job?.name ?? 'a program'} failed`, {
    cause: reason,
    got: String(reason),
  });
}

function deathOf(
  job: NativeJob,
  { code, signal }: ExitStatus,
  fault: Fault | undefined,
  layout: SharedLayout,
): BpfError {
  const name = fault?.signal ?? signal;
  const isInstruction = fault?.address !== undefined && INSTRUCTION_SIGNALS.includes(fault.signal);
  const insn = fault === undefined ? undefined : job.insnAt(isInstruction ? fault.address : fault.pc);
  const at: ErrorPlace = { symbol: job.name, ...(insn === undefined ? {} : { insn }) };
  if (name !== undefined && TIMER_SIGNALS.includes(name)) {
    return new BpfError('E_MACHINE_TIMEOUT', 'did not end in time', {
      at,
      expected: `at most ${job.timeoutMs} ms of CPU time`,
    });
  }
  const stopped = job.confined && fault !== undefined ? signalOf(fault, at, insn !== undefined && job.isAtomic(insn), layout) : undefined; // prettier-ignore
  if (stopped !== undefined) return stopped;
  const where = fault?.address === undefined || isInstruction ? '' : ` at address 0x${fault.address.toString(16)}`;
  const got = name === undefined ? (code === undefined ? 'unknown status' : `exit code ${code}`) : `${name}${where}`;
  return new BpfError('E_MACHINE_CRASH', 'crashed', { at, got });
}
