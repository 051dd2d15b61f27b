/** Sections with interrupts disabled, whose flags are kept on the stack (kernel: process_irq_flag). */
import { markKnown, markNotInit } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { accessMemory } from './memory-access.ts';
import { EACCES, EINVAL, passes } from './reject.ts';
import { W_AUX, W_REF, W_TYPE } from './register-record.ts';
import { PTR_TO_STACK } from './register-types.ts';
import { WRITE } from './stack-access.ts';
import { objectFrame, objectSlot, slotIs } from './stack-objects.ts';
import { REF_IRQ, REF_NUMBERS, regAt, slotAt, STACK_INVALID, STACK_IRQ_FLAG } from './state.ts';

/** Functions that saved the flags: a section of its own, or that of a lock. */
export const NATIVE = 1;
export const OF_LOCK = 2;

/** Checks the argument with the flags, and enters or leaves the section. */
export function processIrqFlag(env: Env, regno: number, saves: boolean, by: number): void {
  const arg = regno - 1;
  if (env.frame.w[regAt(regno) + W_TYPE] !== PTR_TO_STACK) {
    reject(EINVAL, `arg#${arg} doesn't point to an irq flag on stack`);
  }
  let slot = -1;
  const placed = passes(() => {
    slot = objectSlot(env, regno, 1, 'irq_flag');
  }, env.noter);
  if (saves) {
    if (!placed || (slot >= 0 && slotIs(objectFrame(env, regno), slot, STACK_IRQ_FLAG, false))) {
      reject(EINVAL, `expected uninitialized irq flag as arg#${arg}`);
    }
    accessMemory(env, regno, 0, 8, WRITE, -1, false, false);
    enter(env, regno, objectSlot(env, regno, 1, 'irq_flag'), by);
    return;
  }
  const frame = objectFrame(env, regno);
  const isFlag = placed && slot >= 0 && frame.w[slotAt(slot) + W_REF] !== 0;
  if (!isFlag || !slotIs(frame, slot, STACK_IRQ_FLAG, true)) {
    reject(EINVAL, `expected an initialized irq flag as arg#${arg}`);
  }
  leave(env, regno, slot, by);
}

function enter(env: Env, regno: number, slot: number, by: number): void {
  const { state } = env;
  const frame = objectFrame(env, regno);
  const id = ++env.idGen;
  state.refs = [...state.refs, REF_IRQ, id, env.insn, 0];
  state.activeIrqId = id;
  const at = slotAt(slot);
  markKnown(frame.w, at, 0, 0);
  frame.w[at + W_TYPE] = PTR_TO_STACK;
  frame.w[at + W_REF] = id;
  frame.w[at + W_AUX] = by;
  frame.kinds.fill(STACK_IRQ_FLAG, slot * 8, slot * 8 + 8);
  env.liveness.write(frame.frameno, slot);
  env.log?.touchSlot(slot);
}

const NAMES: Readonly<Record<number, string>> = { [NATIVE]: 'native', [OF_LOCK]: 'lock' };

function leave(env: Env, regno: number, slot: number, by: number): void {
  const frame = objectFrame(env, regno);
  const at = slotAt(slot);
  env.liveness.read(frame.frameno, env.insn, slot);
  env.log?.touchSlot(slot);
  const savedBy = frame.w[at + W_AUX]!;
  if (savedBy !== by) {
    reject(EINVAL, `irq flag acquired by ${NAMES[savedBy]!} kfuncs cannot be restored with ${NAMES[by]!} kfuncs`);
  }
  releaseSection(env, frame.w[at + W_REF]!);
  markNotInit(frame.w, at, env.defaultPrecise);
  frame.kinds.fill(STACK_INVALID, slot * 8, slot * 8 + 8);
  env.liveness.write(frame.frameno, slot);
}

/** Sections are left in the opposite order; the one around is then the innermost (kernel: release_irq_state). */
function releaseSection(env: Env, id: number): void {
  const { state } = env;
  const { refs } = state;
  if (id !== state.activeIrqId) {
    let insn = 0;
    for (let i = 0; i < refs.length; i += REF_NUMBERS) if (refs[i + 1] === state.activeIrqId) insn = refs[i + 2]!;
    reject(EACCES, `cannot restore irq state out of order, expected id=${state.activeIrqId} acquired at insn_idx=${insn}`); // prettier-ignore
  }
  let before = 0;
  for (let i = 0; i < refs.length; i += REF_NUMBERS) {
    if (refs[i] !== REF_IRQ) continue;
    if (refs[i + 1] === id) {
      state.refs = [...refs.slice(0, i), ...refs.slice(i + REF_NUMBERS)];
      state.activeIrqId = before;
      return;
    }
    before = refs[i + 1]!;
  }
}
