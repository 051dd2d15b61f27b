/** Iterators on the stack: new, next, destroy (kernel: process_iter_arg, process_iter_next_call). */
import type { BtfComposite } from '@polybpf/btf';
import type { KfuncInfo } from '@polybpf/helpers';
import { markKnown, markNotInit, setKnownValue } from './bounds.ts';
import { inRcuSection } from './btf-access.ts';
import { type Env, reject } from './env.ts';
import { markPointerNotNull } from './nullness.ts';
import { pushBranch } from './pending.ts';
import { acquireReference, releaseReference } from './references.ts';
import { EINVAL, ENOMEM, EPROTO, passes } from './reject.ts';
import { W_AUX, W_AUX2, W_FRAME, W_OFF, W_PRECISE, W_REF, W_TYPE } from './register-record.ts';
import { MEM_RCU, PTR_TO_STACK, PTR_TRUSTED, PTR_UNTRUSTED, SCALAR_VALUE } from './register-types.ts';
import { accessMemory } from './memory-access.ts';
import { WRITE } from './stack-access.ts';
import { objectFrame, objectSlot, slotIs } from './stack-objects.ts';
import { type Frame, regAt, slotAt, STACK_INVALID, STACK_ITER, type State } from './state.ts';
import { findPreviousEntry, ITER_ACTIVE } from './visited.ts';
import { widenImprecise } from './widen.ts';

const ITER_DRAINED = 2;

/** Where an iterator is. */
export interface IteratorPlace {
  readonly frameno: number;
  readonly slot: number;
}

/**
 * Checks the iterator argument of a function, and begins or ends the iterator.
 *
 * @returns where it is, for next
 */
