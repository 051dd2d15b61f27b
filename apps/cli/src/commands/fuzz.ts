/** `polybpf fuzz`: generated programs on several engines. */
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { formatHex, type VectorFile } from '@polybpf/conformance';
import { BpfError } from '@polybpf/errors';
import { type DifferentialReport, type Disagreement, generatedRows, type ProgramFlavour, runDifferential } from '@polybpf/fuzz'; // prettier-ignore
import { openEngines, usableEngines } from '@polybpf/fuzz/node';
import { type CpuVersion, encodeProgram } from '@polybpf/isa';
import { writeOutput } from '../files.ts';
import { runHostileFuzz } from './fuzz-hostile.ts';
import { formatTable, printJson, printLine } from '../print.ts';

export interface FuzzFlags {
  readonly against?: string;
  readonly count?: string;
  readonly time?: string;
  readonly seed?: string;
  readonly index?: string;
  readonly isa?: CpuVersion;
  readonly flavour?: ProgramFlavour;
  readonly save?: string;
  readonly hostile?: boolean;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
}

const DEFAULT_COUNT = 1000;
/** Disagreements that a run with --keep-going looks for. */
const MAX_DISAGREEMENTS = 20;

/** Runs the command; true when all engines agreed. */
export function runFuzz(flags: FuzzFlags): boolean {
  const seed = wholeNumber('--seed', flags.seed, -(2 ** 31), 2 ** 32 - 1) ?? randomInt(2 ** 31);
  const timeMs = secondsOf(flags.time);
  const count = wholeNumber('--count', flags.count, 1) ?? (timeMs === undefined ? DEFAULT_COUNT : undefined);
  const first = wholeNumber('--index', flags.index, 0) ?? 0;
  if (flags.hostile === true) {
    runHostileFuzz(flags, { seed, first, count: count ?? DEFAULT_COUNT });
    return true;
  }
  const names = flags.against === undefined ? usableEngines() : engineNames(flags.against);
  const opened = openEngines(names);
  try {
    const progress = progressLine(count, seed);
    const report = runDifferential({
      engines: opened.engines,
      seed,
      first,
      ...(count === undefined ? {} : { count }),
      ...(timeMs === undefined ? {} : { timeMs }),
      ...(flags.isa === undefined ? {} : { isa: flags.isa }),
      ...(flags.flavour === undefined ? {} : { flavour: flags.flavour }),
      maxDisagreements: flags.keepGoing === true ? MAX_DISAGREEMENTS : 1,
      kernelSource: `linux ${/^\d+\.\d+/.exec(release())?.[0] ?? release()}`,
      onProgress: progress.show,
    });
    progress.clear();
    if (flags.save !== undefined) saveFuzzVectors(flags.save, report);
    if (flags.json === true) printJson(fuzzDocument(report));
    else printLine(fuzzReportText(report));
    return report.disagreements.length === 0;
  } finally {
    opened[Symbol.dispose]();
  }
}

/** A single engine is compared with the interpreter. */
function engineNames(list: string): string[] {
  const names = list.split(',').filter((name) => name !== '');
  return names.length === 1 && names[0] !== 'interpreter' ? ['interpreter', ...names] : names;
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  // prettier-ignore
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^-?(\d+|0x[0-9a-f]+)$/i.test(text) && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new BpfError('E_USAGE', flag, { expected: `a whole number from ${min} to ${max}`, got: text });
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (text.trim() !== '' && seconds > 0 && Number.isFinite(seconds)) return seconds * 1000;
  throw new BpfError('E_USAGE', '--time', { expected: 'seconds, more than 0', got: text });
}

/** One line on a terminal, nothing elsewhere. */
function progressLine(
  count: number | undefined,
  seed: number,
): { show: (progress: { programs: number; disagreements: number }) => void; clear: () => void } {
  if (!process.stderr.isTTY) return { show: () => undefined, clear: () => undefined };
  const started = performance.now();
  return {
    show({ programs, disagreements }) {
      const rate = Math.round((programs / (performance.now() - started)) * 1000);
      const of = count === undefined ? '' : ` of ${count}`;
      const found = disagreements === 0 ? '' : `, ${disagreements} disagreements`;
      process.stderr.write(`\r\x1b[Kfuzz: seed ${seed}, ${programs}${of} programs, ${rate}/s${found}`);
    },
    clear: () => void process.stderr.write('\r\x1b[K'),
  };
}

