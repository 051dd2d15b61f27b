/** Whether a mutant is killed: the same run with and without it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { isVectorKiller, mutated, type Mutant, occurrences, type VectorKiller } from './mutant.ts';
import { runTests } from './test-process.ts';
import { bundleWorker, runWorker } from './vector-process.ts';
import type { VectorOutcome, VectorRun } from './vector-run.ts';

/**
 * - `killed`: the run passes without the mutant and fails with it
 * - `survived`: it passes with the mutant as well
 * - `stale`: the text to replace does not occur just once
 * - `invalid`: the mutant, or the run without it, proves nothing: it does not compile or load, the vector fails anyway
 * - `skipped`: nothing runs the vector here
 */
export type VerdictKind = 'killed' | 'survived' | 'stale' | 'invalid' | 'skipped';

export interface Verdict {
  readonly mutant: Mutant;
  readonly kind: VerdictKind;
  readonly detail: string;
}

/** Where everything is. */
export interface Laboratory {
  /** The repository. */
  readonly root: string;
  /** The copy of its packages. */
  readonly copy: string;
}

const VECTOR_SECONDS = 60;
const TEST_SECONDS = 180;
const BASELINE_SECONDS = 600;
const SURVEY_SECONDS = 600;

/** The killer's name, for people. */
export function describeKiller(killer: Mutant['killedBy']): string {
  return isVectorKiller(killer) ? `${killer.vector} on ${killer.engine}` : `${killer.test}, ${killer.name}`;
}

/** Outcomes of vectors without any mutant, by engine and name. */
export type Baseline = ReadonlyMap<string, VectorOutcome>;

const keyOf = ({ engine, vector }: VectorKiller): string => `${engine} ${vector}`;

/** Runs the vectors of all mutants against the sources as they are. */
export async function runBaseline({ root, copy }: Laboratory, mutants: readonly Mutant[]): Promise<Baseline> {
  const killers = mutants.map(({ killedBy }) => killedBy).filter(isVectorKiller);
  const engines = [...new Set(killers.map(({ engine }) => engine))];
  const runs = engines.map((engine): VectorRun => {
    const own = killers.filter((killer) => killer.engine === engine);
    return { engine, vectors: [...new Set(own.map(({ vector }) => vector))] };
  });
  const bundle = await bundleWorker(copy, 'baseline');
  const task = { suite: join(root, 'test-vectors'), runs };
  const { outcomes, trouble } = await runWorker(bundle, task, BASELINE_SECONDS);
  if (trouble !== undefined) throw new Error(`without a mutant: ${trouble}`);
  return new Map(outcomes.map((outcome) => [keyOf(outcome), outcome]));
}

/** The mutant's source, or the verdict that there is none. */
function seed({ copy }: Laboratory, mutant: Mutant): string | Verdict {
  const source = readFileSync(join(copy, mutant.file), 'utf8');
  const contents = mutated(source, mutant);
  if (contents !== undefined) return contents;
  const count = occurrences(source, mutant.find);
  return { mutant, kind: 'stale', detail: `text not found once in ${mutant.file}, but ${count} times` };
}

/** Applies one mutant whose killer is a vector. */
export async function judgeByVector(
  lab: Laboratory,
  mutant: Mutant,
  killer: VectorKiller,
  baseline: Baseline,
): Promise<Verdict> {
  // prettier-ignore
  const contents = seed(lab, mutant);
  if (typeof contents !== 'string') return contents;
  const before = baseline.get(keyOf(killer));
  if (before?.status === 'missing') return { mutant, kind: 'skipped', detail: before.detail ?? '' };
  if (before?.status !== 'passed') {
    const why = before === undefined ? 'it did not run' : `${before.status}: ${before.detail}`;
    return { mutant, kind: 'invalid', detail: `without the mutant, ${describeKiller(killer)} does not pass: ${why}` };
  }
  let bundle: string;
  try {
    bundle = await bundleWorker(lab.copy, mutant.id, { file: mutant.file, contents });
  } catch (error) {
    return { mutant, kind: 'invalid', detail: `does not compile: ${(error as Error).message}` };
  }
  const task = { suite: join(lab.root, 'test-vectors'), runs: [{ engine: killer.engine, vectors: [killer.vector] }] };
  const { outcomes, loaded, trouble } = await runWorker(bundle, task, VECTOR_SECONDS);
  if (!loaded) return { mutant, kind: 'invalid', detail: `the sources do not load: ${trouble}` };
  const [after] = outcomes;
  if (after === undefined) return { mutant, kind: 'killed', detail: trouble ?? 'ended without a result' };
  const detail = after.detail ?? '';
  if (after.status === 'failed') return { mutant, kind: 'killed', detail };
  return { mutant, kind: 'survived', detail: after.status === 'passed' ? '' : `${after.status}: ${detail}` };
}

/** Applies one mutant whose killer is a test. The copy's file is put back afterwards. */
export async function judgeByTest(lab: Laboratory, mutant: Mutant): Promise<Verdict> {
  const killer = mutant.killedBy;
  if (isVectorKiller(killer)) throw new Error(`${mutant.id} is killed by a vector`);
  const contents = seed(lab, mutant);
  if (typeof contents !== 'string') return contents;
  try {
    await transform(contents, { loader: 'ts' });
  } catch (error) {
    return { mutant, kind: 'invalid', detail: `does not compile: ${(error as Error).message}` };
  }
  const before = await runTests(lab.root, lab.copy, killer, TEST_SECONDS);
  if (before.failed > 0 || before.passed === 0) {
    const why = before.failed > 0 ? 'fails' : 'does not run';
    return { mutant, kind: 'invalid', detail: `without the mutant, ${describeKiller(killer)} ${why}: ${before.detail ?? ''}` }; // prettier-ignore
  }
  const path = join(lab.copy, mutant.file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(path, contents);
  try {
    const after = await runTests(lab.root, lab.copy, killer, TEST_SECONDS);
    // A test file may also fail as a whole, where it loads its inputs.
    if (after.failed > 0 || after.passed === 0) return { mutant, kind: 'killed', detail: after.detail ?? '' };
    return { mutant, kind: 'survived', detail: '' };
  } finally {
    writeFileSync(path, source);
  }
}

/** Runs all of `test-vectors/` on one engine with a mutant: names of the vectors that fail, with what they got. */
export async function survey(lab: Laboratory, mutant: Mutant, engine: VectorKiller['engine']): Promise<string[]> {
  const contents = seed(lab, mutant);
  if (typeof contents !== 'string') return [contents.detail];
  const bundle = await bundleWorker(lab.copy, `survey ${mutant.id}`, { file: mutant.file, contents });
  const task = { suite: join(lab.root, 'test-vectors'), runs: [{ engine }] };
  const { outcomes, trouble } = await runWorker(bundle, task, SURVEY_SECONDS);
  const failed = outcomes.filter(({ status }) => status === 'failed');
  return [
    ...failed.map(({ vector, detail }) => `${vector}: ${detail}`),
    ...(trouble === undefined ? [] : [`after ${outcomes.length} vectors: ${trouble}`]),
  ];
}
