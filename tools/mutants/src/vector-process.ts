/**
 * Runs vectors against a copy of the sources with one file replaced: esbuild makes one file of the worker and all that it
 * imports, and a process of its own runs it.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { LOADED, type VectorOutcome, type WorkerTask } from './vector-run.ts';

/** A file of the copy, relative to it, with other contents. */
export interface Replacement {
  readonly file: string;
  readonly contents: string;
}

/** How a worker process ended. */
export interface WorkerResult {
  readonly outcomes: readonly VectorOutcome[];
  /** Whether all modules loaded; a bug that keeps a module from loading proves nothing about any vector. */
  readonly loaded: boolean;
  /** Why it ended early: killed by the clock, crashed. */
  readonly trouble?: string;
}

/**
 * Bundles the worker of the copy.
 *
 * @returns the file to run
 * @throws Error with esbuild's messages when the sources do not parse
 */
export async function bundleWorker(copy: string, name: string, replacement?: Replacement): Promise<string> {
  const result = await build({
    absWorkingDir: copy,
    entryPoints: [join(copy, 'tools/mutants/worker.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@polybpf/source'],
    write: false,
    logLevel: 'silent',
    plugins: replacement === undefined ? [] : [replacing(copy, replacement)],
  });
  const file = join(copy, `${name.replace(/[^\w-]+/g, '-')}.mjs`);
  writeFileSync(file, result.outputFiles[0]!.contents);
  return file;
}

function replacing(copy: string, { file, contents }: Replacement): Plugin {
  const path = join(copy, file);
  return {
    name: 'mutant',
    setup(plugin) {
      plugin.onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: 'ts' } : undefined));
    },
  };
}

/** Runs a bundled worker; it has `seconds` for all of its vectors. */
export function runWorker(bundle: string, task: WorkerTask, seconds: number): Promise<WorkerResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', bundle, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output: string[] = [];
    const errors: string[] = [];
    let late = false;
    const clock = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, seconds * 1000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    child.on('close', (code) => {
      clearTimeout(clock);
      const [first, ...lines] = output.join('').split('\n');
      const outcomes = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as VectorOutcome);
      const trouble = late ? `no end within ${seconds} s` : code === 0 ? undefined : lastError(errors.join(''));
      resolve({ outcomes, loaded: first === LOADED, ...(trouble === undefined ? {} : { trouble }) });
    });
  });
}

/** The line of node's report that says what went wrong. */
function lastError(text: string): string {
  return /^\w*Error: .*$/m.exec(text)?.[0] ?? text.trim().split('\n').at(-1) ?? 'crashed';
}
