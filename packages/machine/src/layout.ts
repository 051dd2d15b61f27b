/**
 * Where everything lies in the runner's address space. All addresses are below 2 GiB, so that they fit a positive
 * signed 32-bit number and 32-bit CPUs can share the picture.
 *
 * ```text
 *   0x10000000  shared file, first part            Node sees it with pread and pwrite
 *               stack        grows down to the base: overflow hits unmapped memory and faults
 *               header       doorbell messages and loop state, see HEADER
 *               table        pointers to helper stubs, 8 bytes each
 *               code mirror  what Node writes and the runner copies
 *               records      of the jobs of a batch
 *   0x20000000  the runner's own code (ELF segment)
 *   0x20100000  code, private and executable       same length as the mirror
 *   0x3fef0000  canary, a page of the shared file that nothing may write
 *   0x3ff00000  guard, PROT_NONE
 *   0x40000000  shared file, second part: the arena of sandboxed code, 256 MiB, PROT_NONE behind the parts
 *               BPF stack    as long as the stack, whose mirror it is
 *               data         maps, global data, allocations
 *               batch        the memory of each job
 *   0x50000000  guard, PROT_NONE
 *   0x50100000  canary; behind WIDE_GUARD_BYTES, in which nothing is mapped, where that is asked for
 * ```
 *
 * Whatever programs have business with lies in the arena, sandboxed or not. What the runner needs to stay in control lies
 * outside.
 *
 * QEMU does not see code that another process overwrites, and /dev/shm is often mounted noexec: hence the private copy.
 */
import { BpfError } from '@polybpf/errors';
import { ARENA_BITS, GUARD_BYTES, WIDE_GUARD_BYTES } from '@polybpf/jit';

/** Address of the shared file. */
export const SHARED_BASE = 0x10000000;
/** Address of the runner's ELF segment. */
export const RUNNER_BASE = 0x20000000;
/** Address of executable code. Within reach of the runner's stubs for every CPU whose call reaches 32 MiB. */
export const CODE_BASE = 0x20100000;
/** Addresses from here on are not used. */
const CODE_LIMIT = 0x27000000;

/** Address of the arena, a multiple of its size. */
export const ARENA_BASE = 0x40000000;
export const ARENA_BYTES: number = 2 ** ARENA_BITS;
/** Largest page size of any supported CPU; every part of the shared file is a multiple of it. */
const PAGE = 0x10000;

/** Offsets in the header, in bytes. All fields are 8 bytes in the target's byte order unless told otherwise. */
export const HEADER = {
  /** The message from Node, {@link MESSAGE_BYTES} long. */
  input: 0,
  /** The message to Node. */
  output: 128,
  /** Index of the running job, counted from the start of the doorbell's job table; {@link IDLE} while there is none. */
  jobIndex: 256,
  /** Address of the running job's record. */
  record: 264,
  /** Calls left for the running job, the current one included. */
  remaining: 272,
  /** r0 of the last call. */
  result: 280,
  /** Jobs of the batch: the message that told it is overwritten by answers to helper calls. */
  jobCount: 288,
  /** `struct itimerval` of the wall-clock limit. */
  wallLimit: 320,
  /** `struct itimerval` of zeros: disarms a timer; its first half is an `rlimit` of zeros as well. */
  zeros: 352,
  /** `struct sigaction` of the kernel: handler, flags, restorer, mask. */
  signalAction: 384,
  /** `stack_t` of the signal handler. */
  signalStack: 416,
  /** What sandboxed code reads: the arena's tag and the distance of the BPF stack from the stack (jit's `ARENA_SYMBOL`). */
  arena: 448,
  length: 464,
} as const;
/** Stack of the signal handler, in the header's page: an overflow of the stack proper is reported as well. */
export const SIGNAL_STACK = { offset: 0x8000, length: 0x8000 } as const;
const HEADER_BYTES = PAGE;

/** Job index while the runner waits for a batch. */
export const IDLE = 0x69646c65;

/** Length of a doorbell message: nine words. Less than PIPE_BUF, so writes are atomic (POSIX write(2)). */
export const MESSAGE_BYTES = 72;

/** First word of a message to the runner. */
export const COMMAND = {
  /** words: job table address, job count, copy source, copy target, copy end (target) */
  batch: 1,
  /** words: result of the helper */
  answer: 2,
  /** words: callee, five arguments; nested call while a helper waits */
  call: 3,
  /** words: r0, calls left; ends the current call of the job at once */
  abort: 4,
} as const;

/** First word of a message from the runner. */
export const REPORT = {
  ready: 1,
  done: 2,
  /** words: slot, five arguments, calls left, job index */
  helper: 3,
  /** words: result */
  returned: 4,
  /** words: signal number, the word of siginfo_t that holds si_code, si_addr, pc, job index; the runner exits */
  fault: 5,
} as const;

