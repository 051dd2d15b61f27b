/**
 * What is known of the value in a record: known bits, unsigned and signed bounds in 64 and 32 bits, and how each of them
 * sharpens the others (kernel/bpf/verifier.c: reg_bounds_sync and the functions it calls).
 */
import {
  REG_WORDS,
  W_ID,
  W_MASK,
  W_OFF,
  W_PRECISE,
  W_REF,
  W_S32MAX,
  W_S32MIN,
  W_SMAX,
  W_SMIN,
  W_TYPE,
  W_U32MAX,
  W_U32MIN,
  W_UMAX,
  W_UMIN,
  W_VAR,
} from './register-record.ts';
import { NOT_INIT, SCALAR_VALUE } from './register-types.ts';
import { tnumIntersect, tnumRange, tnumSet, tnumStep } from './tnum.ts';
import { slt, ult } from './word64.ts';

export const S32_MIN: number = -0x80000000;
export const S32_MAX = 0x7fffffff;

/** Raises an unsigned lower bound. */
export function raiseUnsigned(w: Int32Array, at: number, low: number, high: number): void {
  if (ult(w[at + 1]!, w[at]!, high, low)) {
    w[at] = low;
    w[at + 1] = high;
  }
}

/** Lowers an unsigned upper bound. */
export function lowerUnsigned(w: Int32Array, at: number, low: number, high: number): void {
  if (ult(high, low, w[at + 1]!, w[at]!)) {
    w[at] = low;
    w[at + 1] = high;
  }
}

/** Raises a signed lower bound. */
export function raiseSigned(w: Int32Array, at: number, low: number, high: number): void {
  if (slt(w[at + 1]!, w[at]!, high, low)) {
    w[at] = low;
    w[at + 1] = high;
  }
}

/** Lowers a signed upper bound. */
export function lowerSigned(w: Int32Array, at: number, low: number, high: number): void {
  if (slt(high, low, w[at + 1]!, w[at]!)) {
    w[at] = low;
    w[at + 1] = high;
  }
}

function set(w: Int32Array, at: number, low: number, high: number): void {
  w[at] = low;
  w[at + 1] = high;
}

/** Forgets the 64-bit bounds. */
export function unbound64(w: Int32Array, r: number): void {
  set(w, r + W_SMIN, 0, S32_MIN);
  set(w, r + W_SMAX, -1, S32_MAX);
  set(w, r + W_UMIN, 0, 0);
  set(w, r + W_UMAX, -1, -1);
}

/** Forgets the 32-bit bounds. */
export function unbound32(w: Int32Array, r: number): void {
  w[r + W_S32MIN] = S32_MIN;
  w[r + W_S32MAX] = S32_MAX;
  w[r + W_U32MIN] = 0;
  w[r + W_U32MAX] = -1;
}

/** Forgets all bounds, not the known bits. */
export function unbound(w: Int32Array, r: number): void {
  unbound64(w, r);
  unbound32(w, r);
}

/** Clears all but the type and sets the value (kernel: __mark_reg_known). Whether it is precise is not touched. */
export function markKnown(w: Int32Array, r: number, low: number, high: number): void {
  w[r + W_OFF] = 0;
  w[r + 2] = 0;
  w[r + 3] = 0;
  w[r + W_ID] = 0;
  w[r + W_REF] = 0;
  setKnownValue(w, r, low, high);
}

/** Sets the value, and nothing else (kernel: ___mark_reg_known). */
export function setKnownValue(w: Int32Array, r: number, low: number, high: number): void {
  tnumSet(w, r + W_VAR, low, high, 0, 0);
  set(w, r + W_SMIN, low, high);
  set(w, r + W_SMAX, low, high);
  set(w, r + W_UMIN, low, high);
  set(w, r + W_UMAX, low, high);
  w[r + W_S32MIN] = low;
  w[r + W_S32MAX] = low;
  w[r + W_U32MIN] = low;
  w[r + W_U32MAX] = low;
}

/** An unknown scalar (kernel: __mark_reg_unknown). */
export function markUnknown(w: Int32Array, r: number, precise: number): void {
  for (let i = 0; i < REG_WORDS; i++) w[r + i] = 0;
  w[r + W_TYPE] = SCALAR_VALUE;
  w[r + W_MASK] = -1;
  w[r + W_MASK + 1] = -1;
  w[r + W_PRECISE] = precise;
  unbound(w, r);
}

