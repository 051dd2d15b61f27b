/**
 * Tracked numbers: which bits of a 64-bit value are known (kernel/bpf/tnum.c). Four words: value low, value high, mask
 * low, mask high; a bit that is set in the mask is unknown, and clear in the value.
 *
 * Every function writes its result to `(d, i)` and may be given the same place as an operand.
 */
import { bitWidth, ult } from './word64.ts';

/** Sets a tracked number. */
export function tnumSet(d: Int32Array, i: number, vl: number, vh: number, ml: number, mh: number): void {
  d[i] = vl;
  d[i + 1] = vh;
  d[i + 2] = ml;
  d[i + 3] = mh;
}

/** Copies a tracked number. */
export function tnumCopy(d: Int32Array, i: number, a: Int32Array, k: number): void {
  d[i] = a[k]!;
  d[i + 1] = a[k + 1]!;
  d[i + 2] = a[k + 2]!;
  d[i + 3] = a[k + 3]!;
}

/** Whether all 64 bits are known. */
export function tnumIsConst(a: Int32Array, k: number): boolean {
  return (a[k + 2]! | a[k + 3]!) === 0;
}

/** Sum, modulo 2^64. */
export function tnumAdd(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  const aml = a[k + 2]!;
  const amh = a[k + 3]!;
  const bml = b[n + 2]!;
  const bmh = b[n + 3]!;
  const sml = (aml + bml) | 0;
  const smh = (amh + bmh + (sml >>> 0 < aml >>> 0 ? 1 : 0)) | 0;
  const svl = (a[k]! + b[n]!) | 0;
  const svh = (a[k + 1]! + b[n + 1]! + (svl >>> 0 < a[k]! >>> 0 ? 1 : 0)) | 0;
  const sgl = (sml + svl) | 0;
  const sgh = (smh + svh + (sgl >>> 0 < sml >>> 0 ? 1 : 0)) | 0;
  const mul = (sgl ^ svl) | aml | bml;
  const muh = (sgh ^ svh) | amh | bmh;
  d[i] = svl & ~mul;
  d[i + 1] = svh & ~muh;
  d[i + 2] = mul;
  d[i + 3] = muh;
}

/** Difference, modulo 2^64. */
export function tnumSub(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  const aml = a[k + 2]!;
  const amh = a[k + 3]!;
  const bml = b[n + 2]!;
  const bmh = b[n + 3]!;
  const dvl = (a[k]! - b[n]!) | 0;
  const dvh = (a[k + 1]! - b[n + 1]! - (a[k]! >>> 0 < b[n]! >>> 0 ? 1 : 0)) | 0;
  const all = (dvl + aml) | 0;
  const alh = (dvh + amh + (all >>> 0 < dvl >>> 0 ? 1 : 0)) | 0;
  const bel = (dvl - bml) | 0;
  const beh = (dvh - bmh - (dvl >>> 0 < bml >>> 0 ? 1 : 0)) | 0;
  const mul = (all ^ bel) | aml | bml;
  const muh = (alh ^ beh) | amh | bmh;
  d[i] = dvl & ~mul;
  d[i + 1] = dvh & ~muh;
  d[i + 2] = mul;
  d[i + 3] = muh;
}

/** Negation, modulo 2^64. */
export function tnumNeg(d: Int32Array, i: number, a: Int32Array, k: number): void {
  tnumSub(d, i, ZERO, 0, a, k);
}

const ZERO = new Int32Array(4);

/** Bitwise and. */
export function tnumAnd(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  const vl = a[k]! & b[n]!;
  const vh = a[k + 1]! & b[n + 1]!;
  const ml = (a[k]! | a[k + 2]!) & (b[n]! | b[n + 2]!) & ~vl;
  const mh = (a[k + 1]! | a[k + 3]!) & (b[n + 1]! | b[n + 3]!) & ~vh;
  tnumSet(d, i, vl, vh, ml, mh);
}

