/** Instructions that CPUs execute, as tables. */
import type { Section } from '../speed-report.ts';
import type { ExecutedTarget } from './bench-executed.ts';

/** An overview, then ours / kernel of every workload, then the instructions of the CPU for one of BPF. */
export function executedSections(targets: readonly ExecutedTarget[]): Section[] {
  const names = targets[0]?.rows.map(({ name }) => name) ?? [];
  const table = (value: (row: ExecutedTarget['rows'][number]) => string): string[][] => [
    ['workload', ...targets.map(({ target }) => target)],
    ...names.map((name) => [name, ...targets.map(({ rows }) => value(rows.find((row) => row.name === name)!))]),
  ];
  const perInsn = ({ ours, insns, wrong }: ExecutedTarget['rows'][number]): string =>
    wrong !== undefined ? 'WRONG' : ours === undefined ? '-' : (ours / insns).toFixed(2);
  const ratio = ({ ours, kernel }: ExecutedTarget['rows'][number]): string =>
    ours === undefined || kernel === undefined ? '-' : (ours / kernel).toFixed(2);
  const mean = ['geometric mean', ...targets.map((target) => target.ratio?.toFixed(3) ?? '-')];
  const reasons = new Map<string, string[]>();
  for (const { target, rows } of targets) {
    for (const { name, missing } of rows) {
      if (missing === undefined) continue;
      reasons.set(missing, [...(reasons.get(missing) ?? []), `${name} on ${target}`]);
    }
  }
  const sections: Section[] = [
    { title: "instructions executed: ours / the kernel's one-to-one code", rows: [...table(ratio), mean] },
    { title: 'instructions executed for one of BPF', rows: table(perInsn) },
  ];
  if (reasons.size === 0) return sections;
  const left = [...reasons].map(([reason, where]) => [reason, where.join(', ')]);
  return [...sections, { title: 'left out', rows: [['why', 'where'], ...left] }];
}