export function checkIterator(
  env: Env,
  what: 'new' | 'next' | 'destroy',
  struct: BtfComposite,
  info: KfuncInfo,
): IteratorPlace {
  const regno = 1;
  const w = env.frame.w;
  if (info.name === 'bpf_iter_css_task_new' && !mayWalkTasksOfCss(env)) {
    reject(EINVAL, 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs');
  }
  if (w[regAt(regno) + W_TYPE] !== PTR_TO_STACK) reject(EINVAL, 'arg#0 expected pointer to an iterator on stack');
  const slots = struct.size / 8;
  const kind = struct.name.replace('bpf_iter_', '');
  const frameno = w[regAt(regno) + W_FRAME]!;
  let slot = -1;
  const placed = passes(() => {
    slot = objectSlot(env, regno, slots, 'iter');
  }, env.noter);
  const each = (test: (frame: Frame, n: number, i: number) => boolean): boolean => {
    for (let i = 0; i < slots; i++) if (!test(objectFrame(env, regno), slot - i, i)) return false;
    return true;
  };
  if (what === 'new') {
    if (!placed || (slot >= 0 && !each((frame, n) => !slotIs(frame, n, STACK_ITER, false)))) {
      reject(EINVAL, `expected uninitialized iter_${kind} as arg #0`);
    }
    for (let i = 0; i < slots; i++) accessMemory(env, regno, i * 8, 8, WRITE, -1, false, false);
    slot = objectSlot(env, regno, slots, 'iter');
    // An iterator over what RCU keeps is good for as long as the section.
    const isProtected = info.flags.includes('RCU_PROTECTED');
    const trust = !isProtected ? 0 : inRcuSection(env) ? MEM_RCU : PTR_UNTRUSTED;
    begin(env, objectFrame(env, regno), slot, slots, struct.id, trust);
    return { frameno, slot };
  }
  const ready =
    placed &&
    slot >= 0 &&
    each((frame, n, i) => {
      const at = slotAt(n);
      if ((frame.w[at + W_TYPE]! & PTR_UNTRUSTED) !== 0) reject(EPROTO, `expected an RCU CS when using ${info.name}`);
      const held = frame.w[at + W_REF] !== 0;
      return slotIs(frame, n, STACK_ITER, true) && held === (i === 0) && frame.w[at + W_AUX] === struct.id;
    });
  if (!ready) reject(EINVAL, `expected an initialized iter_${kind} as arg #0`);
  for (let i = 0; i < slots; i++) {
    env.liveness.read(frameno, env.insn, slot - i);
    env.log?.touchSlot(slot - i);
  }
  if (what === 'destroy') end(env, objectFrame(env, regno), slot, slots);
  return { frameno, slot };
}

function begin(env: Env, frame: Frame, slot: number, slots: number, id: number, trust: number): void {
  const reference = acquireReference(env, env.insn);
  for (let i = 0; i < slots; i++) {
    const at = slotAt(slot - i);
    markKnown(frame.w, at, 0, 0);
    frame.w[at + W_TYPE] = PTR_TO_STACK | trust;
    frame.w[at + W_REF] = i === 0 ? reference : 0;
    frame.w[at + W_AUX] = id;
    frame.w[at + W_AUX2] = 0;
    frame.w[at + W_OFF] = ITER_ACTIVE;
    frame.kinds.fill(STACK_ITER, (slot - i) * 8, (slot - i) * 8 + 8);
    env.liveness.write(frame.frameno, slot - i);
    env.log?.touchSlot(slot - i);
  }
}

function end(env: Env, frame: Frame, slot: number, slots: number): void {
  releaseReference(env, frame.w[slotAt(slot) + W_REF]!);
  for (let i = 0; i < slots; i++) {
    markNotInit(frame.w, slotAt(slot - i), env.defaultPrecise);
    frame.kinds.fill(STACK_INVALID, (slot - i) * 8, (slot - i) * 8 + 8);
    env.liveness.write(frame.frameno, slot - i);
    env.log?.touchSlot(slot - i);
  }
}

/** Others could wait for the lock that the iterator takes (kernel: check_css_task_iter_allowlist). */
function mayWalkTasksOfCss(env: Env): boolean {
  const { type, attachType } = env.variant;
  return type === 'LSM' || attachType === 'BPF_TRACE_ITER' || env.options.sleepable || env.state.inSleepable;
}

/** Iterators that were good for an RCU section are not beyond it (kernel: check_kfunc_call). */
export function distrustIterators(state: State): void {
  for (let i = 0; i <= state.curframe; i++) {
    const { w, kinds, slots } = state.frames[i]!;
    for (let slot = 0; slot < slots; slot++) {
      const at = slotAt(slot) + W_TYPE;
      if (kinds[slot * 8 + 7] === STACK_ITER && (w[at]! & MEM_RCU) !== 0) w[at] = (w[at]! & ~MEM_RCU) | PTR_UNTRUSTED;
    }
  }
}

function iteratorAt(state: State, place: IteratorPlace): { readonly w: Int32Array; readonly at: number } {
  return { w: state.frames[place.frameno]!.w, at: slotAt(place.slot) };
}

/** Reference of the iterator, which what it gives depends on. */
export function iteratorReference(env: Env, place: IteratorPlace): number {
  const { w, at } = iteratorAt(env.state, place);
  return w[at + W_REF]!;
}

/** Trust in the objects that the iterator gives: for its RCU section, or for good. */
export function trustOfElements(env: Env, place: IteratorPlace): number {
  const { w, at } = iteratorAt(env.state, place);
  return (w[at + W_TYPE]! & MEM_RCU) !== 0 ? MEM_RCU : PTR_TRUSTED;
}

/** There is another one, which is walked later, or the iterator has come to its end. */
export function branchIterator(env: Env, place: IteratorPlace): void {
  const { insn, state } = env;
  const { w, at } = iteratorAt(state, place);
  if (w[at + W_OFF] === ITER_ACTIVE) {
    const parent = state.parent;
    const previous = parent === undefined ? undefined : findPreviousEntry(env, parent, insn);
    const queued = pushBranch(env, insn + 1, insn, false, ENOMEM);
    const later = iteratorAt(queued, place);
    later.w[later.at + W_AUX2] = later.w[later.at + W_AUX2]! + 1;
    if (previous !== undefined) widenImprecise(env, previous, queued);
    markPointerNotNull(env, queued.frame.w, regAt(0));
  }
  w[at + W_OFF] = ITER_DRAINED;
  const regs = state.frame.w;
  const r0 = regAt(0);
  setKnownValue(regs, r0, 0, 0);
  markKnown(regs, r0, 0, 0);
  regs[r0 + W_TYPE] = SCALAR_VALUE;
  regs[r0 + W_PRECISE] = env.defaultPrecise;
}