/** A register that must not be read. */
export function markNotInit(w: Int32Array, r: number, precise: number): void {
  markUnknown(w, r, precise);
  w[r + W_TYPE] = NOT_INIT;
}

/** Bounds from known bits, 32-bit half (kernel: __update_reg32_bounds). */
export function update32(w: Int32Array, r: number): void {
  const value = w[r + W_VAR]!;
  const mask = w[r + W_MASK]!;
  const smin = value | (mask & S32_MIN);
  const smax = value | (mask & S32_MAX);
  if (smin > w[r + W_S32MIN]!) w[r + W_S32MIN] = smin;
  if (smax < w[r + W_S32MAX]!) w[r + W_S32MAX] = smax;
  if (value >>> 0 > w[r + W_U32MIN]! >>> 0) w[r + W_U32MIN] = value;
  const umax = value | mask;
  if (umax >>> 0 < w[r + W_U32MAX]! >>> 0) w[r + W_U32MAX] = umax;
}

/** Bounds from known bits, all 64 (kernel: __update_reg64_bounds). */
export function update64(w: Int32Array, r: number): void {
  const vl = w[r + W_VAR]!;
  const vh = w[r + W_VAR + 1]!;
  const ml = w[r + W_MASK]!;
  const mh = w[r + W_MASK + 1]!;
  raiseSigned(w, r + W_SMIN, vl, vh | (mh & S32_MIN));
  lowerSigned(w, r + W_SMAX, vl | ml, vh | (mh & S32_MAX));
  raiseUnsigned(w, r + W_UMIN, vl, vh);
  lowerUnsigned(w, r + W_UMAX, vl | ml, vh | mh);
  onlyCommonValue(w, r);
}

const NEXT = new Int32Array(4);

/** When the unsigned range and the known bits have just one value in common, that is it. */
function onlyCommonValue(w: Int32Array, r: number): void {
  const minl = w[r + W_UMIN]!;
  const minh = w[r + W_UMIN + 1]!;
  const maxl = w[r + W_UMAX]!;
  const maxh = w[r + W_UMAX + 1]!;
  const ml = w[r + W_MASK]!;
  const mh = w[r + W_MASK + 1]!;
  const minIn = (minl & ~ml) === w[r + W_VAR] && (minh & ~mh) === w[r + W_VAR + 1];
  tnumStep(NEXT, 0, w, r + W_VAR, minl, minh);
  const nextl = NEXT[0]!;
  const nexth = NEXT[1]!;
  if (minIn) {
    if (ult(maxh, maxl, nexth, nextl)) setKnownValue(w, r, minl, minh);
    return;
  }
  const topl = w[r + W_VAR]! | ml;
  const toph = w[r + W_VAR + 1]! | mh;
  if (nextl === topl && nexth === toph) {
    setKnownValue(w, r, topl, toph);
    return;
  }
  if (ult(maxh, maxl, nexth, nextl)) return;
  tnumStep(NEXT, 0, w, r + W_VAR, nextl, nexth);
  if (ult(maxh, maxl, NEXT[1]!, NEXT[0]!)) setKnownValue(w, r, nextl, nexth);
}

/** Bounds from known bits (kernel: __update_reg_bounds). */
export function updateBounds(w: Int32Array, r: number): void {
  update32(w, r);
  update64(w, r);
}

