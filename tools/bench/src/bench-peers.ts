/**
 * Other runtimes, through the plugin protocol of bpf_conformance: program in hex on standard input, memory in hex as argument,
 * r0 in hex on standard output. A process is no clock for microseconds, so many runs are told apart from one: by `{repeat}`
 * in the command, else from a program that only exits.
 */
import { spawnSync } from 'node:child_process';
import { isBpfError } from '@polybpf/errors';
import { createInterpreter } from '@polybpf/interpreter';
import { encodeProgram, type Insn, makeInsn } from '@polybpf/isa';
import type { PeerOption } from './bench-options.ts';
import { wallNs } from './clock.ts';
import type { NativeC } from './native-c.ts';
import { type Case, interleave, type Rounds } from './repeat.ts';
import type { Summary } from './statistics.ts';
import type { Workload } from './workload.ts';

/** One workload on one peer. */
export interface PeerRow {
  readonly peer: string;
  readonly name: string;
  readonly insns: number;
  /** Of one executed instruction; absent when the result is wrong. */
  readonly ns?: Summary;
  readonly cNs?: Summary;
  readonly wrong?: string;
}

/** One argument has at most 131,071 bytes on Linux (MAX_ARG_STRLEN): so much memory as hex, and no more. */
const MOST_MEMORY = 65_000;
/** The difference of runs that are told apart takes at least so long, if not more than so many runs are needed. */
const SHORTEST_NS = 100e6;
const MOST_RUNS = 4096;
const MOST_ROUNDS = 5;
const TIMEOUT_MS = 120_000;
const NOTHING: readonly Insn[] = [makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];

/** Times all peers and C in turn, on quick inputs. */
export function benchPeers(
  workloads: readonly Workload[],
  peers: readonly PeerOption[],
  native: NativeC | undefined,
  rounds: Rounds,
): PeerRow[] {
  const cases: Case[] = [];
  /** Runs that the difference of a peer's two times is for. */
  const extra = new Map<string, number>();
  const rows = workloads.flatMap((workload): PeerRow[] => {
    const { name, program } = workload;
    const mem = workload.quick.mem.slice(0, MOST_MEMORY);
    const expected = expectedOf(workload, mem);
    if (expected === undefined) return [];
    const { insns, r0 } = expected;
    if (native !== undefined) cases.push({ name: `${name} C`, run: () => Math.min(...[1, 2, 3].map(() => native.run(workload, mem, 1).elapsedNs)) }); // prettier-ignore
    return peers.map((peer): PeerRow => {
      const call = (insnList: readonly Insn[], repeat: number): PluginRun => callPlugin(peer, insnList, mem, repeat);
      const first = call(program.insns, 1);
      const row = { peer: peer.name, name, insns };
      if (first.r0 !== r0) return { ...row, wrong: first.problem ?? `r0 is 0x${first.r0?.toString(16)}, not 0x${r0.toString(16)}` }; // prettier-ignore
      const runs = peer.command.includes('{repeat}') ? runsFor(() => first.ns, (repeat) => call(program.insns, repeat).ns) : 1; // prettier-ignore
      const base = runs > 1 ? program.insns : NOTHING;
      cases.push({ name: `${name} ${peer.name}`, run: () => call(program.insns, runs).ns });
      cases.push({ name: `${name} ${peer.name} base`, run: () => call(base, 1).ns });
      extra.set(`${name} ${peer.name}`, Math.max(1, runs - 1));
      return row;
    });
  });
  const summaries = interleave(cases, { warmUp: 0, measured: Math.min(rounds.measured, MOST_ROUNDS) });
  return rows.map((row) => {
    const key = `${row.name} ${row.peer}`;
    const [many, base, cNs] = [key, `${key} base`, `${row.name} C`].map((name) => summaries.get(name));
    if (many === undefined || base === undefined) return row;
    const ns = difference(many, base, extra.get(key)! * row.insns);
    return { ...row, ns, ...(cNs !== undefined && { cNs: perInsn(cNs, row.insns) }) };
  });
}

/** Least less least: a difference of single times would be as noisy as both, and its least value the noise. */
function difference(many: Summary, base: Summary, insns: number): Summary {
  const [min, median] = [many.min - base.min, many.median - base.median].map((ns) => Math.max(0, ns) / insns);
  return { min: min!, median: median!, spread: many.spread, count: many.count };
}

/** What the interpreter makes of so much of the memory; undefined when the workload needs more. */
function expectedOf(
  { program }: Workload,
  mem: Uint8Array,
): { readonly insns: number; readonly r0: bigint } | undefined {
  try {
    const { r0, insnsExecuted } = createInterpreter(program, { budget: 2 ** 40 }).run({ mem: mem.slice() });
    return { insns: insnsExecuted, r0 };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return undefined;
  }
}

/** Doubles the runs until they can be told from one. */
function runsFor(one: () => number, time: (repeat: number) => number): number {
  let runs = 2;
  while (runs < MOST_RUNS && time(runs) - one() < SHORTEST_NS) runs *= 2;
  return runs;
}

interface PluginRun {
  /** Absent when the peer failed. */
  readonly r0?: bigint;
  readonly problem?: string;
  readonly ns: number;
}

function callPlugin({ command }: PeerOption, insns: readonly Insn[], mem: Uint8Array, repeat: number): PluginRun {
  const text = command.replaceAll('{repeat}', String(repeat));
  const input = `${hex(encodeProgram(insns))}\n`;
  const start = wallNs();
  const { stdout, stderr, status, error } = spawnSync('sh', ['-c', `${text} "$1"`, 'sh', hex(mem)], { input, encoding: 'utf8', timeout: TIMEOUT_MS }); // prettier-ignore
  const ns = wallNs() - start;
  const number = /^(0x)?([0-9a-f]{1,16})$/i.exec((stdout ?? '').trim())?.[2];
  if (status === 0 && number !== undefined) return { r0: BigInt(`0x${number}`), ns };
  // A peer that ends before it has read its program breaks the pipe, which is not what went wrong.
  const problem = status === null ? error?.message : `exit ${status}: ${(stderr || stdout).trim().slice(0, 200)}`;
  return { problem: problem ?? 'no result', ns };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function perInsn(summary: Summary, insns: number): Summary {
  return { ...summary, min: summary.min / insns, median: summary.median / insns };
}
