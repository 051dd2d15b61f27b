/**
 * The runner's instructions on ARMv7, both byte orders. System calls: number in r7, arguments in r0 to r5, result in r0, all
 * else kept (Linux, syscall(2)). Numbers from arch/arm/tools/syscall.tbl.
 *
 * Values of 64 bits are more than a register, so that some numbers here mean two, or a place on the stack.
 */
import type { MachineNode, Target } from '@polybpf/jit';
import { ARM_LINUX } from '../linux-abi.ts';
import type { RunnerCpu, SyscallArgument } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const R0 = 0;
const R2 = 2;
const R4 = 4;
const R7 = 7;
const IP = 12;
const SP = 13;
const LR = 14;
const PC = 15;
const ALWAYS = 14;
const EQ = 0;
const NE = 1;

/** First register of a pair whose words lie in memory in this order. */
const PAIR = 32;
/** Argument on the stack: PAIR numbers are below. */
const STACK = 64;

/** Bytes for arguments 3 to 5, and what else keeps the stack pointer a multiple of 8. */
const OUTGOING = 28;
/** r4 to r11 and lr. */
const SAVED = 0x0ff0 | (1 << LR);
const FRAME = OUTGOING + 9 * 4;
/** The private system call `cacheflush` (arch/arm/include/uapi/asm/unistd.h). */
const CACHEFLUSH = 0xf0002;
const PAGE_SHIFT = 12;

/** The runner of arm and armeb. */
export function armRunner(target: Target): RunnerCpu {
  const append = appender(target);
  const isBig = target.endian === 'big';
  const [lowWord, highWord] = isBig ? [4, 0] : [0, 4];
  const emit = (out: MachineNode[], name: string, ...operands: readonly number[]): void =>
    append(out, name, [ALWAYS, ...operands]);
  /** The register of the low word. */
  const low = (register: number): number => (register < PAIR ? register : register - PAIR + (isBig ? 1 : 0));
  const high = (register: number): number => register - PAIR + (isBig ? 0 : 1);
  const isPair = (register: number): boolean => register >= PAIR && register < STACK;

  const constantWord = (out: MachineNode[], register: number, value: number): void => {
    emit(out, 'movw', register, value & 0xffff);
    if (value >>> 16 !== 0) emit(out, 'movt', register, value >>> 16);
  };
  const constant: RunnerCpu['constant'] = (out, register, value) => {
    constantWord(out, low(register), value);
    if (isPair(register)) constantWord(out, high(register), value < 0 ? -1 : 0);
  };
  const load64: RunnerCpu['load64'] = (out, register, base, offset) => {
    for (const word of [0, 4]) {
      if (register >= STACK) {
        emit(out, 'ldr', IP, base, offset + word);
        emit(out, 'str', IP, SP, 8 * (register - STACK) + word);
      } else if (isPair(register)) emit(out, 'ldr', register - PAIR + word / 4, base, offset + word);
      else if (word === lowWord) emit(out, 'ldr', register, base, offset + word);
    }
  };
  const store64: RunnerCpu['store64'] = (out, register, base, offset) => {
    for (const word of [0, 4]) {
      if (register >= STACK) {
        emit(out, 'ldr', IP, SP, FRAME + 8 * (register - STACK) + word);
        emit(out, 'str', IP, base, offset + word);
      } else if (isPair(register)) emit(out, 'str', register - PAIR + word / 4, base, offset + word);
      else if (word === lowWord) emit(out, 'str', register, base, offset + word);
      else {
        emit(out, 'mov_imm', IP, 0);
        emit(out, 'str', IP, base, offset + highWord);
      }
    }
  };
  const addImmediate: RunnerCpu['addImmediate'] = (out, register, value) =>
    emit(out, value < 0 ? 'sub_imm' : 'add_imm', low(register), low(register), Math.abs(value));
  const branch = (out: MachineNode[], condition: number, a: number, b: number, label: number): void => {
    emit(out, 'cmp_reg', low(a), low(b));
    append(out, 'b', [condition], label);
  };
  const supervisorCall = (out: MachineNode[], number: number): void => {
    constantWord(out, R7, number);
    emit(out, 'svc', 0);
  };
  const syscall = (out: MachineNode[], number: number, args: readonly SyscallArgument[]): void => {
    args.forEach((argument, i) => {
      if (typeof argument === 'number') constantWord(out, i, argument);
      else emit(out, 'add_imm', i, argument.register, argument.offset);
    });
    supervisorCall(out, number);
  };

  return {
    name: target.base ?? target.name,
    hostArch: isBig ? undefined : 'arm',
    qemu: isBig ? 'qemu-armeb' : 'qemu-arm',
    qemuArguments: ['-cpu', 'max'],
    // mmap is mmap2, whose offset counts pages; clock_gettime is clock_gettime64.
    syscalls: { read: 3, write: 4, exit: 1, mmap: 192, setitimer: 104, clock_gettime: 403, prlimit64: 369, rt_sigaction: 174, sigaltstack: 186 }, // prettier-ignore
    linux: ARM_LINUX,
    args: [PAIR + R0, PAIR + R2, STACK, STACK + 1, STACK + 2],
    wordArgs: [0, 1, 2],
    result: PAIR + R0,
    // uc_mcontext.arm_pc (arch/arm/include/uapi/asm/sigcontext.h)
    signalPc: 92,
    syscallResult: R0,
    // Registers that functions keep: the helper stubs, which are functions, save them all.
    temps: [PAIR + R4, 6, 8, 9],
    slotRegister: IP,
    constant,
    addImmediate,
    load64,
    store64,
    loadWord(out, register, base, offset) {
      emit(out, 'ldr', low(register), base, offset);
      emit(out, 'mov_imm', high(register), 0);
    },
    branchIfEqual: (out, a, b, label) => branch(out, EQ, a, b, label),
    branchIfNotEqual: (out, a, b, label) => branch(out, NE, a, b, label),
    jump: (out, label) => append(out, 'b', [ALWAYS], label),
    call: (out, register) => emit(out, 'blx', register),
    syscall,
    mmap: (out, number, args) => syscall(out, number, args.map((argument, i) => (i === 5 ? argument >> PAGE_SHIFT : argument))), // prettier-ignore
    setStack(out, top) {
      constantWord(out, IP, top - OUTGOING - 4);
      emit(out, 'mov_reg', SP, IP);
    },
    enterFunction(out) {
      emit(out, 'push', SAVED);
      emit(out, 'sub_imm', SP, SP, OUTGOING);
      emit(out, 'mov_reg', low(PAIR + R4), IP);
      emit(out, 'mov_imm', high(PAIR + R4), 0);
    },
    leaveFunction(out) {
      emit(out, 'add_imm', SP, SP, OUTGOING);
      emit(out, 'pop', (SAVED & ~(1 << LR)) | (1 << PC));
    },
    // User code must not touch the caches, so it asks the kernel to.
    flushCode(out, start, end) {
      emit(out, 'mov_reg', 0, start);
      emit(out, 'mov_reg', 1, end);
      constantWord(out, R2, 0);
      supervisorCall(out, CACHEFLUSH);
    },
  };
}
