/**
 * bpf(2) through koffi: just what labelling test vectors needs. Programs are loaded and test-run, never attached.
 *
 * Attributes are laid out by hand in one buffer per call (`union bpf_attr` of include/uapi/linux/bpf.h); pointers in it
 * are addresses of buffers that this module keeps alive for the duration of the call.
 */
import { createRequire } from 'node:module';
import { BpfError } from '@polybpf/errors';

const BPF_MAP_CREATE = 0;
const BPF_MAP_LOOKUP_ELEM = 1;
const BPF_MAP_UPDATE_ELEM = 2;
const BPF_PROG_LOAD = 5;
const BPF_PROG_TEST_RUN = 10;
const BPF_MAP_TYPE_ARRAY = 2;
const BPF_PROG_TYPE_SCHED_CLS = 3;
/** Syscall numbers of bpf(2), by `process.arch`. */
const SYSCALL_NUMBERS: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };

interface Libc {
  readonly bpf: (command: number, attr: Buffer) => { result: number; errno: number };
  readonly addressOf: (buffer: Buffer) => bigint;
  readonly close: (fd: number) => number;
}

/** What the kernel said to a program. */
export interface LoadResult {
  /** The program's file descriptor; undefined when it was refused. */
  readonly fd: number | undefined;
  readonly errno: number;
  /** Last line of the verifier log that is not a statistic. */
  readonly message: string;
}

/** A connection to the running kernel; closes every file descriptor it opened when disposed. */
export interface KernelConnection extends Disposable {
  /** Loads a program of type SCHED_CLS; little-endian bytecode. */
  load(insns: Uint8Array): LoadResult;
  /** Creates an ARRAY map with one value. */
  createArray(valueSize: number): number;
  read(map: number, valueSize: number): Uint8Array;
  write(map: number, value: Uint8Array): void;
  /** Runs a loaded program once on an empty packet; returns its 32-bit result. */
  testRun(program: number): number;
  close(fd: number): void;
}

/**
 * Opens the connection.
 *
 * @throws BpfError `E_UNSUPPORTED` when this is not Linux on x86_64 or arm64, or bpf(2) is not allowed
 */
export function connectKernel(): KernelConnection {
  const libc = loadLibc();
  const opened = new Set<number>();
  const call = (command: number, fill: (attr: Buffer) => void): { result: number; errno: number; attr: Buffer } => {
    const attr = Buffer.alloc(152);
    fill(attr);
    const answer = libc.bpf(command, attr);
    if (answer.result >= 0 && (command === BPF_MAP_CREATE || command === BPF_PROG_LOAD)) opened.add(answer.result);
    return { ...answer, attr };
  };
  const demand = (what: string, answer: { result: number; errno: number }): number => {
    if (answer.result >= 0) return answer.result;
    throw new BpfError('E_UNSUPPORTED', `bpf(2) ${what} failed`, {
      expected: 'root or CAP_BPF',
      got: `errno ${answer.errno}`,
    });
  };
  const key = Buffer.alloc(4);
  const connection: KernelConnection = {
    load(insns) {
      const code = Buffer.from(insns);
      const license = Buffer.from('GPL\0');
      const log = Buffer.alloc(65536);
      const attempt = (level: number): { result: number; errno: number } =>
        call(BPF_PROG_LOAD, (attr) => {
          attr.writeUInt32LE(BPF_PROG_TYPE_SCHED_CLS, 0);
          attr.writeUInt32LE(code.length / 8, 4);
          attr.writeBigUInt64LE(libc.addressOf(code), 8);
          attr.writeBigUInt64LE(libc.addressOf(license), 16);
          if (level === 0) return;
          attr.writeUInt32LE(level, 24);
          attr.writeUInt32LE(log.length, 28);
          attr.writeBigUInt64LE(libc.addressOf(log), 32);
        });
      const quiet = attempt(0);
      if (quiet.result >= 0) return { fd: quiet.result, errno: 0, message: '' };
      const verbose = attempt(1);
      const end = log.indexOf(0);
      const lines = log.toString('latin1', 0, end < 0 ? log.length : end).split('\n');
      const told = lines.filter((line) => line !== '' && !/^(processed|verification time|stack depth)/.test(line));
      return { fd: undefined, errno: verbose.errno || quiet.errno, message: told[told.length - 1] ?? '' };
    },
    createArray(valueSize) {
      return demand(
        'MAP_CREATE',
        call(BPF_MAP_CREATE, (attr) => {
          attr.writeUInt32LE(BPF_MAP_TYPE_ARRAY, 0);
          attr.writeUInt32LE(4, 4);
          attr.writeUInt32LE(valueSize, 8);
          attr.writeUInt32LE(1, 12);
        }),
      );
    },
    read(map, valueSize) {
      const value = Buffer.alloc((valueSize + 7) & ~7);
      demand(
        'MAP_LOOKUP_ELEM',
        call(BPF_MAP_LOOKUP_ELEM, (attr) => {
          attr.writeUInt32LE(map, 0);
          attr.writeBigUInt64LE(libc.addressOf(key), 8);
          attr.writeBigUInt64LE(libc.addressOf(value), 16);
        }),
      );
      return new Uint8Array(value.subarray(0, valueSize));
    },
    write(map, value) {
      const bytes = Buffer.alloc((value.length + 7) & ~7);
      bytes.set(value);
      demand(
        'MAP_UPDATE_ELEM',
        call(BPF_MAP_UPDATE_ELEM, (attr) => {
          attr.writeUInt32LE(map, 0);
          attr.writeBigUInt64LE(libc.addressOf(key), 8);
          attr.writeBigUInt64LE(libc.addressOf(bytes), 16);
        }),
      );
    },
    testRun(program) {
      const packet = Buffer.alloc(64);
      const answer = call(BPF_PROG_TEST_RUN, (attr) => {
        attr.writeUInt32LE(program, 0);
        attr.writeUInt32LE(packet.length, 8);
        attr.writeBigUInt64LE(libc.addressOf(packet), 16);
        attr.writeUInt32LE(1, 32);
      });
      demand('PROG_TEST_RUN', answer);
      return answer.attr.readUInt32LE(4);
    },
    close(fd) {
      if (opened.delete(fd)) libc.close(fd);
    },
    [Symbol.dispose]() {
      for (const fd of opened) libc.close(fd);
      opened.clear();
    },
  };
  connection.close(connection.createArray(8)); // fails here, with a clear message, when bpf(2) is not allowed
  return connection;
}

function loadLibc(): Libc {
  const number = SYSCALL_NUMBERS[process.arch];
  if (process.platform !== 'linux' || number === undefined) {
    throw new BpfError('E_UNSUPPORTED', 'bpf(2) on this host', { expected: 'linux on x64 or arm64', got: `${process.platform} on ${process.arch}` }); // prettier-ignore
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment
  const koffi = createRequire(import.meta.url)('koffi') as {
    load(path: string | null): { func(definition: string): (...args: unknown[]) => number };
    address(value: unknown): bigint;
    errno(): number;
    as(value: unknown, type: string): unknown;
  };
  const lib = koffi.load(null);
  const syscall = lib.func('long syscall(long number, int command, void *attr, uint size)');
  const close = lib.func('int close(int fd)');
  return {
    bpf(command, attr) {
      const result = syscall(number, command, attr, attr.length);
      return { result: Number(result), errno: Number(result) < 0 ? koffi.errno() : 0 };
    },
    addressOf: (buffer) => koffi.address(buffer),
    close: (fd) => close(fd),
  };
}
