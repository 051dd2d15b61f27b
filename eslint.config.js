// Lint rules that carry the architecture: layers, runtimes, and the few habits of the house. Formatting is prettier's.
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const HIGHEST_LAYER = 10;
const GROUPS = ['packages', 'apps', 'tools'];

/** Every workspace: its folder, name and nx tags. */
const workspaces = GROUPS.flatMap((group) =>
  readdirSync(new URL(`./${group}`, import.meta.url)).flatMap((name) => {
    try {
      const manifest = JSON.parse(readFileSync(new URL(`./${group}/${name}/package.json`, import.meta.url), 'utf8'));
      return [{ folder: `${group}/${name}`, name: manifest.name, tags: manifest.nx?.tags ?? [] }];
    } catch (error) {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
      throw error;
    }
  }),
);
const withTag = (tag) => workspaces.filter((workspace) => workspace.tags.includes(tag));

/** Layer N sees the layers below it and never its own: packages of one layer do not know each other. */
const layerConstraints = Array.from({ length: HIGHEST_LAYER + 1 }, (_, layer) => ({
  sourceTag: `layer:${layer}`,
  onlyDependOnLibsWithTags: Array.from({ length: layer }, (_, lower) => `layer:${lower}`),
}));

/**
 * - `runtime:any` runs in a browser and sees only packages that do;
 * - `runtime:node` sees everything;
 * - `runtime:split` has a browser half and a node half: the latter is `src/node.ts` and `src/node/`, entry `./node`.
 *   Which file may import what is checked file by file below.
 */
const runtimeConstraints = [
  { sourceTag: 'runtime:any', onlyDependOnLibsWithTags: ['runtime:any', 'runtime:split'] },
  { sourceTag: 'runtime:split', onlyDependOnLibsWithTags: ['runtime:any', 'runtime:split', 'runtime:node'] },
  { sourceTag: 'runtime:node', onlyDependOnLibsWithTags: ['runtime:any', 'runtime:split', 'runtime:node'] },
];

const indexImports = {
  regex: '^\\.\\.?(/.*)?/index(\\.ts)?$|^\\.\\.?/?$',
  message: 'index.ts is for outsiders; import the file itself.',
};
const nodeImports = {
  regex: `^(node:.*|@polybpf/[^/]+/node|${builtinModules.filter((name) => !name.startsWith('_')).join('|')})$`,
  message: 'this code runs in a browser: node belongs in a runtime:node package or in src/node/ of a split one.',
};
const nodePackages = {
  group: withTag('runtime:node').map((workspace) => workspace.name),
  message: 'only src/node.ts and src/node/ of this package may import a node-only package.',
};

const sources = (list) => list.map((workspace) => `${workspace.folder}/src/**/*.ts`);
const nodeHalf = (list) => list.flatMap(({ folder }) => [`${folder}/src/node.ts`, `${folder}/src/node/**/*.ts`]);
const tests = ['**/*.test.ts', '**/test/**'];
const split = withTag('runtime:split');

export default tseslint.config(
  {
    ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '**/.turbo/**', '**/.report/**', '**/files/**/*.template'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.base,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended],
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'use an `as const` object and a type of the same name.' },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    // Tests as well: turbo must know what a cached test depends on, and a dependency on a higher layer would be a circle.
    // Native tests are never cached and run the whole stack, so they may import what they like.
    files: ['packages/*/{src,test}/**/*.ts', 'apps/*/{src,test}/**/*.ts', 'tools/*/src/**/*.ts'],
    ignores: ['**/*.native.test.ts', '**/*.native.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          allowCircularSelfDependency: true,
          allow: [],
          depConstraints: [...layerConstraints, ...runtimeConstraints],
        },
      ],
    },
  },
  {
    files: ['packages/*/src/**/*.ts', 'apps/*/src/**/*.ts', 'tools/*/src/**/*.ts'],
    ignores: tests,
    rules: {
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'use an `as const` object and a type of the same name.' },
        { selector: 'ExportAllDeclaration', message: 'name what is exported; no `export *`.' },
        { selector: 'ExportDefaultDeclaration', message: 'use named exports.' },
      ],
      'no-restricted-imports': ['error', { patterns: [indexImports] }],
    },
  },
  {
    files: ['apps/*/src/**/*.ts', 'tools/*/src/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // Tables read row by row and are as long as the instruction set is.
    files: ['**/*-table.ts', '**/instructions.ts', '**/instructions/*.ts', '**/*-rows.ts'],
    rules: { 'max-lines': 'off' },
  },
  {
    files: sources(withTag('runtime:any')),
    ignores: tests,
    rules: { 'no-restricted-imports': ['error', { patterns: [indexImports, nodeImports] }] },
  },
  ...(split.length === 0
    ? []
    : [
        {
          files: sources(split),
          ignores: [...tests, ...nodeHalf(split)],
          rules: { 'no-restricted-imports': ['error', { patterns: [indexImports, nodeImports, nodePackages] }] },
        },
      ]),
  {
    // The dumping grounds that no one can name the topic of.
    files: ['utils', 'util', 'common', 'types', 'misc'].flatMap((name) => [
      `packages/*/src/**/${name}.ts`,
      `apps/*/src/**/${name}.ts`,
    ]),
    rules: {
      'no-restricted-syntax': ['error', { selector: 'Program', message: 'name the file after its topic.' }],
    },
  },
);
