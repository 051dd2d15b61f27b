/** Pointers that may be null, and what a test for null makes of them (kernel: mark_ptr_or_null_regs). */
import type { Env } from './env.ts';
import { hasField, MAP_ARRAY_OF_MAPS, MAP_HASH_OF_MAPS, MAP_SOCKHASH, MAP_SOCKMAP, MAP_XSKMAP } from './map-model.ts'; // prettier-ignore
import { fieldsOfRegister } from './object-fields.ts';
import { mapOf } from './region-access.ts';
import { releaseReferenceOnly } from './references.ts';
import { W_AUX, W_AUX2, W_ID, W_OFF, W_REF, W_SMAX, W_SMIN, W_TYPE, W_VAR, W_MASK } from './register-record.ts';
import {
  baseType,
  CONST_PTR_TO_MAP,
  MEM_ALLOC,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  PTR_TO_SOCKET,
  PTR_TO_XDP_SOCK,
  SCALAR_VALUE,
} from './register-types.ts';
import { eachRegister, regAt, type State } from './state.ts';

/** The pointer is not null (kernel: mark_ptr_not_null_reg). */
export function markPointerNotNull(env: Env, w: Int32Array, at: number): void {
  const type = w[at + W_TYPE]!;
  if (baseType(type) !== PTR_TO_MAP_VALUE) {
    w[at + W_TYPE] = type & ~PTR_MAYBE_NULL;
    return;
  }
  const map = mapOf(env, w, at);
  switch (map.type) {
    case MAP_ARRAY_OF_MAPS:
    case MAP_HASH_OF_MAPS: {
      w[at + W_TYPE] = CONST_PTR_TO_MAP;
      w[at + W_AUX] = (map.inner ?? -1) + 1;
      const inner = env.maps[map.inner ?? -1];
      if (inner !== undefined && hasField(inner, 'bpf_timer', 'bpf_wq', 'bpf_task_work'))
        w[at + W_AUX2] = w[at + W_ID]!;
      break;
    }
    case MAP_XSKMAP:
      w[at + W_TYPE] = PTR_TO_XDP_SOCK;
      break;
    case MAP_SOCKMAP:
    case MAP_SOCKHASH:
      w[at + W_TYPE] = PTR_TO_SOCKET;
      break;
    default:
      w[at + W_TYPE] = PTR_TO_MAP_VALUE;
  }
}

/** Whether the register may point to something with a lock in it, so that its identity matters. */
export function mayPointToLock(env: Env, w: Int32Array, at: number): boolean {
  return fieldsOfRegister(env, w, at)?.some(({ kind }) => kind === 'bpf_spin_lock' || kind === 'bpf_res_spin_lock') ?? false; // prettier-ignore
}

/** All copies of the pointer are null, or not. */
export function markNullness(env: Env, state: State, regno: number, isNull: boolean): void {
  const regs = state.frame.w;
  const ref = regs[regAt(regno) + W_REF]!;
  const id = regs[regAt(regno) + W_ID]!;
  if (ref !== 0 && ref === id && isNull) releaseReferenceOnly(state, id);
  eachRegister(state, (w, at) => {
    const type = w[at + W_TYPE]!;
    if ((type & PTR_MAYBE_NULL) === 0 || w[at + W_ID] !== id) return;
    const moved =
      w[at + W_SMIN]! | w[at + W_SMIN + 1]! | w[at + W_SMAX]! | w[at + W_SMAX + 1]! | w[at + W_VAR]! | w[at + W_MASK]!;
    if (moved !== 0) return;
    const ownObject = baseType(type) === PTR_TO_BTF_ID && (type & (MEM_ALLOC | NON_OWN_REF)) !== 0;
    if (!ownObject && w[at + W_OFF] !== 0) return;
    if (isNull) {
      w[at + W_TYPE] = SCALAR_VALUE;
      w[at + W_ID] = 0;
      w[at + W_REF] = 0;
      return;
    }
    markPointerNotNull(env, w, at);
    if (!mayPointToLock(env, w, at)) w[at + W_ID] = 0;
  });
}
