/**
 * Bob Jenkins' lookup3 as the kernel uses it for hash and Bloom filter maps (include/linux/jhash.h); public domain
 * algorithm of burtleburtle.net/bob/c/lookup3.c. Words are read in the guest's byte order.
 */
const INITIAL = 0xdeadbeef;

/** Hash of a key: the form for words when its size is a multiple of 4 (kernel: `htab_map_hash`). Unsigned 32 bits. */
export function jhashKey(key: Uint8Array, seed: number, littleEndian: boolean): number {
  const length = key.length;
  const words = length % 4 === 0;
  const start = (INITIAL + (words ? (length >>> 2) << 2 : length) + seed) | 0;
  let a = start;
  let b = start;
  let c = start;
  let at = 0;
  let rest = length;
  // Both forms keep the last 12 bytes, or fewer, for the final mix.
  while (rest > 12) {
    a = (a + word(key, at, littleEndian)) | 0;
    b = (b + word(key, at + 4, littleEndian)) | 0;
    c = (c + word(key, at + 8, littleEndian)) | 0;
    a = (a - c) ^ rotate(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ rotate(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 4);
    b = (b + a) | 0;
    at += 12;
    rest -= 12;
  }
  if (rest === 0) return c >>> 0;
  if (words) {
    if (rest >= 12) c = (c + word(key, at + 8, littleEndian)) | 0;
    if (rest >= 8) b = (b + word(key, at + 4, littleEndian)) | 0;
    a = (a + word(key, at, littleEndian)) | 0;
  } else {
    // The last bytes are added one by one, the first as the lowest, on hosts of either byte order.
    for (let i = 0; i < rest; i++) {
      const shifted = key[at + i]! << (8 * (i & 3));
      if (i < 4) a = (a + shifted) | 0;
      else if (i < 8) b = (b + shifted) | 0;
      else c = (c + shifted) | 0;
    }
  }
  c = (c ^ b) - rotate(b, 14);
  a = (a ^ c) - rotate(c, 11);
  b = (b ^ a) - rotate(a, 25);
  c = (c ^ b) - rotate(b, 16);
  a = (a ^ c) - rotate(c, 4);
  b = (b ^ a) - rotate(a, 14);
  c = (c ^ b) - rotate(b, 24);
  return c >>> 0;
}

function word(bytes: Uint8Array, at: number, littleEndian: boolean): number {
  return littleEndian
    ? bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    : (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
