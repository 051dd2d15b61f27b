/** Compiled code on this host's own CPU, beside native C of the same run and the same program in the live kernel. */
import { isBpfError } from '@polybpf/errors';
import type { Target } from '@polybpf/jit';
import { type Machine, openMachine, type PreparedProgram } from '@polybpf/machine';
import { countInsns } from './bench-interpreter.ts';
import { wallNs } from './clock.ts';
import type { KernelWorkload } from './kernel-workload.ts';
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
  /** Of C compiled by clang. */
  readonly clangNs?: Summary;
  /** Of the live kernel's JIT, with guards in loops; see `kernel-workload.ts`. */
  readonly kernelNs?: Summary;
  /** Why the kernel does not run it. */
  readonly kernelRefuses?: string;
  /** Least time / least time of C. */
  readonly ratio?: number;
  /** From the decoded program to the end of its first call, with an input that ends at once. */
  readonly firstCallNs: number;
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

/** What our code is compared with; each may be missing. */
export interface Yardsticks {
  readonly gcc?: NativeC | undefined;
  readonly clang?: NativeC | undefined;
  /** A workload in the kernel, or why it is not there. */
  readonly kernel?: ((workload: Workload) => KernelWorkload | string) | undefined;
}

/** Times compiled code and its yardsticks in turn. */
export function benchNative(
  machine: Machine,
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  { gcc: native, clang, kernel }: Yardsticks,
  rounds: Rounds,
): NativeReport {
  const plans = workloads.map((workload) => plan(machine, workload, size, { gcc: native, clang, kernel }));
  const cases = plans.flatMap(({ workload, prepared, repeat, inKernel, wrong }): Case[] => {
    if (wrong !== undefined) return [];
    const { mem } = workload[size];
    const { name } = workload;
    const list: Case[] = [];
    if (native !== undefined) list.push({ name: `${name} C`, run: () => native.run(workload, mem, repeat).elapsedNs });
    if (clang !== undefined)
      list.push({ name: `${name} clang`, run: () => clang.run(workload, mem, repeat).elapsedNs });
    if (typeof inKernel === 'object')
      list.push({ name: `${name} kernel`, run: () => inKernel.time(mem, repeat) * repeat });
    return [...list, { name, run: () => prepared.run({ mem, repeat }).elapsedNs }];
  });
  const summaries = interleave(cases, rounds);
  const rows = plans.map(({ workload, prepared, repeat, inKernel, firstCallNs, wrong }): NativeRow => {
    const { name, program } = workload;
    const insns = countInsns(workload, workload[size], repeat);
    const ours = summaries.get(name);
    const c = summaries.get(`${name} C`);
    const cBytes = native?.codeSize(workload);
    const [byClang, byKernel] = ['clang', 'kernel'].map((who) => summaries.get(`${name} ${who}`));
    const row = { name, slots: program.insns.length, insns, repeat, bytes: prepared.compiled.code.length, firstCallNs };
    prepared.dispose();
    return {
      ...row,
      ns: perInsn(ours ?? NOTHING, insns),
      ...(c !== undefined && { cNs: perInsn(c, insns) }),
      ...(byClang !== undefined && { clangNs: perInsn(byClang, insns) }),
      ...(byKernel !== undefined && { kernelNs: perInsn(byKernel, insns) }),
      ...(typeof inKernel === 'string' && { kernelRefuses: inKernel }),
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
  readonly inKernel: KernelWorkload | string | undefined;
  readonly firstCallNs: number;
  readonly wrong: string | undefined;
}

const FIRST_CALLS = 30;
const NOTHING: Summary = { min: NaN, median: NaN, spread: NaN, count: 0 };

/** Checks the result of one call of each, and finds out how often to repeat. */
function plan(machine: Machine, workload: Workload, size: 'quick' | 'full', { gcc, clang, kernel }: Yardsticks): Plan {
  const input = workload[size];
  const firstCallNs = firstCall(machine, workload);
  const prepared = machine.prepare(workload.program);
  const inKernel = kernel?.(workload);
  const base = { workload, prepared, inKernel, firstCallNs };
  const reference = gcc?.run(workload, input.mem, 1);
  const others: readonly (readonly [string, { readonly r0: bigint; readonly mem: Uint8Array } | undefined])[] = [
    ['native C', reference],
    ['C by clang', clang?.run(workload, input.mem, 1)],
    ['the kernel', typeof inKernel === 'object' ? inKernel.once(input.mem) : undefined],
  ];
  try {
    const { r0, mem, elapsedNs } = prepared.run({ mem: input.mem });
    const repeat = repeatsFor(reference?.elapsedNs ?? elapsedNs, SHORTEST_NS);
    const problems = others.flatMap(([who, result]) => {
      const problem = result === undefined ? undefined : wrongResult(input, result);
      return problem === undefined ? [] : [`${who}: ${problem}`];
    });
    return { ...base, repeat, wrong: wrongResult(input, { r0, mem }) ?? problems[0] };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { ...base, repeat: 1, wrong: error.message };
  }
}

/** Compiled, linked, placed and called; the memory says 0 rounds. The least of some, warm. */
function firstCall(machine: Machine, { program, quick }: Workload): number {
  const mem = new Uint8Array(quick.mem.length);
  let best = Infinity;
  for (let i = 0; i < FIRST_CALLS; i++) {
    const start = wallNs();
    const prepared = machine.prepare(program);
    prepared.run({ mem });
    best = Math.min(best, wallNs() - start);
    prepared.dispose();
  }
  return best;
}

function perInsn(summary: Summary, insns: number): Summary {
  return { ...summary, min: summary.min / insns, median: summary.median / insns };
}
