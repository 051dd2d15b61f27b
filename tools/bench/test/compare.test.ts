import { describe, expect, it } from 'vitest';
import { speedChart } from '../src/chart.ts';
import { compareResults } from '../src/compare-results.ts';
import type { NativeRow } from '../src/bench-native.ts';
import type { SpeedReport } from '../src/speed-report.ts';
import type { Summary } from '../src/statistics.ts';

const ns = (min: number): Summary => ({ min, median: min, spread: 0, count: 1 });
const native = (name: string, own: number, c: number, more: Partial<NativeRow> = {}): NativeRow => ({
  name,
  slots: 10,
  insns: 100,
  repeat: 1,
  ns: ns(own),
  cNs: ns(c),
  ratio: own / c,
  firstCallNs: 1,
  bytes: 1,
  ...more,
});
function reportOf(rows: readonly NativeRow[], interpreter: readonly number[] = []): SpeedReport {
  return {
    environment: {},
    inputs: { origin: 'shared', interpreter: 'quick', native: 'full' },
    interpreter: interpreter.map((min, i) => ({ name: `w${i}`, insns: 1, ns: ns(min) })),
    native: { target: 'x86_64', rows },
    missing: [],
  };
}

describe('compareResults', () => {
  const then = reportOf([native('a', 2, 4), native('b', 2, 4)], [5]);

  it('gives ratios now / then by part, with the rows at both ends', () => {
    expect(compareResults(reportOf([native('a', 8, 4), native('b', 1, 4)], [10]), then)).toEqual([
      ['part', 'mean', 'least', 'most'],
      ['interpreter', '2.00', 'w0 2.00', 'w0 2.00'],
      ['native', '1.41', 'b 0.50', 'a 4.00'],
      ['native C of gcc', '1.00', 'a 1.00', 'b 1.00'],
    ]);
  });

  it('leaves out what only one of them has, and wrong results', () => {
    const now = reportOf([native('c', 8, 4), native('a', 1, 4, { wrong: 'r0' })]);
    expect(compareResults(now, then)).toEqual([]);
  });
});

describe('speedChart', () => {
  it('has a bar for every engine of every workload, as long as its ratio', () => {
    const report = reportOf([native('a', 1, 1, { clangNs: ns(0.5), kernelNs: ns(9) }), native('b<', 2, 1)]);
    const svg = speedChart(report)!;
    const bars = [...svg.matchAll(/width="([\d.]+)" height="8"[^>]*><title>([^<]*)</g)].map(([, width, title]) => [title, Number(width)]); // prettier-ignore
    const unit = bars.find(([title]) => title === 'native x86_64, a: 1.00')![1] as number;
    expect(bars).toEqual([
      ['native x86_64, a: 1.00', unit],
      ['live kernel, a: 9.00', 2.5 * unit],
      ['C by clang, a: 0.50', unit / 2],
      ['native x86_64, b&lt;: 2.00', 2 * unit],
    ]);
    // The one that is cut says how far it would go.
    expect(svg).toMatch(/>9\.0<\/text>/);
    expect(svg).not.toContain('b<');
  });

  it('is not there without C to compare with', () => {
    expect(speedChart(reportOf([native('a', 1, 1, { ratio: undefined, cNs: undefined })]))).toBeUndefined();
  });
});
