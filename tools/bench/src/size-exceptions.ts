/**
 * Where the kernel's figure is not the figure of the whole instruction, and what is done about it.
 *
 * Columns "without verifier" come from the kernel's JIT object alone. In a kernel the verifier puts tests in front of
 * each division, because BPF defines x / 0, x % 0 and INT_MIN / -1 (RFC 9669 sec. 4.1) and JITs leave that to it. The
 * sizes of those instructions in the same column are added, so that whole divisions are compared with whole divisions.
 */
import type { Target } from '@polybpf/jit';
import type { KernelSizes } from './kernel-sizes.ts';

/** What the verifier makes of divisions in front of and behind the division itself, as classes of the table. */
const VERIFIER_TESTS: Readonly<Record<string, readonly string[]>> = {
  // if src != 0 goto div; dst ^= dst; goto next; div: ...
  div64_x: ['jne64_k5', 'add32_x_zx', 'nop_ja0'],
  div32_x_zx: ['jne64_k5', 'add32_x_zx', 'nop_ja0'],
  // if src == 0 goto next; ...; 32 bits: also goto next; next: w_dst = w_dst
  mod64_x: ['jeq64_k0'],
  mod32_x_zx: ['jeq32_k5', 'nop_ja0', 'mov32_x'],
  // ax = src + 1; if ax > 1 goto div; if ax == 1 goto negate; w_dst = 0; negate: dst = -dst; goto next; div: ...
  sdiv64_x: ['mov64_x', 'add64_k1', 'jgt64_k5', 'jeq64_k0', 'mov64_k0', 'neg64', 'nop_ja0'],
  sdiv32_x_zx: ['mov32_x', 'add32_k1_zx', 'jgt32_k5', 'jeq32_k5', 'mov64_k0', 'neg32_zx', 'nop_ja0'],
  // ax = src + 1; if ax > 1 goto mod; if ax == 1 goto next; w_dst = 0; goto next; mod: ...
  smod64_x: ['mov64_x', 'add64_k1', 'jgt64_k5', 'jeq64_k0', 'mov64_k0', 'nop_ja0'],
  smod32_x_zx: ['mov32_x', 'add32_k1_zx', 'jgt32_k5', 'jeq32_k5', 'mov64_k0', 'nop_ja0', 'nop_ja0', 'mov32_x'],
};

const UNMASKED_POWER: readonly [RegExp, string] = [
  /^(lsh|rsh|arsh)(32|64)_x_/,
  'the kernel leaves counts to instructions that take one bit more than the width has: they shift out everything, RFC 9669 sec. 4.1 masks them',
];

/** Classes that are not compared, by CPU; `*` is every CPU. */
const NOT_COMPARABLE: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  '*': [[/^call_smpid_/, 'the kernel reads its own per-CPU data here, where any other program must call']],
  arm: [
    [
      /^(xadd(32|64)|and64_at|fetch_(add|and|or)\w*|xchg\w*|cmpxchg(32|64)|load_acq(8|32)|store_rel8)_/,
      "the kernel's JIT refuses it",
    ],
    [/^div32_k10_zx_/, 'the kernel ran on a CPU with UDIV, which ARMv7-A does not have; with the option idiv it is 8 bytes here too'], // prettier-ignore
  ],
  mips64le: [
    [
      /^(fetch_(add|and|or)64|xchg64|cmpxchg(32|64))_/,
      'the kernel has no barriers around atomics that return a value, which its memory model wants fully ordered (Documentation/atomic_t.txt)',
    ],
  ],
  ppc64: [UNMASKED_POWER],
  ppc64le: [UNMASKED_POWER],
  riscv64: [
    [
      /^((be|bswap)(16|32|64)|le16|movsx(8|16)_(32|64))_/,
      'the kernel ran on a CPU with Zbb and used its rev8, sext.b, sext.h and zext.h, which RV64GC does not have',
    ],
  ],
  s390x: [
    [
      /^lsh32_x_/,
      'the kernel leaves counts of 32 to 63 to SLL, which takes six bits: they shift out everything, RFC 9669 sec. 4.1 masks them',
    ],
  ],
  sparc64: [
    [/^movsx/, "the kernel's JIT ignores the offset field that says how many bits to extend: it emits a plain move"],
  ],
};

/**
 * Bytes that the verifier's tests add to a class on a CPU whose column was measured without it; 0 for other classes.
 *
 * @throws Error when the table lacks a class that the tests consist of
 */
export function verifierBytes(table: KernelSizes, cpu: string, name: string): number {
  if (!isWithoutVerifier(table, cpu)) return 0;
  const registers = name.slice(name.lastIndexOf('_'));
  return verifierTests(name).reduce((sum, test) => sum + testBytes(table, cpu, test, registers), 0);
}

/** The instructions that the verifier puts around a division, as classes without registers; none for other classes. */
export function verifierTests(name: string): readonly string[] {
  return VERIFIER_TESTS[name.slice(0, name.lastIndexOf('_'))] ?? [];
}

/** Whether a CPU's column comes from the JIT object alone. */
export function isWithoutVerifier(table: KernelSizes, cpu: string): boolean {
  return table.kernels[cpu]?.includes('without verifier') === true;
}

function testBytes(table: KernelSizes, cpu: string, test: string, registers: string): number {
  // The table has the empty jump with one pair of registers only; it uses none.
  const bytes = (name: string): number => {
    // A JIT without 32-bit jumps (sparc64) is taken at its word for 64 bits: the comparison is as long.
    const names = name.startsWith('j') ? [name, name.replace('32', '64')] : [name];
    const sizes = names.flatMap((known) => [`${known}${registers}`, `${known}_d7s8`]);
    const size = sizes.map((known) => table.classes.get(known)?.get(cpu)).find((known) => known !== undefined);
    if (size === undefined) throw new Error(`the table has no ${name}${registers} for ${cpu}`);
    return size.bytes;
  };
  return test.startsWith('j') ? bytes(test) - bytes('J_base') : bytes(test);
}

/**
 * Whether zero-extensions are not part of the figures. Where the JIT leaves them to the verifier, it adds one where the
 * upper half of a result is read: behind the last of nine copies, and behind the only one, so that the difference has none.
 */
export function isExtendedOnce(table: KernelSizes, target: Target): boolean {
  return target.needsZext32 && !isWithoutVerifier(table, target.name);
}

/** Why a class is not compared on a CPU, or undefined. */
export function notComparable(cpu: string, name: string): string | undefined {
  const rules = [...NOT_COMPARABLE['*']!, ...(NOT_COMPARABLE[cpu] ?? [])];
  return rules.find(([pattern]) => pattern.test(name))?.[1];
}
