// What each root script does, once dependencies and system tools are there.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { addCounts, collectReports, deleteReports, printSummary, stepCounts } from '../test-summary/summary.mjs';

/**
 * @typedef {object} TaskContext
 * @property {string} root
 * @property {string[]} args what follows the task on the command line
 * @property {string[]} missingPackages Debian packages of `uses` that are not there
 *
 * @typedef {object} Task
 * @property {readonly ('run' | 'c' | 'test')[]} uses system tools, see tools/setup/system-tools.mjs
 * @property {(context: TaskContext) => number} run returns the exit code
 *
 * @typedef {import('../test-summary/summary.mjs').Step} Step
 */

/** Node programs of the dependencies, started without a shell and without npx. */
const PROGRAMS = {
  tsc: '@typescript/native/bin/tsc',
  eslint: 'eslint/bin/eslint.js',
  prettier: 'prettier/bin/prettier.cjs',
  nx: 'nx/dist/bin/nx.js',
  turbo: 'turbo/bin/turbo',
  tsx: 'tsx/dist/cli.mjs',
};

/** @type {readonly ('run' | 'c' | 'test')[]} */
const ALL_TOOLS = ['run', 'c', 'test'];

/** @type {Record<string, Task>} */
export const TASKS = {
  test: { uses: ALL_TOOLS, run: testAll },
  'test:native': { uses: ALL_TOOLS, run: testNative },
  demo: { uses: ['run'], run: ({ root, args }) => tsx(root, 'tools/demo/demo.ts', args) },
  bench: { uses: ['run', 'c'], run: ({ root, args }) => tsx(root, 'tools/bench/bench.ts', args) },
  conformance: {
    uses: ['run'],
    run: ({ root, args }) => node(root, ['apps/cli/bin/polybpf.mjs', 'conformance', ...args]),
  },
  matrix: {
    uses: ['run'],
    run: ({ root, args }) => tsx(root, 'tools/check/run-matrix.native.ts', args),
  },
  parity: {
    uses: ['run', 'test'],
    run: ({ root, args: [tool = 'verdicts', ...args] }) =>
      /^[a-z-]+$/.test(tool) ? tsx(root, `tools/parity/${tool}.ts`, args) : 2,
  },
  mutants: { uses: ['run'], run: ({ root, args }) => tsx(root, 'tools/mutants/run.ts', args) },
  vectors: { uses: [], run: ({ root, args }) => tsx(root, 'tools/live-kernel/src/write-vectors.ts', args) },
  build: { uses: [], run: ({ root, args }) => program(root, 'turbo', ['run', 'build', ...args]) },
  typecheck: { uses: [], run: ({ root }) => typecheck(root) },
  lint: { uses: [], run: ({ root, args }) => lint(root, args) },
  'sync:check': { uses: [], run: ({ root }) => program(root, 'nx', ['sync:check']) },
  'check:lock': { uses: [], run: ({ root }) => node(root, ['tools/check/lock.mjs']) },
  'check:workspace': { uses: [], run: ({ root }) => tsx(root, 'tools/check/workspace.ts', []) },
  'check:docs': { uses: [], run: ({ root, args }) => tsx(root, 'tools/check/docs.ts', args) },
  'check:pack': { uses: [], run: ({ root }) => checkPack(root) },
  'check:registry': { uses: [], run: ({ root, args }) => tsx(root, 'tools/facts/check-registry.ts', args) },
  'gen:facts': { uses: [], run: ({ root, args }) => tsx(root, 'tools/facts/generate.ts', args) },
  'gen:docs': { uses: [], run: ({ root }) => tsx(root, 'tools/check/docs.ts', ['--write']) },
  'gen:matrix': { uses: ['run'], run: ({ root }) => tsx(root, 'tools/check/matrix.native.ts', []) },
  'gen:target': {
    uses: [],
    run: ({ root, args }) => program(root, 'nx', ['g', '@polybpf-tools/workspace-plugin:target', ...args]),
  },
};

/** @param {TaskContext} context */
function testAll({ root, missingPackages }) {
  deleteReports(root);
  const steps = toolSteps(missingPackages);
  /** @type {[string, () => number][]} */
  const checks = [
    ['check:lock', () => node(root, ['tools/check/lock.mjs'])],
    ['check:workspace', () => tsx(root, 'tools/check/workspace.ts', [])],
    ['typecheck', () => typecheck(root)],
    ['lint', () => lint(root, [])],
    ['sync:check', () => program(root, 'nx', ['sync:check'])],
    ['test', () => program(root, 'turbo', ['run', 'test', '--continue', '--output-logs=errors-only'])],
    ['test:native', () => runNative(root)],
    ['check:docs', () => tsx(root, 'tools/check/docs.ts', [])],
    ['check:pack', () => checkPack(root)],
  ];
  for (const [name, run] of checks) steps.push(timed(name, run));
  return summarise(root, steps, ['test', 'test:native']);
}

