/** Comparisons of 64-bit numbers that are held as two int32 words, high word first in the arguments. */

/** a < b, unsigned. */
export function ult(ah: number, al: number, bh: number, bl: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;
}

/** a < b, signed. */
export function slt(ah: number, al: number, bh: number, bl: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah < bh;
}

/** Number of bits up to and with the highest one set (kernel: fls64). */
export function bitWidth(high: number, low: number): number {
  return high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
}

/** The unsigned number in the two words at `at`, low first. */
export function toUnsigned(words: Int32Array, at: number): bigint {
  return (BigInt(words[at + 1]! >>> 0) << 32n) | BigInt(words[at]! >>> 0);
}

/** The signed number in the two words at `at`, low first. */
export function toSigned(words: Int32Array, at: number): bigint {
  return (BigInt(words[at + 1]!) << 32n) | BigInt(words[at]! >>> 0);
}

/** The signed number as a double: exact up to 2^53. */
export function toDouble(words: Int32Array, at: number): number {
  return words[at + 1]! * 4294967296 + (words[at]! >>> 0);
}

/** The unsigned number as a double: exact up to 2^53. */
export function toUnsignedDouble(words: Int32Array, at: number): number {
  return (words[at + 1]! >>> 0) * 4294967296 + (words[at]! >>> 0);
}

/** Stores a signed 53-bit number in the two words at `at`. */
export function putDouble(words: Int32Array, at: number, value: number): void {
  words[at] = value | 0;
  words[at + 1] = Math.floor(value / 4294967296) | 0;
}
