/** Loops that end by themselves: scalars that change and do not matter are made unknown, so that states converge. */
import { markUnknown } from './bounds.ts';
import type { Env } from './env.ts';
import { W_PRECISE, W_TYPE } from './register-record.ts';
import { SCALAR_VALUE } from './register-types.ts';
import { exactRegisters, resetIds } from './state-equal.ts';
import { REGS, regAt, slotAt, type State } from './state.ts';

function maybeWiden(env: Env, ow: Int32Array, o: number, w: Int32Array, c: number): void {
  if (ow[o + W_TYPE] !== SCALAR_VALUE || w[c + W_TYPE] !== SCALAR_VALUE) return;
  if (ow[o + W_PRECISE] !== 0 || w[c + W_PRECISE] !== 0 || exactRegisters(ow, o, w, c)) return;
  markUnknown(w, c, env.defaultPrecise);
}

/** Makes imprecise scalars that differ from those of the state before unknown (kernel: widen_imprecise_scalars). */
export function widenImprecise(env: Env, old: State, cur: State): void {
  resetIds(env);
  for (let f = old.curframe; f >= 0; f--) {
    const a = old.frames[f]!;
    const b = cur.frames[f]!;
    for (let reg = 0; reg < REGS; reg++) maybeWiden(env, a.w, regAt(reg), b.w, regAt(reg));
    for (let slot = 0; slot < a.slots && slot < b.slots; slot++) {
      if (!a.isSpilledScalar(slot) || !b.isSpilledScalar(slot)) continue;
      maybeWiden(env, a.w, slotAt(slot), b.w, slotAt(slot));
    }
  }
}
