import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { speedBars, speedSections, type SpeedReport } from '../src/speed-report.ts';
import type { Summary } from '../src/statistics.ts';
import { markdownOf, replaceMarked, writeDocuments } from '../src/write-documents.ts';

const ns = (min: number): Summary => ({ min, median: min * 1.5, spread: 0.5, count: 3 });
const report: SpeedReport = {
  environment: { cpu: 'a CPU', node: 'Node v20' },
  inputs: { origin: 'shared', interpreter: 'quick', native: 'full' },
  interpreter: [
    { name: 'one', insns: 1000, ns: ns(4) },
    { name: 'two', insns: 2000, ns: ns(9) },
  ],
  native: {
    target: 'x86_64',
    rows: [
      {
        name: 'one',
        slots: 10,
        insns: 1000,
        repeat: 1,
        ns: ns(0.2),
        cNs: ns(0.1),
        ratio: 2,
        firstCallNs: 9000,
        bytes: 40,
        cBytes: 30,
      },
      {
        name: 'two',
        slots: 10,
        insns: 1000,
        repeat: 1,
        ns: ns(0.1),
        cNs: ns(0.2),
        ratio: 0.5,
        clangNs: ns(0.1),
        kernelNs: ns(0.4),
        firstCallNs: 9000,
        bytes: 40,
        cBytes: 30,
      },
      {
        name: 'bad',
        slots: 10,
        insns: 1000,
        repeat: 1,
        ns: ns(0.001),
        firstCallNs: 1,
        bytes: 1,
        wrong: 'r0 is 0x1, not 0x2',
      },
    ],
  },
  compile: [
    {
      target: 'x86_64',
      programs: { slots: 2000, bytes: 6000, ns: ns(1e6) },
      concatenation: { slots: 30_000, bytes: 90_000, ns: ns(40e6) },
      small: { name: 'one', slots: 33, ns: ns(20_000) },
    },
  ],
  missing: [],
};

describe('speed report', () => {
  const [interpreter, native, compilation] = speedSections(report);

  it('has geometric means that wrong rows do not count in', () => {
    expect(interpreter!.rows.at(-1)![2]).toBe('6.00');
    expect(native!.rows.at(-1)![5]).toBe('1.00');
    expect(native!.rows[2]!.slice(6, 11)).toEqual(['0.100', '0.50', '0.400', '2.00', '9.00 us']);
    expect(native!.rows[1]!.slice(6, 10)).toEqual(['-', '-', '-', '-']);
    expect(native!.rows.at(-1)!.slice(6, 10)).toEqual(['', '0.500', '', '2.00']);
    expect(native!.rows.at(-2)).toEqual(['bad', '1000', 'WRONG', 'r0 is 0x1, not 0x2']);
  });

  it('gives throughput by the least time', () => {
    expect(compilation!.rows[1]!.slice(0, 4)).toEqual(['x86_64', '2.00', '+50%', '0.750']);
  });

  it('knows which bars are met', () => {
    expect(speedBars(report).map(({ what, met }) => [what, met])).toEqual([
      ['interpreter, slowest workload', true],
      ['x86_64, time to C, mean', true],
      ['x86_64, time to C, slowest workload', false],
      ['x86_64, code', true],
      ['compilation, x86_64', false],
      ['results', false],
    ]);
    expect(speedBars({ ...report, interpreter: [{ name: 'x', insns: 1, ns: ns(3), wrong: 'r0' }] })[0]!.met).toBe(
      false,
    );
  });
});

it('documents keep their prose', () => {
  const document = 'a\n<!-- speed -->\nold\n<!-- /speed -->\nb\n';
  expect(replaceMarked(document, { speed: 'new' })).toBe('a\n<!-- speed -->\n\nnew\n\n<!-- /speed -->\nb\n');
  expect(() => replaceMarked(document, { sizes: 'new' })).toThrow('sizes');
  expect(markdownOf({ speed: report })['speed']).toContain('| two | 2000 | 9.00 |');
  expect(Object.keys(markdownOf({}))).toEqual([]);
});

it('a run replaces its own part of the documents', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-bench-test-'));
  const marks = ['speed', 'sizes'].map((name) => `<!-- ${name} -->\nold ${name}\n<!-- /${name} -->`);
  try {
    writeFileSync(join(folder, 'README.md'), marks.join('\n'));
    writeDocuments({ speed: report }, folder);
    const row = { name: 'add64_x_d1s2', kind: 'class' as const, ours: 3, kernel: 4, added: 0, kernelInsns: 1 };
    const gaps = [{ name: 'call_smpid_d7s8', reason: 'because' }];
    const target = { target: 'x86_64', kernel: '6.18', rows: [row], gaps, larger: [], programRatio: 0.5 };
    writeDocuments({ sizes: { targets: [target] } }, folder);
    const results = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8'));
    expect(results.speed.interpreter).toHaveLength(2);
    expect(results.sizes.x86_64).toMatchObject({
      classes: { add64_x_d1s2: '3/4' },
      notCompared: { call_smpid_d7s8: 'because' },
    });
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    expect(readme).not.toContain('old');
    expect(readme).toContain('| x86_64 | 6.18 | 1 | 1 | 0 | 0.500 |');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
