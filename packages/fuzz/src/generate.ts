/** Programs by number: the same seed, index and options make the same program on every machine. */
import fc from 'fast-check';
import { arbitraryProgram } from './arbitrary-program.ts';
import type { FuzzProgram } from './build-program.ts';
import type { ProgramOptions } from './program-shape.ts';

/** Makes the value of an index. */
export type Generate<T> = (index: number) => T;

/**
 * Values of an arbitrary by index, each from a random stream of its own.
 *
 * @param seed - any integer; its low 32 bits count
 */
export function generatorOf<T>(arbitrary: fc.Arbitrary<T>, seed: number): Generate<T> {
  return (index) => fc.sample(arbitrary, { seed: mix(seed, index), numRuns: 1 })[0]!;
}

/** Valid programs by index, see `arbitraryProgram`. */
export function programGenerator(seed: number, options: ProgramOptions = {}): Generate<FuzzProgram> {
  return generatorOf(arbitraryProgram(options), seed);
}

/** A 32-bit number that depends on all bits of both (the finaliser of MurmurHash3). */
function mix(seed: number, index: number): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul((index + 1) | 0, 0x27d4eb2f);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
