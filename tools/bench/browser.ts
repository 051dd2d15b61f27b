/** `npm run bench -- browser`: the page, and what it measures in headless Chromium. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromiumProblem, openPage } from '@polybpf-tools/target-tests/chromium';
import { BpfError } from '@polybpf/errors';
import { printSpeed } from './speed.ts';
import type { BenchOptions } from './src/bench-options.ts';
import { buildPage } from './src/build-page.ts';
import { sharedFolder } from './src/kernel-sizes.ts';
import { loadWorkloads } from './src/load-workloads.ts';
import type { SpeedReport } from './src/speed-report.ts';
import type { Print } from './src/table.ts';

const DEFAULT_PAGE: string = fileURLToPath(new URL('./.report/bench.html', import.meta.url));
const TIMEOUT_MS = 900_000;

/** Writes the page; without `--page` also measures with it. */
export async function runBrowser(
  options: Pick<BenchOptions, 'page' | 'quick'>,
  print: Print,
): Promise<{ ok: boolean; report?: SpeedReport; wrong?: boolean }> {
  const file = options.page ?? DEFAULT_PAGE;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, await buildPage(loadWorkloads(sharedFolder())));
  print(`page: ${pathToFileURL(file).href}`);
  if (options.page !== undefined) return { ok: true };
  const problem = chromiumProblem();
  if (problem !== undefined) throw new BpfError('E_UNSUPPORTED', `measuring in a browser: ${problem}`);
  const report = await measure(pathToFileURL(file).href, options.quick);
  const ok = printSpeed(report, print);
  return { ok, report, wrong: [...(report.wasm ?? []), ...(report.interpreter ?? [])].some((row) => row.wrong) };
}

async function measure(url: string, isQuick: boolean): Promise<SpeedReport> {
  await using open = await openPage();
  await open.page.goto(`${url}?${isQuick ? 'quick' : 'thorough'}`);
  await open.page.waitForFunction(`/^(done|failed)/.test(document.getElementById('status').textContent)`, undefined, { timeout: TIMEOUT_MS }); // prettier-ignore
  const status = await open.page.textContent('#status');
  if (status?.startsWith('done') !== true) {
    throw new Error(`the page of the bench: ${status} ${open.problems.join('; ')}`);
  }
  return JSON.parse((await open.page.textContent('#json'))!) as SpeedReport;
}
