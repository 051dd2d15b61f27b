/** References that must be given back, and sections that must be left (kernel: acquire_reference, release_reference). */
import { markNotInit, markUnknown } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { EINVAL } from './reject.ts';
import { W_AUX, W_REF, W_TYPE } from './register-record.ts';
import {
  isPacketOrEndType,
  baseType,
  DYNPTR_TYPE_SKB,
  DYNPTR_TYPE_SKB_META,
  DYNPTR_TYPE_XDP,
  PTR_TO_MEM,
} from './register-types.ts';
import { eachRegister, REF_NUMBERS, REF_PTR, regAt, type State } from './state.ts';

/** A new reference; its id. */
export function acquireReference(env: Env, insn: number): number {
  const id = ++env.idGen;
  env.state.refs = [...env.state.refs, REF_PTR, id, insn, 0];
  return id;
}

/** Forgets a reference, not the pointers; whether there was one. */
export function releaseReferenceOnly(state: State, id: number): boolean {
  const { refs } = state;
  for (let i = 0; i < refs.length; i += REF_NUMBERS) {
    if (refs[i] !== REF_PTR || refs[i + 1] !== id) continue;
    // The kernel keeps the order of the rest.
    state.refs = [...refs.slice(0, i), ...refs.slice(i + REF_NUMBERS)];
    return true;
  }
  return false;
}

/** A pointer that is no longer valid: unreadable, or a number for loaders that may see addresses (mark_reg_invalid). */
export function invalidate(env: Env, w: Int32Array, at: number): void {
  if (env.options.allowPtrLeaks) markUnknown(w, at, env.defaultPrecise);
  else markNotInit(w, at, env.defaultPrecise);
}

/** Gives a reference back; all copies of the pointer end. */
export function releaseReference(env: Env, id: number): boolean {
  if (!releaseReferenceOnly(env.state, id)) return false;
  eachRegister(env.state, (w, at) => {
    if (w[at + W_REF] === id) invalidate(env, w, at);
  });
  return true;
}

const PACKET_SLICE = DYNPTR_TYPE_SKB | DYNPTR_TYPE_XDP | DYNPTR_TYPE_SKB_META;

/** The packet may have moved: pointers into it end (kernel: clear_all_pkt_pointers). */
export function clearPacketPointers(env: Env): void {
  eachRegister(env.state, (w, at) => {
    const type = w[at + W_TYPE]!;
    const slice = baseType(type) === PTR_TO_MEM && (type & PACKET_SLICE) !== 0;
    if (isPacketOrEndType(type) || slice) invalidate(env, w, at);
  });
}

/** Nothing may be held where a program ends or leaves (kernel: check_resource_leak). */
export function checkLeaks(env: Env, exception: boolean, checkSections: boolean, prefix: string): void {
  const { state } = env;
  if (checkSections && state.activeLocks > 0) {
    reject(EINVAL, `${prefix} cannot be used inside bpf_spin_lock-ed region`);
  }
  if (exception || env.frame.frameno === 0) {
    const lines: string[] = [];
    const returned = env.variant.type === 'STRUCT_OPS' && !exception ? env.frame.w[regAt(0) + W_REF]! : 0;
    for (let i = 0; i < state.refs.length; i += REF_NUMBERS) {
      if (state.refs[i] !== REF_PTR || (returned !== 0 && state.refs[i + 1] === returned)) continue;
      lines.push(`Unreleased reference id=${state.refs[i + 1]!} alloc_insn=${state.refs[i + 2]!}`);
    }
    if (lines.length > 0) reject(EINVAL, [...lines, `${prefix} would lead to reference leak`].join('\n'));
  }
  if (!checkSections) return;
  if (state.activeIrqId !== 0) reject(EINVAL, `${prefix} cannot be used inside bpf_local_irq_save-ed region`);
  if (state.activeRcuLocks > 0) reject(EINVAL, `${prefix} cannot be used inside bpf_rcu_read_lock-ed region`);
  if (state.activePreemptLocks > 0) {
    reject(EINVAL, `${prefix} cannot be used inside bpf_preempt_disable-ed region`);
  }
}

/** Bytes that a memory pointer reaches. */
export function memorySize(w: Int32Array, at: number): number {
  return w[at + W_AUX]! >>> 0;
}
