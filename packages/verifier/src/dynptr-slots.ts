/**
 * Dynptrs on the stack. One takes two slots, the first of them that of the lower address. Each slot has a record of the
 * type CONST_PTR_TO_DYNPTR: W_AUX is the kind of dynptr, W_AUX2 whether it is the first slot, W_ID the id that slices
 * refer to, W_REF the reference that must be given back.
 *
 * ```text
 *   fp-16      fp-8
 *   [first]    [second]      slot 1, slot 0
 * ```
 */
import { markKnown, markNotInit } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { acquireReference, invalidate, releaseReference } from './references.ts';
import { EFAULT, EINVAL } from './reject.ts';
import { W_AUX, W_AUX2, W_ID, W_REF, W_TYPE } from './register-record.ts';
import {
  CONST_PTR_TO_DYNPTR,
  DYNPTR_TYPE_LOCAL,
  DYNPTR_TYPE_RINGBUF,
  DYNPTR_TYPE_SKB,
  DYNPTR_TYPE_SKB_META,
  DYNPTR_TYPE_XDP,
  PTR_MAYBE_NULL,
  PTR_TO_MEM,
} from './register-types.ts';
import { objectFrame, objectSlot } from './stack-objects.ts';
import { eachRegister, type Frame, regAt, slotAt, STACK_DYNPTR, STACK_INVALID } from './state.ts';

/** What a dynptr points to (kernel 6.18: enum bpf_dynptr_type). */
export const DYNPTR_LOCAL = 1;
export const DYNPTR_RINGBUF = 2;
export const DYNPTR_SKB = 3;
export const DYNPTR_XDP = 4;
export const DYNPTR_SKB_META = 5;

const NAMES = ['<invalid>', 'local', 'ringbuf', 'skb', 'xdp', 'skb_meta'];

/** (kernel: dynptr_type_str) */
export function dynptrKindName(kind: number): string {
  return NAMES[kind] ?? '<unknown>';
}

/** Flag that slices of such a dynptr have in their type (kernel: get_dynptr_type_flag). */
export function sliceFlag(kind: number): number {
  return [0, DYNPTR_TYPE_LOCAL, DYNPTR_TYPE_RINGBUF, DYNPTR_TYPE_SKB, DYNPTR_TYPE_XDP, DYNPTR_TYPE_SKB_META][kind] ?? 0;
}

/** Whether it must be given back (kernel: dynptr_type_refcounted). */
function isReferenced(kind: number): boolean {
  return kind === DYNPTR_RINGBUF;
}

/** Makes a record one of a dynptr (kernel: __mark_dynptr_reg). */
export function setDynptr(w: Int32Array, at: number, kind: number, first: boolean, id: number): void {
  markKnown(w, at, 0, 0);
  w[at + W_TYPE] = CONST_PTR_TO_DYNPTR;
  w[at + W_AUX] = kind;
  w[at + W_AUX2] = first ? 1 : 0;
  w[at + W_ID] = id;
}

/** First slot of a dynptr that a stack pointer points to; -1 beyond the stack in use. Throws `Reject`. */
export function dynptrSlot(env: Env, regno: number): number {
  return objectSlot(env, regno, 2, 'dynptr');
}

function isWhole(frame: Frame, slot: number): boolean {
  for (let i = (slot - 1) * 8; i < (slot + 1) * 8; i++) if (frame.kinds[i] !== STACK_DYNPTR) return false;
  return true;
}

/** Whether a dynptr begins in the slot (kernel: is_dynptr_reg_valid_init). */
export function isDynptrAt(frame: Frame, slot: number): boolean {
  return slot >= 1 && frame.w[slotAt(slot) + W_AUX2] !== 0 && isWhole(frame, slot);
}

function forget(env: Env, frame: Frame, slot: number): void {
  for (const one of [slot, slot - 1]) {
    frame.kinds.fill(STACK_INVALID, one * 8, one * 8 + 8);
    markNotInit(frame.w, slotAt(one), env.defaultPrecise);
    env.liveness.write(frame.frameno, one);
  }
}

