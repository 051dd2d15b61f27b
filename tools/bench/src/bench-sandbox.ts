/** What `bounds: 'sandbox'` costs: the same program with and without checks, in turn, on this host's own CPU. */
import { isBpfError } from '@polybpf/errors';
import type { Machine, PreparedProgram } from '@polybpf/machine';
import { type Case, interleave, repeatsFor, type Rounds } from './repeat.ts';
import type { Summary } from './statistics.ts';
import { type Workload, wrongResult } from './workload.ts';

export interface SandboxRow {
  readonly name: string;
  /** Of one call. */
  readonly noneNs: Summary;
  readonly sandboxNs: Summary;
  /** Least time with checks / least time without. */
  readonly ratio: number;
  /** Code. */
  readonly noneBytes: number;
  readonly sandboxBytes: number;
  readonly wrong?: string;
}

export interface SandboxReport {
  readonly target: string;
  readonly rows: readonly SandboxRow[];
}

/** Work that is timed takes at least so long. */
const SHORTEST_NS = 1_000_000;
const NOTHING: Summary = { min: NaN, median: NaN, spread: NaN, count: 0 };

/** Times both forms of every workload. */
export function benchSandbox(
  machine: Machine,
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  rounds: Rounds,
): SandboxReport {
  const plans = workloads.map((workload) => {
    const none = machine.prepare(workload.program);
    const sandbox = machine.prepare(workload.program, { bounds: 'sandbox' });
    const first = check(workload, size, none);
    const second = check(workload, size, sandbox);
    const repeat = repeatsFor(Math.min(first.elapsedNs, second.elapsedNs), SHORTEST_NS);
    return { workload, none, sandbox, repeat, wrong: first.wrong ?? second.wrong };
  });
  const cases = plans.flatMap(({ workload, none, sandbox, repeat, wrong }): Case[] => {
    if (wrong !== undefined) return [];
    const { mem } = workload[size];
    const time = (program: PreparedProgram): number => program.run({ mem, repeat }).elapsedNs / repeat;
    return [
      { name: `${workload.name} none`, run: () => time(none) },
      { name: `${workload.name} sandbox`, run: () => time(sandbox) },
    ];
  });
  const summaries = interleave(cases, rounds);
  const rows = plans.map(({ workload: { name }, none, sandbox, wrong }): SandboxRow => {
    const noneNs = summaries.get(`${name} none`) ?? NOTHING;
    const sandboxNs = summaries.get(`${name} sandbox`) ?? NOTHING;
    const [noneBytes, sandboxBytes] = [none, sandbox].map((program) => program.compiled.code.length) as [
      number,
      number,
    ];
    none.dispose();
    sandbox.dispose();
    const ratio = sandboxNs.min / noneNs.min;
    return { name, noneNs, sandboxNs, ratio, noneBytes, sandboxBytes, ...(wrong !== undefined && { wrong }) };
  });
  return { target: machine.target.name, rows };
}

function check(
  workload: Workload,
  size: 'quick' | 'full',
  program: PreparedProgram,
): { readonly elapsedNs: number; readonly wrong: string | undefined } {
  const input = workload[size];
  try {
    const { r0, mem, elapsedNs } = program.run({ mem: input.mem });
    return { elapsedNs, wrong: wrongResult(input, { r0, mem }) };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { elapsedNs: SHORTEST_NS, wrong: error.message };
  }
}
