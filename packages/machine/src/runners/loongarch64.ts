/**
 * The runner's instructions on LoongArch. System calls: number in a7, arguments in a0 to a5, result in a0, t0 to t8
 * destroyed (Linux, Documentation/arch/loongarch/introduction.rst); numbers from include/uapi/asm-generic/unistd.h.
 */
import type { MachineNode, Target } from '@polybpf/jit';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const ZERO = 0;
const RA = 1;
const SP = 3;
const A0 = 4;
const A7 = 11;

/** The runner of loongarch64. */
export function loongarch64Runner(target: Target): RunnerCpu {
  const append = appender(target);

  const constant = (out: MachineNode[], register: number, value: number): void => {
    if (value >= -2048 && value < 2048) return append(out, 'addi_d', [register, ZERO, value]);
    append(out, 'lu12i_w', [register, value >> 12]);
    append(out, 'ori', [register, register, value & 0xfff]);
  };
  const addTo = (out: MachineNode[], register: number, source: number, value: number): void =>
    append(out, 'addi_d', [register, source, value]);
  const supervisorCall = (out: MachineNode[], number: number): void => {
    constant(out, A7, number);
    append(out, 'syscall', [0]);
  };

  return {
    name: 'loongarch64',
    hostArch: 'loong64',
    qemu: 'qemu-loongarch64',
    qemuArguments: [],
    syscalls: { read: 63, write: 64, exit: 93, mmap: 222, setitimer: 103, clock_gettime: 113, prlimit64: 261, rt_sigaction: 134, sigaltstack: 132 }, // prettier-ignore
    args: [4, 5, 6, 7, 8],
    result: A0,
    // uc_mcontext.sc_pc (arch/loongarch/include/uapi/asm/ucontext.h, 16-byte aligned)
    signalPc: 176,
    syscallResult: A0,
    // t0 to t3.
    temps: [12, 13, 14, 15],
    constant,
    addImmediate: (out, register, value) => addTo(out, register, register, value),
    load64: (out, register, base, offset) => append(out, 'ld_d', [register, base, offset]),
    store64: (out, register, base, offset) => append(out, 'st_d', [register, base, offset]),
    branchIfEqual: (out, a, b, label) => append(out, 'beq', [a, b], label),
    branchIfNotEqual: (out, a, b, label) => append(out, 'bne', [a, b], label),
    jump: (out, label) => append(out, 'b', [], label),
    call: (out, register) => append(out, 'jirl', [RA, register, 0]),
    syscall(out, number, args) {
      args.forEach((argument, i) => {
        if (typeof argument === 'number') constant(out, A0 + i, argument);
        else addTo(out, A0 + i, argument.register, argument.offset);
      });
      supervisorCall(out, number);
    },
    mmap(out, number, args) {
      args.forEach((argument, i) => constant(out, A0 + i, argument));
      supervisorCall(out, number);
    },
    setStack: (out, top) => constant(out, SP, top),
    enterFunction(out) {
      addTo(out, SP, SP, -16);
      append(out, 'st_d', [RA, SP, 8]);
    },
    leaveFunction(out) {
      append(out, 'ld_d', [RA, SP, 8]);
      addTo(out, SP, SP, 16);
      append(out, 'jirl', [ZERO, RA, 0]);
    },
    // Instruction fetches see stores that came before, on every core (LoongArch Reference Manual, section 2.2.8).
    flushCode: (out) => append(out, 'ibar', [0]),
  };
}
