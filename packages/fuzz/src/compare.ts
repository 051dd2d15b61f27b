/** What engines made of one program, and whether they agree. */
import { type Engine, formatHex, formatU64, type Outcome } from '@polybpf/conformance';
import { type Endian, makeProgram } from '@polybpf/isa';
import type { FuzzProgram } from './build-program.ts';
import { isEqual } from './reference.ts';

/** Engines that run programs of one byte order. */
export interface EngineGroup {
  readonly endian: Endian;
  readonly engines: readonly Engine[];
}

/** The engine as the command line names it: `interpreter`, `kernel`, `native:arm64`. */
export function engineName({ name, target }: Engine): string {
  return target === undefined ? name : `${name}:${target}`;
}

/** What to believe first where engines differ. */
const TRUST: readonly string[] = ['kernel', 'interpreter'];

/** Engines by byte order, the most trusted first; those without anyone to be compared with are left out. */
export function groupEngines(engines: readonly Engine[]): EngineGroup[] {
  const rank = ({ name }: Engine): number => (TRUST.indexOf(name) + TRUST.length + 1) % (TRUST.length + 1);
  const sorted = [...engines].sort((a, b) => rank(a) - rank(b));
  return (['little', 'big'] as const)
    .map((endian) => ({ endian, engines: sorted.filter((engine) => (engine.endian ?? endian) === endian) }))
    .filter((group) => group.engines.length > 1);
}

/** Runs programs on every engine of a group; results are by program, then by engine. */
export function runGroup({ endian, engines }: EngineGroup, programs: readonly FuzzProgram[]): Outcome[][] {
  const jobs = programs.map(({ insns, mem }) => ({ program: makeProgram(insns, { endian }), mem }));
  const columns = engines.map((engine) => engine.run(jobs));
  return programs.map((_, i) => columns.map((column) => column[i]!));
}

/** Whether the engine does not take this program, which says nothing about what it computes. */
export function isRefusal(outcome: Outcome): boolean {
  return outcome.status === 'error' && outcome.error.code === 'E_UNSUPPORTED';
}

/**
 * Whether these outcomes of one valid program are wrong: two differ, or one is a fault or crash. A program that an
 * engine refuses is judged by the others.
 */
export function isDisagreement(outcomes: readonly Outcome[]): boolean {
  const ran = outcomes.filter((outcome) => !isRefusal(outcome));
  const first = ran[0];
  return ran.some((outcome) => outcome.status === 'error' || !isSame(first!, outcome));
}

function isSame(a: Outcome, b: Outcome): boolean {
  return a.status === 'done' && b.status === 'done' && a.r0 === b.r0 && isEqual(a.mem, b.mem);
}

/** One line about an outcome. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.status === 'error') return `${outcome.error.code}: ${outcome.error.message}`;
  const mem = outcome.mem.length === 0 ? '' : ` mem ${formatHex(outcome.mem)}`;
  return `${formatU64(outcome.r0)}${mem}`;
}
