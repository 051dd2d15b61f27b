/** `npm run bench -- scale`: programs of up to a million instructions. */
import type { BenchOptions } from './src/bench-options.ts';
import { benchScale, growthOf, type ScaleRow } from './src/scale/bench-scale.ts';
import { STAGES } from './src/scale/stages.ts';
import { scaleSections } from './src/scale/scale-report.ts';
import { formatTable, type Print } from './src/table.ts';
import { targetsByList } from '@polybpf/targets';

export interface ScaleReport {
  readonly rows: readonly ScaleRow[];
}

const SIZES = [100_000, 300_000, 1_000_000];
const QUICK_SIZES = [10_000, 30_000, 100_000];
/** Most that one instruction may take more in the largest program than in that before. */
export const GROWTH_BAR = 2;

/** Measures and prints; `ok` when everything grows as the programs do. */
export function runScale(options: BenchOptions, print: Print): { ok: boolean; report: ScaleReport } {
  const wanted = new Set(targetsByList(options.targets).map(({ name }) => name));
  const all = new Set(targetsByList('all').map(({ name }) => name));
  const stages = new Set(STAGES.map(({ name }) => name).filter((name) => !all.has(name) || wanted.has(name)));
  const rows = benchScale(options.quick ? QUICK_SIZES : SIZES, stages, (what) => console.error(`measuring: ${what}`));
  for (const { title, rows: lines } of scaleSections(rows)) print(`\n${title}\n\n${formatTable(lines)}`);
  const bad = rows.filter((row) => row.failure !== undefined || growthOf(row) > GROWTH_BAR);
  for (const { shape, stage, failure } of bad) print(`\nnot linear: ${shape}, ${stage}${failure === undefined ? '' : `: ${failure}`}`); // prettier-ignore
  return { ok: bad.length === 0, report: { rows } };
}
