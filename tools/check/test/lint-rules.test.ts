// The layer rule passes everything when nx has no project graph, so that it fires has to be seen.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../repository.ts';

let eslint: ESLint;

beforeAll(() => {
  const env = { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true' };
  execFileSync(process.execPath, [join(ROOT, 'node_modules/nx/dist/bin/nx.js'), 'show', 'projects'], {
    cwd: ROOT,
    env,
  });
  eslint = new ESLint({ cwd: ROOT });
});

/** The rules that a source text breaks when it stands at `path`. */
async function brokenRules(path: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(ROOT, path), warnIgnored: true });
  return (result?.messages ?? []).map((message) => `${message.ruleId}: ${message.message}`);
}

const LAYERS = '@nx/enforce-module-boundaries';

describe('lint', () => {
  test('a package may import from a lower layer', async () => {
    const text = "import { BpfError } from '@polybpf/errors';\nexport const a: typeof BpfError = BpfError;\n";
    expect(await brokenRules('packages/elf/src/read-elf.ts', text)).toEqual([]);
  });

  test.each([
    ['a higher layer', 'packages/elf/src/read-elf.ts', '@polybpf/loader'],
    ['its own layer', 'packages/jit-arm64/src/lower.ts', '@polybpf/jit-s390x'],
    ['a node-only package from one for browsers', 'packages/targets/src/index.ts', '@polybpf/machine'],
  ])('a package may not import %s', async (_, path, name) => {
    const broken = await brokenRules(path, `import { a } from '${name}';\nexport const b: number = a;\n`);
    expect(broken).toEqual([expect.stringContaining(LAYERS)]);
  });

  test('a cached test keeps to the layers, a native one runs the whole stack', async () => {
    const text = "import { a } from '@polybpf/loader';\nexport const b: number = a;\n";
    expect(await brokenRules('packages/elf/src/read-elf.test.ts', text)).toEqual([expect.stringContaining(LAYERS)]);
    expect(await brokenRules('packages/elf/test/a.test.ts', text)).toEqual([expect.stringContaining(LAYERS)]);
    expect(await brokenRules('packages/elf/test/a.native.test.ts', text)).toEqual([]);
  });

  test('node is for node packages, and for the node half of a package with two', async () => {
    const text = "import { readFileSync } from 'node:fs';\nexport const read: typeof readFileSync = readFileSync;\n";
    expect(await brokenRules('packages/isa/src/insn.ts', text)).toEqual([
      expect.stringContaining('no-restricted-imports'),
    ]);
    expect(await brokenRules('packages/isa/src/insn.test.ts', text)).toEqual([]);
    expect(await brokenRules('packages/machine/src/index.ts', text)).toEqual([]);
    expect(await brokenRules('packages/conformance/src/node/files.ts', text)).toEqual([]);
    expect(await brokenRules('packages/conformance/src/index.ts', text)).toEqual([
      expect.stringContaining('no-restricted-imports'),
    ]);
  });

  test.each([
    ['export *', "export * from './insn.ts';\n"],
    ['a default export', 'export default 1;\n'],
    ['an import of index.ts', "import { a } from './index.ts';\nexport const b: number = a;\n"],
    ['an enum', 'export enum A { B }\n'],
  ])('refuses %s', async (_, text) => {
    expect(await brokenRules('packages/isa/src/insn.ts', text)).toHaveLength(1);
  });

  test('refuses a file whose name says nothing', async () => {
    expect(await brokenRules('packages/isa/src/utils.ts', 'export const a = 1;\n')).toEqual([
      expect.stringContaining('name the file after its topic'),
    ]);
  });
});
