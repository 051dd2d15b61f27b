/** Branches that wait to be walked (kernel: push_stack, pop_stack). */
import { type Env, MAX_PENDING, reject } from './env.ts';
import { EFAULT } from './reject.ts';
import type { State } from './state.ts';

/**
 * Queues a copy of the current state to go on at `next`; the copy can still be changed.
 *
 * @param errno - what the program is refused with when too many wait; it depends on what queues
 */
export function pushBranch(
  env: Env,
  next: number,
  previous: number,
  speculative: boolean,
  errno: number = EFAULT,
): State {
  const state = env.pool.copy(env.state);
  if (speculative) state.speculative = true;
  enqueue(env, state, next, previous, errno);
  if (state.parent !== undefined) state.parent.branches++;
  return state;
}

/** Queues a state of its own. */
export function enqueue(env: Env, state: State, next: number, previous: number, errno: number = EFAULT): void {
  env.pending.push({ state, insn: next, previous, logLength: env.log?.length ?? 0, mark: env.watcher?.mark() });
  if (env.pending.length > MAX_PENDING) {
    reject(errno, `The sequence of ${env.pending.length} jumps is too complex.`);
  }
}

/** Makes the branch that was queued last the current state; false when none waits. */
export function popBranch(env: Env): boolean {
  const next = env.pending.pop();
  if (next === undefined) return false;
  env.pool.release(env.state);
  env.state = next.state;
  env.insn = next.insn;
  env.previousInsn = next.previous;
  env.watcher?.restore(next.mark);
  if (env.options.logLevel < 2) env.log?.cut(next.logLength);
  return true;
}
