/** How often each instruction of a program is executed, by the interpreter; of jumps also how often they are taken. */
import { createInterpreter, type TraceView } from '@polybpf/interpreter';
import type { Program } from '@polybpf/isa';
import type { Passes } from './kernel-class.ts';

/** What one run of a program executes. */
export interface RunCount {
  /** By instruction; second slots of wide ones have 0. */
  readonly passes: readonly Passes[];
  /** All of them together. */
  readonly insns: number;
  readonly r0: bigint;
}

/**
 * Counts one run.
 *
 * @throws BpfError as the run does
 */
export function countRun(program: Program, mem: Uint8Array): RunCount {
  const executed = new Float64Array(program.insns.length);
  const taken = new Float64Array(program.insns.length);
  let last = -1;
  const trace = ({ insn: pc }: TraceView): void => {
    executed[pc]!++;
    if (last >= 0 && pc !== last + 1) taken[last]!++;
    last = pc;
  };
  const { r0 } = createInterpreter(program, { trace, budget: Number.MAX_SAFE_INTEGER }).run({ mem });
  return {
    passes: Array.from(executed, (count, i) => ({ executed: count, taken: taken[i]! })),
    insns: executed.reduce((sum, count) => sum + count, 0),
    r0,
  };
}
