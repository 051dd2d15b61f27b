/** What may look on while a program is walked. Nothing in a verdict depends on it. */
import type { Env } from './env.ts';
import type { State } from './state.ts';

/** Called at each step. */
export interface Watcher {
  /** The current insn is about to be walked; the state is that before it. */
  step(env: Env): void;
  /** The path ended: at an exit, or in a state that is known. */
  end(env: Env, pruned: boolean): void;
  /** A state was stored for an insn. */
  stored(insn: number, state: State): void;
  /** Where a branch begins that waits; what {@link restore} gets when it is its turn. */
  mark(): unknown;
  restore(mark: unknown): void;
}