function deduce32(w: Int32Array, r: number): void {
  const uminh = w[r + W_UMIN + 1]!;
  const umaxh = w[r + W_UMAX + 1]!;
  const sminh = w[r + W_SMIN + 1]!;
  const smaxh = w[r + W_SMAX + 1]!;
  const uminl = w[r + W_UMIN]!;
  const umaxl = w[r + W_UMAX]!;
  const sminl = w[r + W_SMIN]!;
  const smaxl = w[r + W_SMAX]!;
  let u32min = w[r + W_U32MIN]! >>> 0;
  let u32max = w[r + W_U32MAX]! >>> 0;
  let s32min = w[r + W_S32MIN]!;
  let s32max = w[r + W_S32MAX]!;
  // Upper halves that agree: the lower halves are bounds of the low word.
  if (uminh === umaxh) {
    if (uminl >>> 0 > u32min) u32min = uminl >>> 0;
    if (umaxl >>> 0 < u32max) u32max = umaxl >>> 0;
    if (uminl <= umaxl) {
      if (uminl > s32min) s32min = uminl;
      if (umaxl < s32max) s32max = umaxl;
    }
  }
  if (sminh === smaxh) {
    if (sminl >>> 0 <= smaxl >>> 0) {
      if (sminl >>> 0 > u32min) u32min = sminl >>> 0;
      if (smaxl >>> 0 < u32max) u32max = smaxl >>> 0;
    }
    if (sminl <= smaxl) {
      if (sminl > s32min) s32min = sminl;
      if (smaxl < s32max) s32max = smaxl;
    }
  }
  // Upper halves that are neighbours, and a signed range of the low word across them.
  if (((uminh + 1) | 0) === umaxh && uminl < 0 && umaxl >= 0) {
    if (uminl > s32min) s32min = uminl;
    if (umaxl < s32max) s32max = umaxl;
  }
  if (((sminh + 1) | 0) === smaxh && sminl < 0 && smaxl >= 0) {
    if (sminl > s32min) s32min = sminl;
    if (smaxl < s32max) s32max = smaxl;
  }
  if ((u32min | 0) <= (u32max | 0)) {
    if ((u32min | 0) > s32min) s32min = u32min | 0;
    if ((u32max | 0) < s32max) s32max = u32max | 0;
  }
  if (s32min >>> 0 <= s32max >>> 0) {
    if (s32min >>> 0 > u32min) u32min = s32min >>> 0;
    if (s32max >>> 0 < u32max) u32max = s32max >>> 0;
  } else if (u32max < s32min >>> 0) {
    // The unsigned range meets only the part of the signed one that is not negative.
    s32min = u32min | 0;
    if (s32max >>> 0 < u32max) u32max = s32max >>> 0;
  } else if (s32max >>> 0 < u32min) {
    // Only the negative part.
    s32max = u32max | 0;
    if (s32min >>> 0 > u32min) u32min = s32min >>> 0;
  }
  w[r + W_U32MIN] = u32min;
  w[r + W_U32MAX] = u32max;
  w[r + W_S32MIN] = s32min;
  w[r + W_S32MAX] = s32max;
}

function deduce64(w: Int32Array, r: number): void {
  const umin = r + W_UMIN;
  const umax = r + W_UMAX;
  const smin = r + W_SMIN;
  const smax = r + W_SMAX;
  if (!slt(w[umax + 1]!, w[umax]!, w[umin + 1]!, w[umin]!)) {
    raiseSigned(w, smin, w[umin]!, w[umin + 1]!);
    lowerSigned(w, smax, w[umax]!, w[umax + 1]!);
  }
  if (!ult(w[smax + 1]!, w[smax]!, w[smin + 1]!, w[smin]!)) {
    raiseUnsigned(w, umin, w[smin]!, w[smin + 1]!);
    lowerUnsigned(w, umax, w[smax]!, w[smax + 1]!);
  } else if (ult(w[umax + 1]!, w[umax]!, w[smin + 1]!, w[smin]!)) {
    // The unsigned range meets only the part of the signed one that is not negative.
    set(w, smin, w[umin]!, w[umin + 1]!);
    lowerUnsigned(w, umax, w[smax]!, w[smax + 1]!);
  } else if (ult(w[smax + 1]!, w[smax]!, w[umin + 1]!, w[umin]!)) {
    // Only the negative part.
    set(w, smax, w[umax]!, w[umax + 1]!);
    raiseUnsigned(w, umin, w[smin]!, w[smin + 1]!);
  }
}

const RANGE = new Int32Array(4);
const LOW = new Int32Array(4);

function deduceMixed(w: Int32Array, r: number): void {
  const u32min = w[r + W_U32MIN]!;
  const u32max = w[r + W_U32MAX]!;
  raiseUnsigned(w, r + W_UMIN, u32min, w[r + W_UMIN + 1]!);
  lowerUnsigned(w, r + W_UMAX, u32max, w[r + W_UMAX + 1]!);
  raiseSigned(w, r + W_SMIN, u32min, w[r + W_SMIN + 1]!);
  lowerSigned(w, r + W_SMAX, u32max, w[r + W_SMAX + 1]!);
  // A low word that is not negative, in a value between -2^31 and 2^31-1: the value is the low word.
  const s32min = w[r + W_S32MIN]!;
  if (s32min < 0) return;
  const sminh = w[r + W_SMIN + 1]!;
  const smaxh = w[r + W_SMAX + 1]!;
  const aboveMin = sminh >= 0 || (sminh === -1 && w[r + W_SMIN]! < 0);
  const belowMax = smaxh < 0 || (smaxh === 0 && w[r + W_SMAX]! >= 0);
  if (!aboveMin || !belowMax) return;
  const s32max = w[r + W_S32MAX]!;
  set(w, r + W_SMIN, s32min, 0);
  set(w, r + W_SMAX, s32max, s32max >> 31);
  set(w, r + W_UMIN, s32min, 0);
  set(w, r + W_UMAX, s32max, s32max >> 31);
  tnumRange(RANGE, 0, s32min, 0, s32max, s32max >> 31);
  tnumIntersect(w, r + W_VAR, w, r + W_VAR, RANGE, 0);
}

