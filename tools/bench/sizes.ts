/** `npm run bench -- sizes`: bytes of code per class and program, beside what Linux JITs emit. */
import { targetsByList } from '@polybpf/targets';
import type { BenchOptions } from './src/bench-options.ts';
import { compareSizes, type SizeRow, type TargetSizes } from './src/compare-sizes.ts';
import { readKernelSizes } from './src/kernel-sizes.ts';
import { formatTable, type Print } from './src/table.ts';

export interface SizesReport {
  readonly targets: readonly TargetSizes[];
}

/** Measures all targets and prints the comparison; `ok` when no class is larger than the kernel's. */
export function runSizes(
  options: Pick<BenchOptions, 'larger' | 'targets'>,
  print: Print,
): { ok: boolean; report: SizesReport } {
  const table = readKernelSizes();
  const targets = targetsByList(options.targets)
    .filter((target) => table.kernels[target.name] !== undefined)
    .map((target) => compareSizes(target, table));
  for (const sizes of targets) printSizes(sizes, options.larger, print);
  return { ok: targets.every((sizes) => sizes.larger.length === 0), report: { targets } };
}

function printSizes(sizes: TargetSizes, onlyLarger: boolean, print: Print): void {
  print(`\n${sizes.target}, beside the JIT of Linux ${sizes.kernel}\n`);
  if (!onlyLarger) print(formatTable([HEAD, ...sizes.rows.map(cells)]));
  if (sizes.rows.some(({ added }) => added > 0)) {
    print('\nn+m: measured without verifier, m bytes are the tests for zero and -1 that it adds to a division');
  }
  for (const { reason, names } of gapsByReason(sizes)) print(`\nnot compared, ${reason}: ${names.join(' ')}`);
  const classes = sizes.rows.filter((row) => row.kind === 'class');
  if (sizes.larger.length === 0) print(`\n${classes.length} classes, none larger than the kernel's`);
  else {
    print(`\n${sizes.larger.length} of ${classes.length} classes larger than the kernel's:`);
    print(formatTable([HEAD, ...sizes.larger.map(cells)]));
  }
  const programs = sizes.rows.length - classes.length;
  print(`${programs} whole programs: ${sizes.programRatio.toFixed(3)} of the kernel's bytes (geometric mean)`);
}

const HEAD: readonly string[] = ['class', 'bytes', 'kernel', 'ratio'];

function cells({ name, ours, kernel, added, kernelInsns }: SizeRow): string[] {
  const expanded = kernelInsns > 1 ? ` (${kernelInsns} insns)` : '';
  const theirs = added === 0 ? String(kernel) : `${kernel - added}+${added}`;
  return [name + expanded, formatSize(ours), theirs, kernel === 0 ? '-' : (ours / kernel).toFixed(2)];
}

function formatSize(bytes: number): string {
  return Number.isInteger(bytes) ? String(bytes) : bytes.toFixed(2);
}

function gapsByReason({ gaps }: TargetSizes): { reason: string; names: string[] }[] {
  const byReason = new Map<string, string[]>();
  for (const { name, reason } of gaps) byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  return [...byReason].map(([reason, names]) => ({ reason, names }));
}
