/** What a register holds after a load from the context. */
import { markKnown, markUnknown } from './bounds.ts';
import { type Env, notModelled } from './env.ts';
import { W_AUX, W_AUX2, W_ID, W_PRECISE, W_TYPE } from './register-record.ts';
import { baseType, PTR_MAYBE_NULL, PTR_TO_BTF_ID, SCALAR_VALUE } from './register-types.ts';
import { regAt } from './state.ts';

/** Marks the register (kernel: check_mem_access, PTR_TO_CTX). */
export function markContextResult(env: Env, regno: number, type: number, _off: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if (type === SCALAR_VALUE) {
    markUnknown(w, at, env.defaultPrecise);
    // The result of the hook has a range (kernel: __mark_reg_s32_range).
    if (env.target !== undefined && env.contextValue?.isResult === true) notModelled('result of an LSM hook');
    return;
  }
  w[at + 22] = 0;
  markKnown(w, at, 0, 0);
  w[at + W_PRECISE] = 0;
  if ((type & PTR_MAYBE_NULL) !== 0) w[at + W_ID] = ++env.idGen;
  w[at + W_TYPE] = type;
  if (baseType(type) === PTR_TO_BTF_ID) {
    w[at + W_AUX] = env.contextValue!.id;
    w[at + W_AUX2] = 0;
  }
}
