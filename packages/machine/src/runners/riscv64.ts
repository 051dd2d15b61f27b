/**
 * The runner's instructions on RISC-V. System calls: number in a7, arguments in a0 to a5, result in a0, all else kept
 * (Linux, syscall(2)); numbers from include/uapi/asm-generic/unistd.h.
 */
import type { MachineNode, Target } from '@polybpf/jit';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const ZERO = 0;
const RA = 1;
const SP = 2;
const A0 = 10;
const A7 = 17;
/** Only RISC-V has it (arch/riscv/include/uapi/asm/unistd.h): makes stores fetchable by every hart. */
const RISCV_FLUSH_ICACHE = 259;

/** The runner of riscv64. */
export function riscv64Runner(target: Target): RunnerCpu {
  const append = appender(target);
  const has = (option: string): boolean => target.features?.has(option) === true;

  const constant = (out: MachineNode[], register: number, value: number): void => {
    const low = (value << 20) >> 20;
    if (value === low) return append(out, 'addi', [register, ZERO, value]);
    append(out, 'lui', [register, ((value - low) >> 12) & 0xfffff]);
    append(out, 'addiw', [register, register, low]);
  };
  const addTo = (out: MachineNode[], register: number, source: number, value: number): void =>
    append(out, 'addi', [register, source, value]);
  const supervisorCall = (out: MachineNode[], number: number): void => {
    constant(out, A7, number);
    append(out, 'ecall');
  };

  return {
    name: target.name,
    hostArch: 'riscv64',
    qemu: 'qemu-riscv64',
    qemuArguments: ['-cpu', `rv64,zbc=false,zbs=false,zba=${has('zba')},zbb=${has('zbb')},c=${!has('no-c')}`],
    syscalls: { read: 63, write: 64, exit: 93, mmap: 222, setitimer: 103, clock_gettime: 113, prlimit64: 261, rt_sigaction: 134, sigaltstack: 132 }, // prettier-ignore
    args: [10, 11, 12, 13, 14],
    result: A0,
    // uc_mcontext.sc_regs.pc (arch/riscv/include/uapi/asm/ucontext.h)
    signalPc: 176,
    syscallResult: A0,
    // t0, t2, t3, t4: far jumps take t1.
    temps: [5, 7, 28, 29],
    constant,
    addImmediate: (out, register, value) => addTo(out, register, register, value),
    load64: (out, register, base, offset) => append(out, 'ld', [register, offset, base]),
    store64: (out, register, base, offset) => append(out, 'sd', [register, offset, base]),
    branchIfEqual: (out, a, b, label) => append(out, 'beq', [a, b], label),
    branchIfNotEqual: (out, a, b, label) => append(out, 'bne', [a, b], label),
    jump: (out, label) => append(out, 'jal', [ZERO], label),
    call: (out, register) => append(out, 'jalr', [RA, 0, register]),
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
      append(out, 'sd', [RA, 8, SP]);
    },
    leaveFunction(out) {
      append(out, 'ld', [RA, 8, SP]);
      addTo(out, SP, SP, 16);
      append(out, 'jalr', [ZERO, 0, RA]);
    },
    // fence.i is for the hart that executes it; the system call is for those that the thread may move to.
    flushCode(out, start, end) {
      addTo(out, A0, start, 0);
      addTo(out, A0 + 1, end, 0);
      constant(out, A0 + 2, 0);
      supervisorCall(out, RISCV_FLUSH_ICACHE);
      append(out, 'fence_i');
    },
  };
}
