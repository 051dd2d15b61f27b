/**
 * Precision: which scalars had to have just the values they had. A scalar of a stored state that nothing depended on may
 * be anything when states are compared (kernel: __mark_chain_precision).
 */
import { BACK_LOST, backtrackInsn, Wanted } from './backtrack.ts';
import { type Env, reject } from './env.ts';
import { W_PRECISE, W_TYPE } from './register-record.ts';
import { SCALAR_VALUE } from './register-types.ts';
import { EFAULT } from './reject.ts';
import { FP, HISTORY_WORDS, MAIN_CALLSITE, regAt, slotAt, type State } from './state.ts';

/** What backtracking starts with when several are wanted at once. */
export const WANTED: Wanted = new Wanted();

/** The register of the current frame must be precise: marks it and all that it was computed from, back to where it was set. */
export function markPrecise(env: Env, reg: number): void {
  if (!env.options.bpfCapable || env.options.allPrecise) return;
  WANTED.reset();
  const state = env.state;
  if (env.frame.w[regAt(reg) + W_TYPE] !== SCALAR_VALUE) reject(EFAULT, 'verifier bug: backtracking misuse');
  WANTED.setReg(state.curframe, reg);
  markChain(env, state);
}

const GIVE_UP = 'falling back to forcing all scalars precise';

/**
 * Marks what {@link WANTED} asks for in the parents of a state.
 *
 * @returns whether something became precise that was not
 */
export function markChain(env: Env, start: State): boolean {
  if (!env.options.bpfCapable || env.options.allPrecise) return false;
  const want = WANTED;
  want.frame = start.curframe;
  if (want.isEmpty()) return false;
  let state = start;
  let first = state.firstInsn;
  let last = state.insn;
  let next = -1;
  let skip = true;
  let changed = false;
  const log = env.log?.detailed === true ? env.log : undefined;
  for (;;) {
    log?.backtrack(want.frame, last, first, next);
    if (last < 0) {
      if (entryOfGlobal(state, want)) return true;
      reject(EFAULT, 'verifier bug: backtracking func entry');
    }
    const history = state.history;
    let left = state.historyCount;
    for (let insn = last; ;) {
      if (skip) skip = false;
      else {
        const top = (left - 1) * HISTORY_WORDS;
        const entry = left > 0 && history[top] === insn ? top : -1;
        log?.backtrackInsn(env, want, insn);
        if (backtrackInsn(env, insn, next, history, entry, want) === BACK_LOST) {
          log?.line(`mark_precise: frame${start.curframe}: ${GIVE_UP}`);
          markAllPrecise(start);
          want.reset();
          return true;
        }
      }
      if (want.isEmpty()) return changed;
      next = insn;
      if (insn === first && (left === 0 || (left === 1 && history[0] === insn))) break;
      const top = (left - 1) * HISTORY_WORDS;
      if (left > 0 && history[top] === insn) {
        insn = history[top + 1]!;
        left--;
      } else insn--;
      if (insn < 0 || insn >= env.count) reject(EFAULT, `verifier bug: backtracking idx ${insn}`);
    }
    const parent = state.parent;
    if (parent === undefined) break;
    state = parent;
    if (markState(state, want)) changed = true;
    log?.backtrackParent(env, state, want);
    if (want.isEmpty()) return changed;
    next = first;
    last = state.lastInsn;
    first = state.firstInsn;
  }
  if (!want.isEmpty()) {
    log?.line(`mark_precise: frame${start.curframe}: ${GIVE_UP}`);
    markAllPrecise(start);
    want.reset();
  }
  return changed;
}

/** Marks what is wanted in a state; what is precise already, or no scalar, is not wanted any more. */
function markState(state: State, want: Wanted): boolean {
  let changed = false;
  for (let f = want.frame; f >= 0; f--) {
    const frame = state.frames[f]!;
    const w = frame.w;
    for (let mask = want.regs[f]!; mask !== 0; mask &= mask - 1) {
      const reg = 31 - Math.clz32(mask & -mask);
      const at = regAt(reg);
      if (w[at + W_TYPE] !== SCALAR_VALUE || w[at + W_PRECISE] !== 0) want.clearReg(f, reg);
      else {
        w[at + W_PRECISE] = 1;
        changed = true;
      }
    }
    for (let half = 0; half < 2; half++) {
      for (let mask = want.slots[2 * f + half]!; mask !== 0; mask &= mask - 1) {
        const slot = half * 32 + 31 - Math.clz32(mask & -mask);
        const at = slotAt(slot);
        if (slot >= frame.slots || !frame.isSpilledScalar(slot) || w[at + W_PRECISE] !== 0) want.clearSlot(f, slot);
        else {
          w[at + W_PRECISE] = 1;
          changed = true;
        }
      }
    }
  }
  return changed;
}

/** At the entry of a global function only its arguments can still be wanted. */
function entryOfGlobal(state: State, want: Wanted): boolean {
  const frame = state.frames[0]!;
  const isEntry = state.curframe === 0 && frame.subprog > 0 && frame.callsite === MAIN_CALLSITE;
  if (!isEntry || (want.slots[0]! | want.slots[1]!) !== 0 || (want.regs[0]! & ~0x3e) !== 0) return false;
  for (let reg = 1; reg <= 5; reg++) {
    if ((want.regs[0]! & (1 << reg)) === 0) continue;
    const at = regAt(reg);
    if (frame.w[at + W_TYPE] === SCALAR_VALUE) frame.w[at + W_PRECISE] = 1;
  }
  want.reset();
  return true;
}

/** All scalars of all parents become precise (kernel: mark_all_scalars_precise). */
export function markAllPrecise(start: State): void {
  for (let state = start.parent; state !== undefined; state = state.parent) setPrecise(state, 1);
}

/** All scalars of the state become imprecise. */
export function markAllImprecise(state: State): void {
  setPrecise(state, 0);
}

function setPrecise(state: State, precise: number): void {
  for (let f = 0; f <= state.curframe; f++) {
    const frame = state.frames[f]!;
    const w = frame.w;
    for (let reg = 0; reg < FP; reg++) {
      if (w[regAt(reg) + W_TYPE] === SCALAR_VALUE) w[regAt(reg) + W_PRECISE] = precise;
    }
    for (let slot = 0; slot < frame.slots; slot++) {
      if (frame.isSpilledScalar(slot)) w[slotAt(slot) + W_PRECISE] = precise;
    }
  }
}

/**
 * A path ended in a state equal to `old`: what `old` needs precisely, the current path needs too (kernel:
 * propagate_precision).
 *
 * @param state - the state at the end of the path
 */
export function propagatePrecision(env: Env, old: State, state: State): boolean {
  WANTED.reset();
  let any = false;
  for (let f = old.curframe; f >= 0; f--) {
    const frame = old.frames[f]!;
    const w = frame.w;
    for (let reg = 0; reg < FP; reg++) {
      const at = regAt(reg);
      if (w[at + W_TYPE] !== SCALAR_VALUE || w[at + W_PRECISE] === 0) continue;
      WANTED.setReg(f, reg);
      any = true;
    }
    for (let slot = 0; slot < frame.slots; slot++) {
      if (!frame.isSpilledScalar(slot) || w[slotAt(slot) + W_PRECISE] === 0) continue;
      WANTED.setSlot(f, slot);
      any = true;
    }
  }
  if (!any) return false;
  env.log?.propagates(WANTED, old.curframe);
  return markChain(env, state);
}
