/** The interpreter as generated programs need it. */
import { type Engine, type Job, type Outcome, suiteHelpers } from '@polybpf/conformance';
import { isBpfError } from '@polybpf/errors';
import { runProgram, type TraceView } from '@polybpf/interpreter';
import { type Endian, makeProgram } from '@polybpf/isa';
import type { FuzzProgram } from './build-program.ts';
import { BUDGET } from './definedness.ts';

/** The interpreter, leaving nothing in r1 to r5 after calls. */
export function referenceEngine(): Engine {
  return { name: 'interpreter', checksAccesses: true, run: (jobs) => jobs.map(interpret) };
}

function interpret({ program, mem }: Job): Outcome {
  const memory = mem.slice();
  try {
    const { r0 } = runProgram(program, { mem: memory, helpers: suiteHelpers(), budget: BUDGET, clobber: true });
    return { status: 'done', r0, mem: memory };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { status: 'error', error };
  }
}

/** Whether two memories hold the same. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Reads registers before every instruction that the program executes; faults are ignored. */
export function observe({ insns, mem }: FuzzProgram, endian: Endian, visit: (view: TraceView) => void): void {
  try {
    runProgram(makeProgram(insns, { endian }), { mem: mem.slice(), helpers: suiteHelpers(), budget: BUDGET, trace: visit }); // prettier-ignore
  } catch (error) {
    if (!isBpfError(error)) throw error;
  }
}
