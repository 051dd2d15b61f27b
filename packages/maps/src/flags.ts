/** 64-bit arguments as numbers. */
import type { Flags } from './guest-map.ts';

const HUGE = 2 ** 52;

/**
 * Exact below 2^52; above, a number of that size with the same lower 32 bits. Negative numbers stand for the unsigned 64-bit
 * value that they are in a register.
 */
export function flagNumber(flags: Flags): number {
  if (typeof flags === 'number' && flags >= 0 && flags < HUGE) return flags;
  const unsigned = BigInt.asUintN(64, BigInt(flags));
  return unsigned < BigInt(HUGE) ? Number(unsigned) : HUGE + Number(BigInt.asUintN(32, unsigned));
}

/** The lower 32 bits, signed: for single bits of arguments whose other bits do not matter. */
export function lowBits(flags: Flags): number {
  return Number(BigInt.asIntN(32, BigInt(flags)));
}
