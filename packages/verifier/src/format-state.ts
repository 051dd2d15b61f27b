/** A frame of a state as the kernel's logs write it (kernel: print_verifier_state). */
import { formatRegister, type RegisterNames } from './format-register.ts';
import { W_REF, W_TYPE } from './register-record.ts';
import { NOT_INIT } from './register-types.ts';
import {
  type Frame,
  REF_NUMBERS,
  REGS,
  regAt,
  slotAt,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_SPILL,
  type State,
} from './state.ts';

const KIND_LETTERS = ['?', 'r', 'm', '0', 'd', 'i', 'f'];

/** What of a frame is shown: registers and slots by bit; everything with {@link SHOW_ALL}. */
export interface Shown {
  readonly registers: number;
  hasSlot(slot: number): boolean;
}

/** All of it. */
export const SHOW_ALL: Shown = { registers: 0x7ff, hasSlot: () => true };

/** Names of objects on the stack. */
export interface StateNames extends RegisterNames {
  /** `ringbuf(id=1,ref_id=2)`, of the main slot of a dynptr. */
  dynptrText(frame: Frame, slot: number): string;
  /** `num(ref_id=1,state=active,depth=0)`. */
  iteratorText(frame: Frame, slot: number): string;
}

/** The text, with the space that it starts with. */
export function formatFrame(state: State, frame: Frame, names: StateNames, shown: Shown): string {
  let text = frame.frameno === 0 ? '' : ` frame${frame.frameno}:`;
  for (let reg = 0; reg < REGS; reg++) {
    const at = regAt(reg);
    if (frame.w[at + W_TYPE] === NOT_INIT || (shown.registers & (1 << reg)) === 0) continue;
    text += ` R${reg}=${formatRegister(frame.w, at, frame.frameno, names)}`;
  }
  for (let slot = 0; slot < frame.slots; slot++) {
    if (!shown.hasSlot(slot)) continue;
    const kind = frame.kinds[slot * 8 + 7]!;
    if (kind === STACK_DYNPTR) {
      slot++;
      text += ` fp${-8 * (slot + 1)}=dynptr_${names.dynptrText(frame, slot)}`;
    } else if (kind === STACK_ITER) {
      if (frame.w[slotAt(slot) + W_REF] !== 0) text += ` fp${-8 * (slot + 1)}=iter_${names.iteratorText(frame, slot)}`;
    } else text += formatSlot(frame, slot, names);
  }
  if (state.refs.length > 0) {
    const ids: number[] = [];
    for (let i = 0; i < state.refs.length; i += REF_NUMBERS) ids.push(state.refs[i + 1]!);
    if (ids[0] !== 0) text += ` refs=${ids.filter((id) => id !== 0).join(',')}`;
  }
  if (frame.inCallback) text += ' cb';
  if (frame.inAsyncCallback) text += ' async_cb';
  return text;
}

function formatSlot(frame: Frame, slot: number, names: RegisterNames): string {
  const at = slotAt(slot);
  const kinds = frame.kinds.subarray(slot * 8, slot * 8 + 8);
  const text = slotText(frame.w, at, kinds, frame.frameno, names);
  return text === '' ? '' : ` fp${-8 * (slot + 1)}=${text}`;
}

function slotText(w: Int32Array, at: number, kinds: Uint8Array, frameno: number, names: RegisterNames): string {
  const spilled = kinds[7] === STACK_SPILL;
  let letters = '';
  let written = false;
  for (const one of kinds) {
    if (one !== STACK_INVALID) written = true;
    if (spilled && one === STACK_SPILL) break;
    letters += KIND_LETTERS[one]!;
  }
  return written ? letters + (spilled ? formatRegister(w, at, frameno, names) : '') : '';
}

/** A slot by itself: its bytes' kinds, and the register that is saved there; '' for one that was never written. */
export function formatSlotText(words: Int32Array, kinds: Uint8Array, frameno: number, names: RegisterNames): string {
  return slotText(words, 0, kinds, frameno, names);
}
