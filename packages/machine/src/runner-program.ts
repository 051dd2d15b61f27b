/**
 * The runner: a static program without libc that waits for a message on fd 0, runs jobs and reports on fd 1. Its loop
 * is written once here, over the few instructions that a {@link RunnerCpu} spells in its own machine code.
 *
 * Between two jobs nothing lives in registers: a job may destroy any of them but the stack pointer, and the runner still
 * reports. State lies in the header and the job record (layout.ts).
 */
import { GUARD_BYTES, LABEL, makeNode, type MachineNode } from '@polybpf/jit';
import { GENERIC_LINUX, type LinuxAbi } from './linux-abi.ts';
import {
  ARENA_BASE,
  ARENA_BYTES,
  CODE_BASE,
  COMMAND,
  HEADER,
  IDLE,
  mappingsOf,
  MESSAGE_BYTES,
  RECORD,
  RECORD_BYTES,
  REPORT,
  RUNNER_EXIT,
  SHARED_BASE,
  type SharedLayout,
} from './layout.ts';

/** Linux system calls that the runner makes, with their numbers on one CPU. */
export interface SyscallNumbers {
  readonly read: number;
  readonly write: number;
  readonly exit: number;
  readonly mmap: number;
  readonly setitimer: number;
  readonly clock_gettime: number;
  readonly prlimit64: number;
  readonly rt_sigaction: number;
  readonly sigaltstack: number;
}

/** An argument of a system call: a constant, or a register plus a small constant. */
export type SyscallArgument = number | { readonly register: number; readonly offset: number };

/** One CPU as the runner sees it. All functions append nodes; registers are hardware numbers. */
export interface RunnerCpu {
  /** Name of the target. */
  readonly name: string;
  /** `process.arch` of hosts that run the code directly. */
  readonly hostArch: string | undefined;
  /** Whether {@link RunnerCpu.constant} and system calls take addresses of more than 32 bits, for WIDE_GUARD_BYTES above the arena. */
  readonly wideGuard?: boolean;
  /** Program of qemu-user, and what to tell it before the file. */
  readonly qemu: string;
  readonly qemuArguments: readonly string[];
  readonly syscalls: SyscallNumbers;
  /** Where Linux differs on this CPU; default: {@link GENERIC_LINUX}. */
  readonly linux?: LinuxAbi;
  /** C arguments 1 to 5. */
  readonly args: readonly number[];
  /** Arguments of a C function that takes words of the CPU's width; default: `args`. */
  readonly wordArgs?: readonly number[];
  /** Result of a C function. */
  readonly result: number;
  /** Offset of the program counter in the `ucontext_t` that a signal handler gets. */
  readonly signalPc: number;
  /** Result of a system call. */
  readonly syscallResult: number;
  /**
   * Four registers that calls destroy. The first two are no arguments. Addresses are formed in the last three only.
   */
  readonly temps: readonly [number, number, number, number];
  /** Where a helper stub has its number until `enterFunction` has moved it to the first temp; default: there. */
  readonly slotRegister?: number;
  /** `register` = signed 32-bit constant, extended to the register's width. */
  constant(out: MachineNode[], register: number, value: number): void;
  load64(out: MachineNode[], register: number, base: number, offset: number): void;
  /** A word of the CPU's width, zero-extended; default: `load64`. */
  loadWord?(out: MachineNode[], register: number, base: number, offset: number): void;
  store64(out: MachineNode[], register: number, base: number, offset: number): void;
  addImmediate(out: MachineNode[], register: number, value: number): void;
  branchIfEqual(out: MachineNode[], a: number, b: number, label: number): void;
  branchIfNotEqual(out: MachineNode[], a: number, b: number, label: number): void;
  jump(out: MachineNode[], label: number): void;
  /** Calls the C function whose address is in `register`, one of the last three temps. */
  call(out: MachineNode[], register: number): void;
  /** System call; destroys temps and arguments. */
  syscall(out: MachineNode[], number: number, args: readonly SyscallArgument[]): void;
  /** mmap with constant arguments, the offset in bytes, a multiple of 64 KiB; some CPUs pass them in memory. */
  mmap(out: MachineNode[], number: number, args: readonly number[]): void;
  /** Sets the stack pointer so that a C function may be called; `top` is a multiple of 64 KiB. */
  setStack(out: MachineNode[], top: number): void;
  /** Start of a helper stub's common part: saves what a C function must save before it makes calls. Keeps arguments and the first temp. */
  enterFunction(out: MachineNode[]): void;
  /** Undoes {@link RunnerCpu.enterFunction} and returns; keeps the result register. */
  leaveFunction(out: MachineNode[]): void;
  /** Makes code written to [first, second) fetchable; both registers are temps and may be destroyed. Absent where caches are coherent. */
  flushCode?(out: MachineNode[], start: number, end: number, newLabel: () => number): void;
}

