/**
 * What arithmetic does to two scalars: `dst op= src`, in 64 and in 32 bits at once where both can be followed
 * (kernel/bpf/verifier.c: adjust_scalar_min_max_vals and the scalar_min_max functions).
 */
import {
  markKnown,
  markUnknown,
  S32_MAX,
  S32_MIN,
  syncBounds,
  unbound32,
  unbound64,
  update32,
  updateBounds,
  zeroExtend,
} from './bounds.ts';
import {
  copyRegister,
  REG_WORDS,
  W_MASK,
  W_S32MAX,
  W_S32MIN,
  W_SMAX,
  W_SMIN,
  W_U32MAX,
  W_U32MIN,
  W_UMAX,
  W_UMIN,
  W_VAR,
} from './register-record.ts';
import { tnumAdd, tnumAnd, tnumArsh32, tnumArsh64, tnumLsh, tnumMul, tnumNeg, tnumOr, tnumRsh, tnumSub, tnumXor } from './tnum.ts'; // prettier-ignore
import { slt, toSigned, toUnsigned, ult } from './word64.ts';

export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

const OLD = new Int32Array(REG_WORDS);

/** Whether the result can be followed at all; shifts only by a known number below the width. */
function computable(op: number, alu32: boolean, s: Int32Array, r: number): boolean {
  switch (op) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_NEG:
    case BPF_AND:
    case BPF_XOR:
    case BPF_OR:
    case BPF_MUL:
      return true;
    case BPF_LSH:
    case BPF_RSH:
    case BPF_ARSH: {
      if (alu32) {
        if (s[r + W_MASK] !== 0 || s[r + W_S32MIN] !== s[r + W_S32MAX] || s[r + W_U32MIN] !== s[r + W_U32MAX])
          return false;
      } else if (
        (s[r + W_MASK]! | s[r + W_MASK + 1]!) !== 0 ||
        s[r + W_SMIN] !== s[r + W_SMAX] ||
        s[r + W_SMIN + 1] !== s[r + W_SMAX + 1] ||
        s[r + W_UMIN] !== s[r + W_UMAX] ||
        s[r + W_UMIN + 1] !== s[r + W_UMAX + 1]
      )
        return false;
      return s[r + W_UMAX + 1] === 0 && s[r + W_UMAX]! >>> 0 < (alu32 ? 32 : 64);
    }
    default:
      return false;
  }
}

/**
 * `dst op= src` on scalars. `src` may be the same record as `dst`.
 *
 * @param op - BPF_ADD and so on
 * @param precise - what an unknown result gets for its precise mark
 */
export function scalarAlu(
  op: number,
  alu32: boolean,
  d: Int32Array,
  r: number,
  src: Int32Array,
  srcAt: number,
  precise: number,
): void {
  if (!computable(op, alu32, src, srcAt)) {
    markUnknown(d, r, precise);
    return;
  }
  let s = src;
  let k = srcAt;
  if (src === d && srcAt === r) {
    copyRegister(OLD, 0, d, r);
    s = OLD;
    k = 0;
  }
  switch (op) {
    case BPF_ADD:
      add32(d, r, s, k);
      add64(d, r, s, k);
      tnumAdd(d, r + W_VAR, d, r + W_VAR, s, k + W_VAR);
      break;
    case BPF_SUB:
      sub32(d, r, s, k);
      sub64(d, r, s, k);
      tnumSub(d, r + W_VAR, d, r + W_VAR, s, k + W_VAR);
      break;
    case BPF_NEG:
      copyRegister(OLD, 0, d, r);
      markKnown(d, r, 0, 0);
      sub32(d, r, OLD, 0);
      sub64(d, r, OLD, 0);
      tnumNeg(d, r + W_VAR, OLD, W_VAR);
      break;
    case BPF_MUL:
      tnumMul(d, r + W_VAR, d, r + W_VAR, s, k + W_VAR);
      mul32(d, r, s, k);
      mul64(d, r, s, k);
      break;
    case BPF_AND:
      and(d, r, s, k);
      break;
    case BPF_OR:
      or(d, r, s, k);
      break;
    case BPF_XOR:
      xor(d, r, s, k);
      break;
    case BPF_LSH:
      if (alu32) lsh32(d, r, s[k + W_U32MIN]!);
      else lsh64(d, r, s[k + W_UMIN]!);
      break;
    case BPF_RSH:
      if (alu32) rsh32(d, r, s[k + W_U32MIN]!);
      else rsh64(d, r, s[k + W_UMIN]!);
      break;
    case BPF_ARSH:
      if (alu32) arsh32(d, r, s[k + W_U32MIN]!);
      else arsh64(d, r, s[k + W_UMIN]!);
      break;
  }
  if (alu32) zeroExtend(d, r);
  syncBounds(d, r);
}