function deduceBounds(w: Int32Array, r: number): void {
  deduce32(w, r);
  deduce64(w, r);
  deduceMixed(w, r);
}

/** Known bits from bounds (kernel: __reg_bound_offset). */
function boundBits(w: Int32Array, r: number): void {
  tnumRange(RANGE, 0, w[r + W_UMIN]!, w[r + W_UMIN + 1]!, w[r + W_UMAX]!, w[r + W_UMAX + 1]!);
  tnumIntersect(w, r + W_VAR, w, r + W_VAR, RANGE, 0);
  tnumRange(RANGE, 0, w[r + W_U32MIN]!, 0, w[r + W_U32MAX]!, 0);
  tnumSet(LOW, 0, w[r + W_VAR]!, 0, w[r + W_MASK]!, 0);
  tnumIntersect(LOW, 0, LOW, 0, RANGE, 0);
  w[r + W_VAR] = LOW[0]!;
  w[r + W_MASK] = LOW[2]!;
}

/** Sharpens everything that is known by everything else (kernel: reg_bounds_sync). */
export function syncBounds(w: Int32Array, r: number): void {
  updateBounds(w, r);
  deduceBounds(w, r);
  deduceBounds(w, r);
  deduceBounds(w, r);
  boundBits(w, r);
  updateBounds(w, r);
}

/** Whether the bounds contradict each other: the path is dead (kernel: reg_bounds_sanity_check, 6.18). */
export function boundsContradict(w: Int32Array, r: number): boolean {
  if (
    ult(w[r + W_UMAX + 1]!, w[r + W_UMAX]!, w[r + W_UMIN + 1]!, w[r + W_UMIN]!) ||
    slt(w[r + W_SMAX + 1]!, w[r + W_SMAX]!, w[r + W_SMIN + 1]!, w[r + W_SMIN]!) ||
    w[r + W_U32MIN]! >>> 0 > w[r + W_U32MAX]! >>> 0 ||
    w[r + W_S32MIN]! > w[r + W_S32MAX]!
  )
    return true;
  const vl = w[r + W_VAR]!;
  if (w[r + W_MASK] !== 0) return false;
  if (w[r + W_U32MIN] !== vl || w[r + W_U32MAX] !== vl || w[r + W_S32MIN] !== vl || w[r + W_S32MAX] !== vl) return true;
  if (w[r + W_MASK + 1] !== 0) return false;
  const vh = w[r + W_VAR + 1]!;
  for (let at = r + W_SMIN; at < r + W_S32MIN; at += 2) if (w[at] !== vl || w[at + 1] !== vh) return true;
  return false;
}

/** Zero-extends the low half: bounds first, then whatever follows from them (kernel: zext_32_to_64). */
export function zeroExtend(w: Int32Array, r: number): void {
  w[r + W_VAR + 1] = 0;
  w[r + W_MASK + 1] = 0;
  set(w, r + W_UMIN, w[r + W_U32MIN]!, 0);
  set(w, r + W_UMAX, w[r + W_U32MAX]!, 0);
  if (w[r + W_S32MIN]! >= 0 && w[r + W_S32MAX]! >= 0) {
    set(w, r + W_SMIN, w[r + W_S32MIN]!, 0);
    set(w, r + W_SMAX, w[r + W_S32MAX]!, 0);
  } else {
    set(w, r + W_SMIN, 0, 0);
    set(w, r + W_SMAX, -1, 0);
  }
}

/** Keeps the low 1, 2 or 4 bytes, zero-extended (kernel: coerce_reg_to_size). */
export function truncate(w: Int32Array, r: number, size: number): void {
  const mask = size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
  w[r + W_VAR] = w[r + W_VAR]! & mask;
  w[r + W_VAR + 1] = 0;
  w[r + W_MASK] = w[r + W_MASK]! & mask;
  w[r + W_MASK + 1] = 0;
  const agree = w[r + W_UMIN + 1] === w[r + W_UMAX + 1] && (w[r + W_UMIN]! & ~mask) === (w[r + W_UMAX]! & ~mask);
  const min = agree ? w[r + W_UMIN]! & mask : 0;
  const max = agree ? w[r + W_UMAX]! & mask : mask;
  set(w, r + W_UMIN, min, 0);
  set(w, r + W_UMAX, max, 0);
  set(w, r + W_SMIN, min, 0);
  set(w, r + W_SMAX, max, 0);
  if (size < 4) unbound32(w, r);
  syncBounds(w, r);
}

