/** What each side of a branch teaches about the registers that were compared (kernel: regs_refine_cond_op). */
import { lowerSigned, lowerUnsigned, raiseSigned, raiseUnsigned, unbound } from './bounds.ts';
import { flip, isKnown } from './branch-outcome.ts';
import {
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
import {
  OP_JEQ,
  OP_JGE,
  OP_JGT,
  OP_JLE,
  OP_JLT,
  OP_JNE,
  OP_JSET,
  OP_JSGE,
  OP_JSGT,
  OP_JSLE,
  OP_JSLT,
} from './successors.ts';
import { tnumCopy, tnumIntersect, tnumSet } from './tnum.ts';

/** The opposite of JSET, which is no instruction. */
export const OP_NOT_JSET: number = OP_JSET | 8;

/** The comparison that holds when this one does not. */
export function reverse(op: number): number {
  switch (op) {
    case OP_JEQ:
      return OP_JNE;
    case OP_JNE:
      return OP_JEQ;
    case OP_JSET:
      return OP_NOT_JSET;
    case OP_JGE:
      return OP_JLT;
    case OP_JGT:
      return OP_JLE;
    case OP_JLE:
      return OP_JGT;
    case OP_JLT:
      return OP_JGE;
    case OP_JSGE:
      return OP_JSLT;
    case OP_JSGT:
      return OP_JSLE;
    case OP_JSLE:
      return OP_JSGT;
    default:
      return OP_JSGE;
  }
}

const T = new Int32Array(8);

/** Sharpens both scalars by the fact that `a op b` holds. */
export function refine(a: Int32Array, i: number, b: Int32Array, k: number, op: number, jmp32: boolean): void {
  switch (op) {
    case OP_JGE:
    case OP_JGT:
    case OP_JSGE:
    case OP_JSGT:
      refineLess(b, k, a, i, flip(op), jmp32);
      return;
    case OP_JLE:
    case OP_JLT:
    case OP_JSLE:
    case OP_JSLT:
      refineLess(a, i, b, k, op, jmp32);
      return;
    case OP_JEQ:
      if (jmp32) refineEqual32(a, i, b, k);
      else refineEqual64(a, i, b, k);
      return;
    default:
      if (isKnown(b, k, jmp32)) refineByConstant(a, i, b, k, op, jmp32);
      else if (isKnown(a, i, jmp32)) refineByConstant(b, k, a, i, op, jmp32);
  }
}

function refineEqual32(a: Int32Array, i: number, b: Int32Array, k: number): void {
  const umin = Math.max(a[i + W_U32MIN]! >>> 0, b[k + W_U32MIN]! >>> 0);
  const umax = Math.min(a[i + W_U32MAX]! >>> 0, b[k + W_U32MAX]! >>> 0);
  const smin = Math.max(a[i + W_S32MIN]!, b[k + W_S32MIN]!);
  const smax = Math.min(a[i + W_S32MAX]!, b[k + W_S32MAX]!);
  tnumSet(T, 0, a[i + W_VAR]!, 0, a[i + W_MASK]!, 0);
  tnumSet(T, 4, b[k + W_VAR]!, 0, b[k + W_MASK]!, 0);
  tnumIntersect(T, 0, T, 0, T, 4);
  for (let side = 0; side < 2; side++) {
    const w = side === 0 ? a : b;
    const at = side === 0 ? i : k;
    w[at + W_U32MIN] = umin;
    w[at + W_U32MAX] = umax;
    w[at + W_S32MIN] = smin;
    w[at + W_S32MAX] = smax;
    w[at + W_VAR] = T[0]!;
    w[at + W_MASK] = T[2]!;
  }
}

function refineEqual64(a: Int32Array, i: number, b: Int32Array, k: number): void {
  raiseUnsigned(a, i + W_UMIN, b[k + W_UMIN]!, b[k + W_UMIN + 1]!);
  lowerUnsigned(a, i + W_UMAX, b[k + W_UMAX]!, b[k + W_UMAX + 1]!);
  raiseSigned(a, i + W_SMIN, b[k + W_SMIN]!, b[k + W_SMIN + 1]!);
  lowerSigned(a, i + W_SMAX, b[k + W_SMAX]!, b[k + W_SMAX + 1]!);
  for (let at = W_SMIN; at < W_UMAX + 2; at++) b[k + at] = a[i + at]!;
  tnumIntersect(a, i + W_VAR, a, i + W_VAR, b, k + W_VAR);
  tnumCopy(b, k + W_VAR, a, i + W_VAR);
}

/** `a op c` for JNE, JSET and its opposite, where c is known. */
function refineByConstant(a: Int32Array, i: number, c: Int32Array, k: number, op: number, jmp32: boolean): void {
  const low = c[k + W_VAR]!;
  const high = jmp32 ? 0 : c[k + W_VAR + 1]!;
  if (op === OP_JNE) {
    if (jmp32) excludeEdge32(a, i, low);
    else excludeEdge64(a, i, low, high);
  } else if (op === OP_JSET) {
    // One bit that is known to be set; of several nothing is known.
    const bits = popCount(low) + popCount(high);
    if (bits !== 1) return;
    a[i + W_VAR] = a[i + W_VAR]! | low;
    a[i + W_MASK] = a[i + W_MASK]! & ~low;
    if (jmp32) return;
    a[i + W_VAR + 1] = a[i + W_VAR + 1]! | high;
    a[i + W_MASK + 1] = a[i + W_MASK + 1]! & ~high;
  } else {
    unbound(a, i);
    a[i + W_VAR] = a[i + W_VAR]! & ~low;
    a[i + W_MASK] = a[i + W_MASK]! & ~low;
    if (jmp32) return;
    a[i + W_VAR + 1] = a[i + W_VAR + 1]! & ~high;
    a[i + W_MASK + 1] = a[i + W_MASK + 1]! & ~high;
  }
}

function popCount(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count++;
  return count;
}

function excludeEdge32(a: Int32Array, i: number, value: number): void {
  if (a[i + W_U32MIN] === value) a[i + W_U32MIN] = a[i + W_U32MIN]! + 1;
  if (a[i + W_U32MAX] === value) a[i + W_U32MAX] = a[i + W_U32MAX]! - 1;
  if (a[i + W_S32MIN] === value) a[i + W_S32MIN] = a[i + W_S32MIN]! + 1;
  if (a[i + W_S32MAX] === value) a[i + W_S32MAX] = a[i + W_S32MAX]! - 1;
}

function excludeEdge64(a: Int32Array, i: number, low: number, high: number): void {
  const isAt = (at: number): boolean => a[i + at] === low && a[i + at + 1] === high;
  if (isAt(W_UMIN)) step(a, i + W_UMIN, 1);
  if (isAt(W_UMAX)) step(a, i + W_UMAX, -1);
  if (isAt(W_SMIN)) step(a, i + W_SMIN, 1);
  if (isAt(W_SMAX)) step(a, i + W_SMAX, -1);
}

function step(w: Int32Array, at: number, by: number): void {
  const low = w[at]!;
  w[at] = low + by;
  if (by > 0 && low === -1) w[at + 1] = w[at + 1]! + 1;
  if (by < 0 && low === 0) w[at + 1] = w[at + 1]! - 1;
}

const LOW = 0;
const HIGH = 1;
const pair = new Int32Array(2);

function stepped(w: Int32Array, at: number, by: number): void {
  pair[LOW] = w[at]!;
  pair[HIGH] = w[at + 1]!;
  if (by !== 0) step(pair, 0, by);
}

/** `a <= b` or `a < b`, signed or not. */
function refineLess(a: Int32Array, i: number, b: Int32Array, k: number, op: number, jmp32: boolean): void {
  const strict = op === OP_JLT || op === OP_JSLT ? 1 : 0;
  const signed = op === OP_JSLE || op === OP_JSLT;
  if (jmp32) {
    if (signed) {
      a[i + W_S32MAX] = Math.min(a[i + W_S32MAX]!, (b[k + W_S32MAX]! - strict) | 0);
      b[k + W_S32MIN] = Math.max((a[i + W_S32MIN]! + strict) | 0, b[k + W_S32MIN]!);
    } else {
      a[i + W_U32MAX] = Math.min(a[i + W_U32MAX]! >>> 0, (b[k + W_U32MAX]! - strict) >>> 0);
      b[k + W_U32MIN] = Math.max((a[i + W_U32MIN]! + strict) >>> 0, b[k + W_U32MIN]! >>> 0);
    }
    return;
  }
  stepped(b, k + (signed ? W_SMAX : W_UMAX), -strict);
  if (signed) lowerSigned(a, i + W_SMAX, pair[LOW]!, pair[HIGH]!);
  else lowerUnsigned(a, i + W_UMAX, pair[LOW]!, pair[HIGH]!);
  stepped(a, i + (signed ? W_SMIN : W_UMIN), strict);
  if (signed) raiseSigned(b, k + W_SMIN, pair[LOW]!, pair[HIGH]!);
  else raiseUnsigned(b, k + W_UMIN, pair[LOW]!, pair[HIGH]!);
}