/** `dst += src` in the 32-bit bounds. */
export function add32(d: Int32Array, r: number, s: Int32Array, k: number): void {
  const smin = d[r + W_S32MIN]! + s[k + W_S32MIN]!;
  const smax = d[r + W_S32MAX]! + s[k + W_S32MAX]!;
  const fits = smin >= S32_MIN && smax <= S32_MAX && smin <= S32_MAX && smax >= S32_MIN;
  d[r + W_S32MIN] = fits ? smin : S32_MIN;
  d[r + W_S32MAX] = fits ? smax : S32_MAX;
  const umin = (d[r + W_U32MIN]! >>> 0) + (s[k + W_U32MIN]! >>> 0);
  const umax = (d[r + W_U32MAX]! >>> 0) + (s[k + W_U32MAX]! >>> 0);
  const split = umin <= 0xffffffff && umax > 0xffffffff;
  d[r + W_U32MIN] = split ? 0 : umin;
  d[r + W_U32MAX] = split ? -1 : umax;
}

/** `dst -= src` in the 32-bit bounds. */
function sub32(d: Int32Array, r: number, s: Int32Array, k: number): void {
  const smin = d[r + W_S32MIN]! - s[k + W_S32MAX]!;
  const smax = d[r + W_S32MAX]! - s[k + W_S32MIN]!;
  const fits = smin >= S32_MIN && smax <= S32_MAX && smin <= S32_MAX && smax >= S32_MIN;
  d[r + W_S32MIN] = fits ? smin : S32_MIN;
  d[r + W_S32MAX] = fits ? smax : S32_MAX;
  const umin = (d[r + W_U32MIN]! >>> 0) - (s[k + W_U32MAX]! >>> 0);
  const umax = (d[r + W_U32MAX]! >>> 0) - (s[k + W_U32MIN]! >>> 0);
  const split = umin < 0 && umax >= 0;
  d[r + W_U32MIN] = split ? 0 : umin;
  d[r + W_U32MAX] = split ? -1 : umax;
}

/** `dst += src` in the 64-bit bounds. */
export function add64(d: Int32Array, r: number, s: Int32Array, k: number): void {
  let over = false;
  for (let at = W_SMIN; at <= W_SMAX; at += 2) {
    const ah = d[r + at + 1]!;
    const bh = s[k + at + 1]!;
    const low = (d[r + at]! + s[k + at]!) | 0;
    const high = (ah + bh + (low >>> 0 < d[r + at]! >>> 0 ? 1 : 0)) | 0;
    if (((ah ^ high) & (bh ^ high)) < 0) over = true;
    d[r + at] = low;
    d[r + at + 1] = high;
  }
  if (over) unboundSigned(d, r);
  let minOver = false;
  let maxOver = false;
  for (let at = W_UMIN; at <= W_UMAX; at += 2) {
    const low = (d[r + at]! + s[k + at]!) | 0;
    const sum = (d[r + at + 1]! >>> 0) + (s[k + at + 1]! >>> 0) + (low >>> 0 < d[r + at]! >>> 0 ? 1 : 0);
    if (sum > 0xffffffff) {
      if (at === W_UMIN) minOver = true;
      else maxOver = true;
    }
    d[r + at] = low;
    d[r + at + 1] = sum;
  }
  if (!minOver && maxOver) unboundUnsigned(d, r);
}

