/** What a register holds after a load from the context. */
import { markKnown, markUnknown } from './bounds.ts';
import type { Env } from './env.ts';
import { W_ID, W_PRECISE, W_TYPE } from './register-record.ts';
import { PTR_MAYBE_NULL, SCALAR_VALUE } from './register-types.ts';
import { regAt } from './state.ts';

/** Marks the register (kernel: check_mem_access, PTR_TO_CTX). */
export function markContextResult(env: Env, regno: number, type: number, _off: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if (type === SCALAR_VALUE) {
    markUnknown(w, at, env.defaultPrecise);
    return;
  }
  w[at + 22] = 0;
  markKnown(w, at, 0, 0);
  w[at + W_PRECISE] = 0;
  if ((type & PTR_MAYBE_NULL) !== 0) w[at + W_ID] = ++env.idGen;
  w[at + W_TYPE] = type;
}
