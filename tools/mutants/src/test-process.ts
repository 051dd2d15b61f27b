/** Runs tests of a package in a copy of the workspace. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestKiller } from './mutant.ts';

/** How the tests ended. */
export interface TestResult {
  readonly passed: number;
  readonly failed: number;
  /** First failure, or why nothing ran. */
  readonly detail?: string;
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Runs the tests of `killer` in the copy; they have `seconds`. */
export function runTests(root: string, copy: string, killer: TestKiller, seconds: number): Promise<TestResult> {
  const [group, name] = killer.test.split('/') as [string, string];
  const folder = join(copy, group, name);
  const native = killer.test.endsWith('.native.test.ts');
  const report = join(folder, native ? '.report/vitest-native.json' : '.report/vitest.json');
  rmSync(report, { force: true });
  const args = [
    join(root, 'node_modules/vitest/vitest.mjs'), 'run', killer.test.slice(group.length + name.length + 2),
    '-t', killer.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    '--config', native ? 'vitest.native.config.ts' : 'vitest.config.ts',
  ]; // prettier-ignore
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...process.env, POLYBPF_SHARED: process.env['POLYBPF_SHARED'] ?? join(root, '../shared') },
      stdio: 'ignore',
    });
    let late = false;
    const clock = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, seconds * 1000);
    child.on('close', () => {
      clearTimeout(clock);
      if (late) resolve({ passed: 0, failed: 1, detail: `no end within ${seconds} s` });
      else if (!existsSync(report)) resolve({ passed: 0, failed: 0, detail: 'vitest wrote no report' });
      else resolve(readReport(JSON.parse(readFileSync(report, 'utf8')) as VitestReport));
    });
  });
}

function readReport({ numPassedTests, numFailedTests, testResults }: VitestReport): TestResult {
  const failure = testResults.flatMap((file) => file.assertionResults).find(({ status }) => status === 'failed');
  const detail = failure?.fullName ?? testResults.map(({ message }) => message).find((message) => message !== '');
  return { passed: numPassedTests, failed: numFailedTests, ...(detail === undefined ? {} : { detail }) };
}
