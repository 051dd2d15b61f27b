/**
 * What the Linux JIT of a CPU executes for one BPF instruction, told from the measured bytes of its classes
 * (`kernel-jit-sizes.json`). The JITs translate one to one, so a class is a count wherever it is known how bytes become
 * instructions. Where the table lacks a class, a cheaper or equal one stands in: the counts are least counts.
 */
import type { Insn, InsnRow } from '@polybpf/isa';
import type { KernelSizes } from '../kernel-sizes.ts';
import { LOONGARCH64_COUNTS, LOONGARCH64_FRAME } from './loongarch64-counts.ts';

/** How a conditional jump went. */
export interface Passes {
  /** Times that the instruction was executed. */
  readonly executed: number;
  /** Of these, how often a jump was taken. */
  readonly taken: number;
}

/**
 * The most bytes of one instruction, of CPUs that can be counted so: where lengths vary (s390x has 2, 4 and 6 bytes,
 * riscv64 2 and 4) fewest instructions are counted. x86_64, with 1 to 15 bytes, is not among them.
 */
const INSN_BYTES: Readonly<Record<string, number>> = {
  arm: 4,
  arm64: 4,
  mips64le: 4,
  ppc64: 4,
  ppc64le: 4,
  riscv64: 4,
  s390x: 6,
  sparc64: 4,
};
/** A jump and the instruction in its delay slot, which these JITs fill with a nop. */
const DELAY_SLOT: ReadonlySet<string> = new Set(['mips64le', 'sparc64']);
/** Linux pads a short conditional branch with a nop behind it, to have room for a long one (arch/powerpc/net/bpf_jit.h, PPC_BCC). */
const PADDED_BRANCH: ReadonlySet<string> = new Set(['ppc64', 'ppc64le']);

/** Immediates up to here are `k1000`, which all CPUs have room for. */
const SHORT = 2047;
const MEDIUM = 32767;

/** The kernel's code of one CPU, as counts. */
export interface KernelCode {
  /** Instructions of a class; `isHigh`: its registers are r6 to r9. Undefined when the JIT refuses it or was not measured. */
  readonly insns: (name: string, isHigh: boolean) => number | undefined;
  /** Of an unconditional jump. */
  readonly jump: number;
  /** How many more a conditional jump takes when it is taken. */
  readonly taken: number;
  /** What stands around the body of a function. */
  readonly frame: number | undefined;
  /** Whether a division by a register has the verifier's test for zero in its class. */
  readonly testsZero: boolean;
}

/** The kernel's code of a CPU; undefined for one that cannot be counted. */
export function kernelCode(cpu: string, sizes: KernelSizes): KernelCode | undefined {
  if (cpu === 'loongarch64') {
    return { insns: (name) => LOONGARCH64_COUNTS[name], jump: 1, taken: 1, frame: LOONGARCH64_FRAME, testsZero: false };
  }
  const width = INSN_BYTES[cpu];
  if (width === undefined || sizes.kernels[cpu] === undefined) return undefined;
  const insns = (name: string, isHigh: boolean): number | undefined => {
    const bytes = bytesOf(name, isHigh, cpu, sizes);
    return bytes === undefined ? undefined : Math.ceil(bytes / width);
  };
  // The program that returns 0, less the instruction that makes the 0.
  const whole = sizes.wholePrograms.get('w_ret0')?.get(cpu);
  const zero = bytesOf('mov64_k0', false, cpu, sizes);
  return {
    insns,
    jump: DELAY_SLOT.has(cpu) ? 2 : 1,
    taken: PADDED_BRANCH.has(cpu) ? -1 : 0,
    frame: whole === undefined || zero === undefined ? undefined : Math.ceil((whole.bytes - zero) / width),
    testsZero: (sizes.classes.get('div64_x_d1s2')?.get(cpu)?.insns ?? 1) > 1,
  };
}

