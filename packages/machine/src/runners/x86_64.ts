/**
 * The runner's instructions on x86-64. System calls: number in rax, arguments in rdi, rsi, rdx, r10, r8 and r9, result
 * in rax; rcx and r11 are destroyed (psABI 1.0, A.2.1). Numbers from arch/x86/entry/syscalls/syscall_64.tbl.
 */
import type { MachineNode, Target } from '@polybpf/jit';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RSP = 4;
const RSI = 6;
const RDI = 7;
const R8 = 8;
const R9 = 9;
const R10 = 10;
const R11 = 11;
const SYSCALL_ARGS = [RDI, RSI, RDX, R10, R8, R9] as const;

/** The runner of x86_64. */
export function x64Runner(target: Target): RunnerCpu {
  const append = appender(target);
  const constant = (out: MachineNode[], register: number, value: number): void => {
    if (value < 2 ** 32) append(out, value < 0 ? 'mov_rm64_imm32' : 'mov_r32_imm32', [register, value]);
    else append(out, 'movabs_r64_imm64', [register, Math.floor(value / 2 ** 32), value % 2 ** 32]);
  };
  const addImmediate = (out: MachineNode[], register: number, value: number): void =>
    append(out, 'lea_r64', [register, register, value]);
  const compare = (out: MachineNode[], a: number, b: number): void => append(out, 'cmp_rm_r64', [a, b]);
  const syscall: RunnerCpu['syscall'] = (out, number, args) => {
    args.forEach((argument, i) => {
      const register = SYSCALL_ARGS[i]!;
      if (typeof argument === 'number') constant(out, register, argument);
      else append(out, 'lea_r64', [register, argument.register, argument.offset]);
    });
    constant(out, RAX, number);
    append(out, 'syscall');
  };

  const sysv: RunnerCpu = {
    name: target.name,
    hostArch: 'x64',
    wideGuard: true,
    qemu: 'qemu-x86_64',
    qemuArguments: ['-cpu', 'max'],
    syscalls: { read: 0, write: 1, exit: 60, mmap: 9, setitimer: 38, clock_gettime: 228, prlimit64: 302, rt_sigaction: 13, sigaltstack: 131 }, // prettier-ignore
    args: [RDI, RSI, RDX, RCX, R8],
    result: RAX,
    // uc_mcontext.gregs[REG_RIP] (arch/x86/include/uapi/asm/sigcontext.h)
    signalPc: 168,
    syscallResult: RAX,
    temps: [R11, R10, R9, RAX],
    constant,
    addImmediate,
    load64: (out, register, base, offset) => append(out, 'mov_r64_m', [register, base, offset]),
    store64: (out, register, base, offset) => append(out, 'mov_m_r64', [base, offset, register]),
    branchIfEqual(out, a, b, label) {
      compare(out, a, b);
      append(out, 'je_rel8', [], label);
    },
    branchIfNotEqual(out, a, b, label) {
      compare(out, a, b);
      append(out, 'jne_rel8', [], label);
    },
    jump: (out, label) => append(out, 'jmp_rel8', [], label),
    call: (out, register) => append(out, 'call_rm64', [register]),
    syscall,
    mmap: syscall,
    setStack: (out, top) => constant(out, RSP, top),
    // The return address makes the stack pointer odd in units of 8; calls want it even (psABI 1.0, 3.2.2).
    enterFunction: (out) => addImmediate(out, RSP, -8),
    leaveFunction(out) {
      addImmediate(out, RSP, 8);
      append(out, 'ret');
    },
  };
  if (target.features?.has('win64') !== true) return sysv;
  // Arguments of Windows: the fifth on the stack, above 32 bytes of the callee. What system calls destroy, functions of
  // this convention must save.
  const [fifth, second] = [RDI, RSI];
  return {
    ...sysv,
    args: [RCX, RDX, R8, R9, fifth],
    wordArgs: [RDI, RSI, RDX],
    temps: [R11, R10, second, RAX],
    call(out, register) {
      addImmediate(out, RSP, -48);
      append(out, 'mov_m_r64', [RSP, 32, fifth]);
      append(out, 'call_rm64', [register]);
      addImmediate(out, RSP, 48);
    },
    enterFunction(out) {
      addImmediate(out, RSP, -24);
      append(out, 'mov_m_r64', [RSP, 0, fifth]);
      append(out, 'mov_m_r64', [RSP, 8, second]);
      append(out, 'mov_r64_m', [fifth, RSP, 24 + 8 + 32]);
    },
    leaveFunction(out) {
      append(out, 'mov_r64_m', [fifth, RSP, 0]);
      append(out, 'mov_r64_m', [second, RSP, 8]);
      addImmediate(out, RSP, 24);
      append(out, 'ret');
    },
  };
}
