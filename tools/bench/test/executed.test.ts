import { makeInsn, makeProgram, rowOf } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { countRun } from '../src/executed/count-insns.ts';
import { executedSections } from '../src/executed/executed-report.ts';
import { kernelCode, kernelExecutes } from '../src/executed/kernel-class.ts';
import { readKernelSizes } from '../src/kernel-sizes.ts';

const sizes = readKernelSizes();
type Fields = readonly [opcode: number, dst?: number, src?: number, offset?: number, imm?: number, nextImm?: number];

function executes(
  cpu: string,
  [opcode, dst = 0, src = 0, offset = 0, imm = 0, nextImm = 0]: Fields,
  taken = 0,
): number | undefined {
  // prettier-ignore
  const insn = makeInsn(opcode, dst, src, offset, imm);
  return kernelExecutes(insn, rowOf(insn)!, nextImm, { executed: 1, taken }, kernelCode(cpu, sizes)!);
}

describe('what the kernel executes for one instruction', () => {
  it('is what its JIT emits, where that is one length', () => {
    expect(executes('arm64', [0x0f, 1, 2])).toBe(1); // r1 += r2: add
    expect(executes('arm64', [0x07, 1, 0, 0, 0x12345678])).toBe(3); // mov, movk, add
    expect(executes('ppc64', [0x0c, 1, 2])).toBe(2); // add, and a clear of the upper half
    expect(executes('arm', [0x0f, 1, 2])).toBe(3); // adds and adc, and what brings r2 from the stack
    expect(executes('arm', [0x0f, 7, 8])).toBeGreaterThan(3); // both from the stack
    expect(executes('riscv64', [0x18, 1, 0, 0, 5])).toBe(1);
    expect(executes('s390x', [0x07, 1, 0, 0, 5])).toBe(1); // agfi, 6 bytes
  });

  it('counts tests and branches, and slots behind them', () => {
    expect(executes('arm64', [0x1d, 1, 2, 1])).toBe(2); // cmp, b.eq
    expect(executes('riscv64', [0x1d, 1, 2, 1])).toBe(1); // beq
    expect(executes('mips64le', [0x1d, 1, 2, 1])).toBe(2); // beq, nop
    expect(executes('mips64le', [0x05, 0, 0, 1])).toBe(2);
    expect(executes('arm64', [0x05, 0, 0, 1])).toBe(1);
    // cmpd, beq, nop: a taken branch does not come to the nop
    expect([executes('ppc64le', [0x1d, 1, 2, 1]), executes('ppc64le', [0x1d, 1, 2, 1], 1)]).toEqual([3, 2]);
  });

  it('is counted by hand for LoongArch', () => {
    expect(executes('loongarch64', [0x0f, 1, 2])).toBe(1);
    expect(executes('loongarch64', [0x0c, 1, 2])).toBe(2); // add.d, lu32i.d
    // two moves, a branch over a jump
    expect([executes('loongarch64', [0x1d, 1, 2, 1]), executes('loongarch64', [0x1d, 1, 2, 1], 1)]).toEqual([3, 4]);
    expect(executes('loongarch64', [0x85, 0, 1, 0, 5])).toBe(29);
    expect(executes('loongarch64', [0xd4, 1, 0, 0, 64])).toBe(0); // to little endian
  });

  it('leaves out what a test for zero jumps over', () => {
    // cbnz, mov, b, udiv, of which two are executed
    expect(executes('arm64', [0x3f, 1, 2])).toBeLessThan(sizes.classes.get('div64_x_d1s2')!.get('arm64')!.bytes / 4);
    expect(executes('arm64', [0x3f, 1, 2])).toBeGreaterThanOrEqual(2);
    // without a verifier in front there was no test
    expect(executes('sparc64', [0x3f, 1, 2])).toBe(1);
  });

  it('takes whole frames for calls, and nothing for what a JIT refuses', () => {
    expect(executes('arm64', [0x85, 0, 1, 0, 5])).toBeGreaterThan(8);
    expect(executes('arm', [0xdb, 1, 2, 0, 0x01])).toBeUndefined(); // atomic fetch-add
    expect(executes('arm64', [0x95])).toBe(0);
    // lengths from 1 to 15 bytes say nothing; nor does a CPU that nobody measured
    expect([kernelCode('x86_64', sizes), kernelCode('vax', sizes)]).toEqual([undefined, undefined]);
  });

  it('is known for every instruction that clang makes', () => {
    const everywhere = [...Object.keys(sizes.kernels), 'loongarch64'].filter(
      (cpu) => cpu !== 'sparc64' && cpu !== 'x86_64',
    );
    for (const opcode of [
      0x61, 0x69, 0x71, 0x79, 0x62, 0x63, 0x6b, 0x73, 0x7b, 0x4f, 0x57, 0xa7, 0xaf, 0x6f, 0x67, 0x77, 0xc7, 0x64, 0x74,
      0xc4, 0x87, 0xb7, 0xbf, 0xb4, 0xbc, 0x27, 0x2f, 0x24, 0x2c, 0x15, 0x16, 0x25, 0x2d, 0xa5, 0xad, 0xae, 0x65, 0x6d,
      0x45, 0x4d, 0x46,
    ]) {
      for (const cpu of everywhere) expect(executes(cpu, [opcode, 1, rowOf(makeInsn(opcode, 1, 0, 0, 0))?.src === 'none' ? 0 : 2, 0, 8]), `${cpu} ${opcode.toString(16)}`).toBeGreaterThan(0); // prettier-ignore
    }
  });
});

it('passes are counted, and jumps that are taken', () => {
  // r0 = 0; do { r0 += 1 } while (r0 < 5)
  const insns = [makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x07, 0, 0, 0, 1), makeInsn(0xa5, 0, 0, -2, 5), makeInsn(0x95, 0, 0, 0, 0)]; // prettier-ignore
  const { passes, insns: all, r0 } = countRun(makeProgram(insns), new Uint8Array(0));
  expect(passes).toEqual([
    { executed: 1, taken: 0 },
    { executed: 5, taken: 0 },
    { executed: 5, taken: 4 },
    { executed: 1, taken: 0 },
  ]);
  expect([all, r0]).toEqual([12, 5n]);
});

it('tables have a column for each CPU, and say what is left out', () => {
  const [overview, perInsn, left] = executedSections([
    { target: 'arm64', kernel: 'arm64', rows: [{ name: 'a', insns: 100, ours: 80, kernel: 160 }], ratio: 0.5 },
    { target: 'loongarch64', rows: [{ name: 'a', insns: 100, ours: 90, missing: 'why' }] },
  ]);
  expect(overview!.rows).toEqual([
    ['workload', 'arm64', 'loongarch64'],
    ['a', '0.50', '-'],
    ['geometric mean', '0.500', '-'],
  ]);
  expect(perInsn!.rows[1]).toEqual(['a', '0.80', '0.90']);
  expect(left!.rows[1]).toEqual(['why', 'a on loongarch64']);
});
