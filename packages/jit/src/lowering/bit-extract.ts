/** Shifts by constants, zero-extensions and contiguous masks as one thing, so that two in a row are one. */

/**
 * Bits of a register, moved: bit i of the result is bit (i + rotate) mod 64 of the source for i from first to last, and
 * 0 elsewhere. Bit 0 is the most significant.
 */
export interface Extract {
  readonly source: number;
  readonly first: number;
  readonly last: number;
  readonly rotate: number;
  /** Only bits 32 to 63 of the result are so; the upper half is what it was. */
  readonly low?: boolean;
}

/**
 * `second` of what `first` computes, as one; undefined when it selects nothing, both ends of a rotated value, or what
 * `first` leaves as it was.
 */
export function composeExtracts(first: Extract, second: Extract): Extract | undefined {
  // Bits of the intermediate value that are read, without wrapping around.
  const shift = second.first + second.rotate >= 64 ? second.rotate - 64 : second.rotate;
  const start = second.first + shift;
  if (second.last + shift > 63 || (first.low === true && start < 32)) return undefined;
  const from = Math.max(start, first.first) - shift;
  const to = Math.min(second.last + shift, first.last) - shift;
  if (from > to) return undefined;
  return { source: first.source, first: from, last: to, rotate: (first.rotate + second.rotate) & 63, low: false };
}