/** The runner's nodes and the labels of the helper stubs, by slot. */
export interface RunnerProgram {
  readonly nodes: MachineNode[];
  readonly labelCount: number;
  readonly stubs: readonly number[];
  /** Label of the signal handler. */
  readonly signalHandler: number;
}

const PROT_NONE = 0;
const PROT_READ_WRITE = 3;
const PROT_READ_WRITE_EXEC = 7;
const MAP_SHARED_FIXED = 0x11;
const MAP_PRIVATE_FIXED = 0x12;
const CLOCK_MONOTONIC = 1;
const ITIMER_REAL = 0;
const ITIMER_PROF = 2;
const RLIMIT_CORE = 4;
/** Offset of si_addr in `siginfo_t` on 64-bit CPUs. */
const SIGINFO_ADDRESS = 16;
/** File descriptors that Node gives to the runner. */
const FD = { input: 0, output: 1, shared: 3 } as const;

/** Writes the runner for one CPU and memory layout. */
export function runnerProgram(cpu: RunnerCpu, layout: SharedLayout): RunnerProgram {
  const out: MachineNode[] = [];
  let labels = 0;
  const newLabel = (): number => labels++;
  const bind = (label: number): void => void out.push(makeNode(LABEL, [], label));
  const header = SHARED_BASE + layout.header;
  const { syscalls, linux = GENERIC_LINUX } = cpu;
  const [value, base, second, third] = cpu.temps;

  const loadHeader = (): void => cpu.constant(out, base, header);
  /** `value` = header field; leaves the header's address in `base`. */
  const loadField = (field: number): void => (loadHeader(), cpu.load64(out, value, base, field));
  const storeConstant = (field: number, constant: number): void => {
    loadHeader();
    cpu.constant(out, value, constant);
    cpu.store64(out, value, base, field);
  };
  /** `base` = address of the running job's record. */
  const loadRecord = (): void => (loadHeader(), cpu.load64(out, base, base, HEADER.record));
  /** Sends the report whose words are in the header already. */
  const send = (report: number): void => {
    storeConstant(HEADER.output, report);
    cpu.syscall(out, syscalls.write, [FD.output, header + HEADER.output, MESSAGE_BYTES]);
  };
  const quit = newLabel();
  /** Waits for a message; Node closing its end quits. */
  const receive = (): void => {
    cpu.syscall(out, syscalls.read, [FD.input, header + HEADER.input, MESSAGE_BYTES]);
    cpu.constant(out, value, MESSAGE_BYTES);
    cpu.branchIfNotEqual(out, cpu.syscallResult, value, quit);
  };
  /** Calls the address at [base + code] with the five words at [base + args]. */
  const callFrom = (code: number, args: number): void => {
    cpu.args.forEach((register, i) => cpu.load64(out, register, base, args + 8 * i));
    cpu.load64(out, base, base, code);
    cpu.call(out, base);
  };
  /** header field = C result */
  const storeResult = (field: number): void => {
    loadHeader();
    cpu.store64(out, cpu.result, base, field);
  };
  const setTimer = (timer: number, at: SyscallArgument): void => cpu.syscall(out, syscalls.setitimer, [timer, at, 0]);

  const start = (): void => {
    const guards = ARENA_BASE - GUARD_BYTES;
    const anonymous = MAP_PRIVATE_FIXED | linux.mapAnonymous;
    cpu.mmap(out, syscalls.mmap, [guards, ARENA_BYTES + 2 * GUARD_BYTES, PROT_NONE, anonymous, -1, 0]);
    exitUnless(guards, RUNNER_EXIT.guardMap);
    for (const [address, offset, length] of mappingsOf(layout)) {
      cpu.mmap(out, syscalls.mmap, [address, length, PROT_READ_WRITE, MAP_SHARED_FIXED, FD.shared, offset]);
      exitUnless(address, RUNNER_EXIT.sharedMap);
    }
    cpu.mmap(out, syscalls.mmap, [CODE_BASE, layout.codeBytes, PROT_READ_WRITE_EXEC, anonymous, -1, 0]);
    exitUnless(CODE_BASE, RUNNER_EXIT.codeMap);
    // QEMU would leave a core file in the working directory when a job crashes.
    cpu.syscall(out, syscalls.prlimit64, [0, RLIMIT_CORE, header + HEADER.zeros, 0]);
    cpu.syscall(out, syscalls.sigaltstack, [header + HEADER.signalStack, 0]);
    for (const signal of Object.values(linux.signals)) {
      cpu.syscall(out, syscalls.rt_sigaction, [signal, header + HEADER.signalAction, 0, linux.sigsetBytes]);
    }
    cpu.setStack(out, header);
    send(REPORT.ready);
  };
  const exitUnless = (expected: number, code: number): void => {
    const good = newLabel();
    cpu.constant(out, value, expected);
    cpu.branchIfEqual(out, cpu.syscallResult, value, good);
    cpu.syscall(out, syscalls.exit, [code]);
    bind(good);
  };

  const copyCode = (): void => {
    const copied = newLabel();
    const again = newLabel();
    loadHeader();
    cpu.load64(out, second, base, HEADER.input + 32);
    cpu.load64(out, third, base, HEADER.input + 40);
    cpu.branchIfEqual(out, second, third, copied);
    cpu.load64(out, base, base, HEADER.input + 24);
    bind(again);
    cpu.load64(out, value, base, 0);
    cpu.store64(out, value, second, 0);
    cpu.addImmediate(out, base, 8);
    cpu.addImmediate(out, second, 8);
    cpu.branchIfNotEqual(out, second, third, again);
    if (cpu.flushCode !== undefined) {
      loadHeader();
      cpu.load64(out, second, base, HEADER.input + 32);
      cpu.flushCode(out, second, third, newLabel);
    }
    bind(copied);
  };

  const callDone = newLabel();
  const batch = (batchDone: number): void => {
    const nextJob = newLabel();
    const again = newLabel();
    loadField(HEADER.input + 8);
    cpu.store64(out, value, base, HEADER.record);
    cpu.load64(out, value, base, HEADER.input + 16);
    cpu.store64(out, value, base, HEADER.jobCount);
    storeConstant(HEADER.jobIndex, 0);

    bind(nextJob);
    loadField(HEADER.jobIndex);
    cpu.load64(out, second, base, HEADER.jobCount);
    cpu.branchIfEqual(out, value, second, batchDone);
    setTimer(ITIMER_REAL, header + HEADER.wallLimit);
    loadRecord();
    setTimer(ITIMER_PROF, { register: base, offset: RECORD.cpuLimit });
    loadRecord();
    cpu.load64(out, value, base, RECORD.repeat);
    loadHeader();
    cpu.store64(out, value, base, HEADER.remaining);
    loadRecord();
    cpu.syscall(out, syscalls.clock_gettime, [CLOCK_MONOTONIC, { register: base, offset: RECORD.start }]);

    bind(again);
    loadRecord();
    callFrom(RECORD.code, RECORD.args);
    storeResult(HEADER.result);
    bind(callDone);
    loadField(HEADER.remaining);
    cpu.addImmediate(out, value, -1);
    cpu.store64(out, value, base, HEADER.remaining);
    cpu.constant(out, second, 0);
    cpu.branchIfNotEqual(out, value, second, again);

    loadRecord();
    cpu.syscall(out, syscalls.clock_gettime, [CLOCK_MONOTONIC, { register: base, offset: RECORD.end }]);
    loadField(HEADER.result);
    cpu.load64(out, base, base, HEADER.record);
    cpu.store64(out, value, base, RECORD.result);
    cpu.addImmediate(out, base, RECORD_BYTES);
    cpu.constant(out, second, header);
    cpu.store64(out, base, second, HEADER.record);
    cpu.load64(out, value, second, HEADER.jobIndex);
    cpu.addImmediate(out, value, 1);
    cpu.store64(out, value, second, HEADER.jobIndex);
    cpu.jump(out, nextJob);
  };

  /** Slot number in `value`, arguments where a C function has them. */
  const helperStub = (entry: number): void => {
    const wait = newLabel();
    const answer = newLabel();
    const notAnswer = newLabel();
    bind(entry);
    cpu.enterFunction(out);
    loadHeader();
    cpu.store64(out, value, base, HEADER.output + 8);
    cpu.args.forEach((register, i) => cpu.store64(out, register, base, HEADER.output + 16 + 8 * i));
    cpu.load64(out, value, base, HEADER.remaining);
    cpu.store64(out, value, base, HEADER.output + 56);
    cpu.load64(out, value, base, HEADER.jobIndex);
    cpu.store64(out, value, base, HEADER.output + 64);
    send(REPORT.helper);

    bind(wait);
    receive();
    loadField(HEADER.input);
    cpu.constant(out, second, COMMAND.answer);
    cpu.branchIfEqual(out, value, second, answer);
    cpu.constant(out, second, COMMAND.call);
    cpu.branchIfNotEqual(out, value, second, notAnswer);
    callFrom(HEADER.input + 8, HEADER.input + 16);
    storeResult(HEADER.output + 8);
    send(REPORT.returned);
    cpu.jump(out, wait);

    bind(answer);
    loadHeader();
    cpu.load64(out, cpu.result, base, HEADER.input + 8);
    cpu.leaveFunction(out);

    // Abort: whatever is on the stack belongs to the call that ends here.
    bind(notAnswer);
    cpu.setStack(out, header);
    loadField(HEADER.input + 8);
    cpu.store64(out, value, base, HEADER.result);
    cpu.load64(out, value, base, HEADER.input + 16);
    cpu.store64(out, value, base, HEADER.remaining);
    cpu.jump(out, callDone);
  };

  /** A C function of signal number, `siginfo_t` and `ucontext_t` that does not return: reports and exits. */
  const signalHandler = (entry: number): void => {
    const [signal, info, context] = cpu.wordArgs ?? cpu.args;
    const loadWord: RunnerCpu['load64'] = (...what) => (cpu.loadWord ?? cpu.load64)(...what);
    bind(entry);
    loadHeader();
    cpu.store64(out, signal!, base, HEADER.output + 8);
    cpu.load64(out, value, info!, linux.siginfoCode.offset);
    cpu.store64(out, value, base, HEADER.output + 16);
    loadWord(out, value, info!, linux.siginfoAddress ?? SIGINFO_ADDRESS);
    cpu.store64(out, value, base, HEADER.output + 24);
    loadWord(out, value, context!, cpu.signalPc);
    cpu.store64(out, value, base, HEADER.output + 32);
    cpu.load64(out, value, base, HEADER.jobIndex);
    cpu.store64(out, value, base, HEADER.output + 40);
    send(REPORT.fault);
    cpu.syscall(out, syscalls.exit, [RUNNER_EXIT.fault]);
  };

  const doorbell = newLabel();
  const batchDone = newLabel();
  start();
  bind(doorbell);
  receive();
  copyCode();
  batch(batchDone);
  bind(batchDone);
  setTimer(ITIMER_PROF, header + HEADER.zeros);
  setTimer(ITIMER_REAL, header + HEADER.zeros);
  storeConstant(HEADER.jobIndex, IDLE);
  send(REPORT.done);
  cpu.jump(out, doorbell);
  bind(quit);
  cpu.syscall(out, syscalls.exit, [0]);

  const stubEntry = newLabel();
  helperStub(stubEntry);
  const stubs: number[] = [];
  for (let slot = 0; slot < layout.slots; slot++) {
    const stub = newLabel();
    stubs.push(stub);
    bind(stub);
    cpu.constant(out, cpu.slotRegister ?? value, slot);
    cpu.jump(out, stubEntry);
  }
  const handler = newLabel();
  signalHandler(handler);
  return { nodes: out, labelCount: labels, stubs, signalHandler: handler };
}
