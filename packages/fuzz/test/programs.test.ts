import { checkInsns, type CpuVersion, encodeProgram, makeProgram, rowOf } from '@polybpf/isa';
import { disassemble, assemble } from '@polybpf/asm';
import { runProgram, unwindHelper } from '@polybpf/interpreter';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryProgram } from '../src/arbitrary-program.ts';
import { generatedRows } from '../src/arbitrary-statement.ts';
import { insnsOf, linesOf } from '../src/code-lines.ts';
import { createCoverage } from '../src/coverage.ts';
import { programGenerator } from '../src/generate.ts';
import type { ProgramFlavour } from '../src/program-shape.ts';
import { isDefined } from '../src/definedness.ts';

const CASES = (['v1', 'v2', 'v3', 'v4'] as CpuVersion[]).flatMap((isa) =>
  (['kernel', 'any'] as ProgramFlavour[]).map((flavour) => ({ isa, flavour })),
);

describe.each(CASES)('programs of $isa, flavour $flavour', (options) => {
  const generate = programGenerator(2024, options);
  const programs = Array.from({ length: 50 }, (_, i) => generate(i));
  const allowed = new Set(generatedRows(options).map(({ name }) => name));

  it('are legal and made of the rows that they may have', () => {
    for (const { insns } of programs) {
      expect(checkInsns(insns)).toEqual([]);
      for (let i = 0; i < insns.length; i++) {
        const row = rowOf(insns[i]!)!;
        expect(allowed).toContain(row.name);
        i += row.slots - 1;
      }
    }
  });

  it('end, and compute what depends on nothing but their memory, in both byte orders', () => {
    programs.slice(0, 20).forEach((program, i) => {
      expect(isDefined(program, 'little'), `little, ${i}`).toBe(true);
      expect(isDefined(program, 'big'), `big, ${i}`).toBe(true);
    });
  });

  it('survive being taken apart into lines, and text', () => {
    for (const { insns } of programs.slice(0, 20)) {
      expect(insnsOf(linesOf(insns)!)).toEqual(insns);
      const text = disassemble(makeProgram(insns));
      expect(encodeProgram(assemble(text).insns)).toEqual(encodeProgram(insns));
    }
  });
});

describe('generation', () => {
  it('depends on seed, index and options only', () => {
    const forward = programGenerator(7);
    const first = Array.from({ length: 20 }, (_, i) => forward(i));
    const again = programGenerator(7);
    for (let i = 19; i >= 0; i--) expect(again(i)).toEqual(first[i]);
    expect(programGenerator(8)(3)).not.toEqual(first[3]);
    expect(new Set(first.map(({ insns }) => JSON.stringify(insns))).size).toBe(20);
  });

  it('reaches every row, every class of operands and the values where CPUs differ', () => {
    const coverage = createCoverage();
    const generate = programGenerator(1);
    for (let i = 0; i < 1500; i++) {
      coverage.addProgram(generate(i));
      if (i % 3 === 0) coverage.addValues(generate(i), 'little');
    }
    const { operands, values } = coverage.counts();
    for (const { name } of generatedRows()) expect(Object.keys(operands), name).toContain(name);
    for (const { name, kind, source } of generatedRows()) {
      if (kind !== 'alu' && kind !== 'jmp') continue;
      const classes = Object.keys(operands[name]!);
      if (source === 'imm') expect(classes.length, name).toBeGreaterThanOrEqual(6);
      if (source === 'reg') expect(classes, name).toEqual(expect.arrayContaining(['same register', 'two registers']));
    }
    // The quotient that does not fit, the divisor 0, and upper halves that 32-bit arithmetic must not see.
    const met = (rows: RegExp, pattern: RegExp): boolean =>
      Object.entries(values).some(([row, met]) => rows.test(row) && Object.keys(met).some((key) => pattern.test(key)));
    expect(met(/^s(div|mod)64_reg$/, /^min,-1$/)).toBe(true);
    expect(met(/^s(div|mod)32_reg$/, /^min.*,-1/)).toBe(true);
    expect(met(/^(div|mod)64_reg$/, /,0$/)).toBe(true);
    expect(met(/^(div|mod)32_reg$/, /,0 dirty$/)).toBe(true);
    expect(met(/^arsh32_reg$/, /^- dirty/)).toBe(true);
  });

  it('makes frames, calls and loops as deep as the flavours allow', () => {
    const generate = programGenerator(5);
    let deepest = 0;
    let longest = 0;
    for (let i = 0; i < 600; i++) {
      const { insns, mem } = generate(i);
      const program = makeProgram(insns);
      if (program.subprograms.length < 5) continue;
      const trace = ({ callDepth }: { callDepth: number }): void => void (deepest = Math.max(deepest, callDepth));
      const result = runProgram(program, { mem: mem.slice(), helpers: [unwindHelper(5)], trace });
      longest = Math.max(longest, result.insnsExecuted);
    }
    expect(deepest).toBeGreaterThanOrEqual(4);
    expect(longest).toBeGreaterThan(2000);
  });

  it('shrinks as any arbitrary does, to a program that is still right', () => {
    const failure = fc.check(
      fc.property(arbitraryProgram({ isa: 'v3' }), ({ insns }) => insns.every((insn) => rowOf(insn)?.op !== 'arsh')),
      { seed: 1, numRuns: 500 },
    );
    expect(failure.failed).toBe(true);
    const [{ insns, mem }] = failure.counterexample!;
    expect(insns.filter((insn) => rowOf(insn)?.op === 'arsh')).toHaveLength(1);
    expect(insns.length).toBeLessThan(60);
    expect(isDefined({ insns, mem }, 'little')).toBe(true);
  });
});

