/**
 * A copy of the packages in a temporary folder, so that a mutant never touches the working tree. `@polybpf/*`, and the
 * tools that tests import, resolve to the copies, everything else to the dependencies that are installed.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Made by building, testing or installing. */
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', 'dist', '.report', '.turbo']);
const ROOT_FILES = ['package.json', 'tsconfig.base.json', 'vitest.shared.ts'];

/** Workspaces of tools that are copied: this one, and what tests of packages import. */
const TOOLS = ['mutants', 'target-tests'];

/** A copy; removed when disposed. */
export interface WorkspaceCopy extends Disposable {
  readonly folder: string;
}

/** Copies the packages and the tools that killers need from `root`. */
export function copyWorkspace(root: string): WorkspaceCopy {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'polybpf-mutants-')));
  const filter = (path: string): boolean => !LEFT_OUT.has(basename(path));
  const parts = ['packages', ...TOOLS.map((name) => `tools/${name}`)];
  for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true, filter });
  for (const file of ROOT_FILES) cpSync(join(root, file), join(folder, file));
  for (const part of ['test-vectors', 'examples']) symlinkSync(join(root, part), join(folder, part));
  linkDependencies(root, folder);
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

function linkDependencies(root: string, folder: string): void {
  const installed = join(root, 'node_modules');
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@polybpf'), { recursive: true });
  for (const name of readdirSync(installed)) {
    if (name.startsWith('.') || name.startsWith('@polybpf')) continue;
    symlinkSync(join(installed, name), join(modules, name));
  }
  for (const name of readdirSync(join(folder, 'packages'))) {
    symlinkSync(join(folder, 'packages', name), join(modules, '@polybpf', name));
  }
  mkdirSync(join(modules, '@polybpf-tools'));
  for (const name of TOOLS) symlinkSync(join(folder, 'tools', name), join(modules, '@polybpf-tools', name));
}
