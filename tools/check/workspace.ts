// `npm run check:workspace`: every package.json follows the rules of manifest-problems.ts.
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { importedPackages, manifestProblems, type Manifest, type Workspace } from './manifest-problems.ts';
import { repositoryFiles, ROOT } from './repository.ts';

const files = repositoryFiles(ROOT);
const workspaces = files
  .filter((path) => /^(packages|apps|tools)\/[^/]+\/package\.json$/.test(path))
  .map((path) => readWorkspace(path.slice(0, -'/package.json'.length)));
const versions = new Map(workspaces.map(({ manifest }) => [manifest.name, manifest.version]));

const problems = workspaces.flatMap((workspace) => manifestProblems(workspace, versions));
problems.push(...releaseProblems());
for (const problem of problems) console.error(problem);
console.log(`check:workspace: ${workspaces.length} workspaces, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;

function readWorkspace(folder: string): Workspace {
  const own = files.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
  const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest;
  const sourceImports = new Set<string>();
  const testImports = new Set<string>();
  const nativeImports = new Set<string>();
  for (const file of own) {
    if (!/\.(ts|mts|mjs|tsx)$/.test(file) || /(^|\/)template\//.test(file)) continue;
    const imports = isNativeTest(file) ? nativeImports : isSource(folder, file) ? sourceImports : testImports;
    for (const name of importedPackages(readFileSync(join(ROOT, folder, file), 'utf8'))) {
      if (!builtinModules.includes(name)) imports.add(name);
    }
  }
  return { folder, manifest, files: own, sourceImports, testImports, nativeImports };
}

function isNativeTest(file: string): boolean {
  return /\.native(\.test)?\.ts$/.test(file);
}

function isSource(folder: string, file: string): boolean {
  if (/\.test\.ts$/.test(file)) return false;
  return folder.startsWith('tools/') ? !file.startsWith('test/') : /^(src|bin)\//.test(file);
}

/** The changelog takes commits by the package that their subject begins with, so nx.json lists every package. */
function releaseProblems(): string[] {
  const config = JSON.parse(readFileSync(join(ROOT, 'nx.json'), 'utf8')) as {
    release: { conventionalCommits: { types: Record<string, unknown> } };
  };
  const types = config.release.conventionalCommits.types;
  return workspaces
    .filter(({ folder }) => !folder.startsWith('tools/'))
    .map(({ folder }) => folder.slice(folder.indexOf('/') + 1))
    .filter((name) => types[name] === undefined)
    .map((name) => `nx.json: release.conventionalCommits.types lacks "${name}"`);
}
