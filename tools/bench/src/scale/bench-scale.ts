/** Large programs through everything: whether time and memory grow as the programs do. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ScaleSample } from './child.ts';
import { SHAPES } from './shapes.ts';
import { STAGES } from './stages.ts';

export interface ScaleRow {
  readonly shape: string;
  readonly stage: string;
  readonly samples: readonly ScaleSample[];
  /** The process ended before it was done: what it said. */
  readonly failure?: string;
}

const CHILD: string = fileURLToPath(new URL('./child.ts', import.meta.url));
/** One stage on all sizes. */
const TIMEOUT_MS = 600_000;

/** Measures every stage on every shape; `stages` limits them. */
export function benchScale(
  sizes: readonly number[],
  stages: ReadonlySet<string>,
  onProgress: (what: string) => void,
): ScaleRow[] {
  return SHAPES.flatMap(({ name: shape }) =>
    STAGES.filter(({ name }) => stages.has(name)).map(({ name: stage }): ScaleRow => {
      onProgress(`${shape}, ${stage}`);
      const args = [...process.execArgv, CHILD, shape, stage, ...sizes.map(String)];
      const { stdout, stderr, status, signal } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: TIMEOUT_MS }); // prettier-ignore
      const samples = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ScaleSample]));
      const failure = `${signal ?? `exit ${status}`}: ${stderr.trim().split('\n').slice(-3).join(' ').slice(0, 300)}`;
      return { shape, stage, samples, ...(status !== 0 && { failure }) };
    }),
  );
}

/**
 * How much more time one instruction takes in the largest program than in the smaller ones, the slowest of which counts: 1 is
 * linear. NaN where the largest was refused.
 */
export function growthOf({ samples }: ScaleRow): number {
  const last = samples.at(-1);
  const before = samples.slice(0, -1).filter(({ refused }) => refused === undefined);
  if (last === undefined || last.refused !== undefined || before.length === 0) return NaN;
  return last.ms / last.size / Math.max(...before.map(({ ms, size }) => ms / size));
}
