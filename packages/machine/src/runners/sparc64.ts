/**
 * The runner's instructions on SPARC V9. System calls: `ta 0x6d` with the number in %g1, arguments in %o0 to %o5, result in
 * %o0, an error as a positive number with the carry set (Linux, syscall(2)). Numbers from
 * arch/sparc/kernel/syscalls/syscall.tbl.
 *
 * The runner lives in one register window; calls and helper stubs make others, which the kernel spills to the stack.
 */
import { LABEL, makeNode, type MachineNode, type Target } from '@polybpf/jit';
import { SPARC_LINUX } from '../linux-abi.ts';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const G0 = 0;
const G1 = 1;
const G2 = 2;
const G4 = 4;
const G5 = 5;
const O0 = 8;
const SP = 14;
const I0 = 24;
const EQUAL = 1;
const NOT_EQUAL = 9;
const XCC = 2;
/** Linux's 64-bit system call trap. */
const LINUX64_TRAP = 0x6d;
const RT_SIGACTION = 102;
/** Addresses are 2047 above the stack pointer; the smallest frame has 176 bytes (SPARC Compliance Definition 2.4). */
const STACK_BIAS = 2047;
const MIN_FRAME = 176;
/** What FLUSH makes fetchable: a doubleword (SPARC V9 A.20). */
const FLUSH_BYTES = 8;
const ARGUMENTS = 5;

/** The runner of sparc64. */
export function sparc64Runner(target: Target): RunnerCpu {
  const append = appender(target);
  const constant = (out: MachineNode[], register: number, value: number): void => {
    if (value >= -4096 && value <= 4095) return append(out, 'mov_imm', [value, register]);
    const high = value < 0 ? ~value : value;
    append(out, 'sethi', [(high & ~0x3ff) >>> 0, register]);
    if (value < 0) append(out, 'xor_imm', [register, (value & 0x3ff) | ~0x3ff, register]);
    else append(out, 'or_imm', [register, value & 0x3ff, register]);
  };
  const addImmediate = (out: MachineNode[], register: number, value: number): void =>
    append(out, 'add_imm', [register, value, register]);
  const branch = (out: MachineNode[], condition: number, a: number, b: number, label: number): void => {
    append(out, 'cmp', [a, b]);
    append(out, 'bpcc', [condition, XCC], label);
    append(out, 'nop');
  };
  const syscall: RunnerCpu['syscall'] = (out, number, args) => {
    // rt_sigaction has the address of a restorer before its last argument; the kernel needs none.
    const all = number === RT_SIGACTION ? [...args.slice(0, 3), 0, ...args.slice(3)] : args;
    all.forEach((argument, i) => {
      if (typeof argument === 'number') constant(out, O0 + i, argument);
      else append(out, 'add_imm', [argument.register, argument.offset, O0 + i]);
    });
    constant(out, G1, number);
    append(out, 'ta', [LINUX64_TRAP]);
  };

  return {
    name: 'sparc64',
    hostArch: undefined,
    qemu: 'qemu-sparc64',
    qemuArguments: [],
    syscalls: { read: 3, write: 4, exit: 1, mmap: 71, setitimer: 83, clock_gettime: 257, prlimit64: 331, rt_sigaction: RT_SIGACTION, sigaltstack: 28 }, // prettier-ignore
    linux: SPARC_LINUX,
    args: [O0, 9, 10, 11, 12],
    result: O0,
    // Handlers get a `struct sigcontext` that begins with the siginfo; then 16 registers, tstate, tpc
    // (arch/sparc/kernel/signal_64.c)
    signalPc: 128 + 16 * 8 + 8,
    syscallResult: O0,
    temps: [G4, G2, 3, G5],
    constant,
    addImmediate,
    load64: (out, register, base, offset) => append(out, 'ldx', [base, offset, register]),
    store64: (out, register, base, offset) => append(out, 'stx', [register, base, offset]),
    branchIfEqual: (out, a, b, label) => branch(out, EQUAL, a, b, label),
    branchIfNotEqual: (out, a, b, label) => branch(out, NOT_EQUAL, a, b, label),
    jump: (out, label) => append(out, 'ba_a', [], label),
    call(out, register) {
      append(out, 'call_register', [register]);
      append(out, 'nop');
    },
    syscall,
    mmap: syscall,
    // Windows of calls that are given up must not be spilled later, over the frames of others.
    setStack(out, top) {
      append(out, 'flushw');
      constant(out, SP, top - MIN_FRAME - STACK_BIAS);
    },
    // The arguments are in %i registers then, and go back to where C has them.
    enterFunction(out) {
      append(out, 'save_imm', [SP, -MIN_FRAME, SP]);
      for (let i = 0; i < ARGUMENTS; i++) append(out, 'mov', [I0 + i, O0 + i]);
    },
    leaveFunction(out) {
      append(out, 'ret');
      append(out, 'restore', [O0, G0, O0]);
    },
    flushCode(out, start, end, newLabel) {
      const again = newLabel();
      out.push(makeNode(LABEL, [], again));
      append(out, 'flush', [start]);
      addImmediate(out, start, FLUSH_BYTES);
      branch(out, NOT_EQUAL, start, end, again);
    },
  };
}