/** Instructions that the kernel's code executes for `insn`, all `passes` together; undefined when its JIT refuses it. */
export function kernelExecutes(
  insn: Insn,
  row: InsnRow,
  nextImm: number,
  passes: Passes,
  code: KernelCode,
): number | undefined {
  const isHigh = insn.dst_reg >= 6 && (row.src === 'none' || insn.src_reg >= 6);
  const count = (name: string): number | undefined => code.insns(name, isHigh);
  const { executed, taken } = passes;
  if (row.kind === 'ja') return executed * code.jump;
  if (row.kind === 'exit') return 0; // counted with the call, for the first function not at all
  if (row.kind === 'call_local') return code.frame === undefined ? undefined : executed * (code.jump + code.frame);
  if (row.kind === 'jmp') {
    const [name, padding] = [jumpClass(insn, row), count('J_base')];
    const whole = count(name) ?? (row.width === 32 ? count(name.replace('32_', '64_')) : undefined);
    return whole === undefined || padding === undefined ? undefined : executed * (whole - padding) + taken * code.taken;
  }
  const counts = classNames(insn, row, nextImm).map(count).filter((value) => value !== undefined); // prettier-ignore
  if (counts.length === 0) return undefined;
  let each = Math.min(...counts);
  if (row.kind === 'alu' && row.op === 'div' && row.source === 'reg' && code.testsZero) {
    // The verifier puts `if src != 0 goto +2; dst ^= dst; goto +1` in front: the last two are jumped over.
    each -= (count('add32_x_zx') ?? 0) + code.jump;
  }
  return executed * each;
}

/** A class of 0 bytes of an instruction that does something is one that the JIT refused. */
function bytesOf(name: string, isHigh: boolean, cpu: string, sizes: KernelSizes): number | undefined {
  const suffixes = isHigh ? ['_d7s8', '_d7', '_d1s2', '_d1'] : ['_d1s2', '_d1'];
  for (const suffix of suffixes) {
    const size = sizes.classes.get(name + suffix)?.get(cpu);
    if (size !== undefined) return size.bytes === 0 && !/^(le|be)/.test(name) ? undefined : size.bytes;
  }
  return undefined;
}

function jumpClass({ imm }: Insn, { op, width, source }: InsnRow): string {
  const isSigned = op.startsWith('js') && op !== 'jset';
  const stem = op === 'jset' ? 'jset' : isSigned ? 'jsgt' : op === 'jeq' || op === 'jne' ? 'jeq' : 'jgt';
  if (source === 'reg') return width === 64 ? `${stem}64_x` : stem === 'jsgt' ? 'jsgt32_x' : 'jeq32_x';
  const isLarge = Math.abs(imm) > MEDIUM;
  if (width === 32) return stem === 'jset' ? 'jset32_k1' : isLarge ? 'jeq32_klarge' : `${stem === 'jsgt' ? 'jgt' : stem}32_k5`; // prettier-ignore
  if (isLarge) return stem === 'jset' ? 'jset64_klarge' : 'jeq64_klarge';
  if (stem === 'jset') return 'jset64_k1';
  return imm === 0 ? 'jeq64_k0' : `${stem}64_k5`;
}

/** Classes that an instruction may be taken for; the cheapest counts. */
function classNames(insn: Insn, row: InsnRow, nextImm: number): string[] {
  switch (row.kind) {
    case 'alu':
      return aluClasses(insn, row);
    case 'end':
      return [`${row.op}${row.width}`];
    case 'ld_imm64':
      return [wideClass(insn.imm, nextImm)];
    case 'load':
      return loadClasses(insn, row);
    case 'store':
      return storeClasses(insn, row);
    case 'store_imm':
      return row.width === 64 && Math.abs(insn.imm) > MEDIUM ? ['stdw_klarge'] : [`st${LETTER[row.width]}_k`];
    case 'atomic':
      return atomicClasses(row);
    case 'load_acquire':
      return [row.width === 64 ? 'load_acq64' : row.width === 32 ? 'load_acq32' : 'load_acq8'];
    case 'store_release':
      return [row.width === 64 ? 'store_rel64' : 'store_rel8'];
    case 'call_helper':
    case 'call_kfunc':
      return ['call_ktime'];
    default:
      return [];
  }
}

const LETTER: Readonly<Record<number, string>> = { 8: 'b', 16: 'h', 32: 'w', 64: 'dw' };

