/** Loops of each function: strongly connected components of the code (kernel: compute_scc, after Tarjan). */
import type { Env } from './env.ts';
import { successors } from './successors.ts';

/** Numbers the loops from 1; insns outside of loops have 0. */
export function computeLoops(env: Env): void {
  const { count, loop } = env;
  const index = new Int32Array(count); // 0: not visited
  const low = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const stack: number[] = [];
  const work: number[] = [];
  const edge = new Uint8Array(count);
  const succ = new Int32Array(2);
  let nextIndex = 1;
  let nextLoop = 1;
  for (let root = 0; root < count; root++) {
    if (index[root] !== 0 || !isStart(env, root)) continue;
    work.push(root);
    while (work.length > 0) {
      const v = work[work.length - 1]!;
      if (index[v] === 0) {
        index[v] = low[v] = nextIndex++;
        stack.push(v);
        onStack[v] = 1;
      }
      const n = successors(env, v, succ);
      let descended = false;
      while (edge[v]! < n) {
        const w = succ[edge[v]!]!;
        if (index[w] === 0) {
          work.push(w);
          descended = true;
          break;
        }
        if (onStack[w] !== 0 && low[w]! < low[v]!) low[v] = low[w]!;
        edge[v] = edge[v]! + 1;
      }
      if (descended) continue;
      work.pop();
      if (low[v] !== index[v]) continue;
      let selfLoop = false;
      for (let s = 0; s < n; s++) if (succ[s] === v) selfLoop = true;
      const isLoop = selfLoop || stack[stack.length - 1] !== v;
      for (;;) {
        const w = stack.pop()!;
        onStack[w] = 0;
        if (isLoop) loop[w] = nextLoop;
        if (w === v) break;
      }
      if (isLoop) nextLoop++;
    }
  }
}

function isStart(env: Env, insn: number): boolean {
  return env.subprograms[env.subprogramOf[insn]!]!.start === insn;
}