/** Offsets in a job record. */
export const RECORD = {
  code: 0,
  /** Five arguments. */
  args: 8,
  repeat: 48,
  result: 56,
  /** `struct timespec` before the first and after the last call, CLOCK_MONOTONIC. */
  start: 64,
  end: 80,
  /** `struct itimerval` of the CPU-time limit. */
  cpuLimit: 96,
} as const;
export const RECORD_BYTES = 128;

/** Exit codes of the runner when it cannot start, and after a fault that it has reported. */
export const RUNNER_EXIT = { sharedMap: 70, codeMap: 71, fault: 72, guardMap: 73 } as const;

/** Where each part of the shared file lies: offsets into the file, lengths in bytes. */
export interface SharedLayout {
  readonly stackBytes: number;
  readonly header: number;
  readonly table: number;
  readonly slots: number;
  readonly code: number;
  readonly codeBytes: number;
  readonly records: number;
  /** End of the first part, at {@link SHARED_BASE}. */
  readonly controlBytes: number;
  /** Pages below and above the arena. */
  readonly canaries: readonly [number, number];
  /** Start of the second part, at {@link ARENA_BASE}, and its length. */
  readonly arena: number;
  readonly arenaBytes: number;
  readonly data: number;
  readonly dataBytes: number;
  readonly batch: number;
  readonly batchBytes: number;
  readonly length: number;
  /** Bytes above the arena in which nothing is mapped. */
  readonly guardAbove: number;
}

/** Sizes that the user chooses, in bytes. */
export interface LayoutSizes {
  readonly stackBytes: number;
  readonly slots: number;
  readonly codeBytes: number;
  readonly dataBytes: number;
  readonly batchBytes: number;
}

/**
 * Lays out the shared file. Sizes are rounded up to whole pages.
 *
 * @param wideGuard - whether WIDE_GUARD_BYTES above the arena stay free; addresses behind it have more than 32 bits
 * @throws BpfError `E_MACHINE_LIMIT` when a size is no positive integer or the parts do not fit below the runner
 */
export function planLayout(sizes: LayoutSizes, wideGuard = false): SharedLayout {
  for (const [name, value] of Object.entries(sizes)) {
    if (!Number.isSafeInteger(value) || value <= 0) {
      throw new BpfError('E_MACHINE_LIMIT', `option ${name}`, { expected: 'a positive integer', got: String(value) });
    }
  }
  const stackBytes = roundUp(sizes.stackBytes);
  const header = stackBytes;
  const table = header + HEADER_BYTES;
  const code = table + roundUp(sizes.slots * 8);
  const codeBytes = roundUp(sizes.codeBytes);
  const batchBytes = roundUp(sizes.batchBytes);
  const records = code + codeBytes;
  const controlBytes = records + batchBytes;
  const canaries = [controlBytes, controlBytes + PAGE] as const;
  const arena = controlBytes + 2 * PAGE;
  const data = arena + stackBytes;
  const dataBytes = roundUp(sizes.dataBytes);
  const batch = data + dataBytes;
  const length = batch + batchBytes;
  const arenaBytes = length - arena;
  checkRoom('stackBytes + slots + codeBytes + batchBytes', controlBytes, RUNNER_BASE - SHARED_BASE);
  checkRoom('stackBytes + dataBytes + batchBytes', arenaBytes, ARENA_BYTES);
  checkRoom('codeBytes', codeBytes, CODE_LIMIT - CODE_BASE);
  return {
    stackBytes, header, table, slots: sizes.slots, code, codeBytes, records, controlBytes, canaries, arena, arenaBytes,
    data, dataBytes, batch, batchBytes, length, guardAbove: wideGuard ? WIDE_GUARD_BYTES : GUARD_BYTES,
  }; // prettier-ignore
}

/** What the runner maps of the shared file, in order: address, offset in the file, length. */
export function mappingsOf(layout: SharedLayout): readonly (readonly [number, number, number])[] {
  const [below, above] = layout.canaries;
  return [
    [SHARED_BASE, 0, layout.controlBytes],
    [ARENA_BASE - GUARD_BYTES - PAGE, below, PAGE],
    [ARENA_BASE, layout.arena, layout.arenaBytes],
    [ARENA_BASE + ARENA_BYTES + layout.guardAbove, above, PAGE],
  ];
}

/** Address of a place in the arena's part of the file. */
export function arenaAddress(layout: SharedLayout, offset: number): number {
  return ARENA_BASE + offset - layout.arena;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE;
}

function checkRoom(what: string, bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new BpfError('E_MACHINE_LIMIT', `memory of the native runner: ${what}`, {
    expected: `at most ${limit} bytes`,
    got: String(bytes),
  });
}