/** @param {TaskContext} context */
function testNative({ root, missingPackages }) {
  deleteReports(root);
  const steps = [...toolSteps(missingPackages), timed('test:native', () => runNative(root))];
  return summarise(root, steps, ['test:native']);
}

/** @param {string} root */
function runNative(root) {
  // Two packages at a time: these tests wait for emulators and compilers more than they compute. More would starve those
  // that watch over hanging programs.
  return program(root, 'turbo', ['run', 'test:native', '--continue', '--concurrency=2', '--output-logs=errors-only']);
}

/**
 * A missing tool is a skip with a name on a developer's machine and a failure in CI, which must not go green by
 * skipping.
 *
 * @param {readonly string[]} missingPackages
 * @returns {Step[]}
 */
export function toolSteps(missingPackages) {
  return missingPackages.map((debianPackage) => ({
    name: `tests that need the Debian package ${debianPackage}`,
    status: isCi() ? 'failed' : 'skipped',
    detail: 'it is not installed',
  }));
}

function isCi() {
  return process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false';
}

/**
 * @param {string} name
 * @param {() => number} run
 * @returns {Step}
 */
function timed(name, run) {
  console.log(`\n--- ${name}`);
  const start = performance.now();
  const code = run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`--- ${name}: ${code === 0 ? 'passed' : `failed (exit ${code})`} in ${seconds} s`);
  return code === 0 ? { name, status: 'passed' } : { name, status: 'failed', detail: `exit ${code}` };
}

/**
 * @param {string} root
 * @param {Step[]} steps
 * @param {('test' | 'test:native')[]} tasks
 */
function summarise(root, steps, tasks) {
  const counts = collectReports(root, tasks);
  addCounts(counts, stepCounts(withoutTestRuns(steps, tasks, counts.failed > 0)));
  console.log('');
  return printSummary(counts);
}

/**
 * A step that runs tests counts through their reports. It stands for itself only when it failed and no report says why.
 *
 * @param {readonly Step[]} steps
 * @param {readonly string[]} tasks
 * @param {boolean} reported whether a report has a failure
 * @returns {Step[]}
 */
export function withoutTestRuns(steps, tasks, reported) {
  return steps.filter((step) => !tasks.includes(step.name) || (step.status === 'failed' && !reported));
}

/** @param {string} root */
function typecheck(root) {
  // Project by project for the sources, whose declarations are published; then all tests and tools as one program.
  const code = program(root, 'tsc', ['-b']);
  return code === 0 ? program(root, 'tsc', ['-p', 'tsconfig.test.json']) : code;
}

/**
 * @param {string} root
 * @param {string[]} args
 */
function lint(root, args) {
  // The layer rule reads nx's cached project graph and lets everything pass when there is none: make it first.
  const graph = program(root, 'nx', ['show', 'projects', '--json'], 'ignore');
  if (graph !== 0) {
    console.error('nx could not compute the project graph: npx nx show projects says why');
    return graph;
  }
  const eslint = program(root, 'eslint', ['.', '--max-warnings=0', ...args]);
  const prettier = program(root, 'prettier', [args.includes('--fix') ? '--write' : '--check', '--log-level=warn', '.']);
  return eslint || prettier;
}

/** @param {string} root */
function checkPack(root) {
  const code = program(root, 'turbo', ['run', 'build', '--output-logs=errors-only']);
  return code === 0 ? node(root, ['tools/check/pack.mjs']) : code;
}

/**
 * @param {string} root
 * @param {string} script TypeScript, relative to the root
 * @param {string[]} args
 */
function tsx(root, script, args) {
  if (!existsSync(join(root, script))) {
    console.error(`${script} does not exist`);
    return 1;
  }
  return program(root, 'tsx', ['--conditions=@polybpf/source', script, ...args]);
}

/**
 * @param {string} root
 * @param {keyof typeof PROGRAMS} name
 * @param {string[]} args
 * @param {'inherit' | 'ignore'} [output]
 */
function program(root, name, args, output = 'inherit') {
  const require = createRequire(join(root, 'package.json'));
  const [scope = '', second = ''] = PROGRAMS[name].split('/');
  const dependency = scope.startsWith('@') ? `${scope}/${second}` : scope;
  const folder = join(require.resolve(`${dependency}/package.json`), '..');
  return node(root, [join(folder, PROGRAMS[name].slice(dependency.length + 1)), ...args], output);
}

/**
 * @param {string} root
 * @param {string[]} args
 * @param {'inherit' | 'ignore'} [output]
 */
function node(root, args, output = 'inherit') {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ['inherit', output, output === 'ignore' ? 'ignore' : 'inherit'],
  });
  return status ?? 1;
}
