/** Dynptrs on the stack. */
import { type Env, notModelled } from './env.ts';
import { type Frame, STACK_DYNPTR } from './state.ts';

/** A store to a slot that holds a dynptr destroys it (kernel: destroy_if_dynptr_stack_slot). */
export function destroyDynptrAt(_env: Env, frame: Frame, slot: number): void {
  if (frame.kinds[slot * 8 + 7] === STACK_DYNPTR) notModelled('dynptr');
}