/** Bitwise or. */
export function tnumOr(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  const vl = a[k]! | b[n]!;
  const vh = a[k + 1]! | b[n + 1]!;
  const ml = (a[k + 2]! | b[n + 2]!) & ~vl;
  const mh = (a[k + 3]! | b[n + 3]!) & ~vh;
  tnumSet(d, i, vl, vh, ml, mh);
}

/** Bitwise exclusive or. */
export function tnumXor(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  const ml = a[k + 2]! | b[n + 2]!;
  const mh = a[k + 3]! | b[n + 3]!;
  tnumSet(d, i, (a[k]! ^ b[n]!) & ~ml, (a[k + 1]! ^ b[n + 1]!) & ~mh, ml, mh);
}

/** Shift left by 0 to 63. */
export function tnumLsh(d: Int32Array, i: number, a: Int32Array, k: number, by: number): void {
  const vl = a[k]!;
  const ml = a[k + 2]!;
  if (by >= 32) {
    tnumSet(d, i, 0, vl << (by - 32), 0, ml << (by - 32));
  } else if (by === 0) {
    tnumCopy(d, i, a, k);
  } else {
    const back = 32 - by;
    tnumSet(d, i, vl << by, (a[k + 1]! << by) | (vl >>> back), ml << by, (a[k + 3]! << by) | (ml >>> back));
  }
}

/** Logical shift right by 0 to 63. */
export function tnumRsh(d: Int32Array, i: number, a: Int32Array, k: number, by: number): void {
  const vh = a[k + 1]!;
  const mh = a[k + 3]!;
  if (by >= 32) {
    tnumSet(d, i, vh >>> (by - 32), 0, mh >>> (by - 32), 0);
  } else if (by === 0) {
    tnumCopy(d, i, a, k);
  } else {
    const back = 32 - by;
    tnumSet(d, i, (a[k]! >>> by) | (vh << back), vh >>> by, (a[k + 2]! >>> by) | (mh << back), mh >>> by);
  }
}

/** Arithmetic shift right of the low 32 bits; the upper half becomes 0. */
export function tnumArsh32(d: Int32Array, i: number, a: Int32Array, k: number, by: number): void {
  tnumSet(d, i, a[k]! >> by, 0, a[k + 2]! >> by, 0);
}

/** Arithmetic shift right by 0 to 63. */
export function tnumArsh64(d: Int32Array, i: number, a: Int32Array, k: number, by: number): void {
  const vh = a[k + 1]!;
  const mh = a[k + 3]!;
  if (by >= 32) {
    tnumSet(d, i, vh >> (by - 32), vh >> 31, mh >> (by - 32), mh >> 31);
  } else if (by === 0) {
    tnumCopy(d, i, a, k);
  } else {
    const back = 32 - by;
    tnumSet(d, i, (a[k]! >>> by) | (vh << back), vh >> by, (a[k + 2]! >>> by) | (mh << back), mh >> by);
  }
}

const A = new Int32Array(4);
const B = new Int32Array(4);
const ACC = new Int32Array(4);
const SUM = new Int32Array(4);

/** Product, modulo 2^64: long multiplication that keeps what both outcomes of an unknown bit agree on (6.18: tnum_mul). */
export function tnumMul(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  tnumCopy(A, 0, a, k);
  tnumCopy(B, 0, b, n);
  tnumSet(ACC, 0, 0, 0, 0, 0);
  while ((A[0]! | A[1]! | A[2]! | A[3]!) !== 0) {
    if ((A[0]! & 1) !== 0) {
      tnumAdd(ACC, 0, ACC, 0, B, 0);
    } else if ((A[2]! & 1) !== 0) {
      tnumAdd(SUM, 0, ACC, 0, B, 0);
      tnumUnion(ACC, 0, ACC, 0, SUM, 0);
    }
    tnumRsh(A, 0, A, 0, 1);
    tnumLsh(B, 0, B, 0, 1);
  }
  tnumCopy(d, i, ACC, 0);
}

