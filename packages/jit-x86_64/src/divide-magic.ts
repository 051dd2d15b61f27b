/**
 * Division by a constant as multiplication (Granlund, Montgomery: Division by invariant integers using multiplication,
 * PLDI 1994, theorem 4.2): for every x below 2^bits, floor(x / d) = floor(x * m / 2^(bits + s)) when
 * 2^(bits + s) <= m * d <= 2^(bits + s) + 2^s.
 */

/** A multiplier of up to 64 bits and the shift behind its high product. */
export interface Magic {
  readonly low: number;
  readonly high: number;
  readonly shift: number;
}

/**
 * The smallest multiplier for `divisor` (2 to 2^32 - 1) that fits in `bits`; undefined when there is none, which is so
 * for about a quarter of the divisors.
 */
export function magicOf(bits: 32 | 64, divisor: number): Magic | undefined {
  // quotient and remainder of 2^k / divisor, k counted up; the quotient in two 32-bit halves
  let high = 0;
  let low = 0;
  let remainder = 1;
  for (let k = 1; k <= bits + 31; k++) {
    remainder *= 2;
    const bit = remainder >= divisor ? 1 : 0;
    if (bit === 1) remainder -= divisor;
    high = high * 2 + (low >= 0x80000000 ? 1 : 0);
    low = ((low << 1) | bit) >>> 0;
    if (bits === 32 ? high > 0 : high > 0xffffffff) return undefined;
    if (k >= bits && divisor - remainder <= 2 ** (k - bits)) {
      // m = quotient + 1
      const carry = low === 0xffffffff ? 1 : 0;
      if (high + carry > (bits === 32 ? 0 : 0xffffffff)) return undefined;
      return { low: (low + 1) >>> 0, high: high + carry, shift: k - bits };
    }
  }
  return undefined;
}
