/** Numbers as immediate fields and pairs of words have them: what lowerings ask of constants. */

export const isSigned12 = (value: number): boolean => value >= -2048 && value <= 2047;
export const isUnsigned12 = (value: number): boolean => value >= 0 && value <= 4095;
export const isSigned16 = (value: number): boolean => value >= -0x8000 && value <= 0x7fff;
export const isUnsigned16 = (value: number): boolean => value >= 0 && value <= 0xffff;

/** Low 12 bits, sign-extended: what an addition or an access puts on top of an upper part. */
export const low12 = (value: number): number => (value << 20) >> 20;
/** The same of 16 bits. */
export const low16 = (value: number): number => (value << 16) >> 16;

/** An immediate as a store of `width` bits keeps it, sign-extended (RFC 9669 sec. 5.1). */
export function storedImmediate(imm: number, width: number): number {
  return width === 8 ? (imm << 24) >> 24 : width === 16 ? low16(imm) : imm;
}

/** n for 2^n in the 32 bits of a number, else -1. */
export function powerOf(bits: number): number {
  return bits !== 0 && (bits & (bits - 1)) === 0 ? 31 - Math.clz32(bits) : -1;
}

/** First and last bit, 0 the least significant, when the ones of 32 bits stand side by side; undefined for others and 0. */
export function runOf(bits: number): readonly [first: number, last: number] | undefined {
  if (bits === 0) return undefined;
  const first = 31 - Math.clz32(bits & -bits);
  // Only a power of two is left when one is added to the lowest of them; beyond bit 31 it is 0.
  const above = ((bits >>> first) + 1) | 0;
  return (above & (above - 1)) === 0 ? [first, 31 - Math.clz32(bits)] : undefined;
}

/** Trailing zeros of 64 bits that are not all 0. */
export function trailingZeros64(high: number, low: number): number {
  return low !== 0 ? 31 - Math.clz32(low & -low) : 63 - Math.clz32(high & -high);
}

/** Leading zeros of 64 bits. */
export function leadingZeros64(high: number, low: number): number {
  return high !== 0 ? Math.clz32(high) : 32 + Math.clz32(low);
}

/** Arithmetic right shift by 0 to 63. */
export function shiftRight64(high: number, low: number, by: number): readonly [high: number, low: number] {
  if (by >= 32) return [high >> 31, high >> (by - 32)];
  return by === 0 ? [high, low] : [high >> by, (low >>> by) | (high << (32 - by))];
}

/**
 * Left shift by 0 to 63.
 *
 * @param fill - what comes in from the right: zeros (0) or ones (-1)
 */
export function shiftLeft64(
  high: number,
  low: number,
  by: number,
  fill: 0 | -1 = 0,
): readonly [high: number, low: number] {
  if (by === 0) return [high, low];
  if (by === 32) return [low, fill];
  if (by > 32) return [(low << (by - 32)) | (fill >>> (64 - by)), fill];
  return [(high << by) | (low >>> (32 - by)), (low << by) | (fill >>> (32 - by))];
}

/** The words of an address, signed. */
export function wordsOf(address: bigint): readonly [high: number, low: number] {
  return [Number(BigInt.asIntN(32, address >> 32n)), Number(BigInt.asIntN(32, address))];
}
