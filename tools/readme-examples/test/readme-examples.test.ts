// Every `ts` block of every README runs as it stands, and means what its types say.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../check/repository.ts';
import { extractBlocks, readmePaths } from '../readme-blocks.ts';

const FOLDER = join(import.meta.dirname, '../.report/blocks');
const blocks = extractBlocks(FOLDER);

test('there are READMEs with examples', () => {
  expect(readmePaths().length).toBeGreaterThan(0);
  expect(blocks.length).toBeGreaterThan(0);
});

test.each(blocks.map((block) => [block.place, block] as const))('%s runs', (_, { file }) => {
  const args = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), '--conditions=@polybpf/source', file];
  const { status, stderr, error } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', timeout: 60_000 });
  expect(error).toBeUndefined();
  expect(status, stderr).toBe(0);
});

test('all examples type-check', () => {
  const config = {
    extends: join(ROOT, 'tsconfig.test.json'),
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    files: blocks.map((block) => block.file),
    include: [],
  };
  const file = join(FOLDER, 'tsconfig.json');
  writeFileSync(file, JSON.stringify(config));
  const compiler = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', file], { cwd: ROOT, encoding: 'utf8' });
  expect(status, stdout).toBe(0);
});
