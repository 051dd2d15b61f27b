/**
 * Runs vectors on an engine and compares.
 *
 * A vector whose truth is known for little-endian memory only can still be run on a big-endian machine. When its result
 * differs there, it counts as passed if the interpreter gives the expected result in little-endian mode and the very
 * result of the machine in big-endian mode: then the difference is the byte order's. Such results are marked, and
 * counted apart.
 */
import { type BpfError, isBpfError } from '@polybpf/errors';
import type { Endian, Program } from '@polybpf/isa';
import { type Engine, interpreterEngine, type Outcome } from './engine.ts';
import { type Expectation, formatHex, formatU64, type Vector } from './vector.ts';

/** The result of one vector on one engine. */
export interface VectorResult {
  readonly name: string;
  readonly engine: string;
  /** CPU of a native engine, otherwise null. */
  readonly target: string | null;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly expected?: string;
  readonly got?: string;
  /** Why it was skipped. */
  readonly reason?: string;
  /** The result depends on byte order and was compared with the interpreter in the engine's order. */
  readonly byteOrderDependent?: true;
}

/** Counts over results. */
export interface SuiteSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** How many of the passed ones depend on byte order. */
  readonly byteOrderDependent: number;
}

interface Planned {
  readonly vector: Vector;
  readonly endian: Endian;
  readonly expectation: Expectation;
  /** Whether the truth is known in this byte order. */
  readonly known: boolean;
  readonly program?: Program;
  readonly refused?: BpfError;
}

/** How many vectors go to the engine at once. */
const BATCH = 256;

/**
 * Runs every vector on `engine`, in each byte order that both have; results are in the order of the vectors.
 *
 * @param onProgress - called with the number of vectors done
 */
export function runSuite(
  vectors: readonly Vector[],
  engine: Engine,
  onProgress?: (done: number) => void,
): VectorResult[] {
  const results: VectorResult[] = [];
  for (let from = 0; from < vectors.length; from += BATCH) {
    const batch = vectors.slice(from, from + BATCH);
    const planned = batch.map((vector) => plan(vector, engine));
    const runnable = planned.filter(
      (entry): entry is Planned & { program: Program } => 'program' in entry && entry.program !== undefined,
    );
    const outcomes = engine.run(runnable.map(({ program, vector }) => ({ program, mem: vector.mem })));
    const outcomeOf = new Map(runnable.map((entry, i) => [entry as Planned, outcomes[i]!]));
    for (const entry of planned) results.push('status' in entry ? entry : judge(entry, engine, outcomeOf.get(entry)));
    onProgress?.(results.length);
  }
  return results;
}

/** Counts results. */
export function summarise(results: readonly VectorResult[]): SuiteSummary {
  const count = (status: VectorResult['status']): number => results.filter((result) => result.status === status).length;
  return {
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    byteOrderDependent: results.filter((result) => result.status === 'passed' && result.byteOrderDependent === true)
      .length,
  };
}

function plan(vector: Vector, engine: Engine): Planned | VectorResult {
  const skip = (reason: string): VectorResult => ({ ...identity(vector, engine), status: 'skipped', reason });
  const endian = engine.endian ?? (vector.expect.little === undefined ? 'big' : 'little');
  if (!vector.orders.includes(endian)) return skip(`only for ${vector.orders.join(' and ')}-endian memory`);
  const known = vector.expect[endian] !== undefined;
  const expectation = vector.expect[endian] ?? vector.expect[endian === 'little' ? 'big' : 'little'];
  if (expectation === undefined) return skip('no expectation');
  try {
    const program = vector.build(endian);
    if (isUncheckedFault(expectation, engine) && expectation.error !== '' && !mayFault(expectation, engine))
      return skip(UNCHECKED);
    return { vector, endian, expectation, known, program };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { vector, endian, expectation, known, refused: error };
  }
}

function identity(vector: Vector, engine: Engine): Pick<VectorResult, 'name' | 'engine' | 'target'> {
  return { name: vector.name, engine: engine.name, target: engine.target ?? null };
}

