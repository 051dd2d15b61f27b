/** `polybpf conformance`: vectors on engines and targets. */
import {
  type Engine,
  formatReport,
  interpreterEngine,
  isWasmEngineName,
  type ReportFormat,
  runSuite,
  summarise,
  type Vector,
  type VectorResult,
  WASM_ENGINES,
  wasmVectorEngine,
} from '@polybpf/conformance';
import { loadSuite, nativeEngine } from '@polybpf/conformance/node';
import { BpfError, isBpfError } from '@polybpf/errors';
import type { Bounds, Target } from '@polybpf/jit';
import { ALL_TARGETS, targetsByList } from '@polybpf/targets';
import { findShipped, writeStdout } from '../files.ts';

export interface ConformanceFlags {
  readonly suite: readonly string[];
  readonly engine?: string;
  readonly target?: string;
  readonly format?: ReportFormat;
  readonly filter?: string;
  readonly bounds?: Bounds;
  readonly json?: boolean;
}

/** Runs the command; true when nothing failed. */
export function runConformance(flags: ConformanceFlags): boolean {
  const suites = flags.suite.length === 0 ? [findShipped('test-vectors')] : flags.suite;
  const filter = parseFilter(flags.filter);
  const vectors = suites
    .flatMap((path) => loadSuite(path))
    .filter((vector) => filter === undefined || filter.test(vector.name));
  if (vectors.length === 0)
    throw new BpfError('E_INPUT', 'no vector has a name like this', { got: flags.filter ?? '' });
  const engines = (flags.engine ?? (flags.target === undefined ? 'interpreter,native' : 'native')).split(',');
  const targets = flags.target === undefined ? ALL_TARGETS : targetsByList(flags.target);
  const results: VectorResult[] = [];
  for (const name of engines) {
    if (name === 'interpreter')
      results.push(...runSuite(vectors, interpreterEngine(), progress('interpreter', vectors.length)));
    else if (name === 'native')
      for (const target of targets)
        results.push(...runTarget(vectors, target, flags.target !== undefined, flags.bounds));
    else if (isWasmEngineName(name))
      results.push(...runSuite(vectors, wasmVectorEngine(name), progress(name, vectors.length)));
    else
      throw new BpfError('E_USAGE', '--engine', {
        expected: `interpreter, native, ${WASM_ENGINES.join(', ')}`,
        got: name,
      });
  }
  writeStdout(formatReport(results, flags.json === true ? 'json' : (flags.format ?? 'text')));
  const { failed, passed } = summarise(results);
  return failed === 0 && passed > 0;
}

/** A target that was not asked for by name and cannot run here is skipped, by name. */
function runTarget(
  vectors: readonly Vector[],
  target: Target,
  demanded: boolean,
  bounds: Bounds = 'none',
): VectorResult[] {
  let engine: (Engine & Disposable) | undefined;
  try {
    engine = nativeEngine(target, { bounds });
  } catch (error) {
    if (!isBpfError(error) || demanded || !(error.code === 'E_MACHINE_MISSING' || error.code === 'E_UNSUPPORTED'))
      throw error;
    const reason = error.message;
    return vectors.map(({ name }) => ({
      name,
      engine: 'native',
      target: target.name,
      status: 'skipped' as const,
      reason,
    }));
  }
  try {
    return runSuite(vectors, engine, progress(target.name, vectors.length));
  } finally {
    engine[Symbol.dispose]();
  }
}

/** One counter line on a terminal, nothing elsewhere. */
function progress(engine: string, total: number): (done: number) => void {
  if (!process.stderr.isTTY) return () => undefined;
  return (done) => process.stderr.write(`\r${engine}: ${done} of ${total}${done === total ? '\n' : ''}`);
}

function parseFilter(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new BpfError('E_USAGE', '--filter', { expected: 'a regular expression', got: text, cause });
  }
}
