/** `npm run bench`: measures, prints tables, and says which bars are met. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { isBpfError } from '@polybpf/errors';
import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { ALL_TARGETS, targetsByList } from '@polybpf/targets';
import { libbpfTools } from '../../packages/loader/test/corpus.ts';
import { benchCompile, type Compiler, nativeCompiler, WASM_COMPILER } from './src/bench-compile.ts';
import { benchInterpreter } from './src/bench-interpreter.ts';
import { benchNative, openHostMachine } from './src/bench-native.ts';
import type { BenchOptions, Part } from './src/bench-options.ts';
import { benchSandbox } from './src/bench-sandbox.ts';
import { benchPeers } from './src/bench-peers.ts';
import { benchText, largestObjects } from './src/bench-text.ts';
import { benchVerifierLimits } from './src/bench-verifier-limits.ts';
import { benchVerifier } from './src/bench-verifier.ts';
import { benchWasm } from './src/bench-wasm.ts';
import { sharedFolder } from './src/kernel-sizes.ts';
import { loadKernelWorkload } from './src/kernel-workload.ts';
import { buildNativeC, findCompiler, type NativeC } from './src/native-c.ts';
import type { Rounds } from './src/repeat.ts';
import { speedBars, speedSections, type SpeedReport } from './src/speed-report.ts';
import { compareResults } from './src/compare-results.ts';
import { formatTable, type Print } from './src/table.ts';
import { readResults } from './src/write-documents.ts';
import { loadWorkloads } from './src/load-workloads.ts';
import type { Workload } from './src/workload.ts';

/** Measures and prints; `ok` when all bars are met. */
export function runSpeed(
  options: BenchOptions,
  print: Print,
): { readonly ok: boolean; readonly report: SpeedReport; readonly wrong: boolean } {
  const report = measureSpeed(options);
  const ok = printSpeed(report, print);
  printComparison(report, print);
  const rows = [
    report.interpreter,
    report.wasm,
    report.native?.rows,
    report.sandbox?.rows,
    report.verifier,
    report.peers,
  ];
  return { ok, report, wrong: rows.some((list) => list?.some((row) => row.wrong !== undefined) === true) };
}

/** Beside the results that are committed: ratios of times, for a report of another machine compares with nothing else. */
function printComparison(report: SpeedReport, print: Print): void {
  const committed = readResults().speed;
  if (committed === undefined) return;
  const rows = compareResults(report, committed);
  if (rows.length === 0) return;
  const { cpu, node } = committed.environment;
  print(`\ntimes beside the last committed results (${cpu}, ${node}): now / then\n\n${formatTable(rows)}`);
}

/** Runs the parts that the options name. */
export function measureSpeed(options: BenchOptions): SpeedReport {
  const { origin, workloads } = loadWorkloads(sharedFolder());
  const rounds: Rounds = options.quick ? { warmUp: 1, measured: 3 } : { warmUp: 2, measured: 9 };
  // The compiler has more code for the engine to optimise than all others together.
  const compileRounds: Rounds = options.quick ? { warmUp: 10, measured: 15 } : { warmUp: 20, measured: 40 };
  const interpreterSize = options.full ? 'full' : 'quick';
  const nativeSize = options.quick ? 'quick' : 'full';
  const programs = workloads.map(({ program }) => program);
  const missing: string[] = [];
  const part = <T>(name: Part, measure: () => T): T | undefined => {
    if (!options.parts.has(name)) return undefined;
    console.error(`measuring: ${name}`);
    return measure();
  };
  const report = {
    environment: environment(),
    inputs: { origin, interpreter: interpreterSize, native: nativeSize },
    interpreter: part('interpreter', () =>
      benchInterpreter(workloads, interpreterSize, options.full ? { warmUp: 1, measured: 3 } : rounds),
    ),
    wasm: part('wasm', () => measureWasm(workloads, options.full ? 'full' : 'quick', rounds, missing)),
    native: part('native', () => measureNative(workloads, nativeSize, rounds, missing)),
    sandbox: part('sandbox', () => measureSandbox(workloads, nativeSize, rounds, missing)),
    compile: part('compile', () => benchCompile(compilersOf(options.targets), programs, compileRounds)),
    text: part('text', () =>
      benchText(
        programs,
        largestObjects(
          libbpfTools().map(({ bytes }) => bytes),
          "Debian's libbpf-tools",
        ),
        rounds,
      ),
    ),
    peers: options.peers.length === 0 ? undefined : measurePeers(workloads, options.peers, rounds, missing),
    verifier: part('verifier', () => measureVerifier(options.quick, rounds, missing)),
    verifierLimits: part('verifier', () => benchVerifierLimits(options.quick ? 2 : 8)),
  };
  return { ...report, missing };
}