function judge(entry: Planned, engine: Engine, ran: Outcome | undefined): VectorResult {
  const { vector, expectation } = entry;
  const outcome: Outcome = ran ?? { status: 'error', error: entry.refused! };
  const base = identity(vector, engine);
  if (outcome.status === 'error' && isSkip(outcome.error) && expectation.error === undefined) {
    return { ...base, status: 'skipped', reason: outcome.error.message };
  }
  if (outcome.status === 'done' && isUncheckedFault(expectation, engine) && faultsWhenChecked(entry))
    return { ...base, status: 'skipped', reason: engine.confinesAccesses === true ? INSIDE : UNCHECKED };
  const difference = compare(expectation, outcome);
  if (difference === undefined) return { ...base, status: 'passed' };
  if (!entry.known && isByteOrderDifference(entry, outcome))
    return { ...base, status: 'passed', byteOrderDependent: true };
  return { ...base, status: 'failed', ...difference };
}

const UNCHECKED = 'native code does not check accesses';
const INSIDE = 'the sandbox checks that accesses stay in the memory of all programs';

/** A fault that an engine whose accesses are confined notices if it goes far enough. */
function mayFault({ error }: Expectation, engine: Engine): boolean {
  return engine.confinesAccesses === true && error === 'E_RUN_MEMORY';
}

/** A fault at run time that an engine without checks need not notice. */
function isUncheckedFault({ error }: Expectation, engine: Engine): boolean {
  return !engine.checksAccesses && error !== undefined && (error === '' || error.startsWith('E_RUN_'));
}

/** Whether the interpreter sees a fault: if it sees none, nothing went unchecked. */
function faultsWhenChecked({ program, vector }: Planned): boolean {
  if (program === undefined) return true;
  return interpreterEngine().run([{ program, mem: vector.mem }])[0]!.status === 'error';
}

/** An engine that lacks something says so with these; that is not a wrong result. */
function isSkip(error: BpfError): boolean {
  return error.code === 'E_UNSUPPORTED' || error.code === 'E_MACHINE_MISSING';
}

/** What differs, as text; undefined when nothing does. */
function compare(expectation: Expectation, outcome: Outcome): { expected: string; got: string } | undefined {
  if (outcome.status === 'error') {
    const { code, message } = outcome.error;
    if (expectation.error === '' || expectation.error === code) return undefined;
    return { expected: describe(expectation), got: `${code}: ${message}` };
  }
  const { r0, mem } = outcome;
  const got = {
    expected: describe(expectation),
    got: `${formatU64(r0)}${expectation.mem === undefined ? '' : ` mem ${formatHex(mem)}`}`,
  };
  if (expectation.error !== undefined) return got;
  if (expectation.r0 !== undefined && expectation.r0 !== r0) return got;
  if (expectation.r0low32 !== undefined && expectation.r0low32 !== Number(r0 & 0xffffffffn)) return got;
  if (expectation.mem !== undefined && formatHex(expectation.mem) !== formatHex(mem)) return got;
  return undefined;
}

function describe({ r0, r0low32, mem, error }: Expectation): string {
  const parts: string[] = [];
  if (r0 !== undefined) parts.push(formatU64(r0));
  if (r0low32 !== undefined) parts.push(`low half 0x${r0low32.toString(16).padStart(8, '0')}`);
  if (mem !== undefined) parts.push(`mem ${formatHex(mem)}`);
  if (error !== undefined) parts.push(error === '' ? 'an error' : error);
  return parts.join(' ');
}

function isByteOrderDifference({ vector, endian, expectation }: Planned, outcome: Outcome): boolean {
  if (outcome.status !== 'done') return false;
  const reference = interpreterEngine();
  const other: Endian = endian === 'little' ? 'big' : 'little';
  const [home, away] = ([other, endian] as const).map((order) => reference.run([{ program: vector.build(order), mem: vector.mem }])[0]!); // prettier-ignore
  if (compare(expectation, home!) !== undefined || away!.status !== 'done') return false;
  return away!.r0 === outcome.r0 && formatHex(away!.mem) === formatHex(outcome.mem);
}
