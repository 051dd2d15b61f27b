/** Objects on the stack: dynptrs, iterators, flags of IRQ sections (kernel: stack_slot_obj_get_spi). */
import { type Env, reject } from './env.ts';
import { EINVAL } from './reject.ts';
import { W_FRAME, W_MASK, W_OFF, W_VAR } from './register-record.ts';
import { type Frame, regAt } from './state.ts';

/** Frame that a stack pointer of the current frame points into. */
export function objectFrame(env: Env, regno: number): Frame {
  return env.state.frames[env.frame.w[regAt(regno) + W_FRAME]!]!;
}

/** Whether any byte of the slot, or each of them, is of a kind. */
export function slotIs(frame: Frame, slot: number, wanted: number, every: boolean): boolean {
  const kinds = frame.kinds.subarray(slot * 8, slot * 8 + 8);
  return every ? kinds.every((kind) => kind === wanted) : kinds.some((kind) => kind === wanted);
}

/**
 * First slot of the object that a stack pointer points to: the one of the lowest address. Throws `Reject` when no object
 * of that many slots can be there.
 *
 * @param what - the object in messages, as `iter`
 * @returns -1 beyond the stack in use
 */
export function objectSlot(env: Env, regno: number, slots: number, what: string): number {
  const w = env.frame.w;
  const at = regAt(regno);
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) reject(EINVAL, `${what} has to be at a constant offset`);
  const off = w[at + W_OFF]! + w[at + W_VAR]!;
  if (off % 8 !== 0) reject(EINVAL, `cannot pass in ${what} at an offset=${off}`);
  const slot = Math.trunc((-off - 1) / 8);
  if (slot + 1 < slots) reject(EINVAL, `cannot pass in ${what} at an offset=${off}`);
  return slot - slots + 1 >= 0 && slot < objectFrame(env, regno).slots ? slot : -1;
}
