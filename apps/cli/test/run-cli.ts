/** Runs the command as users do: a bundle of today's sources in a process of its own. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Cli {
  /** A folder for files of the test. */
  readonly folder: string;
  run(args: readonly string[], input?: string | Uint8Array): CliResult;
  close(): void;
}

/** Bundles the command into a temporary folder. */
export async function buildCli(): Promise<Cli> {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-cli-'));
  const outfile = join(folder, 'polybpf.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('../src/main.ts', import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    conditions: ['@polybpf/source'],
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);",
    },
  });
  // What the build packs beside the bundle.
  mkdirSync(join(folder, 'docs'));
  for (const name of ['support-matrix.json', 'peer-features.json'])
    copyFileSync(repositoryFile(`docs/${name}`), join(folder, 'docs', name));
  return {
    folder,
    run(args, input = '') {
      const { status, stdout, stderr } = spawnSync(process.execPath, [outfile, ...args], {
        input,
        // koffi, of the kernel commands, is no part of the bundle and lies where the repository has it
        env: { ...process.env, NODE_PATH: repositoryFile('node_modules') },
        encoding: 'utf8',
        timeout: 60_000,
        maxBuffer: 1 << 28,
      });
      return { status, stdout, stderr };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Path of a file of the repository. */
export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
