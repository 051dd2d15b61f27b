/** The interpreter: nanoseconds per executed instruction, with every check and the budget on. */
import { createInterpreter } from '@polybpf/interpreter';
import { type Case, interleave, type Rounds, timed } from './repeat.ts';
import type { Summary } from './statistics.ts';
import { type Workload, type WorkloadInput, wrongResult } from './workload.ts';

export interface InterpreterRow {
  readonly name: string;
  /** Executed by one run; ld_imm64 counts once. */
  readonly insns: number;
  /** Of one instruction. */
  readonly ns: Summary;
  /** What is wrong; a wrong result scores nothing. */
  readonly wrong?: string;
}

/** Short runs are repeated for so long, for the clock's sake. */
const SHORTEST_MS = 5;

/** Runs of fewer instructions say how long the start of a run takes, not its instructions. */
const SHORTEST_RUN = 2000;

/** Times the interpreter on one input of each workload that takes long enough. */
export function benchInterpreter(
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  rounds: Rounds,
): InterpreterRow[] {
  const insnsOf = new Map<string, number>();
  const wrong = new Map<string, string>();
  const cases = workloads.flatMap((workload): Case[] => {
    const input = workload[size];
    const interpreter = createInterpreter(workload.program);
    const mem = input.mem.slice();
    const first = interpreter.tryRun({ mem });
    if (first.insnsExecuted < SHORTEST_RUN) return [];
    insnsOf.set(workload.name, first.insnsExecuted);
    const problem = first.error?.message ?? wrongResult(input, { r0: first.r0, mem });
    if (problem !== undefined) wrong.set(workload.name, problem);
    const run = (): number => {
      let insns = 0;
      let calls = 0;
      const ns = timed(() => {
        mem.set(input.mem);
        insns += interpreter.tryRun({ mem }).insnsExecuted;
        calls++;
      }, SHORTEST_MS);
      return (ns * calls) / insns;
    };
    return [{ name: workload.name, run }];
  });
  const summaries = interleave(cases, rounds);
  return cases.map(({ name }) => ({
    name,
    insns: insnsOf.get(name)!,
    ns: summaries.get(name)!,
    ...(wrong.has(name) && { wrong: wrong.get(name)! }),
  }));
}

/**
 * Instructions that `repeat` calls on the same memory execute. From the third call on each is taken to be like the one
 * before: programs that find their work done settle at once.
 */
export function countInsns(workload: Workload, input: WorkloadInput, repeat: number): number {
  const interpreter = createInterpreter(workload.program, { budget: Number.MAX_SAFE_INTEGER });
  const mem = input.mem.slice();
  let total = 0;
  for (let call = 0; call < repeat; call++) {
    const { insnsExecuted } = interpreter.tryRun({ mem });
    if (call === 2) return total + insnsExecuted * (repeat - call);
    total += insnsExecuted;
  }
  return total;
}
