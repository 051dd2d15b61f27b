/**
 * Places of the frame that live in locals.
 *
 * When r10 is used for nothing but accesses at fixed places, no pointer to the frame exists, and what is stored there
 * can be kept in a local as well. Stores still go to memory, so that the frame is true whenever somebody else looks:
 * the interpreter after an exit, a function that is called next. Behind calls the locals are read again. A pointer that
 * is forged out of numbers finds its stores refused by compiled code (see `emit-access.ts`).
 */
import { CODE_START, slotWord } from '@polybpf/interpreter/engine';
import { type Flow, NONE } from './flow.ts';
import { CLASS, WIDTHS } from './micro-ops.ts';
import type { Shape } from './shape.ts';
import { SCRATCH } from './scratch.ts';

/** Most places of one function that get a local. */
const LIMIT = 24;
const R10 = 10;

/** One place. */
export interface Slot {
  /** Bytes from r10. */
  readonly offset: number;
  readonly width: number;
}

export interface FrameSlots {
  readonly slots: readonly Slot[];
  /** Slot by instruction, for loads and stores of slots. */
  readonly slotOf: Int32Array;
  /** Mask of the slots that are read before they are written, at the start of each block by its position. */
  readonly liveIn: Int32Array;
}

/** Finds the slots of a function. `slotOf` is reused from function to function. */
export function findSlots(flow: Flow, { order, taken, next }: Shape, slotOf: Int32Array): FrameSlots {
  const { classes, start, last, end } = flow;
  const { code } = flow.image;
  const none: FrameSlots = { slots: [], slotOf, liveIn: SCRATCH.ints(order.length) };
  if (!flow.framed) return none;
  const found = new Map<number, { offset: number; width: number; loads: number; bad: boolean }>();
  for (const b of order) {
    if (start[b] === end[b]) continue;
    for (let i = start[b]!; i <= last[b]!; i += classes[i] === CLASS.imm64 ? 2 : 1) {
      const kind = classes[i]!;
      const pc = slotWord(i);
      slotOf[i] = NONE;
      const d = code[pc + 1]! >> 1;
      const word = code[pc + 2]!;
      const s = word < CODE_START ? word >> 1 : NONE;
      const base = kind === CLASS.load ? s : kind === CLASS.store || kind === CLASS.atomic ? d : NONE;
      if ((d === R10 || s === R10) && (base !== R10 || (kind !== CLASS.load && s === R10)))
        return resetSlots(flow, order, none);
      if (base !== R10) continue;
      const offset = code[pc + 3]!;
      const width = kind === CLASS.atomic ? 8 : WIDTHS[flow.ops[i]!]!;
      const known = found.get(offset);
      if (known === undefined)
        found.set(offset, {
          offset,
          width,
          loads: kind === CLASS.load ? 1 : 0,
          bad: kind === CLASS.atomic || -offset < width,
        });
      else {
        if (known.width !== width || kind === CLASS.atomic) known.bad = true;
        known.width = Math.max(known.width, width);
        if (kind === CLASS.load) known.loads++;
      }
    }
  }
  const places = [...found.values()].sort((a, b) => a.offset - b.offset);
  for (let k = 1, reach = 0; k < places.length; k++) {
    const [a, b] = [places[reach]!, places[k]!];
    if (b.offset < a.offset + a.width) a.bad = b.bad = true;
    if (b.offset + b.width > a.offset + a.width) reach = k;
  }
  const slots = places
    .filter(({ bad, loads, offset }) => !bad && loads > 0 && offset >= -512)
    .sort((a, b) => b.loads - a.loads)
    .slice(0, LIMIT);
  if (slots.length === 0) return none;
  const numbers = new Map(slots.map(({ offset }, k) => [offset, k]));
  const uses = SCRATCH.ints(order.length);
  const defs = SCRATCH.ints(order.length);
  order.forEach((b, k) => {
    if (start[b] === end[b]) return;
    for (let i = start[b]!; i <= last[b]!; i += classes[i] === CLASS.imm64 ? 2 : 1) {
      const kind = classes[i]!;
      if (kind !== CLASS.load && kind !== CLASS.store) continue;
      const pc = slotWord(i);
      if (code[kind === CLASS.load ? pc + 2 : pc + 1]! >> 1 !== R10) continue;
      const slot = numbers.get(code[pc + 3]!);
      if (slot === undefined) continue;
      slotOf[i] = slot;
      if (kind === CLASS.store) defs[k] = defs[k]! | (1 << slot);
      else if ((defs[k]! & (1 << slot)) === 0) uses[k] = uses[k]! | (1 << slot);
    }
  });
  const liveIn = none.liveIn;
  for (let changed = true; changed;) {
    changed = false;
    for (let k = order.length - 1; k >= 0; k--) {
      const out = (taken[k] === NONE ? 0 : liveIn[taken[k]!]!) | (next[k] === NONE ? 0 : liveIn[next[k]!]!);
      const live = (out & ~defs[k]!) | uses[k]!;
      if (live === liveIn[k]) continue;
      liveIn[k] = live;
      changed = true;
    }
  }
  return { slots, slotOf, liveIn };
}

/** No slots: instructions that an earlier function has marked are unmarked. */
function resetSlots({ classes, start, last, end }: Flow, order: Int32Array, none: FrameSlots): FrameSlots {
  for (const b of order) {
    if (start[b] === end[b]) continue;
    for (let i = start[b]!; i <= last[b]!; i += classes[i] === CLASS.imm64 ? 2 : 1) none.slotOf[i] = NONE;
  }
  return none;
}
