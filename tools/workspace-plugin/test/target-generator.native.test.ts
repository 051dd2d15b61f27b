// Runs the generator as a developer does, in a copy of this repository, and holds what comes out to the rules of the
// house: it type-checks, lints, is formatted, follows the manifest rules, and its tests are green.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseMarkdown } from '../../check/markdown.ts';
import { repositoryFiles, ROOT } from '../../check/repository.ts';

let copy = '';

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'polybpf-generator-'));
  for (const file of repositoryFiles(ROOT)) {
    if (/^examples\//.test(file)) continue;
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(ROOT, file), join(copy, file));
  }
  linkDependencies();
  // nx and the checks ask git which files there are.
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
  ]) {
    expect(spawnSync('git', args, { cwd: copy }).status).toBe(0);
  }
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** The installed packages of this repository, with the links to its workspaces turned to those of the copy. */
function linkDependencies(): void {
  for (const place of ['.', 'apps/cli', 'packages/conformance']) {
    const from = join(ROOT, place, 'node_modules');
    const names = lstatSync(from, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(from) : [];
    if (names.length > 0) mkdirSync(join(copy, place, 'node_modules'), { recursive: true });
    for (const name of names) {
      if (name === '@polybpf' || name === '@polybpf-tools' || name === '.cache') continue;
      symlinkSync(join(from, name), join(copy, place, 'node_modules', name));
    }
  }
  for (const [scope, groups] of Object.entries({ '@polybpf': ['packages', 'apps'], '@polybpf-tools': ['tools'] })) {
    mkdirSync(join(copy, 'node_modules', scope));
    for (const group of groups) {
      for (const name of readdirSync(join(copy, group))) linkWorkspace(scope, group, name);
    }
  }
}

function linkWorkspace(scope: string, group: string, name: string): void {
  symlinkSync(join(copy, group, name), join(copy, 'node_modules', scope, name));
}

/** Runs a program of the dependencies in the copy; fails unless it exits with 0. */
function run(program: string, args: readonly string[], folder = '.'): void {
  const { status, stdout, stderr } = spawn(program, args, folder);
  expect(status, `${program} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
}

/** Everything that a program of the dependencies prints in the copy, whatever its exit code. */
function output(program: string, args: readonly string[]): string {
  const { stdout, stderr } = spawn(program, args, '.');
  return `${stdout}\n${stderr}`;
}

function spawn(program: string, args: readonly string[], folder: string): SpawnSyncReturns<string> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    NX_WORKSPACE_ROOT_PATH: copy,
  };
  delete env['VITEST'];
  return spawnSync(process.execPath, [join(ROOT, 'node_modules', program), ...args], {
    cwd: join(copy, folder),
    encoding: 'utf8',
    env,
  });
}

const TARGETS = [
  ['probe64', 'little'],
  ['probebe', 'big'],
] as const;
const FOLDERS = TARGETS.map(([name]) => `packages/jit-${name}`);

describe('nx g target', () => {
  test.each(TARGETS)('writes the package of %s, %s-endian', (name, endian) => {
    run('nx/dist/bin/nx.js', ['g', 'target', name, '--endian', endian, '--install', 'false', '--no-interactive']);
    linkWorkspace('@polybpf', 'packages', `jit-${name}`);
    expect(readdirSync(join(copy, `packages/jit-${name}`))).toContain('package.json');
  });

  test('its packages type-check, in their sources and in their tests', () => {
    run('@typescript/native/bin/tsc', ['-b', ...FOLDERS]);
    const config = { extends: './tsconfig.test.json', include: FOLDERS.map((folder) => `${folder}/src/**/*.ts`) };
    writeFileSync(join(copy, 'tsconfig.probe.json'), JSON.stringify(config));
    run('@typescript/native/bin/tsc', ['-p', 'tsconfig.probe.json']);
    rmSync(join(copy, 'tsconfig.probe.json'));
  });

  test.each(FOLDERS)('the tests of %s are green and many', (folder) => {
    run('vitest/vitest.mjs', ['run'], folder);
    const report = JSON.parse(readFileSync(join(copy, folder, '.report/vitest.json'), 'utf8'));
    expect(report).toMatchObject({ success: true, numFailedTests: 0, numPendingTests: 0 });
    expect(report.numPassedTests).toBeGreaterThan(40);
  });

  test.each(FOLDERS)('the example in the README of %s runs', (folder) => {
    const { blocks } = parseMarkdown(readFileSync(join(copy, folder, 'README.md'), 'utf8'));
    const [example] = blocks.filter((block) => block.language === 'ts');
    writeFileSync(join(copy, folder, 'example.ts'), example?.text ?? 'throw new Error("there is none")');
    run('tsx/dist/cli.mjs', ['--conditions=@polybpf/source', 'example.ts'], folder);
    rmSync(join(copy, folder, 'example.ts'));
  });

  test('its packages are formatted and keep the rules of lint', () => {
    run('prettier/bin/prettier.cjs', ['--check', ...FOLDERS, 'tsconfig.json', 'nx.json']);
    run('nx/dist/bin/nx.js', ['show', 'projects']);
    run('eslint/bin/eslint.js', [...FOLDERS, '--max-warnings=0']);
  });

  test('their manifests, references and READMEs follow the rules', () => {
    // What is out of order elsewhere in the repository is the business of other checks.
    expect(output('nx/dist/bin/nx.js', ['sync:check'])).not.toContain('jit-probe');
    for (const script of ['tools/check/workspace.ts', 'tools/check/docs.ts']) {
      const args = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), '--conditions=@polybpf/source', script];
      const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' });
      expect(stdout, stderr).toMatch(/problems$/m);
      expect(stderr.split('\n').filter((line) => line.includes('jit-probe'))).toEqual([]);
    }
  });
});