function signExtendLow(value: number, size: number): number {
  return size === 4 ? value : size === 2 ? (value << 16) >> 16 : (value << 24) >> 24;
}

/** Sign-extends the low 1, 2 or 4 bytes to 64 bits (kernel: coerce_reg_to_size_sx). */
export function signExtend64(w: Int32Array, r: number, size: number): void {
  if ((w[r + W_MASK]! | w[r + W_MASK + 1]!) === 0) {
    const value = signExtendLow(w[r + W_VAR]!, size);
    setKnownValue(w, r, value, value >> 31);
    return;
  }
  const keep = size === 4 ? 0 : size === 2 ? ~0xffff : ~0xff;
  const sminl = w[r + W_SMIN]!;
  const smaxl = w[r + W_SMAX]!;
  if (w[r + W_SMIN + 1] === w[r + W_SMAX + 1] && (sminl & keep) === (smaxl & keep)) {
    const a = signExtendLow(sminl, size);
    const b = signExtendLow(smaxl, size);
    const min = Math.min(a, b);
    const max = Math.max(a, b);
    if (max >= 0 === min >= 0) {
      const high = min >> 31;
      set(w, r + W_SMIN, min, high);
      set(w, r + W_SMAX, max, high);
      set(w, r + W_UMIN, min, high);
      set(w, r + W_UMAX, max, high);
      w[r + W_S32MIN] = min;
      w[r + W_S32MAX] = max;
      w[r + W_U32MIN] = min;
      w[r + W_U32MAX] = max;
      tnumRange(w, r + W_VAR, min, high, max, high);
      return;
    }
  }
  const max = size === 1 ? 0x7f : size === 2 ? 0x7fff : S32_MAX;
  set(w, r + W_SMIN, ~max, -1);
  set(w, r + W_SMAX, max, 0);
  w[r + W_S32MIN] = ~max;
  w[r + W_S32MAX] = max;
  set(w, r + W_UMIN, 0, 0);
  set(w, r + W_UMAX, -1, -1);
  w[r + W_U32MIN] = 0;
  w[r + W_U32MAX] = -1;
  tnumSet(w, r + W_VAR, 0, 0, -1, -1);
}

/** Sign-extends the low 1 or 2 bytes to 32 bits; the upper half is left for {@link zeroExtend} (coerce_subreg_to_size_sx). */
export function signExtend32(w: Int32Array, r: number, size: number): void {
  if ((w[r + W_MASK]! | w[r + W_MASK + 1]!) === 0) {
    const value = signExtendLow(w[r + W_VAR]!, size);
    tnumSet(w, r + W_VAR, value, value >> 31, 0, 0);
    w[r + W_S32MIN] = value;
    w[r + W_S32MAX] = value;
    w[r + W_U32MIN] = value;
    w[r + W_U32MAX] = value;
    return;
  }
  const keep = size === 2 ? ~0xffff : ~0xff;
  const s32min = w[r + W_S32MIN]!;
  const s32max = w[r + W_S32MAX]!;
  if ((s32min & keep) === (s32max & keep)) {
    const a = signExtendLow(s32min, size);
    const b = signExtendLow(s32max, size);
    const min = Math.min(a, b);
    const max = Math.max(a, b);
    if (min >= 0 === max >= 0) {
      w[r + W_S32MIN] = min;
      w[r + W_S32MAX] = max;
      w[r + W_U32MIN] = min;
      w[r + W_U32MAX] = max;
      tnumRange(w, r + W_VAR, min, 0, max, 0);
      w[r + W_VAR + 1] = 0;
      w[r + W_MASK + 1] = 0;
      return;
    }
  }
  const max = size === 1 ? 0x7f : 0x7fff;
  w[r + W_S32MIN] = ~max;
  w[r + W_S32MAX] = max;
  w[r + W_U32MIN] = 0;
  w[r + W_U32MAX] = -1;
  tnumSet(w, r + W_VAR, 0, 0, -1, 0);
}
