/** Helpers around dynptrs beyond their prototypes (kernel: check_helper_call, set_user_ringbuf_callback_state). */
import { markNotInit } from './bounds.ts';
import { DYNPTR_LOCAL, DYNPTR_SKB, DYNPTR_SKB_META, dynptrRecord, endDynptr, setDynptr } from './dynptr-slots.ts';
import { type Env, reject } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import { EACCES, Reject } from './reject.ts';
import { W_AUX, W_ID, W_REF, W_TYPE } from './register-record.ts';
import { PTR_TO_MAP_VALUE, typeName } from './register-types.ts';
import { type Frame, moveRegister, regAt } from './state.ts';

/** What must hold before bpf_dynptr_from_mem, bpf_dynptr_data and bpf_dynptr_write; true when packet pointers end. */
export function beforeDynptrCall(env: Env, meta: CallMeta): boolean {
  if (meta.name === 'bpf_dynptr_from_mem') {
    const type = env.frame.w[regAt(1) + W_TYPE]!;
    if (type !== PTR_TO_MAP_VALUE) {
      reject(EACCES, `Unsupported reg type ${typeName(type)} for bpf_dynptr_from_mem data`);
    }
    return false;
  }
  const { w, at } = dynptrRecord(env, 1);
  if (meta.name === 'bpf_dynptr_write') return w[at + W_AUX] === DYNPTR_SKB || w[at + W_AUX] === DYNPTR_SKB_META;
  meta.dynptrId = w[at + W_ID]!;
  meta.refId = w[at + W_REF]!;
  return false;
}

/** Releases the dynptr in the register of {@link CallMeta.releaseRegno}. */
export function releaseDynptr(env: Env, meta: CallMeta): void {
  try {
    endDynptr(env, meta.releaseRegno);
  } catch (reason) {
    if (!(reason instanceof Reject)) throw reason;
    reject(reason.errno, `${reason.text}\nfunc ${meta.name}#${meta.funcId} reference has not been acquired before`);
  }
}

/** bpf_user_ringbuf_drain: callback(dynptr, ctx). */
export function setupUserRingbuf(env: Env, caller: Frame, callee: Frame): void {
  markNotInit(callee.w, regAt(0), env.defaultPrecise);
  setDynptr(callee.w, regAt(1), DYNPTR_LOCAL, true, ++env.idGen);
  moveRegister(callee, regAt(2), caller, regAt(3));
  for (let reg = 3; reg <= 5; reg++) markNotInit(callee.w, regAt(reg), env.defaultPrecise);
  callee.inCallback = true;
  callee.retMin = 0;
  callee.retMax = 1;
}
