/** What a mutant is, and how it is put into a source text. */

/** Engines that vectors run on; `interpreter-big` is the interpreter in big-endian mode. */
export const ENGINES = [
  'interpreter', 'interpreter-big', 'x86_64', 'arm64', 's390x', 'riscv64', 'ppc64', 'ppc64le', 'mips64', 'mips64le', 'sparc64',
  'loongarch64', 'arm', 'armeb', 'ppc64+power9', 'ppc64+power10', 'riscv64+zba', 'riscv64+zbb', 'mips64+r6', 'x86_64+win64',
] as const; // prettier-ignore
export type EngineName = (typeof ENGINES)[number];

/** A vector of `test-vectors/` by its name, `topic/id`, and the engine that must fail it. */
export interface VectorKiller {
  readonly engine: EngineName;
  readonly vector: string;
}

/** A test file for what vectors cannot see, and the tests of it that are run: those whose names contain `name`. */
export interface TestKiller {
  readonly test: string;
  readonly name: string;
}

/** One seeded bug. */
export interface Mutant {
  /** Unique; begins with the area: `x86_64/...`. */
  readonly id: string;
  /** Source file, from the root of the repository. */
  readonly file: string;
  /** Text of the file that occurs just once. */
  readonly find: string;
  readonly replace: string;
  /** What is wrong then, in one line. */
  readonly what: string;
  readonly killedBy: VectorKiller | TestKiller;
}

/** The first part of the id. */
export function areaOf(mutant: Mutant): string {
  return mutant.id.slice(0, mutant.id.indexOf('/'));
}

/** Says whether the killer is a vector. */
export function isVectorKiller(killer: Mutant['killedBy']): killer is VectorKiller {
  return 'vector' in killer;
}

/** How often the text to replace occurs. */
export function occurrences(source: string, find: string): number {
  return source.split(find).length - 1;
}

/** The source with the bug in it, or undefined when the text to replace does not occur just once. */
export function mutated(source: string, mutant: Mutant): string | undefined {
  if (occurrences(source, mutant.find) !== 1) return undefined;
  const at = source.indexOf(mutant.find);
  return source.slice(0, at) + mutant.replace + source.slice(at + mutant.find.length);
}
