/** Compilation: slots a second per target on small and large programs, and the time for one small program. */
import { compile, type Target } from '@polybpf/jit';
import type { Program } from '@polybpf/isa';
import { concatenate, withEndian } from './concatenate.ts';
import { type Case, interleave, type Rounds, timed } from './repeat.ts';
import type { Summary } from './statistics.ts';

export interface CompileRow {
  readonly target: string;
  /** All programs, one after the other. */
  readonly programs: Throughput;
  /** One function made of all of them. */
  readonly concatenation: Throughput;
  /** The smallest program of 30 slots or more. */
  readonly small: { readonly name: string; readonly slots: number; readonly ns: Summary };
}

export interface Throughput {
  readonly slots: number;
  readonly bytes: number;
  readonly ns: Summary;
}

/** As many as the largest program of the peers' table. */
const LARGE = 32_990;
const SHORTEST_MS = 3;

/** Times `compile` on all targets in turn. */
export function benchCompile(targets: readonly Target[], programs: readonly Program[], rounds: Rounds): CompileRow[] {
  const [smallest] = programs
    .filter((program) => program.insns.length >= 30)
    .sort((a, b) => a.insns.length - b.insns.length);
  const small = smallest ?? programs[0]!;
  const cases: Case[] = [];
  const bytes = new Map<string, number>();
  const large = concatenate(programs, LARGE);
  for (const target of targets) {
    const sets: readonly [string, readonly Program[]][] = [
      ['programs', programs],
      ['concatenation', [large]],
      ['small', [small]],
    ];
    for (const [what, set] of sets) {
      const name = `${target.name} ${what}`;
      const own = set.map((program) => withEndian(program, target.endian));
      bytes.set(name, own.reduce((sum, program) => sum + compile(program, target).code.length, 0)); // prettier-ignore
      const work = (): void => {
        for (const program of own) compile(program, target);
      };
      cases.push({
        name,
        run: () => {
          // The case before has driven this one's code and data out of the caches.
          timed(work, what === 'concatenation' ? 0 : SHORTEST_MS);
          return timed(work, SHORTEST_MS);
        },
      });
    }
  }
  const summaries = interleave(cases, rounds);
  const slotsOf = (set: readonly Program[]): number => set.reduce((sum, program) => sum + program.insns.length, 0);
  return targets.map(({ name: target }) => {
    const throughput = (what: string, slots: number): Throughput => {
      const name = `${target} ${what}`;
      return { slots, bytes: bytes.get(name)!, ns: summaries.get(name)! };
    };
    return {
      target,
      programs: throughput('programs', slotsOf(programs)),
      concatenation: throughput('concatenation', large.insns.length),
      small: { name: small.name, slots: small.insns.length, ns: summaries.get(`${target} small`)! },
    };
  });
}
