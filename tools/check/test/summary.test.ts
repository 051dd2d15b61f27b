import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withoutTestRuns } from '../../run/tasks.mjs';
import { collectReports, countReport, deleteReports, printSummary, stepCounts } from '../../test-summary/summary.mjs';

const test1 = (status: string, fullName = `a ${status} test`): object => ({ status, fullName });
const report = (success: boolean, ...testResults: object[]): object => ({ success, testResults });
const file = (status: string, ...assertionResults: object[]): object => ({
  status,
  name: 'x.test.ts',
  message: 'Error: boom\n at y',
  assertionResults,
});

describe('countReport', () => {
  test('adds up tests by status and keeps the names of those that did not pass', () => {
    const results = file('failed', test1('passed'), test1('passed'), test1('failed'), test1('skipped'), test1('todo'));
    expect(countReport(report(false, results), 'isa')).toEqual({
      passed: 2,
      failed: 1,
      skipped: 2,
      failures: ['isa: a failed test'],
      skips: ['isa: a skipped test', 'isa: a todo test'],
    });
  });

  test('a file that failed before its first test is one failure, with the reason', () => {
    const counts = countReport(report(false, file('failed'), file('passed', test1('passed'))), 'isa');
    expect(counts).toMatchObject({ passed: 1, failed: 1, failures: ['isa: x.test.ts: Error: boom'] });
  });

  test('a failed run without any failed test is one failure', () => {
    expect(countReport(report(false, file('passed', test1('passed'))), 'isa')).toMatchObject({ passed: 1, failed: 1 });
  });
});

describe('collectReports', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'polybpf-summary-'));
    for (const name of ['a', 'b', 'c']) {
      mkdirSync(join(root, 'packages', name, '.report'), { recursive: true });
      const scripts = name === 'c' ? {} : { test: 'vitest run' };
      writeFileSync(join(root, 'packages', name, 'package.json'), JSON.stringify({ name, scripts }));
    }
    writeFileSync(
      join(root, 'packages/a/.report/vitest.json'),
      JSON.stringify(report(true, file('passed', test1('passed')))),
    );
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('a package that has tests and left no report is a failure, one without tests is nothing', () => {
    const counts = collectReports(root, ['test']);
    expect(counts).toMatchObject({ passed: 1, failed: 1, failures: ['b test: no report'] });
  });

  test('reports of an earlier run do not count', () => {
    deleteReports(root);
    expect(collectReports(root, ['test'])).toMatchObject({ passed: 0, failed: 2 });
  });
});

describe('printSummary', () => {
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  });
  afterEach(() => vi.restoreAllMocks());

  test('the last line is the count, after the names of skips and failures', () => {
    const counts = stepCounts([
      { name: 'lint', status: 'passed' },
      { name: 'typecheck', status: 'failed', detail: 'exit 1' },
      { name: 'qemu', status: 'skipped' },
    ]);
    expect(printSummary(counts)).toBe(1);
    expect(lines).toEqual(['skipped: qemu', 'failed: typecheck: exit 1', '1 passed, 1 failed, 1 skipped']);
  });

  test('nothing passed is a failure, something passed and nothing failed is a success', () => {
    expect(printSummary(stepCounts([]))).toBe(1);
    expect(printSummary(stepCounts([{ name: 'lint', status: 'passed' }]))).toBe(0);
    expect(lines.at(-1)).toBe('1 passed, 0 failed, 0 skipped');
  });
});

describe('withoutTestRuns', () => {
  const lint = { name: 'lint', status: 'passed' } as const;
  const failed = { name: 'test', status: 'failed' } as const;

  test('a run of tests counts through its reports', () => {
    expect(withoutTestRuns([lint, failed], ['test'], true)).toEqual([lint]);
    expect(withoutTestRuns([lint, { name: 'test', status: 'passed' }], ['test'], false)).toEqual([lint]);
  });

  test('a run that failed without a failed test counts as a failure', () => {
    expect(withoutTestRuns([lint, failed], ['test'], false)).toEqual([lint, failed]);
  });
});
