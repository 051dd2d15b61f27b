// Runs vectors in a process of its own, against the sources it was bundled from: see src/vector-process.ts.
import { basename, join } from 'node:path';
import { type Engine, interpreterEngine, runSuite, type Vector } from '@polybpf/conformance';
import { loadSuite, nativeEngine } from '@polybpf/conformance/node';
import { isBpfError } from '@polybpf/errors';
import { targetByName } from '@polybpf/targets';
import type { EngineName } from './src/mutant.ts';
import { LOADED, type VectorOutcome, type VectorRun, type WorkerTask } from './src/vector-run.ts';

const task = JSON.parse(process.argv[2]!) as WorkerTask;
console.log(LOADED);
for (const run of task.runs) runOn(run);

function runOn({ engine: name, vectors }: VectorRun): void {
  const chosen = vectors === undefined ? loadSuite(task.suite) : vectors.map(vectorByName);
  let engine: Engine & Partial<Disposable>;
  try {
    engine = openEngine(name);
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING') throw error;
    for (const vector of chosen) tell({ engine: name, vector: vector.name, status: 'missing', detail: error.message });
    return;
  }
  // One at a time, so that one that throws or hangs does not take the others with it.
  for (const vector of chosen) tell({ engine: name, vector: vector.name, ...runOne(vector, engine) });
  engine[Symbol.dispose]?.();
}

function vectorByName(name: string): Vector {
  const file = join(task.suite, `${name.slice(0, name.indexOf('/'))}.json`);
  const found = loadSuite(file).find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`${basename(file)} has no vector ${name}`);
  return found;
}

function openEngine(name: EngineName): Engine & Partial<Disposable> {
  if (name === 'interpreter') return interpreterEngine();
  if (name === 'interpreter-big') return { ...interpreterEngine(), endian: 'big' };
  return nativeEngine(targetByName(name));
}

function runOne(vector: Vector, engine: Engine): Pick<VectorOutcome, 'status' | 'detail'> {
  try {
    const { status, expected, got, reason } = runSuite([vector], engine)[0]!;
    const detail = status === 'failed' ? `expected ${expected}, got ${got}` : reason;
    return { status, ...(detail === undefined ? {} : { detail }) };
  } catch (error) {
    return { status: 'failed', detail: error instanceof Error ? error.message : String(error) };
  }
}

function tell(outcome: VectorOutcome): void {
  console.log(JSON.stringify(outcome));
}
