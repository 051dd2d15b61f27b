/** Code for this host beside its yardsticks, in one run; and what objects are read. */
import { findCompiler, buildNativeC } from '../src/native-c.ts';
import { ALL_TARGETS } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';
import { libbpfTools } from '../../../packages/loader/test/corpus.ts';
import { benchNative, openHostMachine } from '../src/bench-native.ts';
import { benchText, largestObjects } from '../src/bench-text.ts';
import { loadWorkloads } from '../src/load-workloads.ts';

const ROUNDS = { warmUp: 0, measured: 2 };

describe('benchNative', () => {
  const compilers = (['gcc', 'clang'] as const).map(findCompiler);
  const missing = compilers.includes(undefined) ? 'gcc or clang is missing' : undefined;
  if (missing !== undefined && process.env['CI']) throw new Error(missing);

  it.skipIf(missing !== undefined)('times gcc and clang in the same rounds, and the first call apart', () => {
    const workloads = loadWorkloads(undefined).workloads.slice(0, 2);
    using machine = openHostMachine(ALL_TARGETS)!;
    const [gcc, clang] = compilers.map((compiler) => buildNativeC(workloads, compiler!));
    try {
      const kernel = (): string => 'not asked';
      const { rows } = benchNative(machine, workloads, 'quick', { gcc, clang, kernel }, ROUNDS);
      expect(rows.map(({ name }) => name)).toEqual(workloads.map(({ name }) => name));
      for (const { name, wrong, ratio, ns, cNs, clangNs, kernelNs, kernelRefuses, firstCallNs } of rows) {
        expect(wrong, name).toBeUndefined();
        for (const { min, count } of [ns, cNs!, clangNs!]) expect([min > 0, count]).toEqual([true, 2]);
        expect(ratio).toBeCloseTo(ns.min / cNs!.min);
        expect([kernelNs, kernelRefuses]).toEqual([undefined, 'not asked']);
        expect(firstCallNs).toBeGreaterThan(1000);
      }
    } finally {
      gcc?.close();
      clang?.close();
    }
  });
});

describe('benchText', () => {
  const programs = loadWorkloads(undefined).workloads.map(({ program }) => program);

  it('loads the largest objects, for the kernel that runs too', () => {
    const found = libbpfTools().map(({ bytes }) => bytes);
    if (found.length === 0 && process.env['CI']) throw new Error('libbpf-tools is missing');
    const objects = largestObjects(found, 'libbpf-tools');
    const names = benchText(programs, objects, ROUNDS).map(({ name }) => name);
    if (found.length > 0) {
      expect(objects.files).toHaveLength(8);
      expect(Math.min(...objects.files.map(({ length }) => length))).toBeGreaterThan(10_000);
      expect(names).toContain('load, the 8 largest of libbpf-tools');
      expect(names.includes('load for this kernel, the 8 largest of libbpf-tools')).toBe(objects.kernelTypes !== undefined); // prettier-ignore
    }
  });

  it('loads those of the examples where there are no others', () => {
    const objects = largestObjects([], 'nothing');
    expect(objects).toMatchObject({ origin: 'examples' });
    const rows = benchText(programs, objects, ROUNDS);
    expect(rows.map(({ name }) => name).slice(-2)).toEqual(['load, examples', 'disassemble, examples']);
    for (const { name, slots, bytes, ns } of rows) expect(Math.min(slots, bytes, ns.min), name).toBeGreaterThan(0);
  });
});
