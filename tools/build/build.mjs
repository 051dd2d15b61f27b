// Builds the package in the current folder: one ESM file per entry of its `exports` (esbuild), and declarations (tsc).
//
// Every entry has the shape { "@polybpf/source": "./src/X.ts", "types": "./dist/X.d.ts", "default": "./dist/X.js" }, so
// the manifest alone says what to build. Dependencies stay imports; internals end up inside the bundle and cannot be
// imported from outside. The metafile (.report/metafile.json, not published) tells sizes. apps/cli is the exception: one file with
// everything inside, which needs no node_modules at the place it runs.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const folder = process.cwd();
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const isNode = manifest.nx?.tags?.includes('runtime:node') ?? false;
const isApp = manifest.bin !== undefined;

rmSync(join(folder, 'dist'), { recursive: true, force: true });
mkdirSync(join(folder, '.report'), { recursive: true });

/** @satisfies {import('esbuild').BuildOptions} */
const shared = /** @type {const} */ ({
  absWorkingDir: folder,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: 'linked',
  metafile: true,
  legalComments: 'inline',
  logLevel: 'warning',
});

/** @type {import('esbuild').BuildResult} */
const result = isApp ? await buildApp() : await buildLibrary();
writeFileSync(join(folder, '.report/metafile.json'), `${JSON.stringify(result.metafile)}\n`);

// The command runs the project's vectors, and shows what they gave, wherever it is installed.
if (isApp) {
  cpSync(join(folder, '../../test-vectors'), join(folder, 'dist/test-vectors'), { recursive: true });
  for (const name of ['support-matrix.json', 'peer-features.json'])
    cpSync(join(folder, '../../docs', name), join(folder, 'dist/docs', name));
} else emitDeclarations();

function buildLibrary() {
  const entryPoints = Object.entries(manifest.exports).flatMap(([entry, target]) => {
    if (typeof target === 'string') return [];
    const source = target['@polybpf/source'];
    const output = target.default;
    if (!source?.startsWith('./src/') || !output?.startsWith('./dist/') || !output.endsWith('.js')) {
      throw new Error(`${manifest.name}: exports["${entry}"] must map ./src/X.ts to ./dist/X.js`);
    }
    return [{ in: source, out: output.slice('./dist/'.length, -'.js'.length) }];
  });
  // The node half of a package with two halves is built for node too; the browser half has no node import (lint).
  const platform = isNode || entryPoints.some((entry) => entry.out === 'node') ? 'node' : 'neutral';
  return build({
    ...shared,
    entryPoints,
    outdir: 'dist',
    platform,
    packages: 'external',
    // With several entries what they share must exist once: a class loaded twice breaks instanceof.
    splitting: entryPoints.length > 1,
    chunkNames: 'chunk-[hash]',
  });
}

function buildApp() {
  const [name] = Object.keys(manifest.bin);
  const source = ['src/main.ts', 'src/index.ts'].find((file) => existsSync(join(folder, file)));
  if (source === undefined) throw new Error(`${manifest.name}: no src/main.ts or src/index.ts to bundle`);
  return build({
    ...shared,
    entryPoints: [source],
    outfile: `dist/${name}.js`,
    platform: 'node',
    target: 'node20.19',
    conditions: ['@polybpf/source'],
    mainFields: ['module', 'main'],
    minifySyntax: true,
    // commander is CommonJS and requires node's own modules, which an ES module can only do through createRequire.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);",
    },
  });
}

/** TypeScript 7 is installed under an alias; the name `typescript` is the API of version 6 for the tools that need it. */
function emitDeclarations() {
  const require = createRequire(import.meta.url);
  const compiler = join(dirname(require.resolve('@typescript/native/package.json')), 'bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
