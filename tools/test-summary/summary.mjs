// Adds up what a test run left behind: vitest's JSON reports of every workspace and the steps that are not tests.
// The last line is for machines: `N passed, N failed, N skipped`.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const GROUPS = ['packages', 'apps', 'tools'];
/** Which report a package's script writes (see vitest.shared.ts). */
const REPORTS = { test: 'vitest.json', 'test:native': 'vitest-native.json' };
const NAMES_SHOWN = 40;

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string[]} failures what failed, by name
 * @property {string[]} skips what was skipped, by name
 *
 * @typedef {object} Step one command of the run that is not itself a list of tests
 * @property {string} name
 * @property {'passed' | 'failed' | 'skipped'} status
 * @property {string} [detail]
 */

/**
 * The folders of all workspaces.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function workspaceFolders(root) {
  return GROUPS.flatMap((group) =>
    existsSync(join(root, group))
      ? readdirSync(join(root, group))
          .map((name) => join(root, group, name))
          .filter((folder) => existsSync(join(folder, 'package.json')))
      : [],
  );
}

/**
 * Removes the reports of earlier runs, so that a package whose tests never started cannot count with old results.
 *
 * @param {string} root
 */
export function deleteReports(root) {
  for (const folder of workspaceFolders(root)) {
    for (const file of Object.values(REPORTS)) rmSync(join(folder, '.report', file), { force: true });
  }
}

/**
 * One vitest JSON report. A file that failed before its tests could be counted (syntax error, crashed worker) counts as
 * one failure, and so does a run that vitest itself calls failed without any failed test.
 *
 * @param {any} report
 * @param {string} name of the package, for the lists of names
 * @returns {Counts}
 */
export function countReport(report, name) {
  /** @type {Counts} */
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  for (const file of report.testResults) {
    const failedBefore = counts.failed;
    for (const test of file.assertionResults) {
      const title = `${name}: ${test.fullName}`;
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') {
        counts.failed += 1;
        counts.failures.push(title);
      } else {
        counts.skipped += 1;
        counts.skips.push(title);
      }
    }
    if (file.status === 'failed' && counts.failed === failedBefore) {
      counts.failed += 1;
      counts.failures.push(`${name}: ${file.name}: ${firstLine(file.message)}`);
    }
  }
  if (report.success === false && counts.failed === 0) {
    counts.failed += 1;
    counts.failures.push(`${name}: vitest failed outside of every test`);
  }
  return counts;
}

/** @param {string | undefined} text */
function firstLine(text) {
  return (text ?? '').split('\n', 1)[0] || 'failed before its first test';
}

/**
 * All reports of the tasks that ran. A workspace that has the script and left no report counts as one failure.
 *
 * @param {string} root
 * @param {readonly ('test' | 'test:native')[]} tasks
 * @returns {Counts}
 */
export function collectReports(root, tasks) {
  /** @type {Counts} */
  const sum = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  for (const folder of workspaceFolders(root)) {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const task of tasks) {
      if (manifest.scripts?.[task] === undefined) continue;
      const file = join(folder, '.report', REPORTS[task]);
      if (existsSync(file)) addCounts(sum, countReport(JSON.parse(readFileSync(file, 'utf8')), manifest.name));
      else addCounts(sum, stepCounts([{ name: `${manifest.name} ${task}`, status: 'failed', detail: 'no report' }]));
    }
  }
  return sum;
}

/**
 * @param {readonly Step[]} steps
 * @returns {Counts}
 */
export function stepCounts(steps) {
  /** @param {string} status */
  const named = (status) =>
    steps
      .filter((step) => step.status === status)
      .map((step) => (step.detail === undefined ? step.name : `${step.name}: ${step.detail}`));
  const failures = named('failed');
  const skips = named('skipped');
  const passed = steps.length - failures.length - skips.length;
  return { passed, failed: failures.length, skipped: skips.length, failures, skips };
}

/**
 * @param {Counts} sum changed in place
 * @param {Counts} more
 */
export function addCounts(sum, more) {
  sum.passed += more.passed;
  sum.failed += more.failed;
  sum.skipped += more.skipped;
  sum.failures.push(...more.failures);
  sum.skips.push(...more.skips);
}

/**
 * Prints names of what failed and what was skipped, then the closing line.
 *
 * @param {Counts} counts
 * @returns {number} the exit code: 1 on any failure, and when nothing passed at all
 */
export function printSummary(counts) {
  printNames('skipped', counts.skips);
  printNames('failed', counts.failures);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0;
}

/**
 * @param {string} title
 * @param {readonly string[]} names
 */
function printNames(title, names) {
  for (const name of names.slice(0, NAMES_SHOWN)) console.log(`${title}: ${name}`);
  if (names.length > NAMES_SHOWN) console.log(`${title}: and ${names.length - NAMES_SHOWN} more`);
}
