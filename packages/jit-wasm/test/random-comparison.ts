/** Random programs on an engine and on the interpreter: they must end alike. */
import { makeProgram } from '@polybpf/isa';
import { ENGINES, observe } from './compare.ts';
import { random, randomProgram } from './random-programs.ts';

/** What a comparison found. */
export interface RandomComparison {
  /** How the programs ended: `exit`, or the kind of the fault. */
  readonly ends: Readonly<Record<string, number>>;
  /** The first program that ended in another way than on the interpreter. */
  readonly different?: { readonly seed: number; readonly expected: string; readonly got: string };
}

/** Ends that some of a thousand programs have. */
export const COMMON_ENDS = ['exit', 'memory', 'jump', 'budget', 'alignment', 'call_depth', 'helper', 'opcode'];

/** Compares programs `first` to `first + count - 1`, each run twice: result, fault, instructions, memory and stacks. */
export function compareRandomPrograms(engine: string, first: number, count: number): RandomComparison {
  const ends: Record<string, number> = {};
  for (let seed = first; seed < first + count; seed++) {
    const next = random(seed ^ 0x5bd1e995);
    const program = makeProgram(randomProgram(seed), { endian: seed % 3 === 0 ? 'big' : 'little' });
    const input = { mem: Uint8Array.from({ length: 64 }, () => next() & 0xff), packet: Uint8Array.from({ length: 24 }, (_, i) => i * 7) }; // prettier-ignore
    const options = { budget: 200 + (next() % 2000), mayGotoLimit: next() % 20, maxCallFrames: 1 + (next() % 8) };
    const expected = observe(program, input, options, 2);
    const got = observe(program, input, { ...options, engine: ENGINES[engine]!() }, 2);
    if (got !== expected) return { ends, different: { seed, expected, got } };
    const end = /"kind":"(\w+)"/.exec(expected)?.[1] ?? 'exit';
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return { ends };
}
