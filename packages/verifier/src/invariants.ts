/** What happens when bounds contradict each other, as on a path that cannot be taken. */
import { boundsContradict, unbound } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { EFAULT } from './reject.ts';
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
import { toUnsigned } from './word64.ts';

/** Forgets contradicting bounds, or refuses the program when it asks for that (kernel: reg_bounds_sanity_check). */
export function checkInvariants(env: Env, w: Int32Array, at: number, where: string): void {
  if (!boundsContradict(w, at)) return;
  if (env.log !== undefined || env.options.testRegInvariants) {
    const long = (word: number): string => hex(toUnsigned(w, at + word));
    const short = (word: number): string => hex(BigInt(w[at + word]! >>> 0));
    const text = `verifier bug: REG INVARIANTS VIOLATION (${where}): range bounds violation u64=[${long(W_UMIN)}, ${long(W_UMAX)}] s64=[${long(W_SMIN)}, ${long(W_SMAX)}] u32=[${short(W_U32MIN)}, ${short(W_U32MAX)}] s32=[${short(W_S32MIN)}, ${short(W_S32MAX)}] var_off=(${long(W_VAR)}, ${long(W_MASK)})`; // prettier-ignore
    if (env.options.testRegInvariants) reject(EFAULT, text);
    env.note(text);
  }
  unbound(w, at);
}

function hex(value: bigint): string {
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}
