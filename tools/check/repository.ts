import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Repository } from './document-problems.ts';

/** The folder of the root package.json. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Every file that is committed or would be: git's list without what it ignores and what is deleted. */
export function repositoryFiles(root: string): string[] {
  const git = (...args: string[]): string[] =>
    execFileSync('git', ['ls-files', '-z', ...args], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
      .split('\0')
      .filter((path) => path !== '');
  const deleted = new Set(git('--deleted'));
  return [...new Set(git('--cached', '--others', '--exclude-standard'))].filter((path) => !deleted.has(path)).sort();
}

/** Whether git knows `path`: what is only being tried out has no place in a generated list. */
export function isTracked(root: string, path: string): boolean {
  return execFileSync('git', ['ls-files', '--', path], { cwd: root, encoding: 'utf8' }) !== '';
}

/** This repository, as the document checks see it. */
export function openRepository(root: string = ROOT): Repository {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const scripts = (manifest as { scripts: Record<string, string> }).scripts;
  return {
    files: new Set(repositoryFiles(root)),
    scripts: new Set(Object.keys(scripts)),
    read: (path) => readFileSync(join(root, path), 'utf8'),
  };
}
