/**
 * Repetition. Everything that is compared is measured in turn, round by round, so that a slow minute of the host hits all
 * alike; the first rounds only warm up.
 */
import { clockStepNs, cpuNs, wallNs } from './clock.ts';
import { type Summary, summarise } from './statistics.ts';

/** Something to time. */
export interface Case<Name extends string = string> {
  readonly name: Name;
  /** Does the work once and returns its cost in nanoseconds, by its own clock or {@link timed}. */
  readonly run: () => number;
}

export interface Rounds {
  readonly warmUp: number;
  readonly measured: number;
}

/** Runs all cases in turn, round after round. */
export function interleave(cases: readonly Case[], rounds: Rounds): Map<string, Summary> {
  const samples = new Map<string, number[]>(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds.warmUp + rounds.measured; round++) {
    for (const { name, run } of cases) {
      const cost = run();
      if (round >= rounds.warmUp) samples.get(name)!.push(cost);
    }
  }
  return new Map([...samples].map(([name, costs]) => [name, summarise(costs)]));
}

/**
 * Nanoseconds that `work` takes, per call, when it is called so often that it takes at least `atLeastMs`: the lesser of
 * wall time and the CPU time of this process. Both are at least what the work took; the former also counts the time that
 * other processes had the CPU, the latter the helper threads of the engine. A browser has wall time only.
 */
export function timed(work: () => void, atLeastMs = 0): number {
  let calls = 0;
  const cpuStart = cpuNs();
  const start = wallNs();
  const limit = start + atLeastMs * 1e6;
  let now: number;
  do {
    work();
    calls++;
    now = wallNs();
  } while (now < limit);
  const cpu = cpuStart === undefined ? Infinity : cpuNs()! - cpuStart;
  return Math.min(now - start, cpu) / calls;
}

/** Clocks with greater steps cannot time one short call. */
const FINE_STEP_NS = 2000;
let isFine: boolean | undefined;

/**
 * A timer of single calls of `work` without the `prepare` that goes before each: the least of them, or, where the clock is too
 * coarse for single calls, both together many times, less the least that `prepare` alone has taken so far.
 */
export function aloneTimer(prepare: () => void, work: () => void, atLeastMs: number): () => number {
  let leastPrepare = Infinity;
  return () => {
    isFine ??= clockStepNs() <= FINE_STEP_NS;
    if (!isFine) {
      leastPrepare = Math.min(leastPrepare, timed(prepare, atLeastMs / 2));
      return Math.max(0, timed(() => (prepare(), work()), atLeastMs) - leastPrepare);
    }
    let best = Infinity;
    timed(() => {
      prepare();
      best = Math.min(best, timed(work));
    }, atLeastMs);
    return best;
  };
}

/** How often something that takes `ns` must be repeated to take `targetNs`. */
export function repeatsFor(ns: number, targetNs: number, limit = 1_000_000): number {
  return Math.max(1, Math.min(limit, Math.ceil(targetNs / Math.max(1, ns))));
}
