/** Differential runs: the same programs on several engines, in batches; disagreements are shrunk. */
import type { Engine, Outcome, VectorTest } from '@polybpf/conformance';
import { BpfError } from '@polybpf/errors';
import { type CpuVersion, type Endian } from '@polybpf/isa';
import type { FuzzProgram } from './build-program.ts';
import { describeOutcome, type EngineGroup, engineName, groupEngines, isDisagreement, isRefusal, runGroup } from './compare.ts'; // prettier-ignore
import { type CoverageCounts, createCoverage } from './coverage.ts';
import { vectorTest } from './failure-vector.ts';
import { programGenerator } from './generate.ts';
import type { ProgramFlavour } from './program-shape.ts';
import { isDefined } from './definedness.ts';
import { shrinkProgram } from './shrink.ts';

/** What {@link runDifferential} does. */
export interface DifferentialOptions {
  /** Two or more; each must have another one that runs programs of its byte order. */
  readonly engines: readonly Engine[];
  readonly seed: number;
  /** Index of the first program; default 0. */
  readonly first?: number;
  /** Programs at most; default no limit. One of `count` and `timeMs` must be given. */
  readonly count?: number;
  /** Wall time after which no new batch is begun. */
  readonly timeMs?: number;
  readonly isa?: CpuVersion;
  /** Default: `kernel` with an engine of that name, else `any`. */
  readonly flavour?: ProgramFlavour;
  /** Disagreements after which the run ends; default 1. */
  readonly maxDisagreements?: number;
  /** Programs in a batch; default 64. */
  readonly batch?: number;
  /** Label of results of the live kernel, e.g. `linux 6.18`; default `linux`. */
  readonly kernelSource?: string;
  readonly onProgress?: (progress: { readonly programs: number; readonly disagreements: number }) => void;
}

/** A program on which engines disagree. */
export interface Disagreement {
  readonly index: number;
  readonly endian: Endian;
  /** What each engine made of the program as it was generated. */
  readonly outcomes: readonly { readonly engine: string; readonly outcome: string }[];
  readonly program: FuzzProgram;
  readonly shrunk: FuzzProgram;
  /** What each engine made of the shrunk program. */
  readonly shrunkOutcomes: readonly { readonly engine: string; readonly outcome: string }[];
  /** The shrunk program with the result of the most trusted engine. */
  readonly vector: VectorTest;
}

/** What a run found. */
export interface DifferentialReport {
  readonly seed: number;
  readonly first: number;
  readonly programs: number;
  readonly isa: CpuVersion;
  readonly flavour: ProgramFlavour;
  /** Slots of all programs together. */
  readonly insns: number;
  readonly elapsedMs: number;
  /** Programs that each engine computed and that were compared. */
  readonly compared: readonly { readonly engine: string; readonly endian: Endian; readonly programs: number }[];
  /** Programs that an engine did not take, by its reason without numbers. */
  readonly refused: readonly { readonly engine: string; readonly reason: string; readonly programs: number }[];
  readonly disagreements: readonly Disagreement[];
  readonly coverage: CoverageCounts;
}

/** One program in so many is executed with its values counted. */
const VALUE_SAMPLE = 16;

/**
 * Generates programs and compares engines.
 *
 * @throws BpfError `E_USAGE` when an engine has nothing to be compared with, or no end is given
 */
export function runDifferential(options: DifferentialOptions): DifferentialReport {
  const { engines, seed, first = 0, count = Infinity, timeMs = Infinity, isa = 'v4', batch = 64 } = options;
  const flavour = options.flavour ?? (engines.some(({ name }) => name === 'kernel') ? 'kernel' : 'any');
  const groups = checkedGroups(engines);
  if (count === Infinity && timeMs === Infinity) throw new BpfError('E_USAGE', 'a run without end', { expected: 'a count or a time' }); // prettier-ignore
  const generate = programGenerator(seed, { isa, flavour });
  const tally = createTally(groups);
  const coverage = createCoverage();
  const disagreements: Disagreement[] = [];
  const started = performance.now();
  let programs = 0;
  let insns = 0;
  while (programs < count && disagreements.length < (options.maxDisagreements ?? 1)) {
    if (performance.now() - started >= timeMs) break;
    const size = Math.min(batch, count - programs);
    const list = Array.from({ length: size }, (_, i) => generate(first + programs + i));
    list.forEach((program, i) => {
      coverage.addProgram(program);
      if ((programs + i) % VALUE_SAMPLE === 0) coverage.addValues(program, groups[0]!.endian);
      insns += program.insns.length;
    });
    for (const group of groups) {
      runGroup(group, list).forEach((outcomes, i) => {
        tally.add(group, outcomes);
        if (!isDisagreement(outcomes) || disagreements.length >= (options.maxDisagreements ?? 1)) return;
        disagreements.push(explain(group, first + programs + i, list[i]!, outcomes, options));
      });
    }
    programs += size;
    options.onProgress?.({ programs, disagreements: disagreements.length });
  }
  return {
    seed,
    first,
    programs,
    isa,
    flavour,
    insns,
    elapsedMs: performance.now() - started,
    ...tally.result(),
    disagreements,
    coverage: coverage.counts(),
  };
}