/** A store to a slot that belongs to a dynptr destroys it, and its slices (kernel: destroy_if_dynptr_stack_slot). */
export function destroyDynptrAt(env: Env, frame: Frame, slot: number): void {
  if (frame.kinds[slot * 8] !== STACK_DYNPTR) return;
  const first = frame.w[slotAt(slot) + W_AUX2] !== 0 ? slot : slot + 1;
  const at = slotAt(first);
  if (isReferenced(frame.w[at + W_AUX]!)) reject(EINVAL, 'cannot overwrite referenced dynptr');
  env.log?.touchSlot(first);
  env.log?.touchSlot(first - 1);
  const id = frame.w[at + W_ID]!;
  frame.kinds.fill(STACK_INVALID, (first - 1) * 8, (first + 1) * 8);
  eachRegister(env.state, (w, reg) => {
    // Slices of packets have a flag in their type: they end only when the packet changes.
    if ((w[reg + W_TYPE]! & ~PTR_MAYBE_NULL) === PTR_TO_MEM && w[reg + W_AUX2] === id) invalidate(env, w, reg);
  });
  forget(env, frame, first);
}

/**
 * Begins a dynptr in the slots that a stack pointer points to (kernel: mark_stack_slots_dynptr).
 *
 * @param reference - the reference that a clone shares; 0 for a new one
 */
export function beginDynptr(env: Env, regno: number, kind: number, reference: number): void {
  const slot = dynptrSlot(env, regno);
  const frame = objectFrame(env, regno);
  // They may be the second slot of one dynptr and the first of another.
  destroyDynptrAt(env, frame, slot);
  destroyDynptrAt(env, frame, slot - 1);
  frame.kinds.fill(STACK_DYNPTR, (slot - 1) * 8, (slot + 1) * 8);
  const id = ++env.idGen;
  setDynptr(frame.w, slotAt(slot), kind, true, id);
  setDynptr(frame.w, slotAt(slot - 1), kind, false, id);
  if (isReferenced(kind)) {
    const ref = reference === 0 ? acquireReference(env, env.insn) : reference;
    frame.w[slotAt(slot) + W_REF] = ref;
    frame.w[slotAt(slot - 1) + W_REF] = ref;
  }
  env.liveness.write(frame.frameno, slot);
  env.liveness.write(frame.frameno, slot - 1);
}

/** Ends a dynptr that is given back, its clones in the same frame, and all slices (kernel: unmark_stack_slots_dynptr). */
export function endDynptr(env: Env, regno: number): void {
  const slot = dynptrSlot(env, regno);
  const frame = objectFrame(env, regno);
  const at = slotAt(slot);
  if (!isReferenced(frame.w[at + W_AUX]!)) return forget(env, frame, slot);
  const reference = frame.w[at + W_REF]!;
  releaseReference(env, reference);
  for (let i = 1; i < frame.slots; i++) {
    if (frame.w[slotAt(i) + W_REF] !== reference) continue;
    // A slice that was overwritten byte by byte leaves its reference in the slot.
    if (frame.kinds[i * 8] !== STACK_DYNPTR) reject(EFAULT, 'verifier bug: misconfigured ref_obj_id');
    if (frame.w[slotAt(i) + W_AUX2] !== 0) forget(env, frame, i);
  }
}

/** A dynptr that is handed over: kind, id and reference are in this record. */
export interface DynptrRecord {
  readonly w: Int32Array;
  readonly at: number;
}

/** The record of the dynptr in a register, or of the one that it points to. */
export function dynptrRecord(env: Env, regno: number): DynptrRecord {
  const at = regAt(regno);
  if (env.frame.w[at + W_TYPE] === CONST_PTR_TO_DYNPTR) return { w: env.frame.w, at };
  return { w: objectFrame(env, regno).w, at: slotAt(dynptrSlot(env, regno)) };
}
