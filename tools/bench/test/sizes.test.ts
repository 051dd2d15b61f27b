import { assemble, disassemble } from '@polybpf/asm';
import { createInterpreter } from '@polybpf/interpreter';
import { compile, type Target } from '@polybpf/jit';
import { ALL_TARGETS } from '@polybpf/targets';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { compareSizes } from '../src/compare-sizes.ts';
import {
  COMMITTED_SIZES,
  compactTable,
  type MeasuredTable,
  parseCompactTable,
  readKernelSizes,
  sharedFolder,
} from '../src/kernel-sizes.ts';
import { parseSizeClass, type SizeClass } from '../src/size-class.ts';
import { isExtendedOnce, notComparable, verifierBytes, verifierTests } from '../src/size-exceptions.ts';
import { classSize, COPIES, frameProgram } from '../src/size-frame.ts';
import { wholeProgram } from '../src/size-programs.ts';

const table = readKernelSizes();
const shared = sharedFolder();
if (shared === undefined && process.env['CI'] !== undefined) throw new Error('no shared folder');

function classOf(name: string): SizeClass {
  const parsed = parseSizeClass(name);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.sizeClass;
}

describe('the committed table', () => {
  it('has nine CPUs and keeps refusals apart from instructions that take no bytes', () => {
    expect(Object.keys(table.kernels)).toHaveLength(9);
    expect(table.classes.get('le64_d1s2')!.get('x86_64')).toEqual({ bytes: 0, insns: 1 });
    expect(table.classes.get('exit_pair_d7s8')!.has('x86_64')).toBe(false);
    expect(table.classes.get('load_acq64_d1s2')!.has('s390x')).toBe(false);
  });

  test.skipIf(shared === undefined)('is the shared one (skipped: no shared folder)', () => {
    const file = join(shared!, 'facts/kernel-jit-sizes.json');
    expect(readFileSync(COMMITTED_SIZES, 'utf8')).toBe(
      compactTable(JSON.parse(readFileSync(file, 'utf8')) as MeasuredTable),
    );
  });

  it('is checked when it is read', () => {
    const text = (row: string): string =>
      JSON.stringify({ kernels: { a: '1', b: '2' }, programs: {}, classes: { x: row }, wholePrograms: {} });
    expect([...parseCompactTable(text('4/1 -')).classes.get('x')!]).toEqual([['a', { bytes: 4, insns: 1 }]]);
    expect(() => parseCompactTable(text('4/1'))).toThrow('1 cells for 2 CPUs');
    expect(() => parseCompactTable(text('4/1 4'))).toThrow('not bytes/insns');
  });
});

