/** Locks, timers and kptrs in map values. */
import { type Env, notModelled, reject } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import { hasField } from './map-model.ts';
import { mapOf } from './region-access.ts';
import { EINVAL } from './reject.ts';
import { W_AUX, W_AUX2, W_ID, W_MASK, W_OFF, W_TYPE, W_VAR } from './register-record.ts';
import { PTR_TO_MAP_VALUE } from './register-types.ts';
import { REF_LOCK, REF_NUMBERS, regAt } from './state.ts';

const FUNC_SPIN_LOCK = 93;

/** bpf_spin_lock and bpf_spin_unlock (kernel: process_spin_lock). */
export function processSpinLock(env: Env, regno: number, meta: CallMeta): void {
  const { state } = env;
  const w = env.frame.w;
  const at = regAt(regno);
  const isLock = meta.funcId === FUNC_SPIN_LOCK;
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) {
    reject(EINVAL, `R${regno} doesn't have constant offset. bpf_spin_lock has to be at the constant offset`);
  }
  if (w[at + W_TYPE] !== PTR_TO_MAP_VALUE) notModelled('lock in an object of the program');
  const map = mapOf(env, w, at);
  if (!map.hasBtf) reject(EINVAL, `map '${map.name}' has to have BTF in order to use bpf_spin_lock`);
  const field = map.fields.find(({ kind }) => kind === 'bpf_spin_lock');
  if (field === undefined) return reject(EINVAL, `map '${map.name}' has no valid bpf_spin_lock`);
  const off = w[at + W_OFF]! + w[at + W_VAR]!;
  if (field.offset !== off) {
    reject(EINVAL, `off ${off} doesn't point to 'struct bpf_spin_lock' that is at ${field.offset}`);
  }
  const id = w[at + W_ID]!;
  const object = w[at + W_AUX]!;
  if (isLock) {
    if (state.activeLocks > 0 && state.refs.some((n, i) => i % REF_NUMBERS === 0 && n === REF_LOCK)) {
      reject(EINVAL, 'Locking two bpf_spin_locks are not allowed');
    }
    state.refs = [...state.refs, REF_LOCK, id, env.insn, object];
    state.activeLocks++;
    state.activeLockId = id;
    state.activeLockPtr = object;
    return;
  }
  if (state.activeLocks === 0) reject(EINVAL, 'bpf_spin_unlock without taking a lock');
  const { refs } = state;
  let found = -1;
  for (let i = 0; i < refs.length; i += REF_NUMBERS) {
    if (refs[i] === REF_LOCK && refs[i + 1] === id && refs[i + 3] === object) found = i;
  }
  if (found < 0) reject(EINVAL, 'bpf_spin_unlock of different lock');
  if (id !== state.activeLockId || object !== state.activeLockPtr) {
    reject(EINVAL, 'bpf_spin_unlock cannot be out of order');
  }
  state.refs = [...refs.slice(0, found), ...refs.slice(found + REF_NUMBERS)];
  state.activeLocks--;
  state.activeLockId = 0;
  state.activeLockPtr = 0;
  for (let i = 0; i < state.refs.length; i += REF_NUMBERS) {
    if (state.refs[i]! < REF_LOCK) continue;
    state.activeLockId = state.refs[i + 1]!;
    state.activeLockPtr = state.refs[i + 3]!;
  }
}

/** bpf_timer_init and so on (kernel: process_timer_func). */
export function processTimer(env: Env, regno: number, meta: CallMeta): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) {
    reject(EINVAL, `R${regno} doesn't have constant offset. bpf_timer has to be at the constant offset`);
  }
  const map = mapOf(env, w, at);
  if (!map.hasBtf) reject(EINVAL, `map '${map.name}' has to have BTF in order to use bpf_timer`);
  if (!hasField(map, 'bpf_timer')) reject(EINVAL, `map '${map.name}' has no valid bpf_timer`);
  const field = map.fields.find(({ kind }) => kind === 'bpf_timer')!;
  const off = w[at + W_OFF]! + w[at + W_VAR]!;
  if (field.offset !== off) {
    reject(EINVAL, `off ${off} doesn't point to 'struct bpf_timer' that is at ${field.offset}`);
  }
  meta.mapUid = w[at + W_AUX2]!;
  meta.map = map;
}

/** bpf_kptr_xchg (kernel: process_kptr_func). */
export function processKptr(_env: Env, _regno: number, _meta: CallMeta): void {
  notModelled('bpf_kptr_xchg');
}
