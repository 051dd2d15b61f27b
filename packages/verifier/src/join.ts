/** The union of what is known of a register on several paths. */
import { REG_WORDS, W_AUX, W_AUX2, W_FRAME, W_MASK, W_OFF, W_S32MAX, W_S32MIN, W_SMAX, W_SMIN, W_TYPE, W_U32MAX, W_U32MIN, W_UMAX, W_UMIN, W_VAR } from './register-record.ts'; // prettier-ignore
import { slt, ult } from './word64.ts';

/** A union; `mixed` when the paths do not agree on what it is. */
export interface Joined {
  readonly words: Int32Array;
  mixed: boolean;
}

/** The union of one. */
export function newJoined(w: Int32Array, at: number): Joined {
  return { words: w.slice(at, at + REG_WORDS), mixed: false };
}

function take(to: Int32Array, field: number, w: Int32Array, at: number): void {
  to[field] = w[at + field]!;
  to[field + 1] = w[at + field + 1]!;
}

/** Adds a register to a union. */
export function joinRecord(joined: Joined, w: Int32Array, at: number): void {
  if (joined.mixed) return;
  const to = joined.words;
  for (const field of [W_TYPE, W_OFF, W_AUX, W_AUX2, W_FRAME]) {
    if (to[field] !== w[at + field] && (field !== W_OFF || to[W_TYPE] !== 1)) {
      joined.mixed = true;
      return;
    }
  }
  for (let half = 0; half < 2; half++) {
    const v = W_VAR + half;
    const m = W_MASK + half;
    const mask = to[m]! | w[at + m]! | (to[v]! ^ w[at + v]!);
    to[v] = to[v]! & w[at + v]! & ~mask;
    to[m] = mask;
  }
  if (slt(w[at + W_SMIN + 1]!, w[at + W_SMIN]!, to[W_SMIN + 1]!, to[W_SMIN]!)) take(to, W_SMIN, w, at);
  if (slt(to[W_SMAX + 1]!, to[W_SMAX]!, w[at + W_SMAX + 1]!, w[at + W_SMAX]!)) take(to, W_SMAX, w, at);
  if (ult(w[at + W_UMIN + 1]!, w[at + W_UMIN]!, to[W_UMIN + 1]!, to[W_UMIN]!)) take(to, W_UMIN, w, at);
  if (ult(to[W_UMAX + 1]!, to[W_UMAX]!, w[at + W_UMAX + 1]!, w[at + W_UMAX]!)) take(to, W_UMAX, w, at);
  to[W_S32MIN] = Math.min(to[W_S32MIN]!, w[at + W_S32MIN]!);
  to[W_S32MAX] = Math.max(to[W_S32MAX]!, w[at + W_S32MAX]!);
  to[W_U32MIN] = Math.min(to[W_U32MIN]! >>> 0, w[at + W_U32MIN]! >>> 0);
  to[W_U32MAX] = Math.max(to[W_U32MAX]! >>> 0, w[at + W_U32MAX]! >>> 0);
}
