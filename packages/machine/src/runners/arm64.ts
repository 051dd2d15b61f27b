/**
 * The runner's instructions on AArch64. System calls: number in x8, arguments in x0 to x5, result in x0, all else kept
 * (Linux, syscall(2)); numbers from include/uapi/asm-generic/unistd.h.
 */
import { LABEL, makeNode, type MachineNode, type Target } from '@polybpf/jit';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const X8 = 8;
const X29 = 29;
const X30 = 30;
const SP = 31;
const EQ = 0;
const NE = 1;
/** Smallest cache line there is: 4 words (DDI 0487, CTR_EL0.IminLine of 0 would be 1 word, no CPU has less than 16 bytes). */
const CACHE_LINE = 16;

/** The runner of arm64. */
export function arm64Runner(target: Target): RunnerCpu {
  const append = appender(target);
  const little = target.endian === 'little';
  const temps = [9, 10, 11, 12] as const;

  const constant = (out: MachineNode[], register: number, value: number): void => {
    if (value < 0) {
      append(out, 'movn_x', [register, ~value & 0xffff, 0]);
      if (value < -0x10000) append(out, 'movk_x', [register, (value >>> 16) & 0xffff, 16]);
      return;
    }
    append(out, 'movz_x', [register, value & 0xffff, 0]);
    if (value > 0xffff) append(out, 'movk_x', [register, value >>> 16, 16]);
  };
  const addImmediate = (out: MachineNode[], register: number, value: number): void =>
    append(out, value < 0 ? 'sub_imm_x' : 'add_imm_x', [register, register, Math.abs(value)]);
  const supervisorCall = (out: MachineNode[], number: number): void => {
    constant(out, X8, number);
    append(out, 'svc', [0]);
  };
  const branch = (out: MachineNode[], condition: number, a: number, b: number, label: number): void => {
    append(out, 'cmp_x', [a, b]);
    append(out, 'b_cond', [condition], label);
  };
  /** Applies a cache operation to every line of [start, end); keeps both. */
  const forEachLine = (out: MachineNode[], operation: string, start: number, end: number, label: number): void => {
    const [cursor] = temps;
    append(out, 'mov_x', [cursor, start]);
    out.push(makeNode(LABEL, [], label));
    append(out, operation, [cursor]);
    addImmediate(out, cursor, CACHE_LINE);
    branch(out, NE, cursor, end, label);
  };

  return {
    name: target.name,
    // Node exists for little-endian hosts only.
    hostArch: little ? 'arm64' : undefined,
    qemu: little ? 'qemu-aarch64' : 'qemu-aarch64_be',
    qemuArguments: ['-cpu', 'max'],
    syscalls: { read: 63, write: 64, exit: 93, mmap: 222, setitimer: 103, clock_gettime: 113, prlimit64: 261, rt_sigaction: 134, sigaltstack: 132 }, // prettier-ignore
    args: [0, 1, 2, 3, 4],
    result: 0,
    // uc_mcontext.pc (arch/arm64/include/uapi/asm/sigcontext.h)
    signalPc: 440,
    syscallResult: 0,
    temps,
    constant,
    addImmediate,
    load64: (out, register, base, offset) => append(out, 'ldr_x', [register, base, offset]),
    store64: (out, register, base, offset) => append(out, 'str_x', [register, base, offset]),
    branchIfEqual: (out, a, b, label) => branch(out, EQ, a, b, label),
    branchIfNotEqual: (out, a, b, label) => branch(out, NE, a, b, label),
    jump: (out, label) => append(out, 'b', [], label),
    call: (out, register) => append(out, 'blr', [register]),
    syscall(out, number, args) {
      args.forEach((argument, i) => {
        if (typeof argument === 'number') constant(out, i, argument);
        else append(out, 'add_imm_x', [i, argument.register, argument.offset]);
      });
      supervisorCall(out, number);
    },
    mmap(out, number, args) {
      args.forEach((argument, i) => constant(out, i, argument));
      supervisorCall(out, number);
    },
    setStack(out, top) {
      constant(out, temps[0], top);
      append(out, 'add_imm_x', [SP, temps[0], 0]);
    },
    enterFunction: (out) => append(out, 'stp_pre_x', [X29, X30, SP, -16]),
    leaveFunction(out) {
      append(out, 'ldp_post_x', [X29, X30, SP, 16]);
      append(out, 'ret');
    },
    // Clean the data cache to the point of unification, then drop the stale instructions (DDI 0487, B2.7.4.2).
    flushCode(out, start, end, newLabel) {
      forEachLine(out, 'dc_cvau', start, end, newLabel());
      append(out, 'dsb_ish');
      forEachLine(out, 'ic_ivau', start, end, newLabel());
      append(out, 'dsb_ish');
      append(out, 'isb');
    },
  };
}
