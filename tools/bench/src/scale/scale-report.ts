/** Large programs as tables, one for each shape. */
import type { Section } from '../speed-report.ts';
import { formatNumber } from '../table.ts';
import { growthOf, type ScaleRow } from './bench-scale.ts';

/** The rows as tables. */
export function scaleSections(rows: readonly ScaleRow[]): Section[] {
  return [...new Set(rows.map(({ shape }) => shape))].map((shape) => {
    const own = rows.filter((row) => row.shape === shape);
    const sizes = own.find(({ samples }) => samples.length > 0)?.samples.map(({ size }) => size) ?? [];
    const head = ['stage', ...sizes.map((size) => `${thousands(size)}: ms, MB`), 'ns an instruction', 'growth'];
    return { title: `large programs: ${shape}`, rows: [head, ...own.map((row) => cells(row, sizes.length))] };
  });
}

function cells(row: ScaleRow, count: number): string[] {
  const { stage, samples, failure } = row;
  const measured = Array.from({ length: count }, (_, i) => {
    const sample = samples[i];
    if (sample === undefined) return '-';
    return sample.refused === undefined ? `${sample.ms.toFixed(0)}, ${sample.peakMb.toFixed(0)}` : 'refused';
  });
  const last = samples.at(-1);
  if (failure !== undefined || last === undefined) return [stage, ...measured, failure ?? '-', '-'];
  if (last.refused !== undefined) return [stage, ...measured, last.refused, '-'];
  return [stage, ...measured, formatNumber((last.ms * 1e6) / last.size), formatNumber(growthOf(row))];
}

function thousands(size: number): string {
  return `${Math.round(size / 1000)} k`;
}
