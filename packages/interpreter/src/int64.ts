/**
 * 64-bit arithmetic on pairs of 32-bit words: `words[i]` is the low and `words[i + 1]` the high half. What the execution
 * loop does not do inline is here. bigint would be 10 to 40 times slower.
 */

const TWO16 = 65536;
const TWO32 = 4294967296;
/** Where {@link divide} leaves quotient and remainder: quotient low, high, remainder low, high. */
const result: Int32Array = /* @__PURE__ */ new Int32Array(4);

/** `words[d] *= words[s]`, modulo 2**64: schoolbook multiplication of the low halves in 16-bit digits. */
export function multiply(words: Int32Array, d: number, s: number): void {
  const al = words[d]!;
  const bl = words[s]!;
  const a0 = al & 0xffff;
  const a1 = al >>> 16;
  const b0 = bl & 0xffff;
  const b1 = bl >>> 16;
  const p01 = Math.imul(a0, b1);
  const p10 = Math.imul(a1, b0);
  const middle = (Math.imul(a0, b0) >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
  const carry = (Math.imul(a1, b1) + (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16)) | 0;
  words[d + 1] = (carry + Math.imul(al, words[s + 1]!) + Math.imul(words[d + 1]!, bl)) | 0;
  words[d] = Math.imul(al, bl);
}

/** Unsigned division; the divisor is not 0. Leaves quotient and remainder in {@link result}. */
function divide(al: number, ah: number, bl: number, bh: number): void {
  if (bh === 0) divideBy32(al >>> 0, ah >>> 0, bl >>> 0);
  else if (ah >>> 0 < 0x200000 && bh >>> 0 < 0x200000)
    divide53((ah >>> 0) * TWO32 + (al >>> 0), bh * TWO32 + (bl >>> 0));
  else if (bh >>> 0 >= 0x40000000) divideBySubtraction(al, ah, bl, bh);
  else divideByEstimate(al, ah, bl, bh);
}

/** Both below 2**53, where the rounded quotient of doubles has the right integer part. */
function divide53(a: number, b: number): void {
  const q = Math.floor(a / b);
  const r = a - q * b;
  result[0] = q | 0;
  result[1] = Math.floor(q / TWO32);
  result[2] = r | 0;
  result[3] = Math.floor(r / TWO32);
}

/** Long division by a 32-bit divisor in 16-bit digits; every intermediate value is below 2**48. */
function divideBy32(al: number, ah: number, b: number): void {
  if (ah === 0) {
    const q = Math.floor(al / b);
    result[0] = q | 0;
    result[1] = 0;
    result[2] = (al - q * b) | 0;
    result[3] = 0;
    return;
  }
  const qh = Math.floor(ah / b);
  const x1 = (ah - qh * b) * TWO16 + (al >>> 16);
  const q1 = Math.floor(x1 / b);
  const x0 = (x1 - q1 * b) * TWO16 + (al & 0xffff);
  const q0 = Math.floor(x0 / b);
  result[0] = (q1 * TWO16 + q0) | 0;
  result[1] = qh | 0;
  result[2] = (x0 - q0 * b) | 0;
  result[3] = 0;
}

/** Divisor of 2**62 and more: the quotient is at most 3. */
function divideBySubtraction(al: number, ah: number, bl: number, bh: number): void {
  let q = 0;
  while (ah >>> 0 > bh >>> 0 || (ah === bh && al >>> 0 >= bl >>> 0)) {
    const low = (al - bl) | 0;
    ah = (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
    al = low;
    q++;
  }
  result[0] = q;
  result[1] = 0;
  result[2] = al;
  result[3] = ah;
}

/**
 * Divisor of 2**32 to 2**62: the quotient is below 2**32 and the one of doubles is off by at most 1, because its
 * relative error is below 2**-51. The remainder then lies in (-b, 2b), which its sign and one compare tell apart.
 */
function divideByEstimate(al: number, ah: number, bl: number, bh: number): void {
  let q = Math.floor(((ah >>> 0) * TWO32 + (al >>> 0)) / ((bh >>> 0) * TWO32 + (bl >>> 0)));
  // q * b in 64 bits: q * bl exactly in two halves of q, plus q * bh into the high word.
  const q0 = q % TWO16;
  const q1 = Math.floor(q / TWO16);
  const b = bl >>> 0;
  const low = q0 * b;
  const mid = q1 * b + Math.floor(low / TWO16);
  const productLow = ((mid % TWO16) * TWO16 + (low % TWO16)) | 0;
  const productHigh = (Math.floor(mid / TWO16) + Math.imul(q | 0, bh)) | 0;
  let rl = (al - productLow) | 0;
  let rh = (ah - productHigh - (al >>> 0 < productLow >>> 0 ? 1 : 0)) | 0;
  if (rh < 0) {
    q -= 1;
    const sum = (rl + bl) | 0;
    rh = (rh + bh + (sum >>> 0 < rl >>> 0 ? 1 : 0)) | 0;
    rl = sum;
  } else if (rh >>> 0 > bh >>> 0 || (rh === bh && rl >>> 0 >= bl >>> 0)) {
    q += 1;
    const difference = (rl - bl) | 0;
    rh = (rh - bh - (rl >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
    rl = difference;
  }
  result[0] = q | 0;
  result[1] = 0;
  result[2] = rl;
  result[3] = rh;
}

/** Unsigned `words[d] /= words[s]`; x / 0 = 0 (RFC 9669 sec. 4.1). */
export function divideUnsigned(words: Int32Array, d: number, s: number): void {
  const bl = words[s]!;
  const bh = words[s + 1]!;
  if ((bl | bh) === 0) {
    words[d] = 0;
    words[d + 1] = 0;
    return;
  }
  divide(words[d]!, words[d + 1]!, bl, bh);
  words[d] = result[0]!;
  words[d + 1] = result[1]!;
}

/** Unsigned `words[d] %= words[s]`; x % 0 = x (RFC 9669 sec. 4.1). */
export function moduloUnsigned(words: Int32Array, d: number, s: number): void {
  const bl = words[s]!;
  const bh = words[s + 1]!;
  if ((bl | bh) === 0) return;
  divide(words[d]!, words[d + 1]!, bl, bh);
  words[d] = result[2]!;
  words[d + 1] = result[3]!;
}

/** Signed `words[d] /= words[s]`, towards zero; x / 0 = 0 and INT64_MIN / -1 = INT64_MIN (RFC 9669 sec. 4.1). */
export function divideSigned(words: Int32Array, d: number, s: number): void {
  const bl = words[s]!;
  const bh = words[s + 1]!;
  const ah = words[d + 1]!;
  if ((bl | bh) === 0) {
    words[d] = 0;
    words[d + 1] = 0;
    return;
  }
  divideMagnitudes(words[d]!, ah, bl, bh);
  storeSigned(words, d, result[0]!, result[1]!, (ah ^ bh) < 0);
}

/** Signed `words[d] %= words[s]` with the sign of the dividend; x % 0 = x (RFC 9669 sec. 4.1). */
export function moduloSigned(words: Int32Array, d: number, s: number): void {
  const bl = words[s]!;
  const bh = words[s + 1]!;
  const ah = words[d + 1]!;
  if ((bl | bh) === 0) return;
  divideMagnitudes(words[d]!, ah, bl, bh);
  storeSigned(words, d, result[2]!, result[3]!, ah < 0);
}

function divideMagnitudes(al: number, ah: number, bl: number, bh: number): void {
  const negateA = ah < 0;
  const negateB = bh < 0;
  divide(
    negateA ? -al | 0 : al,
    negateA ? (~ah + (al === 0 ? 1 : 0)) | 0 : ah,
    negateB ? -bl | 0 : bl,
    negateB ? (~bh + (bl === 0 ? 1 : 0)) | 0 : bh,
  );
}

function storeSigned(words: Int32Array, d: number, low: number, high: number, negative: boolean): void {
  words[d] = negative ? -low | 0 : low;
  words[d + 1] = negative ? ~high + (low === 0 ? 1 : 0) : high;
}

/** Reverses the four bytes of a 32-bit number. */
export function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/** The unsigned 64-bit number in `words[i]` and `words[i + 1]`. */
export function toBigInt(words: Int32Array, i: number): bigint {
  return (BigInt(words[i + 1]! >>> 0) << 32n) | BigInt(words[i]! >>> 0);
}

/** Stores the low 64 bits of `value` in `words[i]` and `words[i + 1]`. */
export function storeBigInt(words: Int32Array, i: number, value: bigint): void {
  const unsigned = BigInt.asUintN(64, value);
  words[i] = Number(unsigned & 0xffffffffn) | 0;
  words[i + 1] = Number(unsigned >> 32n) | 0;
}

/** Stores a safe integer, sign-extended to 64 bits, in `words[i]` and `words[i + 1]`. */
export function storeInteger(words: Int32Array, i: number, value: number): void {
  words[i] = value | 0;
  words[i + 1] = Math.floor(value / TWO32) | 0;
}
