/** Compilation: slots a second per target on small and large programs, and the time for one small program. */
import type { Endian, Program } from '@polybpf/isa';
import { compile, type Target } from '@polybpf/jit';
import { compileToWasm } from '@polybpf/jit-wasm';
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

/** What is timed: from a decoded program to the bytes of its code. */
export interface Compiler {
  readonly name: string;
  readonly endian: Endian;
  /** Returns the number of bytes. */
  compile(program: Program): number;
}

/** The compiler of a CPU. */
export function nativeCompiler(target: Target): Compiler {
  const { name, endian } = target;
  return { name, endian, compile: (program) => compile(program, target).code.length };
}

/** The compiler to WebAssembly; what V8 then makes of the module is not part of it. */
export const WASM_COMPILER: Compiler = {
  name: 'wasm',
  endian: 'little',
  compile: (program) => compileToWasm(program).bytes.length,
};

/** As many as the largest program of the peers' table. */
const LARGE = 32_990;
const SHORTEST_MS = 3;

/** Times all compilers in turn. */
export function benchCompile(
  compilers: readonly Compiler[],
  programs: readonly Program[],
  rounds: Rounds,
): CompileRow[] {
  const [smallest] = programs
    .filter((program) => program.insns.length >= 30)
    .sort((a, b) => a.insns.length - b.insns.length);
  const small = smallest ?? programs[0]!;
  const cases: Case[] = [];
  const bytes = new Map<string, number>();
  const large = concatenate(programs, LARGE);
  for (const compiler of compilers) {
    const sets: readonly [string, readonly Program[]][] = [
      ['programs', programs],
      ['concatenation', [large]],
      ['small', [small]],
    ];
    for (const [what, set] of sets) {
      const name = `${compiler.name} ${what}`;
      const own = set.map((program) => withEndian(program, compiler.endian));
      bytes.set(name, own.reduce((sum, program) => sum + compiler.compile(program), 0)); // prettier-ignore
      const work = (): void => {
        for (const program of own) compiler.compile(program);
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
  return compilers.map(({ name: target }) => {
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
