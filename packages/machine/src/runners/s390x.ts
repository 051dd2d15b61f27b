/**
 * The runner's instructions on z/Architecture. System calls: SVC 0 with the number in r1, arguments in r2 to r7, result
 * in r2, all else kept (Linux, syscall(2)); mmap takes the address of its six arguments. Numbers from
 * arch/s390/kernel/syscalls/syscall.tbl.
 *
 * No cache has to be flushed: instruction fetch sees what the same CPU has stored after any serializing instruction,
 * and the runner executes SVC between copy and call (PoP SA22-7832, "CPU serialization").
 */
import type { MachineNode, Target } from '@polybpf/jit';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

/** Never an address: register 0 as a base means no base. */
const R0 = 0;
const R1 = 1;
const R2 = 2;
const R4 = 4;
const R5 = 5;
const R6 = 6;
const R14 = 14;
const R15 = 15;
const NO_INDEX = 0;
const EQUAL = 8;
const NOT_EQUAL = 6;
const ALWAYS = 15;
/** Area in every frame where the callee saves registers (s390x ELF ABI supplement 1.6, 1.2.2.3); r6 to r15 lie at 48. */
const SAVE_AREA_BYTES = 160;
const SAVED_R6 = 48;

/** The runner of s390x. */
export function s390xRunner(target: Target): RunnerCpu {
  const append = appender(target);
  const constant = (out: MachineNode[], register: number, value: number): void =>
    append(out, 'lgfi', [register, value]);
  const addressOf = (out: MachineNode[], register: number, base: number, offset: number): void =>
    append(out, 'lay', [register, offset, NO_INDEX, base]);
  const store64 = (out: MachineNode[], register: number, base: number, offset: number): void =>
    append(out, 'stg', [register, offset, NO_INDEX, base]);
  const supervisorCall = (out: MachineNode[], number: number): void => {
    constant(out, R1, number);
    append(out, 'svc', [0]);
  };

  return {
    name: 's390x',
    hostArch: 's390x',
    qemu: 'qemu-s390x',
    qemuArguments: ['-cpu', 'max'],
    syscalls: { read: 3, write: 4, exit: 1, mmap: 90, setitimer: 104, clock_gettime: 260, prlimit64: 334, rt_sigaction: 174, sigaltstack: 186 }, // prettier-ignore
    args: [R2, 3, R4, R5, R6],
    result: R2,
    // uc_mcontext.psw.addr (arch/s390/include/uapi/asm/ucontext.h)
    signalPc: 48,
    syscallResult: R2,
    temps: [R0, R1, R4, R5],
    constant,
    store64,
    load64: (out, register, base, offset) => append(out, 'lg', [register, offset, NO_INDEX, base]),
    addImmediate: (out, register, value) => append(out, 'aghi', [register, value]),
    branchIfEqual: (out, a, b, label) => append(out, 'cgrj', [EQUAL, a, b], label),
    branchIfNotEqual: (out, a, b, label) => append(out, 'cgrj', [NOT_EQUAL, a, b], label),
    jump: (out, label) => append(out, 'brc', [ALWAYS], label),
    call: (out, register) => append(out, 'basr', [R14, register]),
    syscall(out, number, args) {
      args.forEach((argument, i) => {
        if (typeof argument === 'number') constant(out, R2 + i, argument);
        else addressOf(out, R2 + i, argument.register, argument.offset);
      });
      supervisorCall(out, number);
    },
    mmap(out, number, args) {
      addressOf(out, R2, R15, -8 * args.length);
      args.forEach((argument, i) => {
        constant(out, R0, argument);
        store64(out, R0, R2, 8 * i);
      });
      supervisorCall(out, number);
    },
    setStack: (out, top) => constant(out, R15, top - SAVE_AREA_BYTES),
    enterFunction(out) {
      append(out, 'stmg', [R6, R15, SAVED_R6, R15]);
      append(out, 'aghi', [R15, -SAVE_AREA_BYTES]);
    },
    leaveFunction(out) {
      append(out, 'lmg', [R6, R15, SAVE_AREA_BYTES + SAVED_R6, R15]);
      append(out, 'br', [R14]);
    },
  };
}
