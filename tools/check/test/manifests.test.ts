import { describe, expect, test } from 'vitest';
import { importedPackages, manifestProblems, type Manifest, type Workspace } from '../manifest-problems.ts';

const MANIFEST: Manifest = {
  name: '@polybpf/asm',
  version: '0.1.0',
  description: 'text to instructions',
  license: 'Apache-2.0',
  type: 'module',
  sideEffects: false,
  engines: { node: '>=20.19' },
  exports: {
    '.': { '@polybpf/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
  files: ['dist', 'src', '!dist/**/*.tsbuildinfo', '!src/**/*.test.ts'],
  scripts: { build: 'node ../../tools/build/build.mjs', test: 'vitest run' },
  dependencies: { '@polybpf/isa': '^0.1.0' },
  nx: { tags: ['layer:2', 'runtime:any'] },
};
const VERSIONS = new Map([
  ['@polybpf/isa', '0.1.0'],
  ['@polybpf/elf', '0.1.0'],
]);

function problems(manifest: Partial<Manifest>, workspace: Partial<Workspace> = {}): string[] {
  return manifestProblems(
    {
      folder: 'packages/asm',
      manifest: { ...MANIFEST, ...manifest },
      files: ['src/a.ts', 'src/a.test.ts', 'vitest.config.ts'],
      sourceImports: new Set(['@polybpf/isa']),
      testImports: new Set(['vitest']),
      nativeImports: new Set(),
      ...workspace,
    },
    VERSIONS,
  );
}

describe('manifestProblems', () => {
  test('accepts a manifest that follows the rules', () => {
    expect(problems({})).toEqual([]);
  });

  test.each<[string, Partial<Manifest>, RegExp]>([
    ['a missing layer', { nx: { tags: ['runtime:any'] } }, /exactly one layer/],
    ['two runtimes', { nx: { tags: ['layer:1', 'runtime:any', 'runtime:node'] } }, /exactly one of runtime/],
    ['another licence', { license: 'MIT' }, /license/],
    ['an export without the source condition', { exports: { '.': './dist/index.js' } }, /exports\["\."\]/],
    ['a stale version of a package of the workspace', { dependencies: { '@polybpf/isa': '^0.0.9' } }, /\^0\.1\.0/],
    ['a range for an outside package', { dependencies: { '@polybpf/isa': '^0.1.0', zod: '^4.0.0' } }, /pinned exactly/],
  ])('refuses %s', (_, manifest, message) => {
    expect(problems(manifest).join('\n')).toMatch(message);
  });

  test('refuses an import that is not declared and a declaration that is not used', () => {
    expect(problems({}, { sourceImports: new Set(['@polybpf/isa', '@polybpf/elf']) })).toEqual([
      'packages/asm/package.json: imports @polybpf/elf and does not declare it in dependencies',
    ]);
    expect(problems({}, { sourceImports: new Set() })).toEqual([
      'packages/asm/package.json: declares @polybpf/isa and never imports it',
    ]);
    expect(problems({}, { testImports: new Set(['@polybpf/elf']) })).toEqual([
      'packages/asm/package.json: its tests import @polybpf/elf and it is not declared',
    ]);
  });

  test('native tests may go up the layers undeclared, but not outside', () => {
    expect(problems({}, { nativeImports: new Set(['@polybpf/elf', 'vitest']) })).toEqual([]);
    expect(problems({}, { nativeImports: new Set(['koffi']) })).toEqual([
      'packages/asm/package.json: its native tests import koffi and it is not declared',
    ]);
  });

  test('refuses native tests that no script starts', () => {
    const files = ['src/a.test.ts', 'test/run.native.test.ts', 'vitest.config.ts'];
    expect(problems({}, { files })).toEqual([
      'packages/asm/package.json: has tests and no script "test:native" that runs them',
      'packages/asm/package.json: has tests and no vitest.native.config.ts',
    ]);
  });

  test('refuses a script that finds no tests', () => {
    expect(problems({ scripts: { ...MANIFEST.scripts, 'test:native': 'vitest run --config x' } })).toEqual([
      'packages/asm/package.json: has a script "test:native" and no tests for it',
    ]);
  });
});

test('importedPackages finds static, dynamic and re-exporting imports, not those in comments and strings', () => {
  const source = [
    "import { a } from '@polybpf/isa';",
    "export { b } from '@polybpf/asm/node';",
    "const c = await import('zod');",
    "import './local.ts';",
    "import fs from 'node:fs';",
    "/** @example import { d } from '@polybpf/elf'; */",
    'const text = "import { e } from \'@polybpf/btf\'";',
    "// import 'left-pad';",
  ].join('\n');
  expect(importedPackages(source)).toEqual(['@polybpf/isa', '@polybpf/asm', 'zod']);
});
