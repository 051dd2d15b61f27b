/**
 * What Linux does differently on some CPUs: signal numbers, flags, and the order of fields in structures that the runner
 * hands to the kernel.
 */

/** Signals of faults and of the runner's timers. */
export type RunnerSignal = 'SIGILL' | 'SIGTRAP' | 'SIGBUS' | 'SIGFPE' | 'SIGSEGV' | 'SIGALRM' | 'SIGPROF';

/** Linux on one CPU, as far as the runner sees it. */
export interface LinuxAbi {
  readonly signals: Readonly<Record<RunnerSignal, number>>;
  /** MAP_ANONYMOUS. */
  readonly mapAnonymous: number;
  /** Length of the kernel's `sigset_t` in bytes. */
  readonly sigsetBytes: number;
  /** Width of `tv_usec` in `struct timeval`, which takes 8 bytes. */
  readonly microsecondBits: 32 | 64;
  /** Width of `tv_sec` in `struct timeval`; with 32 that takes 8 bytes in all. Default 64. */
  readonly secondBits?: 32 | 64;
  /** Kernel's `struct sigaction` with SA_SIGINFO and SA_ONSTACK and all signals blocked, as 64-bit words. */
  readonly signalAction: (handler: number, bigEndian: boolean) => readonly (number | bigint)[];
  /** `stack_t` as 64-bit words. */
  readonly signalStack: (address: number, length: number, bigEndian: boolean) => readonly (number | bigint)[];
  /** Offset of `si_addr` in `siginfo_t`; default 16, as on all CPUs of 64 bits. */
  readonly siginfoAddress?: number;
  /** Offset in `siginfo_t` of the 64-bit word that holds `si_code`, and whether that is the word at the higher address. */
  readonly siginfoCode: { readonly offset: 0 | 8; readonly isSecondHalf: boolean };
}

/** SA_SIGINFO, SA_ONSTACK, and SA_RESTORER, without which x86-64 delivers no signal. */
const SIGNAL_FLAGS = 0x4 | 0x08000000 | 0x04000000;

/** include/uapi/asm-generic/signal.h, siginfo.h, mman-common.h; x86-64 and s390x agree as far as the runner goes. */
export const GENERIC_LINUX: LinuxAbi = {
  signals: { SIGILL: 4, SIGTRAP: 5, SIGBUS: 7, SIGFPE: 8, SIGSEGV: 11, SIGALRM: 14, SIGPROF: 27 },
  mapAnonymous: 0x20,
  sigsetBytes: 8,
  microsecondBits: 64,
  // All signals are blocked in the handler, whether the CPU's structure has a restorer before the mask or not.
  signalAction: (handler) => [handler, SIGNAL_FLAGS, -1, -1],
  signalStack: (address, length) => [address, 0, length],
  siginfoCode: { offset: 8, isSecondHalf: false },
};

/** SA_SIGINFO and SA_ONSTACK of MIPS. */
const MIPS_SIGNAL_FLAGS = 0x8 | 0x08000000;

/** arch/mips/include/uapi/asm/signal.h, siginfo.h, mman.h: flags come first, `si_code` before `si_errno`. */
export const MIPS_LINUX: LinuxAbi = {
  signals: { SIGILL: 4, SIGTRAP: 5, SIGBUS: 10, SIGFPE: 8, SIGSEGV: 11, SIGALRM: 14, SIGPROF: 29 },
  mapAnonymous: 0x800,
  sigsetBytes: 16,
  microsecondBits: 64,
  signalAction: (handler, bigEndian) => [bigEndian ? BigInt(MIPS_SIGNAL_FLAGS) << 32n : MIPS_SIGNAL_FLAGS, handler, -1, -1], // prettier-ignore
  signalStack: (address, length) => [address, length, 0],
  siginfoCode: { offset: 0, isSecondHalf: true },
};

/** SA_SIGINFO and SA_ONSTACK of SPARC. */
const SPARC_SIGNAL_FLAGS = 0x200 | 0x1;

/** arch/sparc/include/uapi/asm/signal.h, posix_types.h. */
export const SPARC_LINUX: LinuxAbi = {
  signals: { SIGILL: 4, SIGTRAP: 5, SIGBUS: 10, SIGFPE: 8, SIGSEGV: 11, SIGALRM: 14, SIGPROF: 27 },
  mapAnonymous: 0x20,
  sigsetBytes: 8,
  microsecondBits: 32,
  signalAction: (handler) => [handler, SPARC_SIGNAL_FLAGS, 0, -1],
  signalStack: (address, length) => [address, 0, length],
  siginfoCode: { offset: 8, isSecondHalf: false },
};

/** Two words of 32 bits as one of 64, the first at the lower address. */
function wordPair(first: number, second: number, bigEndian: boolean): bigint {
  const [low, high] = bigEndian ? [second, first] : [first, second];
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/**
 * arch/arm/include/uapi/asm/signal.h and the generic headers, with pointers and times of 32 bits. The handler never returns,
 * but has a restorer: QEMU would copy its own from a page that the arena replaces.
 */
export const ARM_LINUX: LinuxAbi = {
  ...GENERIC_LINUX,
  microsecondBits: 32,
  secondBits: 32,
  signalAction: (handler, bigEndian) => [wordPair(handler, SIGNAL_FLAGS, bigEndian), wordPair(handler, -1, bigEndian), -1], // prettier-ignore
  signalStack: (address, length, bigEndian) => [wordPair(address, 0, bigEndian), wordPair(length, 0, bigEndian)],
  siginfoAddress: 12,
};

/** Name of a signal number of one CPU. */
export function signalNameOf({ signals }: LinuxAbi, signal: number): string {
  return Object.entries(signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}
