/** System compilers for native tests: named when missing, demanded when CI is set. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository. */
export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));

/** Names of `tools` that are not on PATH. With CI set a missing tool is an error, because CI must not pass by skipping. */
export function missingTools(tools: readonly string[]): string[] {
  const missing = tools.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);
  return missing;
}

/** The shared folder, or undefined in a stranger's clone. With CI set it must be there. */
export function sharedFolder(): string | undefined {
  const folder = process.env['POLYBPF_SHARED'];
  if (folder === undefined && process.env['CI']) throw new Error('the shared folder is missing');
  return folder;
}

/** Runs a tool; returns its standard output. */
export function tool(command: string, args: readonly string[], options: { readonly cwd?: string } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 120_000,
    ...options,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** A folder that `close` removes. */
export function scratchFolder(): { readonly path: string; close(): void } {
  const path = mkdtempSync(join(tmpdir(), 'polybpf-test-'));
  return { path, close: () => rmSync(path, { recursive: true, force: true }) };
}
