/** What is said about repeated measurements. */

/** Minimum, median and spread of samples. */
export interface Summary {
  readonly min: number;
  readonly median: number;
  /** (median - min) / min: 0 for a quiet machine. */
  readonly spread: number;
  readonly count: number;
}

/**
 * Summarises samples.
 *
 * @throws RangeError without samples
 */
export function summarise(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  const min = sorted[0]!;
  return { min, median, spread: min === 0 ? 0 : (median - min) / min, count: sorted.length };
}

/** The geometric mean; NaN without values. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