/** What is known when the value is one of two. */
export function tnumUnion(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  const ml = (a[k]! ^ b[n]!) | a[k + 2]! | b[n + 2]!;
  const mh = (a[k + 1]! ^ b[n + 1]!) | a[k + 3]! | b[n + 3]!;
  tnumSet(d, i, a[k]! & b[n]! & ~ml, a[k + 1]! & b[n + 1]! & ~mh, ml, mh);
}

/** What is known when both hold. Contradictions are resolved in favour of set bits. */
export function tnumIntersect(d: Int32Array, i: number, a: Int32Array, k: number, b: Int32Array, n: number): void {
  const ml = a[k + 2]! & b[n + 2]!;
  const mh = a[k + 3]! & b[n + 3]!;
  tnumSet(d, i, (a[k]! | b[n]!) & ~ml, (a[k + 1]! | b[n + 1]!) & ~mh, ml, mh);
}

/** What min..max have in common (unsigned, min <= max): the bits above the highest difference. */
export function tnumRange(d: Int32Array, i: number, minl: number, minh: number, maxl: number, maxh: number): void {
  const bits = bitWidth(minh ^ maxh, minl ^ maxl);
  if (bits > 63) {
    tnumSet(d, i, 0, 0, -1, -1);
  } else if (bits >= 32) {
    const high = (1 << (bits - 32)) - 1;
    tnumSet(d, i, 0, minh & ~high, -1, high);
  } else {
    const low = bits === 0 ? 0 : (1 << bits) - 1;
    tnumSet(d, i, minl & ~low, minh, low, 0);
  }
}

/**
 * The smallest value that is larger than z, in the first two words of the result; the largest value when there is none
 * (kernel: tnum_step).
 */
export function tnumStep(d: Int32Array, i: number, a: Int32Array, k: number, zl: number, zh: number): void {
  const vl = a[k]!;
  const vh = a[k + 1]!;
  const ml = a[k + 2]!;
  const mh = a[k + 3]!;
  const topl = vl | ml;
  const toph = vh | mh;
  if (!ult(zh, zl, toph, topl)) {
    d[i] = topl;
    d[i + 1] = toph;
    return;
  }
  if (ult(zh, zl, vh, vl)) {
    d[i] = vl;
    d[i + 1] = vh;
    return;
  }
  // The distance from the smallest value, incremented within the mask: bits outside pass the carry on.
  const dl = (zl - vl) | 0;
  const dh = (zh - vh - (zl >>> 0 < vl >>> 0 ? 1 : 0)) | 0;
  const width = bitWidth(dh & ~mh, dl & ~ml);
  const cl = width >= 32 ? -1 : (1 << width) - 1;
  const ch = width > 32 ? (width >= 64 ? -1 : (1 << (width - 32)) - 1) : 0;
  const fl = dl | cl | ~ml;
  const fh = dh | ch | ~mh;
  const sl = (fl + 1) | 0;
  const sh = (fh + (sl === 0 ? 1 : 0)) | 0;
  d[i] = vl | (sl & ml);
  d[i + 1] = vh | (sh & mh);
}

/** Whether every value of b is a value of a. */
export function tnumIn(a: Int32Array, k: number, b: Int32Array, n: number): boolean {
  const aml = a[k + 2]!;
  const amh = a[k + 3]!;
  if ((b[n + 2]! & ~aml) !== 0 || (b[n + 3]! & ~amh) !== 0) return false;
  return a[k]! === (b[n]! & ~aml) && a[k + 1]! === (b[n + 1]! & ~amh);
}

/** Whether the value is a multiple of `size`, a power of two up to 8. */
export function tnumIsAligned(a: Int32Array, k: number, size: number): boolean {
  return ((a[k]! | a[k + 2]!) & (size - 1)) === 0;
}
