// `npm run matrix`: every target, with each of its options, on every suite: our vectors, the public ones, and generated
// programs compared with the interpreter in the target's byte order (x86_64 with the live kernel too, where bpf(2)
// works). Each target runs in a process of its own, as many at once as there are processors.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runSuite, summarise, type VectorResult } from '@polybpf/conformance';
import { loadSuite, nativeEngine } from '@polybpf/conformance/node';
import { isBpfError } from '@polybpf/errors';
import { runDifferential } from '@polybpf/fuzz';
import { openEngines } from '@polybpf/fuzz/node';
import { probeLiveKernel } from '@polybpf/kernel';
import { ALL_TARGETS, targetByName } from '@polybpf/targets';
import { ROOT } from './repository.ts';

const HELP = `usage: npm run matrix -- [options]

  --target LIST   targets, e.g. arm64,ppc64+power10; default: all, and each with every option it has
  --count N       generated programs for each target; default 20000
  --quick         500 generated programs
  --seed N        of the generated programs; default 1
  --jobs N        processes at once; default: processors
  --json          one JSON document instead of the table

Exit status: 0 all agree, 1 something differs, 2 usage, 3 a CPU cannot run here.`;

/** How one target did on one suite. */
interface Cell {
  readonly suite: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Names of the first failures. */
  readonly failures: readonly string[];
}

interface Row {
  readonly target: string;
  readonly cells: readonly Cell[];
  readonly seconds: number;
  /** Why it did not run. */
  readonly missing?: string;
}

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    count: { type: 'string' },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
    /** A process of our own: runs one target and prints its row. */
    one: { type: 'string' },
  },
});
const count = Number(values.count ?? (values.quick ? 500 : 20_000));
const seed = Number(values.seed);
const jobs = Number(values.jobs ?? availableParallelism());
if (values.help || ![count, seed, jobs].every(Number.isSafeInteger) || count < 0 || jobs < 1) {
  (values.help ? console.log : console.error)(HELP);
  process.exitCode = values.help ? 0 : 2;
} else if (values.one !== undefined) process.stdout.write(JSON.stringify(runTarget(values.one)));
else process.exitCode = await runAll();

/** Names of all targets, each followed by itself with every single option. */
function everyTarget(): string[] {
  return ALL_TARGETS.flatMap(({ name, options = [] }) => [name, ...options.map((option) => `${name}+${option.name}`)]);
}

async function runAll(): Promise<number> {
  const started = performance.now();
  const names = values.target?.split(',') ?? everyTarget();
  for (const name of names) targetByName(name);
  const rows = new Map<string, Row>();
  const waiting = [...names];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const row = await runInChild(name);
      rows.set(name, row);
      if (!values.json) console.log(describe(row));
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, names.length) }, work));
  const ordered = names.map((name) => rows.get(name)!);
  const seconds = (performance.now() - started) / 1000;
  if (values.json) console.log(JSON.stringify({ seed, count, seconds, rows: ordered }, undefined, 2));
  else console.log(`\n${table(ordered)}\n\n${summary(ordered, seconds)}`);
  if (ordered.some(({ cells }) => cells.some(({ failed }) => failed > 0))) return 1;
  return ordered.some(({ missing }) => missing !== undefined) ? 3 : 0;
}

function runInChild(name: string): Promise<Row> {
  const args = ['--conditions=@polybpf/source', '--import', 'tsx', import.meta.filename, '--one', name, '--count', String(count), '--seed', String(seed)]; // prettier-ignore
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Row);
      else reject(new Error(`${name}: the process of the target ended with exit code ${code}`));
    });
  });
}

function runTarget(name: string): Row {
  const started = performance.now();
  const finish = (cells: readonly Cell[], missing?: string): Row => ({
    target: name,
    cells,
    seconds: (performance.now() - started) / 1000,
    ...(missing === undefined ? {} : { missing }),
  });
  try {
    return finish([...runSuites(name), runGenerated(name)]);
  } catch (error) {
    if (isBpfError(error) && ['E_MACHINE_MISSING', 'E_UNSUPPORTED'].includes(error.code)) return finish([], error.message); // prettier-ignore
    throw error;
  }
}

function runSuites(name: string): Cell[] {
  using engine = nativeEngine(targetByName(name), { timeoutMs: 60_000 });
  const suites = [{ suite: 'test-vectors', path: join(ROOT, 'test-vectors') }];
  const shared = process.env['POLYBPF_SHARED'];
  const publicSuite = shared === undefined ? undefined : join(shared, 'conformance/bpf_conformance');
  if (publicSuite !== undefined && existsSync(publicSuite)) suites.push({ suite: 'bpf_conformance', path: publicSuite }); // prettier-ignore
  return suites.map(({ suite, path }) => cellOf(suite, runSuite(loadSuite(path), engine)));
}

function cellOf(suite: string, results: readonly VectorResult[]): Cell {
  const { passed, failed, skipped } = summarise(results);
  const failures = results.filter(({ status }) => status === 'failed').map((result) => result.name);
  return { suite, passed, failed, skipped, failures: failures.slice(0, 5) };
}

/** Generated programs; those that fault in the interpreter or are refused do not count as passed. */
function runGenerated(name: string): Cell {
  const kernel = name === 'x86_64' && probeLiveKernel().available ? ['kernel'] : [];
  using opened = openEngines(['interpreter', `native:${name}`, ...kernel]);
  const report = runDifferential({ engines: opened.engines, seed, count, maxDisagreements: 5 });
  const { disagreements, programs } = report;
  return {
    suite: kernel.length > 0 ? 'generated, live kernel' : 'generated',
    passed: programs - disagreements.length,
    failed: disagreements.length,
    skipped: 0,
    failures: disagreements.map(({ index }) => `seed ${seed}, program ${index}`),
  };
}

function describe({ target, cells, seconds, missing }: Row): string {
  if (missing !== undefined) return `${target}: not run: ${missing}`;
  const parts = cells.map(({ suite, passed, failed, failures }) =>
    failed === 0 ? `${suite} ${passed}` : `${suite} ${failed} FAILED (${failures.join('; ')})`,
  );
  return `${target}: ${parts.join(', ')}, ${seconds.toFixed(1)} s`;
}

function table(rows: readonly Row[]): string {
  const head = ['target', 'test-vectors', 'bpf_conformance', 'generated', 'seconds'];
  const lines = rows.map(({ target, cells, seconds, missing }) => {
    const cell = (suite: string): string => {
      const found = cells.find((candidate) => candidate.suite.startsWith(suite));
      if (found === undefined) return missing === undefined ? '-' : 'not run';
      return found.failed === 0 ? String(found.passed) : `${found.failed} failed`;
    };
    return [target, cell('test-vectors'), cell('bpf_conformance'), cell('generated'), seconds.toFixed(1)];
  });
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]!.length)));
  return [head, ...lines].map((line) => line.map((text, i) => text.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n'); // prettier-ignore
}

function summary(rows: readonly Row[], seconds: number): string {
  const sum = (key: 'passed' | 'failed'): number =>
    rows.reduce((total, { cells }) => total + cells.reduce((n, cell) => n + cell[key], 0), 0);
  return `${rows.length} targets, ${sum('passed')} passed, ${sum('failed')} failed, seed ${seed}, ${seconds.toFixed(0)} s`;
}
