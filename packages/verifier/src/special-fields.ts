/** Locks, timers and kptrs in map values. */
import { type Env, reject } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import { processLock } from './locks.ts';
import type { MapModel } from './map-model.ts';
import { mapOf } from './region-access.ts';
import { EINVAL } from './reject.ts';
import { W_AUX2, W_MASK, W_OFF, W_VAR } from './register-record.ts';
import { REF_LOCK, regAt } from './state.ts';

const FUNC_SPIN_LOCK = 93;

/** bpf_spin_lock and bpf_spin_unlock. */
export function processSpinLock(env: Env, regno: number, meta: CallMeta): void {
  processLock(env, regno, meta.funcId === FUNC_SPIN_LOCK, REF_LOCK);
}

/** The pointer is at the field of its kind in the map value (kernel: check_map_field_pointer). */
export function checkMapField(env: Env, regno: number, kind: 'bpf_timer' | 'bpf_wq' | 'bpf_task_work'): MapModel {
  const w = env.frame.w;
  const at = regAt(regno);
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) {
    reject(EINVAL, `R${regno} doesn't have constant offset. ${kind} has to be at the constant offset`);
  }
  const map = mapOf(env, w, at);
  if (!map.hasBtf) reject(EINVAL, `map '${map.name}' has to have BTF in order to use ${kind}`);
  const field = map.fields.find((one) => one.kind === kind);
  if (field === undefined) return reject(EINVAL, `map '${map.name}' has no valid ${kind}`);
  const off = w[at + W_OFF]! + w[at + W_VAR]!;
  if (field.offset !== off) reject(EINVAL, `off ${off} doesn't point to 'struct ${kind}' that is at ${field.offset}`);
  return map;
}

/** bpf_timer_init and so on (kernel: process_timer_func). */
export function processTimer(env: Env, regno: number, meta: CallMeta): void {
  meta.map = checkMapField(env, regno, 'bpf_timer');
  meta.mapUid = env.frame.w[regAt(regno) + W_AUX2]!;
}
