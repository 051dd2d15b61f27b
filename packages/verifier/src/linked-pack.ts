/**
 * Up to {@link LINKED_MAX} registers that share an id, packed in two words for the history: a count in the low
 * three bits of the first word, then entries of 10 bits: frame (3), register or slot (6), whether it is a register (1).
 */

/** More than these lose their id (kernel: LINKED_REGS_MAX). */
export const LINKED_MAX = 6;

const FIRST_WORD = 2;

/** Packs an entry. */
export function packLinked(frame: number, index: number, isRegister: boolean): number {
  return frame | (index << 3) | (isRegister ? 512 : 0);
}

export function linkedFrame(entry: number): number {
  return entry & 7;
}

export function linkedIndex(entry: number): number {
  return (entry >> 3) & 63;
}

export function linkedIsRegister(entry: number): boolean {
  return (entry & 512) !== 0;
}

/** Number of entries in a packed pair; its first word is never 0 when there are some. */
export function linkedCount(low: number): number {
  return low & 7;
}

/** Entry `i` of a packed pair. */
export function linkedEntry(low: number, high: number, i: number): number {
  if (i < FIRST_WORD) return (low >>> (3 + 10 * i)) & 1023;
  if (i < FIRST_WORD + 3) return (high >>> (10 * (i - FIRST_WORD))) & 1023;
  // The sixth has its low 9 bits in the first word and its last in the second.
  return ((low >>> 23) & 511) | (((high >>> 30) & 1) * 512);
}

/** First word of a pair. */
export function packLow(entries: Int32Array, count: number): number {
  let low = count;
  for (let i = 0; i < Math.min(count, FIRST_WORD); i++) low |= entries[i]! << (3 + 10 * i);
  if (count === LINKED_MAX) low |= (entries[5]! & 511) << 23;
  return low;
}

/** Second word of a pair. */
export function packHigh(entries: Int32Array, count: number): number {
  let high = 0;
  for (let i = FIRST_WORD; i < Math.min(count, FIRST_WORD + 3); i++) high |= entries[i]! << (10 * (i - FIRST_WORD));
  if (count === LINKED_MAX) high |= (entries[5]! >> 9) << 30;
  return high;
}
