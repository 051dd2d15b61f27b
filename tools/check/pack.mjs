// `npm run check:pack`: what users would get from the registry. Packs every public package, lints the tarball
// (publint), resolves its types the ways consumers do (attw, profile esm-only), looks at the list of files, and imports
// every entry from an installation that has nothing but the tarballs and their outside dependencies.
// The packages must be built.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { workspaceFolders } from '../test-summary/summary.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** ESM only, by decision: what an old resolver or `require` without ESM support makes of it is not our concern. */
const IGNORED_RESOLUTIONS = new Set(['node10', 'node16-cjs']);
const UNWANTED_FILES = [/\.test\.[a-z]+$/, /\.tsbuildinfo$/, /(^|\/)\.report\//, /metafile\.json$/];

/** @type {string[]} */
const problems = [];
const scratch = mkdtempSync(join(tmpdir(), 'polybpf-pack-'));
try {
  const packages = workspaceFolders(ROOT)
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
    .filter(({ manifest }) => manifest.private !== true);
  const packed = pack(packages.map(({ manifest }) => manifest.name));
  mkdirSync(join(scratch, 'node_modules/@polybpf'), { recursive: true });
  for (const { folder, manifest } of packages) {
    const { filename, files } = packed.get(manifest.name) ?? { filename: '', files: [] };
    const data = readFileSync(join(scratch, filename));
    problems.push(...unwanted(manifest.name, files));
    await lintTarball(manifest, data);
    if (manifest.bin === undefined) await resolveTypes(manifest.name, data);
    install(manifest, folder, filename);
  }
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }');
  for (const { manifest } of packages) importEntries(manifest);
  console.log(`check:pack: ${packages.length} packages, ${problems.length} problems`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

/**
 * @param {string[]} names
 * @returns {Map<string, { filename: string, files: { path: string }[] }>}
 */
function pack(names) {
  const npm = process.env.npm_execpath;
  const [program, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const args = [
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    scratch,
    ...names.map((name) => `-w=${name}`),
  ];
  const text = execFileSync(program, [...first, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const answer = JSON.parse(text);
  const list = Array.isArray(answer) ? answer : Object.values(answer);
  return new Map(list.map((entry) => [entry.name, entry]));
}

/**
 * @param {string} name
 * @param {{ path: string }[]} files
 */
function unwanted(name, files) {
  return files
    .filter(({ path }) => UNWANTED_FILES.some((pattern) => pattern.test(path)))
    .map(({ path }) => `${name}: ${path} must not be published`);
}

/**
 * @param {any} manifest
 * @param {Buffer} data
 */
async function lintTarball(manifest, data) {
  const tarball = toArrayBuffer(data);
  const { messages } = await publint({ pack: { tarball }, level: 'warning', strict: true });
  for (const message of messages) problems.push(`${manifest.name}: publint: ${formatMessage(message, manifest)}`);
}

/**
 * @param {string} name
 * @param {Buffer} data
 */
async function resolveTypes(name, data) {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
  if (!analysis.types) {
    problems.push(`${name}: attw: no types`);
    return;
  }
  for (const problem of analysis.problems) {
    if ('resolutionKind' in problem && IGNORED_RESOLUTIONS.has(problem.resolutionKind)) continue;
    if ('resolutionOption' in problem && problem.resolutionOption === 'node10') continue;
    const where = 'entrypoint' in problem ? ` at ${problem.entrypoint} (${problem.resolutionKind})` : '';
    problems.push(`${name}: attw: ${problem.kind}${where}`);
  }
}

/**
 * @param {any} manifest
 * @param {string} source the package's folder in the workspace
 * @param {string} filename
 */
function install(manifest, source, filename) {
  const folder = join(scratch, 'node_modules', manifest.name);
  mkdirSync(folder);
  execFileSync('tar', ['-xzf', join(scratch, filename), '-C', folder, '--strip-components=1']);
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    if (dependency.startsWith('@polybpf/')) continue;
    const link = join(scratch, 'node_modules', dependency);
    if (existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    const places = [join(source, 'node_modules', dependency), join(ROOT, 'node_modules', dependency)];
    symlinkSync(places.find((place) => existsSync(place)) ?? dependency, link, 'junction');
  }
}

/** @param {any} manifest */
function importEntries(manifest) {
  if (manifest.bin !== undefined) {
    for (const file of Object.values(manifest.bin)) {
      attempt(`${manifest.name}: ${file} --help`, [
        join(scratch, 'node_modules', manifest.name, String(file)),
        '--help',
      ]);
    }
    return;
  }
  const specifiers = Object.entries(manifest.exports)
    .filter(([, target]) => typeof target !== 'string')
    .map(([entry]) => `${manifest.name}${entry.slice(1)}`);
  for (const specifier of specifiers) {
    attempt(`import '${specifier}'`, ['--input-type=module', '-e', `await import(${JSON.stringify(specifier)})`]);
  }
}

/**
 * @param {string} what
 * @param {string[]} args
 */
function attempt(what, args) {
  try {
    execFileSync(process.execPath, args, { cwd: scratch, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    problems.push(`${what} fails when installed: ${text.split('\n').find((line) => /Error/.test(line)) ?? text}`);
  }
}

/** @param {Buffer} data */
function toArrayBuffer(data) {
  const copy = new ArrayBuffer(data.byteLength);
  new Uint8Array(copy).set(data);
  return copy;
}
