// Decides whether `npm ci` has to run before a task, so that every script works as the first command after a clone
// and after a pull that changed dependencies, and costs nothing otherwise.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {object} LockEntry
 * @property {string} [version]
 * @property {string} [integrity]
 * @property {string} [resolved]
 * @property {boolean} [link]
 * @property {boolean} [optional]
 * @property {boolean} [devOptional]
 *
 * @typedef {{ packages: Record<string, LockEntry> }} Lock
 */

/**
 * Why the installed tree does not follow the lock file, or undefined when it does. npm keeps what it has installed in
 * `node_modules/.package-lock.json`, written last, so an interrupted installation has none.
 *
 * @param {Lock} wanted `package-lock.json`
 * @param {Lock} installed `node_modules/.package-lock.json`
 * @returns {string | undefined}
 */
export function staleReason(wanted, installed) {
  for (const [path, entry] of Object.entries(wanted.packages)) {
    if (path === '') continue;
    const present = installed.packages[path];
    if (present === undefined) {
      // Binaries for other platforms are in the lock and rightly not in the tree.
      if (entry.optional === true || entry.devOptional === true) continue;
      return `${path} is not installed`;
    }
    if (entry.version !== present.version && !isWorkspace(path)) {
      return `${path} is ${present.version}, the lock file says ${entry.version}`;
    }
    if (entry.integrity !== undefined && present.integrity !== undefined && entry.integrity !== present.integrity) {
      return `${path} has other contents than the lock file says`;
    }
  }
  return undefined;
}

/**
 * Workspaces are linked, so what their entry says never has to be installed; their dependencies have entries of their
 * own.
 *
 * @param {string} path
 */
function isWorkspace(path) {
  return !path.includes('node_modules/');
}

/**
 * Runs `npm ci` in `root` if its `node_modules` is absent or older than its lock file.
 *
 * @param {string} root
 * @returns {boolean} false when the installation failed
 */
export function ensureInstalled(root) {
  const reason = installReason(root);
  if (reason === undefined) return true;
  console.log(`npm ci: ${reason}`);
  // Started through `npm test`, the very npm that runs is used, wherever it lives.
  const npm = process.env.npm_execpath;
  const [program, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const { status } = spawnSync(program, [...args, 'ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: program === 'npm' && process.platform === 'win32',
  });
  return status === 0;
}

/** @param {string} root */
function installReason(root) {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return 'nothing is installed yet';
  return staleReason(
    JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')),
    JSON.parse(readFileSync(installed, 'utf8')),
  );
}
