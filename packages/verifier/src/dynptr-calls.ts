/** Helpers around dynptrs. */
import { type Env, notModelled } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import type { Frame } from './state.ts';

/** What must hold before bpf_dynptr_from_mem, bpf_dynptr_data and bpf_dynptr_write; true when packet pointers end. */
export function beforeDynptrCall(_env: Env, _meta: CallMeta): boolean {
  return notModelled('dynptr');
}

/** Releases a dynptr; false when it was not acquired. */
export function afterDynptrCall(_env: Env, _meta: CallMeta): boolean {
  return notModelled('dynptr');
}

/** bpf_user_ringbuf_drain: callback(dynptr, ctx). */
export function setupUserRingbuf(_env: Env, _caller: Frame, _callee: Frame): void {
  notModelled('bpf_user_ringbuf_drain');
}
