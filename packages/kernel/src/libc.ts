/**
 * The C functions that bpf(2) and its maps take, through koffi. koffi is a prebuilt binary that npm installs beside it as an
 * optional package; it is loaded when the first kernel is opened, so that importing this package cannot fail.
 */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { BpfError } from '@polybpf/errors';
import type * as KoffiModule from 'koffi';
import { EAGAIN, EINTR } from './errno.ts';

/** What this package uses of libc. */
export interface Libc {
  /** bpf(2): the result, or the negative errno. A call that a signal interrupted is repeated. */
  readonly bpf: (command: number, attr: Uint8Array, size: number) => number;
  readonly close: (fd: number) => void;
  /** Address of the first byte; the bytes must not be on the JavaScript heap. */
  readonly addressOf: (bytes: Uint8Array) => number;
  /** mmap(2) of all of a file, shared, to read and write: its bytes, or the errno. */
  readonly map: (fd: number, length: number) => MappedMemory | number;
  readonly unmap: (memory: MappedMemory) => void;
}

/** Memory that this process shares with the kernel. Its bytes must not be touched once it is no longer mapped. */
export interface MappedMemory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

type Koffi = Pick<typeof KoffiModule, 'load' | 'address' | 'errno' | 'view'>;

/** include/uapi/asm-generic/mman-common.h, linux/mman.h. */
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/** Number of bpf(2) by `process.arch`: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h. */
const SYSCALL_NUMBERS: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };
/** As libbpf has it (`PROG_LOAD_ATTEMPTS`): the verifier gives up with EAGAIN when a signal is pending. */
const ATTEMPTS = 5;

let loaded: Libc | undefined;

/**
 * libc of this process.
 *
 * @throws BpfError `E_UNSUPPORTED` on other systems and CPUs, or when koffi's binary is not installed
 */
export function loadLibc(): Libc {
  return (loaded ??= bindLibc());
}

function bindLibc(): Libc {
  const number = SYSCALL_NUMBERS[process.arch];
  if (process.platform !== 'linux' || number === undefined || endianness() !== 'LE') {
    throw new BpfError('E_UNSUPPORTED', 'the live kernel on this host', {
      expected: 'Linux on x86_64 or arm64',
      got: `${process.platform} on ${process.arch}`,
    });
  }
  const koffi = requireKoffi();
  const lib = koffi.load(null);
  const syscall = lib.func('long syscall(long number, int command, void *attr, uint size)');
  const close = lib.func('int close(int fd)');
  const mmap = lib.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)');
  const munmap = lib.func('int munmap(void *address, size_t length)');
  return {
    bpf(command, attr, size) {
      for (let attempt = 1; ; attempt++) {
        const result = Number(syscall(number, command, attr, size));
        if (result >= 0) return result;
        const errno = koffi.errno();
        if ((errno !== EAGAIN && errno !== EINTR) || attempt === ATTEMPTS) return -errno;
      }
    },
    close: (fd) => void close(fd),
    addressOf: (bytes) => Number(koffi.address(bytes)),
    map(fd, length) {
      const place: unknown = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
      const address = BigInt.asUintN(64, koffi.address(place));
      if (address === MAP_FAILED) return koffi.errno();
      return { address, bytes: new Uint8Array(koffi.view(place, length)) };
    },
    unmap: ({ address, bytes }) => void munmap(address, bytes.length),
  };
}

/** From here, or, where this code is part of a bundle, from where the package lies beside it. */
function requireKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  try {
    return require('koffi') as Koffi;
  } catch (cause) {
    try {
      return createRequire(require.resolve('@polybpf/kernel/package.json'))('koffi') as Koffi;
    } catch {
      throw new BpfError('E_UNSUPPORTED', 'the live kernel without the package koffi', {
        expected: `koffi with its binary for ${process.platform}-${process.arch}`,
        got: cause instanceof Error ? cause.message.split('\n')[0]! : String(cause),
        cause,
      });
    }
  }
}
