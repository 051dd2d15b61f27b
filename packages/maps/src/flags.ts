/** 64-bit arguments as numbers. */
import type { Flags } from './guest-map.ts';

/** Exact up to 2^53, infinite above; negative numbers as the unsigned 64-bit value that they are in a register. */
export function flagNumber(flags: Flags): number {
  if (typeof flags === 'number' && flags >= 0) return flags;
  const unsigned = BigInt.asUintN(64, BigInt(flags));
  return unsigned <= 0x1f_ffff_ffff_ffffn ? Number(unsigned) : Number.POSITIVE_INFINITY;
}

/** The lower 32 bits, signed: for single bits of arguments whose other bits do not matter. */
export function lowBits(flags: Flags): number {
  return Number(BigInt.asIntN(32, BigInt(flags)));
}
