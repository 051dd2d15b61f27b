/** Special fields of what a register points to, and the locks that guard them. */
import { type Env, reject } from './env.ts';
import type { FieldKind, SpecialField } from './map-model.ts';
import { mapOf } from './region-access.ts';
import { EINVAL } from './reject.ts';
import { W_AUX, W_AUX2, W_ID, W_OFF, W_TYPE, W_VAR } from './register-record.ts';
import { baseType, MEM_ALLOC, NON_OWN_REF, PTR_TO_BTF_ID, PTR_TO_MAP_VALUE } from './register-types.ts';
import { REF_LOCK, REF_NUMBERS, REF_RES_LOCK, REF_RES_LOCK_IRQ, type State } from './state.ts';

/** A pointer to an object that programs allocate (kernel: type_is_ptr_alloc_obj). */
export function isOwnObject(type: number): boolean {
  return baseType(type) === PTR_TO_BTF_ID && (type & MEM_ALLOC) !== 0;
}

/** A pointer to such an object which someone else owns (kernel: type_is_non_owning_ref). */
export function isNonOwning(type: number): boolean {
  return isOwnObject(type) && (type & NON_OWN_REF) !== 0;
}

/** Special fields; undefined when there can be none (kernel: reg_btf_record). */
export function fieldsOfRegister(env: Env, w: Int32Array, at: number): readonly SpecialField[] | undefined {
  const type = w[at + W_TYPE]!;
  if (type === PTR_TO_MAP_VALUE) return mapOf(env, w, at).fields;
  return isOwnObject(type) ? env.objects.fieldsOfObject(w[at + W_AUX2]!, w[at + W_AUX]!) : undefined;
}

/** Constant offset of a pointer. */
export function offsetOf(w: Int32Array, at: number): number {
  return w[at + W_OFF]! + w[at + W_VAR]!;
}

/** The field of a kind at an offset (kernel: btf_record_find). */
export function fieldAt(
  fields: readonly SpecialField[] | undefined,
  kind: FieldKind,
  offset: number,
): SpecialField | undefined {
  return fields?.find((field) => field.kind === kind && field.offset === offset);
}

/** What a lock is in: a map, or the BTF that the type of an object is from (kernel: active_lock_ptr). */
export function lockOwner(w: Int32Array, at: number): number {
  return w[at + W_TYPE] === PTR_TO_MAP_VALUE ? w[at + W_AUX]! : -w[at + W_AUX2]!;
}

/** Any kind of lock. */
export const ANY_LOCK: number = REF_LOCK | REF_RES_LOCK | REF_RES_LOCK_IRQ;

/** Place of a lock that is held, among the references; -1 for none (kernel: find_lock_state). */
export function findLock(state: State, kinds: number, id: number, owner: number): number {
  const { refs } = state;
  for (let i = 0; i < refs.length; i += REF_NUMBERS) {
    if ((refs[i]! & kinds) !== 0 && refs[i + 1] === id && refs[i + 3] === owner) return i;
  }
  return -1;
}

/** The lock in what the register points to is held (kernel: check_reg_allocation_locked). */
export function checkLocked(env: Env, w: Int32Array, at: number, fields: readonly SpecialField[], what: string): void {
  const { state } = env;
  const held = state.activeLocks > 0 && findLock(state, ANY_LOCK, w[at + W_ID]!, lockOwner(w, at)) >= 0;
  if (held) return;
  const lock = fields.find(({ kind }) => kind === 'bpf_spin_lock');
  const text = `bpf_spin_lock at off=${lock?.offset ?? -EINVAL} must be held for ${what}`;
  reject(EINVAL, state.activeLocks > 0 ? `held lock and object are not in the same allocation\n${text}` : text);
}