describe('class names', () => {
  it('are all understood, and assemble', () => {
    for (const name of table.classes.keys()) {
      const text = classOf(name).lines(1).join('\n');
      expect(assemble(`${text}\nexit`).insns.length, name).toBeGreaterThan(1);
    }
  });

  it.each([
    ['add64_x_d1s2', 'r1 += r2'],
    ['sub64_x_d7s8', 'r7 -= r8'],
    ['add32_klarge_zx_d1s2', 'w1 += 0x13355779'],
    ['add64_kneg_d1s2', 'r1 += -0x3e8'],
    ['xor64_kneg_d1s2', 'r1 ^= -0x5'],
    ['mov64_kneg1_d7s8', 'r7 = -0x1'],
    ['neg32_zx_d1s2', 'w1 = -w1'],
    ['lsh64_k40_d1s2', 'r1 <<= 0x28'],
    ['sdiv64_k10_d1s2', 'r1 s/= 0xa'],
    ['ldimm64_hi_d7', 'r7 = 0x1235000000000000 ll'],
    ['bswap32_d1s2', 'r1 = bswap32 r1'],
    ['movsx16_32_d1s2', 'w1 = (s16)w2'],
    ['ldsxh_d7s8', 'r7 = *(s16 *)(r8 + 0x8)'],
    ['ldxdw_fp_d1s2', 'r1 = *(u64 *)(r10 - 0x8)'],
    ['ldxdw_off0_d1s2', 'r1 = *(u64 *)(r2 + 0x0)'],
    ['stxb_d1s2', '*(u8 *)(r1 + 0x8) = r2'],
    ['stdw_fp_k_d7s8', '*(u64 *)(r10 - 0x8) = 0x5'],
    ['jset32_k1_d1s2', 'if w1 & 0x1 goto +0x1\nr0 += 0x1'],
    ['jsgt64_x_d7s8', 'if r7 s> r8 goto +0x1\nr0 += 0x1'],
    ['xadd32_d1s2', 'lock *(u32 *)(r1 + 0x8) += r2'],
    ['and64_at_d1s2', 'lock *(u64 *)(r1 + 0x8) &= r2'],
    ['fetch_or64_d1s2', 'r2 = atomic_fetch_or((u64 *)(r1 + 0x8), r2)'],
    ['cmpxchg32_d1s2', 'w0 = cmpxchg32_32(r1 + 0x8, w0, w2)'],
    ['load_acq8_d1s2', 'w1 = load_acquire((u8 *)(r2 + 0x8))'],
    ['store_rel64_d7s8', 'store_release((u64 *)(r7 + 0x8), r8)'],
    ['call_prandom_d7s8', 'call 0x7'],
    ['exit_pair_d7s8', 'if r7 == 0x0 goto +0x1\nexit'],
  ])('%s is %s', (name, text) => {
    const assembled = assemble(classOf(name).lines(1).join('\n'));
    expect(disassemble(assembled, { directives: false }).trim().replaceAll('\t', '')).toBe(text);
  });

  it('say whether upper halves are read', () => {
    const reads = (name: string): boolean => classOf(name).readsUpper;
    for (const name of ['add32_x_zx_d1s2', 'add64_x_d1s2', 'le32_d1s2', 'ldxw_d1s2', 'fetch_add32_zx_d1s2', 'movsx32_64_d1s2', 'jeq32_x_d1s2'])
      expect(reads(name), name).toBe(true);
    for (const name of ['add32_x_nozx_d1s2', 'mov32_x_d1s2', 'mov32_kneg1_d1s2', 'cmpxchg32_d1s2', 'movsx8_32_d1s2'])
      expect(reads(name), name).toBe(false);
  }); // prettier-ignore

  it('that mean nothing are refused with a reason', () => {
    expect(parseSizeClass('add64_x')).toEqual({ ok: false, reason: expect.stringContaining('registers') });
    expect(parseSizeClass('frob64_x_d1s2')).toEqual({ ok: false, reason: expect.stringContaining('operation') });
  });
});

describe('the frame', () => {
  it('keeps every copy: each changes the result', () => {
    // r9 is none of the numbers that the jumps compare with, so that all copies run; r1 counts them.
    const mem = new Uint8Array(128);
    mem[0] = 200;
    const results = [1, 2, COPIES].map((copies) => {
      const program = frameProgram(classOf('add64_k1_d1s2'), copies, 'class', 'little');
      return createInterpreter(program).run({ mem: mem.slice() }).r0;
    });
    expect(results).toEqual([1n, 2n, BigInt(COPIES)]);
  });

  it('jumps around each copy', () => {
    const mem = new Uint8Array(128);
    mem[0] = 2;
    const program = frameProgram(classOf('add64_k1_d1s2'), COPIES, 'class', 'little');
    expect(createInterpreter(program).run({ mem }).r0).toBe(BigInt(COPIES - 1));
  });

  it('measures what encodings add up to', () => {
    const sizeOf = (target: string, name: string): number =>
      classSize(
        ALL_TARGETS.find((candidate) => candidate.name === target)!,
        classOf(name),
      );
    // add rdi, rsi; movabs; add x0, x0, x1; udiv: one instruction each; agr
    expect(sizeOf('x86_64', 'add64_x_d1s2')).toBe(3);
    expect(sizeOf('x86_64', 'ldimm64_full_d1')).toBe(10);
    expect(sizeOf('arm64', 'add64_x_d1s2')).toBe(4);
    expect(sizeOf('arm64', 'div64_x_d1s2')).toBe(4);
    expect(sizeOf('s390x', 'add64_x_d7s8')).toBe(4);
    expect(sizeOf('s390x', 'be64_d1s2')).toBe(0);
  });
});

