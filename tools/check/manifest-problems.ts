// The rules that every workspace's package.json follows. They keep the build script, the layer rule, turbo's hashes and
// the registry page right without anyone remembering them.

import ts from 'typescript';

/** A package.json, as far as the rules look at it. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly private?: boolean;
  readonly sideEffects?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly files?: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly nx?: { readonly tags?: readonly string[] };
}

/** A workspace: its manifest, its files, and which packages its source and test files import. */
export interface Workspace {
  /** Relative to the root, e.g. `packages/isa`. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Relative to {@link folder}. */
  readonly files: readonly string[];
  /** Package names imported by files that are published or bundled. */
  readonly sourceImports: ReadonlySet<string>;
  /** Package names imported by tests and other files that are not. */
  readonly testImports: ReadonlySet<string>;
  /**
   * Package names imported by `*.native.test.ts` and `*.native.ts`. These run the whole stack and are never cached, so
   * packages of the workspace need no declaration there: one that goes up a layer would be a circle.
   */
  readonly nativeImports: ReadonlySet<string>;
}

/** Installed once, in the root: the tools of every workspace. */
const ROOT_DEPENDENCIES = new Set([
  '@arethetypeswrong/core',
  '@nx/devkit',
  'esbuild',
  'eslint',
  'fast-check',
  'nx',
  'playwright-core',
  'prettier',
  'publint',
  'tsx',
  'typescript',
  'vite',
  'vitest',
]);
const RUNTIMES = ['any', 'node', 'split'];

/** Says what is wrong with one workspace, one line each. `versions` maps each internal package to its version. */
export function manifestProblems(workspace: Workspace, versions: ReadonlyMap<string, string>): string[] {
  const { folder, manifest } = workspace;
  const isTool = folder.startsWith('tools/');
  const problems = [
    ...tagProblems(manifest),
    ...scriptProblems(workspace),
    ...dependencyProblems(workspace, versions),
    ...(isTool ? [] : publicationProblems(folder, manifest)),
  ];
  if (manifest.type !== 'module') problems.push('"type" must be "module"');
  if (isTool !== (manifest.private === true)) problems.push('tools are private, packages and apps are not');
  return problems.map((problem) => `${folder}/package.json: ${problem}`);
}

function tagProblems(manifest: Manifest): string[] {
  const tags = manifest.nx?.tags ?? [];
  const layers = tags.filter((tag) => /^layer:\d+$/.test(tag));
  const runtimes = tags.filter((tag) => RUNTIMES.some((runtime) => tag === `runtime:${runtime}`));
  const problems = [];
  if (layers.length !== 1) problems.push('nx.tags must have exactly one layer:N');
  if (runtimes.length !== 1) problems.push(`nx.tags must have exactly one of runtime:${RUNTIMES.join(', runtime:')}`);
  return problems;
}

/** A test that no script starts is a test that never fails, and a script that finds no test always does. */
function scriptProblems({ manifest, files }: Workspace): string[] {
  const problems = [];
  const needs = (script: string, config: string, wanted: boolean): void => {
    if (!wanted) {
      if (manifest.scripts?.[script]?.startsWith('vitest') === true)
        problems.push(`has a script "${script}" and no tests for it`);
      return;
    }
    if (manifest.scripts?.[script] === undefined) problems.push(`has tests and no script "${script}" that runs them`);
    if (!files.includes(config)) problems.push(`has tests and no ${config}`);
  };
  const tests = files.filter((file) => /\.test\.ts$/.test(file));
  const native = tests.filter((file) => /\.native\.test\.ts$/.test(file));
  needs('test', 'vitest.config.ts', tests.length > native.length);
  needs('test:native', 'vitest.native.config.ts', native.length > 0);
  for (const file of tests) {
    if (!/^(src|test)\//.test(file))
      problems.push(`${file} is outside of src and test, where no script looks for tests`);
  }
  return problems;
}

function dependencyProblems(workspace: Workspace, versions: ReadonlyMap<string, string>): string[] {
  const { manifest, sourceImports, testImports, nativeImports } = workspace;
  const problems: string[] = [];
  const dependencies = manifest.dependencies ?? {};
  const declared = { ...dependencies, ...manifest.devDependencies };
  for (const name of sourceImports) {
    if (name === manifest.name || (manifest.private === true && ROOT_DEPENDENCIES.has(name))) continue;
    const declaration = manifest.bin === undefined ? dependencies : declared;
    if (declaration[name] === undefined) problems.push(`imports ${name} and does not declare it in dependencies`);
  }
  for (const name of testImports) {
    if (name === manifest.name || ROOT_DEPENDENCIES.has(name) || declared[name] !== undefined) continue;
    problems.push(`its tests import ${name} and it is not declared`);
  }
  for (const name of nativeImports) {
    if (versions.has(name) || ROOT_DEPENDENCIES.has(name) || declared[name] !== undefined) continue;
    problems.push(`its native tests import ${name} and it is not declared`);
  }
  const imported = new Set([...sourceImports, ...testImports, ...nativeImports]);
  for (const [name, range] of Object.entries(declared)) {
    const version = versions.get(name);
    if (version === undefined) {
      if (!/^(npm:.+@)?\d+\.\d+\.\d+/.test(range)) problems.push(`${name} must be pinned exactly, not "${range}"`);
    } else if (range !== `^${version}`) problems.push(`${name} must be "^${version}", not "${range}"`);
    if (!imported.has(name)) problems.push(`declares ${name} and never imports it`);
  }
  return problems;
}

function publicationProblems(folder: string, manifest: Manifest): string[] {
  const problems = [];
  const name = `@polybpf/${folder.slice(folder.indexOf('/') + 1)}`;
  if (manifest.name !== name) problems.push(`"name" must be "${name}"`);
  if ((manifest.description ?? '') === '') problems.push('"description" is missing');
  if (manifest.license !== 'Apache-2.0') problems.push('"license" must be "Apache-2.0"');
  if (manifest.engines?.['node'] !== '>=20.19') problems.push('"engines.node" must be ">=20.19"');
  if (manifest.scripts?.['build'] !== 'node ../../tools/build/build.mjs')
    problems.push('"scripts.build" is not the shared build');
  if (manifest.bin !== undefined) return problems;
  if (manifest.sideEffects !== false) problems.push('"sideEffects" must be false');
  for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
    if (entry === './package.json') continue;
    const stem = entry === '.' ? 'index' : entry.slice(2);
    const wanted = {
      '@polybpf/source': `./src/${stem}.ts`,
      types: `./dist/${stem}.d.ts`,
      default: `./dist/${stem}.js`,
    };
    if (JSON.stringify(target) !== JSON.stringify(wanted)) {
      problems.push(`exports["${entry}"] must be ${JSON.stringify(wanted)}, in this order`);
    }
  }
  for (const item of ['dist', 'src', '!dist/**/*.tsbuildinfo', '!src/**/*.test.ts']) {
    if (!(manifest.files ?? []).includes(item)) problems.push(`"files" must contain "${item}"`);
  }
  return problems;
}

/** The packages that a source text imports: `node:` and relative imports left out, subpaths cut off. */
export function importedPackages(source: string): string[] {
  return ts
    .preProcessFile(source)
    .importedFiles.map((reference) => reference.fileName)
    .filter((specifier) => !/^(node:|\.|\/)/.test(specifier))
    .map((specifier) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}
