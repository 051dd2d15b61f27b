/**
 * The runner's instructions on MIPS64, both byte orders. System calls: number in $v0, arguments in $a0 to $a5, result in
 * $v0; $a3 tells whether it is an error, the temporaries and $at are destroyed (Linux, syscall(2)). Numbers from
 * arch/mips/kernel/syscalls/syscall_n64.tbl.
 */
import { LABEL, makeNode, type MachineNode, type Target } from '@polybpf/jit';
import { MIPS_LINUX } from '../linux-abi.ts';
import type { RunnerCpu } from '../runner-program.ts';
import { appender } from './form-lookup.ts';

const AT = 1;
const V0 = 2;
const V1 = 3;
const A0 = 4;
const T0 = 12;
const T1 = 13;
const T2 = 14;
const T9 = 25;
const SP = 29;
const RA = 31;
/** Smallest step of SYNCI there is on Linux CPUs: a line has 16 bytes or more (MD00087, "SYNCI"). */
const CACHE_LINE = 16;

/** The runner of mips64 and mips64le. */
export function mips64Runner(target: Target): RunnerCpu {
  const append = appender(target);
  const isBig = target.endian === 'big';

  const constant = (out: MachineNode[], register: number, value: number): void => {
    if (value >= -0x8000 && value <= 0x7fff) return append(out, 'li', [register, value]);
    append(out, 'lui', [register, (value >>> 16) & 0xffff]);
    if ((value & 0xffff) !== 0) append(out, 'ori', [register, register, value & 0xffff]);
  };
  const addImmediate = (out: MachineNode[], register: number, value: number): void =>
    append(out, 'daddiu', [register, register, value]);
  const branch = (out: MachineNode[], name: string, operands: readonly number[], label: number): void => {
    append(out, name, operands, label);
    append(out, 'nop');
  };
  const supervisorCall = (out: MachineNode[], number: number): void => {
    constant(out, V0, number);
    append(out, 'syscall');
  };
  const syscall: RunnerCpu['syscall'] = (out, number, args) => {
    args.forEach((argument, i) => {
      if (typeof argument === 'number') constant(out, A0 + i, argument);
      else append(out, 'daddiu', [A0 + i, argument.register, argument.offset]);
    });
    supervisorCall(out, number);
  };

  return {
    name: target.name,
    hostArch: isBig ? undefined : 'mips64el',
    qemu: isBig ? 'qemu-mips64' : 'qemu-mips64el',
    // Release 2, and misaligned accesses that work, as they do for every program under Linux.
    qemuArguments: ['-cpu', target.features?.has('r6') === true ? 'I6400' : 'Loongson-3A4000'],
    syscalls: { read: 5000, write: 5001, exit: 5058, mmap: 5009, setitimer: 5036, clock_gettime: 5222, prlimit64: 5297, rt_sigaction: 5013, sigaltstack: 5129 }, // prettier-ignore
    linux: MIPS_LINUX,
    args: [A0, 5, 6, 7, 8],
    result: V0,
    // uc_mcontext.sc_pc (arch/mips/include/uapi/asm/sigcontext.h): after 32 registers, 32 of the FPU, 2 x 4 of HI and LO
    signalPc: 616,
    syscallResult: V0,
    temps: [T0, T9, T1, T2],
    constant,
    addImmediate,
    load64: (out, register, base, offset) => append(out, 'ld', [register, offset, base]),
    store64: (out, register, base, offset) => append(out, 'sd', [register, offset, base]),
    branchIfEqual: (out, a, b, label) => branch(out, 'beq', [a, b], label),
    branchIfNotEqual: (out, a, b, label) => branch(out, 'bne', [a, b], label),
    jump: (out, label) => branch(out, 'b', [], label),
    call(out, register) {
      if (register !== T9) append(out, 'move', [T9, register]);
      append(out, 'jalr', [T9]);
      append(out, 'nop');
    },
    syscall,
    mmap: syscall,
    setStack: (out, top) => constant(out, SP, top),
    enterFunction(out) {
      addImmediate(out, SP, -16);
      append(out, 'sd', [RA, 0, SP]);
    },
    leaveFunction(out) {
      append(out, 'ld', [RA, 0, SP]);
      append(out, 'jr', [RA]);
      addImmediate(out, SP, 16);
    },
    // Writes each line back and drops the stale instructions (MD00087, "SYNCI"). Before the first job the runner makes
    // system calls, and the ERET that ends them clears the instruction hazard.
    flushCode(out, start, end, newLabel) {
      const again = newLabel();
      append(out, 'move', [AT, start]);
      out.push(makeNode(LABEL, [], again));
      append(out, 'synci', [0, AT]);
      addImmediate(out, AT, CACHE_LINE);
      append(out, 'sltu', [V1, AT, end]);
      branch(out, 'bnez', [V1], again);
      append(out, 'sync');
    },
  };
}