function sub64(d: Int32Array, r: number, s: Int32Array, k: number): void {
  let over = false;
  for (let at = W_SMIN; at <= W_SMAX; at += 2) {
    const from = at === W_SMIN ? W_SMAX : W_SMIN;
    const ah = d[r + at + 1]!;
    const bh = s[k + from + 1]!;
    const low = (d[r + at]! - s[k + from]!) | 0;
    const high = (ah - bh - (d[r + at]! >>> 0 < s[k + from]! >>> 0 ? 1 : 0)) | 0;
    if (((ah ^ bh) & (ah ^ high)) < 0) over = true;
    d[r + at] = low;
    d[r + at + 1] = high;
  }
  if (over) unboundSigned(d, r);
  let minUnder = false;
  let maxUnder = false;
  for (let at = W_UMIN; at <= W_UMAX; at += 2) {
    const from = at === W_UMIN ? W_UMAX : W_UMIN;
    const low = (d[r + at]! - s[k + from]!) | 0;
    const rest = (d[r + at + 1]! >>> 0) - (s[k + from + 1]! >>> 0) - (d[r + at]! >>> 0 < s[k + from]! >>> 0 ? 1 : 0);
    if (rest < 0) {
      if (at === W_UMIN) minUnder = true;
      else maxUnder = true;
    }
    d[r + at] = low;
    d[r + at + 1] = rest;
  }
  if (minUnder && !maxUnder) unboundUnsigned(d, r);
}

function unboundSigned(d: Int32Array, r: number): void {
  d[r + W_SMIN] = 0;
  d[r + W_SMIN + 1] = S32_MIN;
  d[r + W_SMAX] = -1;
  d[r + W_SMAX + 1] = S32_MAX;
}

function unboundUnsigned(d: Int32Array, r: number): void {
  d[r + W_UMIN] = 0;
  d[r + W_UMIN + 1] = 0;
  d[r + W_UMAX] = -1;
  d[r + W_UMAX + 1] = -1;
}

function mul32(d: Int32Array, r: number, s: Int32Array, k: number): void {
  // Products of 32-bit numbers that pass 2^53 are rounded, but they have overflowed by then.
  const umax = (d[r + W_U32MAX]! >>> 0) * (s[k + W_U32MAX]! >>> 0);
  const umin = (d[r + W_U32MIN]! >>> 0) * (s[k + W_U32MIN]! >>> 0);
  const fits = umax <= 0xffffffff && umin <= 0xffffffff;
  d[r + W_U32MIN] = fits ? umin : 0;
  d[r + W_U32MAX] = fits ? umax : -1;
  const a = d[r + W_S32MIN]!;
  const b = d[r + W_S32MAX]!;
  const c = s[k + W_S32MIN]!;
  const e = s[k + W_S32MAX]!;
  const min = Math.min(a * c, a * e, b * c, b * e);
  const max = Math.max(a * c, a * e, b * c, b * e);
  const signedFits = min >= S32_MIN && max <= S32_MAX;
  d[r + W_S32MIN] = signedFits ? min : S32_MIN;
  d[r + W_S32MAX] = signedFits ? max : S32_MAX;
}

const U64_LIMIT = 1n << 64n;
const S64_LIMIT = 1n << 63n;