/** Those of the CPUs that are named; with all of them the one to WebAssembly too. */
function compilersOf(targets: string): Compiler[] {
  const native = targetsByList(targets).map(nativeCompiler);
  return targets === 'all' ? [...native, WASM_COMPILER] : native;
}

function measureNative(
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  rounds: Rounds,
  missing: string[],
): SpeedReport['native'] {
  const machine = openHostMachine(ALL_TARGETS);
  if (machine === undefined) {
    missing.push(`compiled code: no target is the CPU of this host (${process.arch})`);
    return undefined;
  }
  const gcc = nativeC('gcc', workloads, 'native C', missing);
  const clang = nativeC('clang', workloads, 'native C', missing);
  const probe = probeLiveKernel();
  if (!probe.available) missing.push(`the kernel's JIT: ${probe.reason.message}`);
  using kernel = probe.available ? openLiveKernel() : undefined;
  const inKernel = kernel && ((workload: Workload) => loadKernelWorkload(kernel, workload));
  try {
    return benchNative(machine, workloads, size, { gcc, clang, kernel: inKernel }, rounds);
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING') throw error;
    missing.push(`compiled code: ${error.message}`);
    return undefined;
  } finally {
    machine.close();
    gcc?.close();
    clang?.close();
  }
}

function nativeC(
  name: 'gcc' | 'clang',
  workloads: readonly Workload[],
  what: string,
  missing: string[],
): NativeC | undefined {
  const compiler = findCompiler(name);
  if (compiler === undefined) missing.push(`${what}: there is no ${name} here`);
  return compiler === undefined ? undefined : buildNativeC(workloads, compiler);
}

function measureWasm(
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  rounds: Rounds,
  missing: string[],
): SpeedReport['wasm'] {
  const native = nativeC('gcc', workloads, 'native C beside WebAssembly', missing);
  try {
    return benchWasm(workloads, size, native, rounds);
  } finally {
    native?.close();
  }
}

function measurePeers(
  workloads: readonly Workload[],
  peers: BenchOptions['peers'],
  rounds: Rounds,
  missing: string[],
): SpeedReport['peers'] {
  console.error('measuring: peers');
  const native = nativeC('gcc', workloads, 'native C beside peers', missing);
  try {
    return benchPeers(workloads, peers, native, rounds);
  } finally {
    native?.close();
  }
}

function measureVerifier(isQuick: boolean, rounds: Rounds, missing: string[]): SpeedReport['verifier'] {
  const probe = probeLiveKernel();
  if (!probe.available) missing.push(`the kernel's verifier: ${probe.reason.message}`);
  using kernel = probe.available ? openLiveKernel() : undefined;
  return benchVerifier(isQuick, rounds, kernel);
}

function measureSandbox(
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  rounds: Rounds,
  missing: string[],
): SpeedReport['sandbox'] {
  const machine = openHostMachine(ALL_TARGETS);
  if (machine === undefined) {
    missing.push(`sandboxed code: no target is the CPU of this host (${process.arch})`);
    return undefined;
  }
  try {
    return benchSandbox(machine, workloads, size, rounds);
  } finally {
    machine.close();
  }
}

/** Prints tables and bars; returns whether all bars are met. */
export function printSpeed(report: SpeedReport, print: Print): boolean {
  const { environment: host, inputs } = report;
  print(`${Object.values(host).join(', ')}; workloads: ${inputs.origin}`);
  for (const { title, rows } of speedSections(report)) print(`\n${title}\n\n${formatTable(rows)}`);
  for (const line of report.missing) print(`\nnot measured: ${line}`);
  const bars = speedBars(report);
  const verdicts = bars.map(({ what, bar, value, met }) => [what, value, bar, met ? 'met' : 'MISSED']);
  if (bars.length > 0) print(`\n${formatTable([['bar', 'value', 'wanted', ''], ...verdicts])}`);
  return bars.every(({ met }) => met);
}

function environment(): Record<string, string> {
  const cpuList = cpus();
  return { cpu: cpuList[0]?.model.trim() ?? 'unknown CPU', cores: `${cpuList.length} cores`, node: `Node ${process.version}`, os: kernelName() }; // prettier-ignore
}

function kernelName(): string {
  try {
    return `${process.platform} ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}`;
  } catch {
    return process.platform;
  }
}