describe('whole programs', () => {
  it('are all known and compute something', () => {
    for (const name of table.wholePrograms.keys()) {
      for (const target of ALL_TARGETS) {
        const program = wholeProgram(name, target.endian, table.programs[name]);
        expect(program, name).toBeDefined();
        expect(compile(program!, target).code.length, name).toBeGreaterThan(0);
      }
    }
    expect(wholeProgram('w_nothing', 'little', undefined)).toBeUndefined();
  });

  it('are as long as the kernel says', () => {
    // A second slot of ld_imm64 counts as an instruction there; the object without verifier saw the program as it is.
    for (const [name, cells] of table.wholePrograms) {
      const program = wholeProgram(name, 'big', table.programs[name])!;
      expect(program.insns.length, name).toBe(cells.get('s390x')!.insns);
    }
  });
});

describe('divisions of a column without verifier', () => {
  it('get the tests that the verifier adds', () => {
    // s390x: cgij and mov as jne (18 - 6), ar + llgfr (6), brc (4)
    expect(verifierBytes(table, 's390x', 'div64_x_d1s2')).toBe(12 + 6 + 4);
    expect(verifierBytes(table, 's390x', 'mod64_x_d7s8')).toBe(12);
    expect(verifierBytes(table, 's390x', 'div64_k10_d1s2')).toBe(0);
    expect(verifierBytes(table, 'x86_64', 'div64_x_d1s2')).toBe(0);
  });

  it('have as many instructions as the columns with verifier say', () => {
    let divisions = 0;
    for (const [name, cells] of table.classes) {
      const tests = verifierTests(name);
      if (tests.length === 0) continue;
      divisions++;
      expect(tests.length + 1, name).toBe(cells.get('x86_64')!.insns);
      expect(tests.length + 1, name).toBe(cells.get('arm64')!.insns);
    }
    expect(divisions).toBe(16);
  });
});

it('a class that cannot be compared has a reason', () => {
  expect(notComparable('x86_64', 'call_smpid_d7s8')).toContain('per-CPU');
  expect(notComparable('s390x', 'lsh32_x_zx_d1s2')).toContain('RFC 9669');
  expect(notComparable('ppc64le', 'arsh64_x_d7s8')).toContain('RFC 9669');
  expect(notComparable('ppc64le', 'arsh64_k_d7s8')).toBeUndefined();
  expect(notComparable('x86_64', 'lsh32_x_zx_d1s2')).toBeUndefined();
});

it('leaves zero-extensions out where the verifier made them once for all copies', () => {
  const byName = (name: string): Target => ALL_TARGETS.find((target) => target.name === name)!;
  expect(['x86_64', 's390x', 'ppc64', 'ppc64le'].map((name) => isExtendedOnce(table, byName(name)))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

/** Targets whose author has said that they are done: sizes of the others are only printed. */
const FINISHED: readonly string[] = ['x86_64', 'arm64', 's390x', 'ppc64', 'ppc64le'];

describe.each(ALL_TARGETS.filter(({ name }) => FINISHED.includes(name)))('$name', (target) => {
  const sizes = compareSizes(target, table);

  it('accounts for every row of the table', () => {
    expect(sizes.rows.length + sizes.gaps.length).toBe(table.classes.size + table.wholePrograms.size);
    expect(sizes.gaps.every(({ reason }) => /no figure|per-CPU|RFC 9669/.test(reason))).toBe(true);
  });

  it('has no class larger than the kernel, and programs a quarter smaller', () => {
    expect(sizes.larger.map(({ name, ours, kernel }) => `${name}: ${ours} > ${kernel}`)).toEqual([]);
    expect(sizes.programRatio).toBeLessThan(0.75);
  });
});
