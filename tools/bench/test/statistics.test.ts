import { describe, expect, it } from 'vitest';
import { interleave, repeatsFor, timed } from '../src/repeat.ts';
import { geometricMean, summarise } from '../src/statistics.ts';
import { formatMarkdownTable, formatNumber, formatTable } from '../src/table.ts';

describe('summarise', () => {
  it('gives least, median and spread of odd and even counts, in any order', () => {
    expect(summarise([30, 10, 20])).toEqual({ min: 10, median: 20, spread: 1, count: 3 });
    expect(summarise([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, spread: 1.5, count: 4 });
  });

  it('does not sort numbers as text', () => {
    expect(summarise([9, 10, 100]).median).toBe(10);
  });

  it('refuses an empty list', () => {
    expect(() => summarise([])).toThrow(RangeError);
  });
});

it('the geometric mean of ratios is the root of their product', () => {
  expect(geometricMean([0.5, 2])).toBeCloseTo(1);
  expect(geometricMean([1, 10, 100])).toBeCloseTo(10);
  expect(geometricMean([])).toBeNaN();
});

describe('interleave', () => {
  it('runs cases in turn and leaves the first rounds out', () => {
    const log: string[] = [];
    let cost = 100;
    const caseOf = (name: string) => ({
      name,
      run: () => {
        log.push(name);
        return cost--;
      },
    });
    const summaries = interleave([caseOf('a'), caseOf('b')], { warmUp: 1, measured: 2 });
    expect(log.join('')).toBe('ababab');
    expect(summaries.get('a')).toEqual({ min: 96, median: 97, spread: 1 / 96, count: 2 });
    expect(summaries.get('b')!.min).toBe(95);
  });
});

it('timed calls at least once, and as often as it takes', () => {
  let calls = 0;
  timed(() => calls++);
  expect(calls).toBe(1);
  timed(() => calls++, 2);
  expect(calls).toBeGreaterThan(2);
});

it('repeats what is short', () => {
  expect(repeatsFor(100, 1000)).toBe(10);
  expect(repeatsFor(5000, 1000)).toBe(1);
  expect(repeatsFor(0, 1e9, 50)).toBe(50);
});

it('tables align their columns', () => {
  const rows = [
    ['name', 'n'],
    ['a', '10'],
  ];
  expect(formatTable(rows)).toBe('name   n\na     10');
  expect(formatMarkdownTable(rows)).toBe('| name | n |\n| --- | ---: |\n| a | 10 |');
  expect([1234.5, 12.34, 1.234, 0.1234, NaN].map(formatNumber)).toEqual(['1235', '12.3', '1.23', '0.123', '-']);
});
