/** The verifier at its ends: a loop that runs into the limit, and the first program in a new process or worker. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import { buildSync } from 'esbuild';
import { verifierPrograms } from './verifier-programs.ts';

/** What the ends of the verifier cost. */
export interface VerifierLimits {
  /** Milliseconds until a loop is refused after a million instructions, and the process's peak memory in MB. */
  readonly limitMs: number;
  readonly limitMegabytes: number;
  /** Milliseconds from nothing to the verdict about a program under 300 slots, in a new worker: loading, and verifying. */
  readonly loadMs: number;
  readonly firstMs: number;
  readonly firstSlots: number;
}

/** Refused: two million turns are more than the verifier walks. */
const ENDLESS = 'r0 = 0\nr1 = 0\nagain:\nr1 += 1\nif r1 < 2000000 goto again\nexit';
const FIRST = 'branches that are pruned';

const LIMIT_CHILD = `
const { verify } = await import(process.argv[1]);
const started = performance.now();
const { errno } = verify(JSON.parse(process.argv[2]));
if (errno !== 7) throw new Error('not refused for its length');
console.log(JSON.stringify({ limitMs: performance.now() - started, limitMegabytes: process.resourceUsage().maxRSS / 1000 }));`;

const WORKER = `
const { parentPort, workerData } = await import('node:worker_threads');
const started = performance.now();
import(workerData.bundle).then(({ verify }) => {
  const loaded = performance.now();
  const { verdict } = verify(workerData.input);
  parentPort.postMessage({ verdict, loadMs: loaded - started, firstMs: performance.now() - loaded });
});`;

const FIRST_CHILD = `
const { Worker } = await import('node:worker_threads');
const worker = new Worker(${JSON.stringify(WORKER)}, { eval: true, workerData: { bundle: process.argv[1], input: JSON.parse(process.argv[2]) } });
worker.once('message', (message) => { console.log(JSON.stringify(message)); worker.terminate(); });`;

/** Measures each in processes of its own; the least of several runs, the most of memory. */
export function benchVerifierLimits(runs: number): VerifierLimits {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-bench-'));
  try {
    const bundle = join(folder, 'verifier.mjs');
    writeFileSync(bundle, bundled());
    const child = <T>(code: string, text: string, type: string): T => {
      const input = JSON.stringify({ insns: assemble(text).insns, type });
      return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code, bundle, input], { encoding: 'utf8' })) as T; // prettier-ignore
    };
    const many = <T>(make: () => T): T[] => Array.from({ length: runs }, make);
    const limits = many(() => child<Pick<VerifierLimits, 'limitMs' | 'limitMegabytes'>>(LIMIT_CHILD, ENDLESS, 'socket_filter')); // prettier-ignore
    const { text, type } = verifierPrograms(true).find(({ name }) => name === FIRST)!;
    const firsts = many(() => child<Pick<VerifierLimits, 'loadMs' | 'firstMs'>>(FIRST_CHILD, text, type));
    const best = firsts.reduce((least, one) => (total(one) < total(least) ? one : least));
    return {
      limitMs: Math.min(...limits.map(({ limitMs }) => limitMs)),
      limitMegabytes: Math.max(...limits.map(({ limitMegabytes }) => limitMegabytes)),
      loadMs: best.loadMs,
      firstMs: best.firstMs,
      firstSlots: assemble(text).insns.length,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function total({ loadMs, firstMs }: Pick<VerifierLimits, 'loadMs' | 'firstMs'>): number {
  return loadMs + firstMs;
}

/** The verifier as a page would load it. */
function bundled(): Uint8Array {
  const { outputFiles } = buildSync({
    stdin: { contents: "export { verify } from '@polybpf/verifier';", resolveDir: fileURLToPath(new URL('.', import.meta.url)) }, // prettier-ignore
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@polybpf/source'],
  });
  return outputFiles[0]!.contents;
}