describe('isDefined', () => {
  const defined = (text: string, mem: number[] = []): boolean =>
    isDefined({ insns: assemble(text).insns, mem: Uint8Array.from(mem) }, 'little');

  it('takes programs whose result their memory decides', () => {
    expect(defined('r0 = 1\nexit')).toBe(true);
    expect(defined('r0 = *(u8 *)(r1 + 1)\nr0 += r2\nexit', [1, 2])).toBe(true);
    expect(defined('*(u64 *)(r10 - 8) = r2\nr0 = *(u32 *)(r10 - 8)\nexit', [1, 2])).toBe(true);
    expect(defined('r6 = 5\nr1 = 1\ncall f\nr0 += r6\nexit\n.function f\nr0 = r1\nr6 = 77\nexit')).toBe(true);
  });

  it('refuses what reads something without a value', () => {
    expect(defined('exit')).toBe(false);
    expect(defined('r0 = r3\nexit')).toBe(false);
    expect(defined('r0 = *(u64 *)(r10 - 8)\nexit')).toBe(false);
    expect(defined('*(u32 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\nexit')).toBe(false);
    expect(defined('r0 = 1\nr0 %= r3\nexit')).toBe(false);
    expect(defined('r0 = 1\nif r3 == 0 goto +0\nexit')).toBe(false);
    expect(defined('r1 = 1\ncall f\nr0 = r1\nexit\n.function f\nr0 = r1\nexit')).toBe(false);
    expect(defined('r6 = 5\ncall f\nexit\n.function f\nr0 = r6\nexit')).toBe(false);
  });

  it('refuses results that addresses are part of', () => {
    expect(defined('r0 = r10\nexit')).toBe(false);
    expect(defined('r0 = r1\nexit', [1])).toBe(false);
    expect(defined('*(u64 *)(r1 + 0) = r10\nr0 = 0\nexit', [1, 2, 3, 4, 5, 6, 7, 8])).toBe(false);
    expect(defined('r0 = r10\nr0 >>= 32\nexit')).toBe(false);
    expect(defined('r0 = 0\nif r1 > 5 goto +0\nexit', [1])).toBe(false);
    expect(defined('*(u64 *)(r10 - 8) = r10\nr0 = *(u8 *)(r10 - 1)\nexit')).toBe(false);
    expect(defined('r1 = 0x100000000 ll\n*(u8 *)(r1 + 0) = 1\nr0 = 0\nexit')).toBe(false);
    expect(defined('r0 = 0\nr1 += -32760\n*(u64 *)(r1 + 32760) = r1\nexit', [1, 2, 3, 4, 5, 6, 7, 8])).toBe(false);
    expect(defined('r0 = -0x100000000 ll\nr1 += r0\n*(u8 *)(r1 + 0) = 0\nexit', [1])).toBe(false);
    expect(defined('r0 = r10\nr0 &= 63\nexit')).toBe(false);
  });

  it('refuses programs whose functions run into each other', () => {
    expect(defined('r0 = 1\ncall f\n.function f\nr0 = 2\nexit')).toBe(false);
    expect(defined('call f\ngoto out\n.function f\nr0 = 2\nout:\nexit')).toBe(false);
  });

  it('refuses faults and endless loops', () => {
    expect(defined('r0 = *(u8 *)(r1 + 2)\nexit', [1, 2])).toBe(false);
    expect(defined('r0 = 0\ngoto -1\nexit')).toBe(false);
  });
});
