/** `npm run bench -- executed`: how many instructions other CPUs execute, under QEMU. */
import { targetsByList } from '@polybpf/targets';
import type { BenchOptions } from './src/bench-options.ts';
import { benchExecuted, type ExecutedTarget } from './src/executed/bench-executed.ts';
import { executedSections } from './src/executed/executed-report.ts';
import { openQemuCounter } from './src/executed/qemu-counter.ts';
import { readKernelSizes, sharedFolder } from './src/kernel-sizes.ts';
import { loadWorkloads } from './src/load-workloads.ts';
import { formatTable, type Print } from './src/table.ts';

export interface ExecutedReport {
  readonly origin: 'shared' | 'examples';
  readonly targets: readonly ExecutedTarget[];
}

/** Most instructions, of those that the kernel's code executes: geometric mean. */
export const EXECUTED_BAR = 0.9;

/** Counts and prints; `ok` when all targets are below the bar and all results right. */
export function runExecuted(options: BenchOptions, print: Print): { ok: boolean; report: ExecutedReport } {
  const { origin, workloads } = loadWorkloads(sharedFolder());
  using counter = openQemuCounter();
  const targets = benchExecuted(targetsByList(options.targets), workloads, readKernelSizes(), counter);
  const sections = executedSections(targets);
  for (const { title, rows } of sections) print(`\n${title}\n\n${formatTable(rows)}`);
  const missed = targets.filter(({ ratio = 0, rows }) => ratio > EXECUTED_BAR || rows.some(({ wrong }) => wrong !== undefined)); // prettier-ignore
  const verdict = missed.length === 0 ? 'all within the bar' : `missed by ${missed.map(({ target }) => target).join(', ')}`; // prettier-ignore
  print(`\nat most ${EXECUTED_BAR} of what the kernel's code executes: ${verdict}`);
  return { ok: missed.length === 0, report: { origin, targets } };
}