function checkedGroups(engines: readonly Engine[]): EngineGroup[] {
  const groups = groupEngines(engines);
  const lonely = engines.find((engine) => !groups.some((group) => group.engines.includes(engine)));
  if (groups.length > 0 && lonely === undefined) return groups;
  throw new BpfError('E_USAGE', 'nothing to compare', {
    expected: `another engine that runs ${lonely?.endian ?? 'such'} programs, e.g. interpreter`,
    got: engines.map(engineName).join(', '),
  });
}

function explain(
  group: EngineGroup,
  index: number,
  program: FuzzProgram,
  outcomes: readonly Outcome[],
  { seed, kernelSource = 'linux' }: DifferentialOptions,
): Disagreement {
  const shrunk = shrinkFailure(group, program, outcomes);
  const shrunkOutcomes = runGroup(group, [shrunk])[0]!;
  const believed = shrunkOutcomes.findIndex((outcome) => !isRefusal(outcome));
  const { name } = group.engines[Math.max(believed, 0)]!;
  const vector = vectorTest(shrunk, shrunkOutcomes[Math.max(believed, 0)]!, {
    id: `fuzz-${seed >>> 0}-${index}`,
    comment: `shrunk from program ${index} of seed ${seed}`,
    endian: group.endian,
    source: name === 'kernel' ? kernelSource : 'self',
  });
  const named = (list: readonly Outcome[]): Disagreement['outcomes'] =>
    list.map((outcome, i) => ({ engine: engineName(group.engines[i]!), outcome: describeOutcome(outcome) }));
  return { index, endian: group.endian, outcomes: named(outcomes), program, shrunk, shrunkOutcomes: named(shrunkOutcomes), vector }; // prettier-ignore
}

/** Only the engines that differ need to run while a program is shrunk; each of them must still take it. */
function shrinkFailure(group: EngineGroup, program: FuzzProgram, outcomes: readonly Outcome[]): FuzzProgram {
  const engines = group.engines.filter((_, i) => !isRefusal(outcomes[i]!));
  const smaller: EngineGroup = { endian: group.endian, engines };
  const fails = (candidate: FuzzProgram): boolean => {
    const results = runGroup(smaller, [candidate])[0]!;
    return !results.some(isRefusal) && isDisagreement(results);
  };
  // A program that the interpreter itself gets wrong may look undefined to it; then only the disagreement counts.
  const defined = isDefined(program, group.endian);
  return shrinkProgram(program, (candidate) => (!defined || isDefined(candidate, group.endian)) && fails(candidate), group); // prettier-ignore
}

interface Tally {
  add(group: EngineGroup, outcomes: readonly Outcome[]): void;
  result(): Pick<DifferentialReport, 'compared' | 'refused'>;
}

function createTally(groups: readonly EngineGroup[]): Tally {
  const compared = new Map(groups.map((group) => [group, group.engines.map(() => 0)]));
  const refused = new Map<string, Map<string, number>>();
  return {
    add(group, outcomes) {
      outcomes.forEach((outcome, i) => {
        if (!isRefusal(outcome)) compared.get(group)![i]!++;
        else if (outcome.status === 'error') {
          const engine = engineName(group.engines[i]!);
          const reasons = refused.get(engine) ?? new Map<string, number>();
          refused.set(engine, reasons);
          const reason = outcome.error.message.replace(/\d+/g, 'N');
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        }
      });
    },
    result: () => ({
      compared: groups.flatMap((group) =>
        group.engines.map((engine, i) => ({
          engine: engineName(engine),
          endian: group.endian,
          programs: compared.get(group)![i]!,
        })),
      ),
      refused: [...refused].flatMap(([engine, reasons]) =>
        [...reasons].sort(([, a], [, b]) => b - a).map(([reason, programs]) => ({ engine, reason, programs })),
      ),
    }),
  };
}