function aluClasses({ imm }: Insn, { op, width, source, signedFrom }: InsnRow): string[] {
  const zx = width === 32 ? '_zx' : '';
  const size = Math.abs(imm) > MEDIUM ? 'large' : Math.abs(imm) > SHORT ? '1000' : imm < 0 ? 'neg' : '1';
  switch (op) {
    case 'mov':
      if (source === 'reg') return [`mov${width}_x`];
      if (size === 'large') return [width === 64 && imm < 0 ? 'mov64_kneglarge' : `mov${width}_klarge`];
      return imm < 0 ? [`mov${width}_kneg1`] : [imm === 0 ? 'mov64_k0' : 'mov64_k1'];
    case 'movsx':
      return [`movsx${signedFrom}_${width}`];
    case 'neg':
      return [`neg${width}${zx}`];
    case 'add':
    case 'sub':
      if (source === 'reg') return width === 64 ? [`${op}64_x`] : ['add32_x_zx', 'add32_x_nozx'];
      return width === 64 ? [`add64_k${size}`] : [size === 'large' ? 'add32_klarge_zx' : 'add32_k1_zx'];
    case 'mul':
      if (source === 'reg') return [`mul${width}_x${zx}`];
      return [size === 'large' ? 'mul64_klarge' : 'mul64_k7'];
    case 'and':
    case 'or':
    case 'xor':
      if (source === 'reg') return width === 64 ? ['and64_x'] : ['add32_x_zx', 'add32_x_nozx'];
      if (width === 32) return [size === 'large' ? 'and32_klarge_zx' : 'add32_k1_zx'];
      return size === 'large' ? ['and64_klarge', 'or64_klarge'] : ['and64_k255', 'xor64_kneg'];
    case 'lsh':
    case 'rsh':
    case 'arsh':
      if (source === 'reg') return width === 64 ? [`${op}64_x`] : ['lsh32_x_zx'];
      if (width === 64) return [`${op}64_k`, 'lsh64_k40'];
      return op === 'arsh' ? ['arsh32_k_zx'] : ['lsh32_k_zx'];
    case 'div':
      return source === 'reg' ? [`div${width}_x${zx}`] : [width === 64 ? 'div64_k10' : 'div32_k10_zx'];
    case 'mod':
      return source === 'reg' ? [`mod${width}_x${zx}`] : ['mod64_k10'];
    case 'sdiv':
      return source === 'reg' ? [`sdiv${width}_x${zx}`] : ['sdiv64_k10'];
    default:
      return [`smod${width}_x${zx}`];
  }
}

function wideClass(low: number, high: number): string {
  if (high === 0) return low < 0 ? 'ldimm64_u32' : Math.abs(low) <= SHORT ? 'ldimm64_small' : 'ldimm64_32';
  if (low === 0) return 'ldimm64_hi';
  return high === -1 ? 'ldimm64_neg' : 'ldimm64_full';
}

function loadClasses({ src_reg, offset }: Insn, { width, signedFrom }: InsnRow): string[] {
  if (signedFrom > 0) return [`ldsx${LETTER[signedFrom]}`];
  if (width !== 64) return [`ldx${LETTER[width]}`];
  return [src_reg === 10 ? 'ldxdw_fp' : offset === 0 ? 'ldxdw_off0' : 'ldxdw'];
}

function storeClasses({ dst_reg }: Insn, { width }: InsnRow): string[] {
  return [width === 64 && dst_reg === 10 ? 'stxdw_fp' : `stx${LETTER[width]}`];
}

function atomicClasses({ op, width }: InsnRow): string[] {
  if (op === 'cmpxchg') return [`cmpxchg${width}`];
  if (op === 'xchg') return width === 64 ? ['xchg64'] : ['xchg32_zx'];
  if (!op.startsWith('fetch_')) return op === 'add' ? [`xadd${width}`] : ['and64_at', 'xadd64'];
  if (width === 32) return ['fetch_add32_zx'];
  return op === 'fetch_add' ? ['fetch_add64'] : op === 'fetch_and' ? ['fetch_and64'] : ['fetch_or64'];
}