/** One vector file for each disagreement, which `polybpf conformance --suite DIR` runs again. */
export function saveFuzzVectors(folder: string, { seed, isa, flavour, disagreements }: DifferentialReport): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new BpfError('E_INPUT', `cannot make ${folder}`, { cause });
  }
  for (const { vector, index, program } of disagreements) {
    const file: VectorFile = {
      schema: 'polybpf-vectors@1',
      topic: `fuzz: seed ${seed}, program ${index}, isa ${isa}, flavour ${flavour}`,
      spec: ['4', '5'],
      notes: {},
      tests: [vector],
    };
    writeOutput(join(folder, `${vector.id}.json`), `${JSON.stringify(file, undefined, 2)}\n`);
    writeOutput(join(folder, `${vector.id}.hex`), `${formatHex(encodeProgram(program.insns, 'little'))}\n`);
  }
}

/** What `--json` prints. */
export function fuzzDocument(report: DifferentialReport): object {
  const { elapsedMs, disagreements, coverage, isa, flavour, ...rest } = report;
  const rows = generatedRows({ isa, flavour }).map(({ name }) => name);
  return {
    ...rest,
    isa,
    flavour,
    elapsedMs: Math.round(elapsedMs),
    coverage: { ...coverage, missing: rows.filter((name) => coverage.operands[name] === undefined) },
    disagreements: disagreements.map((found) => ({
      index: found.index,
      endian: found.endian,
      insns: found.program.insns.length,
      outcomes: found.outcomes,
      shrunkOutcomes: found.shrunkOutcomes,
      vector: found.vector,
    })),
  };
}

/** The report for people. */
export function fuzzReportText(report: DifferentialReport): string {
  const { seed, first, programs, isa, flavour, insns, elapsedMs, compared, disagreements } = report;
  const refusedBy = (engine: string): number =>
    report.refused.filter((entry) => entry.engine === engine).reduce((sum, entry) => sum + entry.programs, 0);
  const rows = compared.map(({ engine, endian, programs: n }) => [
    engine,
    endian,
    String(n),
    String(refusedBy(engine)),
  ]);
  const found = disagreements.length;
  return [
    ...coverageLines(report),
    '',
    `seed ${seed}, programs ${first} to ${first + programs - 1}, isa ${isa}, flavour ${flavour}: ${insns} slots in ${(elapsedMs / 1000).toFixed(1)} s`,
    '',
    formatTable([['ENGINE', 'ORDER', 'COMPARED', 'REFUSED'], ...rows]),
    ...report.refused.map(({ engine, reason, programs: n }) => `${engine} refused ${n}: ${reason}`),
    ...disagreements.flatMap(disagreementLines),
    '',
    found === 0 ? 'no disagreement' : `${found} disagreement${found === 1 ? '' : 's'}`,
  ].join('\n');
}

function disagreementLines({ index, endian, program, outcomes, shrunkOutcomes, vector }: Disagreement): string[] {
  const line = ({ engine, outcome }: { engine: string; outcome: string }): string => `  ${engine}: ${outcome}`;
  return [
    '',
    `program ${index} (${program.insns.length} slots, ${endian}-endian):`,
    ...outcomes.map(line),
    'shrunk:',
    ...shrunkOutcomes.map(line),
    JSON.stringify(vector, undefined, 2),
  ];
}

/** Each row with the number of instructions that stood in programs, by class of operands, and of pairs of values met. */
function coverageLines({ coverage, isa, flavour }: DifferentialReport): string[] {
  const rows = generatedRows({ isa, flavour }).map(({ name }) => {
    const classes = Object.entries(coverage.operands[name] ?? {}).sort(([, a], [, b]) => b - a);
    const total = classes.reduce((sum, [, n]) => sum + n, 0);
    const values = Object.keys(coverage.values[name] ?? {}).length;
    return { name, classes, total, values };
  });
  const cells = rows.map(({ name, classes, total, values }) => [
    name,
    String(total),
    values === 0 ? '-' : String(values),
    classes.map(([key, n]) => `${key}: ${n}`).join('; '),
  ]);
  const missing = rows.filter(({ total }) => total === 0).map(({ name }) => name);
  const pairs = rows.reduce((sum, { classes }) => sum + classes.length, 0);
  const values = rows.reduce((sum, row) => sum + row.values, 0);
  return [
    formatTable([['ROW', 'COUNT', 'VALUES', 'OPERANDS'], ...cells]),
    '',
    `${rows.length - missing.length} of ${rows.length} rows, ${pairs} pairs of row and operand class, ${values} of row and classes of values`,
    ...(missing.length === 0 ? [] : [`not generated: ${missing.join(' ')}`]),
  ];
}
