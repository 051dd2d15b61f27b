/** Locks in map values: bpf_spin_lock, and resilient ones whose taking may fail (kernel: process_spin_lock). */
import { type Env, reject } from './env.ts';
import { ANY_LOCK, fieldsOfRegister, findLock, lockOwner } from './object-fields.ts';
import { invalidateNonOwning } from './owned-objects.ts';
import { EINVAL } from './reject.ts';
import { mapOf } from './region-access.ts';
import { W_ID, W_MASK, W_OFF, W_TYPE, W_VAR } from './register-record.ts';
import { PTR_TO_MAP_VALUE } from './register-types.ts';
import { REF_LOCK, REF_NUMBERS, REF_RES_LOCK, REF_RES_LOCK_IRQ, regAt, type State } from './state.ts';

/** Kinds of locks by how they are taken: {@link REF_LOCK}, {@link REF_RES_LOCK} or {@link REF_RES_LOCK_IRQ}. */
export function processLock(env: Env, regno: number, takes: boolean, kind: number): void {
  const { state } = env;
  const w = env.frame.w;
  const at = regAt(regno);
  const resilient = kind !== REF_LOCK;
  const name = resilient ? 'bpf_res_spin' : 'bpf_spin';
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) {
    reject(EINVAL, `R${regno} doesn't have constant offset. ${name}_lock has to be at the constant offset`);
  }
  const map = w[at + W_TYPE] === PTR_TO_MAP_VALUE ? mapOf(env, w, at) : undefined;
  if (map?.hasBtf === false) reject(EINVAL, `map '${map.name}' has to have BTF in order to use ${name}_lock`);
  const field = fieldsOfRegister(env, w, at)?.find((one) => one.kind === `${name}_lock`);
  if (field === undefined) {
    return reject(EINVAL, `${map === undefined ? 'local' : 'map'} '${map?.name ?? 'kptr'}' has no valid ${name}_lock`);
  }
  const off = w[at + W_OFF]! + w[at + W_VAR]!;
  if (field.offset !== off) {
    reject(EINVAL, `off ${off} doesn't point to 'struct ${name}_lock' that is at ${field.offset}`);
  }
  const id = w[at + W_ID]!;
  const object = lockOwner(w, at);
  if (takes) return take(state, env.insn, kind, id, object);
  release(state, name, kind, id, object);
  invalidateNonOwning(env);
}

function take(state: State, insn: number, kind: number, id: number, object: number): void {
  if (state.activeLocks > 0) {
    if (kind === REF_LOCK) {
      if (state.refs.some((n, i) => i % REF_NUMBERS === 0 && n === REF_LOCK)) {
        reject(EINVAL, 'Locking two bpf_spin_locks are not allowed');
      }
    } else if (findLock(state, REF_RES_LOCK | REF_RES_LOCK_IRQ, id, object) >= 0) {
      reject(EINVAL, 'Acquiring the same lock again, AA deadlock detected');
    }
  }
  state.refs = [...state.refs, kind, id, insn, object];
  state.activeLocks++;
  state.activeLockId = id;
  state.activeLockPtr = object;
}

/** Locks are released in the opposite order; the one before is then the innermost (kernel: release_lock_state). */
function release(state: State, name: string, kind: number, id: number, object: number): void {
  if (state.activeLocks === 0) reject(EINVAL, `${name}_unlock without taking a lock`);
  const found = findLock(state, kind, id, object);
  if (found < 0) reject(EINVAL, `${name}_unlock of different lock`);
  if (id !== state.activeLockId || object !== state.activeLockPtr) {
    reject(EINVAL, `${name}_unlock cannot be out of order`);
  }
  const { refs } = state;
  state.activeLockId = 0;
  state.activeLockPtr = 0;
  for (let i = 0; i < found; i += REF_NUMBERS) {
    if ((refs[i]! & ANY_LOCK) === 0) continue;
    state.activeLockId = refs[i + 1]!;
    state.activeLockPtr = refs[i + 3]!;
  }
  state.refs = [...refs.slice(0, found), ...refs.slice(found + REF_NUMBERS)];
  state.activeLocks--;
}
