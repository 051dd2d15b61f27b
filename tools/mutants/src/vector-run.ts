/** What the runner asks of a worker process and what it hears back. */
import type { EngineName } from './mutant.ts';

/** Vectors to run on one engine; no list means all of them. */
export interface VectorRun {
  readonly engine: EngineName;
  readonly vectors?: readonly string[];
}

/** What a worker is told, as JSON in its first argument. */
export interface WorkerTask {
  /** Folder of the vectors. */
  readonly suite: string;
  readonly runs: readonly VectorRun[];
}

/** One line of a worker's output, as JSON. */
export interface VectorOutcome {
  readonly engine: EngineName;
  readonly vector: string;
  /** `missing`: nothing runs code of this CPU here. */
  readonly status: 'passed' | 'failed' | 'skipped' | 'missing';
  readonly detail?: string;
}

/** First line of a worker's output: its modules have loaded, so that what follows is the vectors' doing. */
export const LOADED = 'loaded';
