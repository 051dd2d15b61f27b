/** Compiled code on this host's own CPU, beside native C of the same run. */
import { isBpfError } from '@polybpf/errors';
import type { Target } from '@polybpf/jit';
import { type Machine, openMachine, type PreparedProgram } from '@polybpf/machine';
import { countInsns } from './bench-interpreter.ts';
import type { NativeC } from './native-c.ts';
import { type Case, interleave, repeatsFor, type Rounds } from './repeat.ts';
import type { Summary } from './statistics.ts';
import { type Workload, wrongResult } from './workload.ts';

export interface NativeRow {
  readonly name: string;
  readonly slots: number;
  /** Executed by the timed calls, all together. */
  readonly insns: number;
  readonly repeat: number;
  /** Of one executed BPF instruction. */
  readonly ns: Summary;
  /** Of the same work in C; absent without gcc. */
  readonly cNs?: Summary;
  /** Least time / least time of C. */
  readonly ratio?: number;
  /** Code. */
  readonly bytes: number;
  readonly cBytes?: number;
  readonly wrong?: string;
}

export interface NativeReport {
  readonly target: string;
  readonly rows: readonly NativeRow[];
}

/** Work that is timed takes at least so long. */
const SHORTEST_NS = 1_000_000;

/** The machine that runs on this host without an emulator; undefined where there is none. */
export function openHostMachine(targets: readonly Target[]): Machine | undefined {
  for (const target of targets) {
    try {
      return openMachine(target, { via: 'host', timeoutMs: 60_000 });
    } catch (error) {
      if (!isBpfError(error)) throw error;
    }
  }
  return undefined;
}

/** Times compiled code and C in turn. */
export function benchNative(
  machine: Machine,
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  native: NativeC | undefined,
  rounds: Rounds,
): NativeReport {
  const plans = workloads.map((workload) => plan(machine, workload, size, native));
  const cases = plans.flatMap(({ workload, prepared, repeat, wrong }): Case[] => {
    if (wrong !== undefined) return [];
    const { mem } = workload[size];
    const ours: Case = { name: workload.name, run: () => prepared.run({ mem, repeat }).elapsedNs };
    if (native === undefined) return [ours];
    return [{ name: `${workload.name} C`, run: () => native.run(workload, mem, repeat).elapsedNs }, ours];
  });
  const summaries = interleave(cases, rounds);
  const rows = plans.map(({ workload, prepared, repeat, wrong }): NativeRow => {
    const { name, program } = workload;
    const insns = countInsns(workload, workload[size], repeat);
    const ours = summaries.get(name);
    const c = summaries.get(`${name} C`);
    const cBytes = native?.codeSize(workload);
    const row = { name, slots: program.insns.length, insns, repeat, bytes: prepared.compiled.code.length };
    prepared.dispose();
    return {
      ...row,
      ns: perInsn(ours ?? NOTHING, insns),
      ...(c !== undefined && { cNs: perInsn(c, insns) }),
      ...(c !== undefined && ours !== undefined && { ratio: ours.min / c.min }),
      ...(cBytes !== undefined && { cBytes }),
      ...(wrong !== undefined && { wrong }),
    };
  });
  return { target: machine.target.name, rows };
}

interface Plan {
  readonly workload: Workload;
  readonly prepared: PreparedProgram;
  readonly repeat: number;
  readonly wrong: string | undefined;
}

const NOTHING: Summary = { min: NaN, median: NaN, spread: NaN, count: 0 };

/** Checks the result of one call and finds out how often to repeat. */
function plan(machine: Machine, workload: Workload, size: 'quick' | 'full', native: NativeC | undefined): Plan {
  const input = workload[size];
  const prepared = machine.prepare(workload.program);
  const reference = native?.run(workload, input.mem, 1);
  try {
    const { r0, mem, elapsedNs } = prepared.run({ mem: input.mem });
    const repeat = repeatsFor(reference?.elapsedNs ?? elapsedNs, SHORTEST_NS);
    const cProblem = reference === undefined ? undefined : wrongResult(input, reference);
    const wrong = wrongResult(input, { r0, mem }) ?? (cProblem && `native C: ${cProblem}`);
    return { workload, prepared, repeat, wrong };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { workload, prepared, repeat: 1, wrong: error.message };
  }
}

function perInsn(summary: Summary, insns: number): Summary {
  return { ...summary, min: summary.min / insns, median: summary.median / insns };
}
