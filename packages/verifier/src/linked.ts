/** Scalars that are the same value, or differ by a constant: what is learnt of one holds for all (kernel: sync_linked_regs). */
import { markKnown, syncBounds, zeroExtend } from './bounds.ts';
import type { Env } from './env.ts';
import { LINKED_MAX, linkedCount, linkedEntry, linkedFrame, linkedIndex, linkedIsRegister, packHigh, packLinked, packLow } from './linked-pack.ts'; // prettier-ignore
import {
  ADD_CONST,
  ADD_CONST32,
  ADD_CONST64,
  copyRegister,
  REG_WORDS,
  W_ID,
  W_MASK,
  W_OFF,
  W_TYPE,
  W_VAR,
} from './register-record.ts';
import { SCALAR_VALUE } from './register-types.ts';
import { add32, add64 } from './scalar-alu.ts';
import { FP, regAt, slotAt, type State } from './state.ts';
import { frameInsn } from './state-equal.ts';
import { tnumAdd } from './tnum.ts';

/** Gives a scalar an id before it is copied, so that the copies stay linked (kernel: assign_scalar_id_before_mov). */
export function assignId(env: Env, w: Int32Array, at: number): void {
  if (w[at + W_TYPE] !== SCALAR_VALUE) return;
  if ((w[at + W_ID]! & ADD_CONST) !== 0) clearId(w, at);
  if (w[at + W_ID] === 0 && (w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) w[at + W_ID] = ++env.idGen;
}

/** Takes a scalar out of its links (kernel: clear_scalar_id). */
export function clearId(w: Int32Array, at: number): void {
  w[at + W_ID] = 0;
  w[at + W_OFF] = 0;
}

/**
 * After an addition or subtraction of a constant: remembers the distance, so that a later comparison of one register
 * tells about the other. `low` and `high` are the constant, `narrow` tells whether the scalar had no upper half before.
 */
export function linkConstant(
  w: Int32Array,
  at: number,
  subtract: boolean,
  alu32: boolean,
  narrow: boolean,
  low: number,
  high: number,
): void {
  const id = w[at + W_ID]!;
  const fits = alu32 ? narrow : high === low >> 31;
  if ((id & ADD_CONST) !== 0 || !fits || (subtract && low === -0x80000000)) {
    clearId(w, at);
    return;
  }
  w[at + W_ID] = id | (alu32 ? ADD_CONST32 : ADD_CONST64);
  w[at + W_OFF] = subtract ? -low : low;
}

/** Links that were collected for the jump at hand. */
const entries = new Int32Array(LINKED_MAX);
let count = 0;

/** Begins a new collection. */
export function beginLinks(): void {
  count = 0;
}

/** Number of links collected. */
export function linksCollected(): number {
  return count;
}

/** The collection as two words for the history. */
export function packedLow(): number {
  return packLow(entries, count);
}

export function packedHigh(): number {
  return packHigh(entries, count);
}

/**
 * Adds all scalars with the id, or with it plus a constant, whose registers are read again; those that do not fit lose
 * their id (kernel: collect_linked_regs).
 */
export function collectLinks(env: Env, state: State, id: number): void {
  const base = id & ~ADD_CONST;
  for (let f = state.curframe; f >= 0; f--) {
    const frame = state.frames[f]!;
    const w = frame.w;
    const live = env.liveRegs[frameInsn(state, f)]!;
    for (let reg = 0; reg < FP; reg++) {
      if ((live & (1 << reg)) !== 0) collect(w, regAt(reg), base, f, reg, true);
    }
    for (let slot = 0; slot < frame.slots; slot++) {
      if (frame.isSpilled(slot)) collect(w, slotAt(slot), base, f, slot, false);
    }
  }
}

function collect(w: Int32Array, at: number, id: number, frame: number, index: number, isRegister: boolean): void {
  if (w[at + W_TYPE] !== SCALAR_VALUE || (w[at + W_ID]! & ~ADD_CONST) !== id) return;
  if (count < LINKED_MAX) entries[count++] = packLinked(frame, index, isRegister);
  else clearId(w, at);
}

const KNOWN = new Int32Array(REG_WORDS);
const DELTA = new Int32Array(REG_WORDS);

/** Gives what is known of the register at `(w, at)` to the collected ones that are linked to it. */
export function syncLinks(state: State, w: Int32Array, at: number): void {
  const low = packedLow();
  const high = packedHigh();
  const known = w[at + W_ID]!;
  const base = known & ~ADD_CONST;
  copyRegister(KNOWN, 0, w, at);
  for (let i = 0; i < linkedCount(low); i++) {
    const entry = linkedEntry(low, high, i);
    const to = state.frames[linkedFrame(entry)]!.w;
    const t = linkedIsRegister(entry) ? regAt(linkedIndex(entry)) : slotAt(linkedIndex(entry));
    if (to === w && t === at) continue;
    const id = to[t + W_ID]!;
    if (to[t + W_TYPE] !== SCALAR_VALUE || (id & ~ADD_CONST) !== base) continue;
    if (((id | known) & ADD_CONST) === 0 || to[t + W_OFF] === KNOWN[W_OFF]) {
      copyRegister(to, t, KNOWN, 0);
      continue;
    }
    // One that was added in 32 bits and one that was added in 64 have no common distance.
    if (((id ^ known) & ADD_CONST) === ADD_CONST) continue;
    const offset = to[t + W_OFF]!;
    const delta = offset - KNOWN[W_OFF]!;
    DELTA[W_TYPE] = SCALAR_VALUE;
    markKnown(DELTA, 0, delta | 0, delta < 0 ? -1 : 0);
    copyRegister(to, t, KNOWN, 0);
    to[t + W_OFF] = offset;
    to[t + W_ID] = id;
    add32(to, t, DELTA, 0);
    add64(to, t, DELTA, 0);
    tnumAdd(to, t + W_VAR, to, t + W_VAR, DELTA, W_VAR);
    if (((id | known) & ADD_CONST32) !== 0) zeroExtend(to, t);
    syncBounds(to, t);
  }
}
