import { type Engine, interpreterEngine, readVectorFile, runSuite } from '@polybpf/conformance';
import { type Insn, makeProgram, rowByName, rowOf } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { groupEngines } from '../src/compare.ts';
import { type DifferentialReport, runDifferential } from '../src/differential.ts';
import { programGenerator } from '../src/generate.ts';
import { referenceEngine } from '../src/reference.ts';
import { shrinkProgram } from '../src/shrink.ts';

/** An interpreter that takes some instructions for others. */
function wrongEngine(confuse: (insn: Insn) => Insn, extra: Partial<Engine> = {}): Engine {
  const reference = referenceEngine();
  return {
    ...reference,
    name: 'wrong',
    run: (jobs) =>
      reference.run(
        jobs.map(({ program, mem }) => ({
          program: makeProgram(program.insns.map(confuse), { endian: program.endian }),
          mem,
        })),
      ),
    ...extra,
  };
}

/** Takes instructions of row `name` for those of row `other`. */
function confusing(name: string, other: string): (insn: Insn) => Insn {
  const { opcode, fixed } = rowByName(other)!;
  return (insn) => (rowOf(insn)?.name === name ? { ...insn, opcode, ...fixed } : insn);
}

function find(engine: Engine, seed = 1): DifferentialReport {
  return runDifferential({ engines: [referenceEngine(), engine], seed, count: 4000, kernelSource: 'linux 1.0' });
}

describe('an engine that is wrong', () => {
  it.each([
    ['arsh32_imm', 'rsh32_imm', 5],
    ['sdiv64_reg', 'div64_reg', 8],
    ['ldxsh', 'ldxh', 4],
    ['atomic_fetch_xor64', 'atomic_xor64', 9],
    ['atomic_cmpxchg32', 'atomic_xchg32', 9],
    ['bswap16', 'be64', 4],
  ])('about %s is found, and shrunk', (name, other, longest) => {
    const wrong = wrongEngine(confusing(name, other));
    const { disagreements } = find(wrong);
    expect(disagreements).toHaveLength(1);
    const { shrunk, vector } = disagreements[0]!;
    expect(shrunk.insns.length).toBeLessThanOrEqual(longest);
    expect(shrunk.insns.map((insn) => rowOf(insn)?.name)).toContain(name);

    const file = { schema: 'polybpf-vectors@1', topic: 'fuzz', spec: [], notes: {}, tests: [vector] };
    const vectors = readVectorFile(JSON.stringify(file), 'fuzz.json');
    expect(vectors[0]!.build(disagreements[0]!.endian).insns).toEqual(shrunk.insns);
    expect(runSuite(vectors, interpreterEngine()).map(({ status }) => status)).toEqual(['passed']);
    expect(runSuite(vectors, wrong).map(({ status }) => status)).toEqual(['failed']);
  });

  it('about a callee-saved register shows in a program with a call', () => {
    // r9 does not survive: every function clears it.
    const engine = wrongEngine((insn) => insn, {
      run: (jobs) =>
        referenceEngine().run(
          jobs.map(({ program, mem }) => ({
            mem,
            program: makeProgram(
              program.insns.map((insn) =>
                rowOf(insn)?.name === 'mov64_reg' && insn.dst_reg === 9
                  ? { ...insn, opcode: rowByName('mov32_reg')!.opcode }
                  : insn,
              ),
              { endian: program.endian },
            ),
          })),
        ),
    });
    const { disagreements } = find(engine);
    expect(disagreements[0]!.shrunk.insns.length).toBeLessThan(10);
  });

  it('by a crash is found', () => {
    const engine = wrongEngine((insn) => (rowOf(insn)?.name === 'neg32' ? { ...insn, opcode: 0xff } : insn));
    const { disagreements } = find(engine);
    expect(disagreements[0]!.shrunk.insns).toHaveLength(3);
    expect(disagreements[0]!.shrunkOutcomes[1]!.outcome).toMatch(/^E_RUN_OPCODE/);
  });
});

describe('a run', () => {
  it('tells the program again that it found', () => {
    const wrong = wrongEngine(confusing('arsh32_imm', 'rsh32_imm'));
    const { disagreements, seed } = find(wrong, 99);
    const { index } = disagreements[0]!;
    expect(programGenerator(seed)(index)).toEqual(disagreements[0]!.program);
    const again = runDifferential({ engines: [referenceEngine(), wrong], seed, first: index, count: 1 });
    expect(again.disagreements[0]!.vector).toEqual(disagreements[0]!.vector);
  });

  it('goes on when told to', () => {
    const engines = [referenceEngine(), wrongEngine(confusing('add64_imm', 'sub64_imm'))];
    const { disagreements, programs } = runDifferential({
      engines,
      seed: 1,
      count: 100,
      maxDisagreements: 3,
      batch: 10,
    });
    expect(disagreements).toHaveLength(3);
    expect(new Set(disagreements.map(({ index }) => index)).size).toBe(3);
    expect(programs).toBeLessThan(100);
  });

  it('counts what it compared, what was refused and what it covered', () => {
    const refusing: Engine = {
      ...interpreterEngine(),
      name: 'kernel',
      endian: 'little',
      run: (jobs) => referenceEngine().run(jobs),
    };
    const report = runDifferential({ engines: [refusing, referenceEngine()], seed: 3, count: 70, batch: 32 });
    expect(report).toMatchObject({ programs: 70, flavour: 'kernel', isa: 'v4', disagreements: [] });
    expect(report.compared).toEqual([
      { engine: 'kernel', endian: 'little', programs: 70 },
      { engine: 'interpreter', endian: 'little', programs: 70 },
    ]);
    expect(Object.keys(report.coverage.operands).length).toBeGreaterThan(100);
    expect(Object.keys(report.coverage.values).length).toBeGreaterThan(20);
  });

  it('ends in time', () => {
    const started = performance.now();
    const report = runDifferential({ engines: [referenceEngine(), wrongEngine((insn) => insn)], seed: 3, timeMs: 300 });
    expect(performance.now() - started).toBeLessThan(60_000);
    expect(report.programs).toBeGreaterThan(0);
  });

  it('needs something to compare, and an end', () => {
    const big: Engine = { ...referenceEngine(), name: 'native', target: 'big', endian: 'big' };
    const kernel: Engine = { ...referenceEngine(), name: 'kernel', endian: 'little' };
    const usage = (engines: Engine[]): unknown => runDifferential({ engines, seed: 1, count: 1 });
    expect(() => usage([referenceEngine()])).toThrow(/nothing to compare/);
    expect(() => usage([kernel, big])).toThrow(/nothing to compare/);
    expect(() => runDifferential({ engines: [referenceEngine(), kernel], seed: 1 })).toThrow(/without end/);
    expect(groupEngines([big, referenceEngine(), kernel])).toMatchObject([
      { endian: 'little', engines: [{ name: 'kernel' }, { name: 'interpreter' }] },
      { endian: 'big', engines: [{ name: 'interpreter' }, { name: 'native' }] },
    ]);
  });
});

describe('shrinking', () => {
  it('leaves what cannot be smaller alone', () => {
    const { insns, mem } = programGenerator(1)(1);
    expect(shrinkProgram({ insns, mem }, (candidate) => candidate.insns === insns)).toEqual({ insns, mem });
  });

  it('stops after so many attempts', () => {
    let attempts = 0;
    const program = programGenerator(1)(2);
    const small = shrinkProgram(program, () => ++attempts > 0, { attempts: 10 });
    expect(attempts).toBeLessThanOrEqual(10);
    expect(small.insns.length).toBeLessThan(program.insns.length);
  });
});
