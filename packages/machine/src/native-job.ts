/** Jobs as the runner reads them, and what becomes of them. */
import { BpfError } from '@polybpf/errors';
import type { LinuxAbi } from './linux-abi.ts';
import { arenaAddress, RECORD, RECORD_BYTES, type SharedLayout } from './layout.ts';

/** What a helper call of a job reaches. */
export interface CallTarget {
  /** Runs the helper behind table slot `slot` and returns its result. */
  (request: HelperRequest): bigint;
}

/** One call out of native code. */
export interface HelperRequest {
  readonly slot: number;
  readonly args: BigUint64Array;
  /** Identity of one execution of the job's code: differs between jobs and between repetitions. */
  readonly run: object;
  /** Calls native code while the helper waits. */
  readonly callBack: (address: bigint, args: readonly bigint[]) => bigint;
  /** Ends the execution with this r0. Does not return. */
  readonly terminate: (result: bigint) => never;
}

/** One execution of native code. */
export interface NativeJob {
  /** For messages. */
  readonly name: string;
  /** Address of the code. */
  readonly code: bigint;
  /** Memory that the job gets a copy of; returned as the job left it. */
  readonly mem: Uint8Array | undefined;
  /** Arguments 1 to 5, given the address of the copy of `mem` (0 without). */
  readonly args: (memAddress: bigint) => readonly bigint[];
  /** How often the code is called, with the same arguments and without resetting memory. */
  readonly repeat: number;
  /** Limit of CPU time for all repetitions. */
  readonly timeoutMs: number;
  /** Insn index of the code at an address, when that is known. */
  readonly insnAt: (address: bigint) => number | undefined;
  /** Answers helper calls. */
  readonly callTarget: CallTarget;
  /** Whether the code was compiled with `bounds: 'sandbox'`, so that a signal means a memory access that was stopped. */
  readonly confined: boolean;
  /** Whether the insn is an atomic operation, which CPUs want aligned. */
  readonly isAtomic: (insn: number) => boolean;
}

/** A job that ended. */
export interface JobResult {
  readonly status: 'done';
  /** Unsigned. */
  readonly r0: bigint;
  /** `mem` afterwards; empty when the job had none. */
  readonly mem: Uint8Array;
  /** Wall time of all repetitions, without the way to and from the runner. */
  readonly elapsedNs: number;
}

/** A job that did not end properly. */
export interface JobFailure {
  readonly status: 'failed';
  /** `E_MACHINE_CRASH`, `E_MACHINE_TIMEOUT`, or what a helper threw. */
  readonly error: BpfError;
}

export type JobOutcome = JobResult | JobFailure;

/** Records and memory of jobs that go with one doorbell. */
export interface EncodedBatch {
  /** Records, then memory: what lies at the starts of the records and the batch part of the shared file. */
  readonly bytes: Uint8Array;
  /** Offset of each job's memory in `bytes`, and at the end the length. */
  readonly memOffsets: readonly number[];
}

const MEM_ALIGNMENT = 64;

/** Bytes that a job takes in a batch. */
export function jobBytes(job: NativeJob): number {
  const length = job.mem?.length ?? 0;
  return RECORD_BYTES + Math.ceil(length / MEM_ALIGNMENT) * MEM_ALIGNMENT;
}

/** Lays out and encodes jobs whose {@link jobBytes} fit the batch part. */
export function encodeJobs(
  jobs: readonly NativeJob[],
  layout: SharedLayout,
  little: boolean,
  time: TimeFormat = { microsecondBits: 64 },
): EncodedBatch {
  const memOffsets: number[] = [];
  let end = jobs.length * RECORD_BYTES;
  for (const job of jobs) {
    memOffsets.push(end);
    end += jobBytes(job) - RECORD_BYTES;
  }
  memOffsets.push(end);
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  jobs.forEach((job, i) => {
    const record = i * RECORD_BYTES;
    const word = (field: number, value: bigint): void =>
      view.setBigUint64(record + field, BigInt.asUintN(64, value), little);
    const hasMem = job.mem !== undefined && job.mem.length > 0;
    if (hasMem) bytes.set(job.mem, memOffsets[i]!);
    const args = job.args(hasMem ? BigInt(arenaAddress(layout, layout.batch) + memOffsets[i]! - memOffsets[0]!) : 0n);
    if (args.length > 5)
      throw new BpfError('E_INPUT', `arguments of ${job.name}`, { expected: 'at most 5', got: String(args.length) });
    word(RECORD.code, job.code);
    args.forEach((arg, k) => word(RECORD.args + 8 * k, arg));
    word(RECORD.repeat, BigInt(job.repeat));
    writeInterval(view, record + RECORD.cpuLimit, job.timeoutMs, little, time);
  });
  return { bytes, memOffsets };
}

/** Widths of the fields of `struct timeval`, as in {@link LinuxAbi}. */
export type TimeFormat = Pick<LinuxAbi, 'microsecondBits' | 'secondBits'>;

/** A `struct itimerval` that fires once after `milliseconds`. */
export function writeInterval(
  view: DataView,
  offset: number,
  milliseconds: number,
  little: boolean,
  { microsecondBits, secondBits = 64 }: TimeFormat = { microsecondBits: 64 },
): void {
  const micros = Math.max(1, Math.round(milliseconds * 1000));
  view.setBigUint64(offset, 0n, little);
  if (secondBits === 32) {
    view.setUint32(offset + 8, Math.floor(micros / 1e6), little);
    view.setUint32(offset + 12, micros % 1e6, little);
    return;
  }
  view.setBigUint64(offset + 8, 0n, little);
  view.setBigUint64(offset + 16, BigInt(Math.floor(micros / 1e6)), little);
  view.setBigUint64(offset + 24, 0n, little);
  if (microsecondBits === 32) view.setUint32(offset + 24, micros % 1e6, little);
  else view.setBigUint64(offset + 24, BigInt(micros % 1e6), little);
}

/** Reads the result of job `index` from what the runner left. */
export function decodeJob(
  job: NativeJob,
  index: number,
  bytes: Uint8Array,
  memOffset: number,
  little: boolean,
): JobResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const record = index * RECORD_BYTES;
  const seconds = Number(
    view.getBigUint64(record + RECORD.end, little) - view.getBigUint64(record + RECORD.start, little),
  );
  const rest =
    Number(view.getBigUint64(record + RECORD.end + 8, little)) -
    Number(view.getBigUint64(record + RECORD.start + 8, little));
  return {
    status: 'done',
    r0: view.getBigUint64(record + RECORD.result, little),
    mem: bytes.slice(memOffset, memOffset + (job.mem?.length ?? 0)),
    elapsedNs: seconds * 1e9 + rest,
  };
}