function putBig(d: Int32Array, at: number, value: bigint): void {
  d[at] = Number(BigInt.asIntN(32, value));
  d[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Whether the number fits 26 bits, so that products are exact doubles. */
function isSmall(w: Int32Array, at: number): boolean {
  return w[at + 1] === 0 && w[at]! >>> 0 < 0x4000000;
}

function mul64(d: Int32Array, r: number, s: Int32Array, k: number): void {
  if (isSmall(d, r + W_UMAX) && isSmall(s, k + W_UMAX) && isSmall(d, r + W_SMAX) && isSmall(d, r + W_SMIN)) {
    if (isSmall(s, k + W_SMIN) && isSmall(s, k + W_SMAX)) {
      const umin = d[r + W_UMIN]! * s[k + W_UMIN]!;
      const umax = d[r + W_UMAX]! * s[k + W_UMAX]!;
      const smin = d[r + W_SMIN]! * s[k + W_SMIN]!;
      const smax = d[r + W_SMAX]! * s[k + W_SMAX]!;
      putSmall(d, r + W_UMIN, umin);
      putSmall(d, r + W_UMAX, umax);
      putSmall(d, r + W_SMIN, smin);
      putSmall(d, r + W_SMAX, smax);
      return;
    }
  }
  // Rare: large or negative factors.
  const umax = toUnsigned(d, r + W_UMAX) * toUnsigned(s, k + W_UMAX);
  const umin = toUnsigned(d, r + W_UMIN) * toUnsigned(s, k + W_UMIN);
  if (umax >= U64_LIMIT || umin >= U64_LIMIT) unboundUnsigned(d, r);
  else {
    putBig(d, r + W_UMIN, umin);
    putBig(d, r + W_UMAX, umax);
  }
  const a = toSigned(d, r + W_SMIN);
  const b = toSigned(d, r + W_SMAX);
  const c = toSigned(s, k + W_SMIN);
  const e = toSigned(s, k + W_SMAX);
  let min = a * c;
  let max = min;
  for (const product of [a * e, b * c, b * e]) {
    if (product < min) min = product;
    if (product > max) max = product;
  }
  if (min < -S64_LIMIT || max >= S64_LIMIT) unboundSigned(d, r);
  else {
    putBig(d, r + W_SMIN, min);
    putBig(d, r + W_SMAX, max);
  }
}

function putSmall(d: Int32Array, at: number, value: number): void {
  d[at] = value | 0;
  d[at + 1] = Math.floor(value / 4294967296);
}

/** Signed 32-bit bounds from unsigned ones that do not cross the sign, else none. */
function signedFrom32(d: Int32Array, r: number): void {
  if (d[r + W_U32MIN]! <= d[r + W_U32MAX]!) {
    d[r + W_S32MIN] = d[r + W_U32MIN]!;
    d[r + W_S32MAX] = d[r + W_U32MAX]!;
  } else {
    d[r + W_S32MIN] = S32_MIN;
    d[r + W_S32MAX] = S32_MAX;
  }
}

function signedFrom64(d: Int32Array, r: number): void {
  if (slt(d[r + W_UMAX + 1]!, d[r + W_UMAX]!, d[r + W_UMIN + 1]!, d[r + W_UMIN]!)) unboundSigned(d, r);
  else for (let i = 0; i < 4; i++) d[r + W_SMIN + i] = d[r + W_UMIN + i]!;
}

/** When the low word of both is known: all 32-bit bounds are the low word of the result. */
function known32(d: Int32Array, r: number): void {
  const value = d[r + W_VAR]!;
  d[r + W_S32MIN] = value;
  d[r + W_S32MAX] = value;
  d[r + W_U32MIN] = value;
  d[r + W_U32MAX] = value;
}

/** Both operands known: the kernel's __mark_reg_known, which also clears ids. */
function known64(d: Int32Array, r: number): void {
  markKnown(d, r, d[r + W_VAR]!, d[r + W_VAR + 1]!);
}

function lowKnown(w: Int32Array, r: number): boolean {
  return w[r + W_MASK] === 0;
}

function allKnown(w: Int32Array, r: number): boolean {
  return (w[r + W_MASK]! | w[r + W_MASK + 1]!) === 0;
}

function and(d: Int32Array, r: number, s: Int32Array, k: number): void {
  tnumAnd(d, r + W_VAR, d, r + W_VAR, s, k + W_VAR);
  if (lowKnown(s, k) && lowKnown(d, r)) known32(d, r);
  else {
    d[r + W_U32MIN] = d[r + W_VAR]!;
    if (s[k + W_U32MAX]! >>> 0 < d[r + W_U32MAX]! >>> 0) d[r + W_U32MAX] = s[k + W_U32MAX]!;
    signedFrom32(d, r);
  }
  if (allKnown(s, k) && allKnown(d, r)) return known64(d, r);
  d[r + W_UMIN] = d[r + W_VAR]!;
  d[r + W_UMIN + 1] = d[r + W_VAR + 1]!;
  if (ult(s[k + W_UMAX + 1]!, s[k + W_UMAX]!, d[r + W_UMAX + 1]!, d[r + W_UMAX]!)) {
    d[r + W_UMAX] = s[k + W_UMAX]!;
    d[r + W_UMAX + 1] = s[k + W_UMAX + 1]!;
  }
  signedFrom64(d, r);
  updateBounds(d, r);
}

function or(d: Int32Array, r: number, s: Int32Array, k: number): void {
  tnumOr(d, r + W_VAR, d, r + W_VAR, s, k + W_VAR);
  if (lowKnown(s, k) && lowKnown(d, r)) known32(d, r);
  else {
    if (s[k + W_U32MIN]! >>> 0 > d[r + W_U32MIN]! >>> 0) d[r + W_U32MIN] = s[k + W_U32MIN]!;
    d[r + W_U32MAX] = d[r + W_VAR]! | d[r + W_MASK]!;
    signedFrom32(d, r);
  }
  if (allKnown(s, k) && allKnown(d, r)) return known64(d, r);
  if (ult(d[r + W_UMIN + 1]!, d[r + W_UMIN]!, s[k + W_UMIN + 1]!, s[k + W_UMIN]!)) {
    d[r + W_UMIN] = s[k + W_UMIN]!;
    d[r + W_UMIN + 1] = s[k + W_UMIN + 1]!;
  }
  d[r + W_UMAX] = d[r + W_VAR]! | d[r + W_MASK]!;
  d[r + W_UMAX + 1] = d[r + W_VAR + 1]! | d[r + W_MASK + 1]!;
  signedFrom64(d, r);
  updateBounds(d, r);
}

function xor(d: Int32Array, r: number, s: Int32Array, k: number): void {
  tnumXor(d, r + W_VAR, d, r + W_VAR, s, k + W_VAR);
  if (lowKnown(s, k) && lowKnown(d, r)) known32(d, r);
  else {
    d[r + W_U32MIN] = d[r + W_VAR]!;
    d[r + W_U32MAX] = d[r + W_VAR]! | d[r + W_MASK]!;
    signedFrom32(d, r);
  }
  if (allKnown(s, k) && allKnown(d, r)) return known64(d, r);
  d[r + W_UMIN] = d[r + W_VAR]!;
  d[r + W_UMIN + 1] = d[r + W_VAR + 1]!;
  d[r + W_UMAX] = d[r + W_VAR]! | d[r + W_MASK]!;
  d[r + W_UMAX + 1] = d[r + W_VAR + 1]! | d[r + W_MASK + 1]!;
  signedFrom64(d, r);
  updateBounds(d, r);
}

function shiftBounds32(d: Int32Array, r: number, by: number): void {
  d[r + W_S32MIN] = S32_MIN;
  d[r + W_S32MAX] = S32_MAX;
  if (by > 31 || d[r + W_U32MAX]! >>> 0 > 2 ** (31 - by)) {
    d[r + W_U32MIN] = 0;
    d[r + W_U32MAX] = -1;
  } else {
    d[r + W_U32MIN] = d[r + W_U32MIN]! << by;
    d[r + W_U32MAX] = d[r + W_U32MAX]! << by;
  }
}

function keepLow(d: Int32Array, r: number): void {
  d[r + W_VAR + 1] = 0;
  d[r + W_MASK + 1] = 0;
}

function lsh32(d: Int32Array, r: number, by: number): void {
  shiftBounds32(d, r, by);
  keepLow(d, r);
  tnumLsh(d, r + W_VAR, d, r + W_VAR, by);
  keepLow(d, r);
  unbound64(d, r);
  update32(d, r);
}

function lsh64(d: Int32Array, r: number, by: number): void {
  unboundSigned(d, r);
  if (by === 32) {
    // Half of the common pair <<= 32, s>>= 32.
    d[r + W_SMAX] = 0;
    d[r + W_SMAX + 1] = d[r + W_S32MAX]!;
    d[r + W_SMIN] = 0;
    d[r + W_SMIN + 1] = d[r + W_S32MIN]!;
  }
  const umaxh = d[r + W_UMAX + 1]!;
  const umaxl = d[r + W_UMAX]!;
  const limit = 63 - by;
  const over = limit >= 32 ? ult(1 << (limit - 32), 0, umaxh, umaxl) : umaxh !== 0 || umaxl >>> 0 > (1 << limit) >>> 0;
  if (over) unboundUnsigned(d, r);
  else {
    shiftLeft(d, r + W_UMIN, by);
    shiftLeft(d, r + W_UMAX, by);
  }
  shiftBounds32(d, r, by);
  tnumLsh(d, r + W_VAR, d, r + W_VAR, by);
  updateBounds(d, r);
}

function shiftLeft(d: Int32Array, at: number, by: number): void {
  const low = d[at]!;
  if (by >= 32) {
    d[at + 1] = low << (by - 32);
    d[at] = 0;
  } else if (by > 0) {
    d[at + 1] = (d[at + 1]! << by) | (low >>> (32 - by));
    d[at] = low << by;
  }
}

function rsh32(d: Int32Array, r: number, by: number): void {
  d[r + W_S32MIN] = S32_MIN;
  d[r + W_S32MAX] = S32_MAX;
  keepLow(d, r);
  tnumRsh(d, r + W_VAR, d, r + W_VAR, by);
  d[r + W_U32MIN] = d[r + W_U32MIN]! >>> by;
  d[r + W_U32MAX] = d[r + W_U32MAX]! >>> by;
  unbound64(d, r);
  update32(d, r);
}

function rsh64(d: Int32Array, r: number, by: number): void {
  unboundSigned(d, r);
  tnumRsh(d, r + W_VAR, d, r + W_VAR, by);
  shiftRight(d, r + W_UMIN, by, false);
  shiftRight(d, r + W_UMAX, by, false);
  unbound32(d, r);
  updateBounds(d, r);
}

function shiftRight(d: Int32Array, at: number, by: number, signed: boolean): void {
  const high = d[at + 1]!;
  if (by >= 32) {
    d[at] = signed ? high >> (by - 32) : high >>> (by - 32);
    d[at + 1] = signed ? high >> 31 : 0;
  } else if (by > 0) {
    d[at] = (d[at]! >>> by) | (high << (32 - by));
    d[at + 1] = signed ? high >> by : high >>> by;
  }
}

function arsh32(d: Int32Array, r: number, by: number): void {
  d[r + W_S32MIN] = d[r + W_S32MIN]! >> by;
  d[r + W_S32MAX] = d[r + W_S32MAX]! >> by;
  tnumArsh32(d, r + W_VAR, d, r + W_VAR, by);
  d[r + W_U32MIN] = 0;
  d[r + W_U32MAX] = -1;
  unbound64(d, r);
  update32(d, r);
}

function arsh64(d: Int32Array, r: number, by: number): void {
  shiftRight(d, r + W_SMIN, by, true);
  shiftRight(d, r + W_SMAX, by, true);
  tnumArsh64(d, r + W_VAR, d, r + W_VAR, by);
  unboundUnsigned(d, r);
  unbound32(d, r);
  updateBounds(d, r);
}
