/**
 * The runner's instructions on 64-bit Power, in either byte order. System calls: number in r0, arguments in r3 to r8,
 * result in r3, a positive error number with bit so of condition field 0; r0, r4 to r12 are destroyed (Linux,
 * Documentation/arch/powerpc/syscall64-abi.rst). Numbers from arch/powerpc/kernel/syscalls/syscall.tbl.
 */
import { LABEL, makeNode, type MachineNode, type Target } from '@polybpf/jit';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const R0 = 0;
const R1 = 1;
const R3 = 3;
/** Entry address of a function that is called through a pointer (ELF V2 ABI 1.5, 2.3.2.1). */
const R12 = 12;
/** Conditions of `bc`. */
const EQUAL = 6;
const NOT_EQUAL = 2;
const BELOW = 4;
/** Back chain, condition register, return address, r2: what a caller provides (ELF V2 ABI 1.5, 2.2.3). */
const FRAME_BYTES = 32;
const RETURN_ADDRESS = 16;
/** No 64-bit CPU has smaller cache blocks. */
const CACHE_BLOCK = 32;

/** The runner of ppc64. */
export function ppc64Runner(target: Target): RunnerCpu {
  return makeRunner(target, undefined, 'qemu-ppc64');
}

/** The runner of ppc64le; `ppc64` is what Node calls a little-endian host. */
export function ppc64leRunner(target: Target): RunnerCpu {
  return makeRunner(target, 'ppc64', 'qemu-ppc64le');
}

function makeRunner(target: Target, hostArch: string | undefined, qemu: string): RunnerCpu {
  const append = appender(target);
  const temps = [11, R12, 9, 10] as const;

  const constant = (out: MachineNode[], register: number, value: number): void => {
    if (value >= -0x8000 && value <= 0x7fff) return append(out, 'li', [register, value]);
    append(out, 'lis', [register, value >> 16]);
    append(out, 'ori', [register, register, value & 0xffff]);
  };
  const addImmediate = (out: MachineNode[], register: number, value: number): void =>
    append(out, 'addi', [register, register, value]);
  const branch = (out: MachineNode[], condition: number, a: number, b: number, label: number): void => {
    append(out, 'cmpd', [a, b]);
    append(out, 'bc', [condition], label);
  };
  const syscall: RunnerCpu['syscall'] = (out, number, args) => {
    args.forEach((argument, i) => {
      if (typeof argument === 'number') constant(out, R3 + i, argument);
      else append(out, 'addi', [R3 + i, argument.register, argument.offset]);
    });
    constant(out, R0, number);
    append(out, 'sc');
  };
  /** Applies a cache operation to every block of [start, end); keeps both. */
  const forEachBlock = (out: MachineNode[], operation: string, start: number, end: number, label: number): void => {
    const [cursor] = temps;
    append(out, 'or', [cursor, start, start]);
    out.push(makeNode(LABEL, [], label));
    append(out, operation, [0, cursor]);
    addImmediate(out, cursor, CACHE_BLOCK);
    append(out, 'cmpld', [cursor, end]);
    append(out, 'bc', [BELOW], label);
  };

  return {
    name: target.name,
    hostArch,
    qemu,
    qemuArguments: ['-cpu', ['power10', 'power9'].find((cpu) => target.features?.has(cpu)) ?? 'power8'],
    syscalls: { read: 3, write: 4, exit: 1, mmap: 90, setitimer: 104, clock_gettime: 246, prlimit64: 325, rt_sigaction: 173, sigaltstack: 185 }, // prettier-ignore
    args: [R3, 4, 5, 6, 7],
    result: R3,
    // uc_mcontext.gp_regs[PT_NIP] (arch/powerpc/include/uapi/asm/ucontext.h, sigcontext.h)
    signalPc: 488,
    syscallResult: R3,
    temps,
    constant,
    addImmediate,
    load64: (out, register, base, offset) => append(out, 'ld', [register, offset, base]),
    store64: (out, register, base, offset) => append(out, 'std', [register, offset, base]),
    branchIfEqual: (out, a, b, label) => branch(out, EQUAL, a, b, label),
    branchIfNotEqual: (out, a, b, label) => branch(out, NOT_EQUAL, a, b, label),
    jump: (out, label) => append(out, 'b', [], label),
    call(out, register) {
      if (register !== R12) append(out, 'or', [R12, register, register]);
      append(out, 'mtctr', [R12]);
      append(out, 'bctrl');
    },
    syscall,
    mmap: syscall,
    setStack: (out, top) => constant(out, R1, top - FRAME_BYTES),
    enterFunction(out) {
      append(out, 'mflr', [R0]);
      append(out, 'std', [R0, RETURN_ADDRESS, R1]);
      append(out, 'stdu', [R1, -FRAME_BYTES, R1]);
    },
    leaveFunction(out) {
      addImmediate(out, R1, FRAME_BYTES);
      append(out, 'ld', [R0, RETURN_ADDRESS, R1]);
      append(out, 'mtlr', [R0]);
      append(out, 'blr');
    },
    // Power ISA 2.07 Book II 1.8: store the data blocks, wait, drop the instruction blocks, refetch.
    flushCode(out, start, end, newLabel) {
      forEachBlock(out, 'dcbst', start, end, newLabel());
      append(out, 'sync');
      forEachBlock(out, 'icbi', start, end, newLabel());
      append(out, 'sync');
      append(out, 'isync');
    },
  };
}
