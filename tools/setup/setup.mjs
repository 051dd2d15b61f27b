// Makes sure that the system tools a task calls are there. As root on Debian it installs what is missing, and nothing
// else; everywhere else it names the missing packages and lets the caller decide what that means.
//
// By hand: `node tools/setup/setup.mjs [run] [c] [test]`. POLYBPF_NO_INSTALL=1 only looks.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SYSTEM_TOOLS } from './system-tools.mjs';

/**
 * Whether a program can be started by its bare name. `/usr/sbin` and `/usr/local/bin` count also where PATH lacks them.
 *
 * @param {string} name
 * @param {string} [path] the search path; default: that of this process
 * @returns {boolean}
 */
export function hasProgram(name, path = process.env.PATH ?? '') {
  return path.split(delimiter).some((folder) => {
    if (folder === '') return false;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * The Debian packages that are missing for the given uses, in table order.
 *
 * @param {readonly string[]} uses of {@link SYSTEM_TOOLS}
 * @param {(name: string) => boolean} [program]
 * @param {(path: string) => boolean} [file]
 * @returns {string[]}
 */
export function missingPackages(uses, program = (name) => hasProgram(name), file = existsSync) {
  return SYSTEM_TOOLS.filter((tool) => tool.neededFor.some((use) => uses.includes(use)))
    .filter((tool) => !tool.programs.every(program) || (tool.anyFile !== undefined && !tool.anyFile.some(file)))
    .map((tool) => tool.debianPackage);
}

/**
 * Installs what is missing where that is possible and returns the packages that are missing still.
 *
 * @param {readonly string[]} uses
 * @returns {string[]}
 */
export function ensureSystemTools(uses) {
  const missing = missingPackages(uses);
  if (missing.length === 0) return [];
  if (!canInstall()) {
    console.log(`missing system tools, by Debian package: ${missing.join(' ')}`);
    console.log(`on Debian, as root: apt-get install --no-install-recommends ${missing.join(' ')}`);
    return missing;
  }
  console.log(`installing system tools: ${missing.join(' ')}`);
  apt(['update', '-qq']);
  // A package that this release of Debian does not have must not keep the others from being installed.
  const known = missing.filter((name) => spawnSync('apt-cache', ['show', name], { stdio: 'ignore' }).status === 0);
  if (known.length > 0) apt(['install', '-qq', '-y', '--no-install-recommends', ...known]);
  const still = missingPackages(uses);
  if (still.length > 0) console.log(`still missing after installing, by Debian package: ${still.join(' ')}`);
  return still;
}

function canInstall() {
  return (
    process.env.POLYBPF_NO_INSTALL === undefined &&
    process.getuid?.() === 0 &&
    existsSync('/etc/debian_version') &&
    hasProgram('apt-get')
  );
}

/** @param {string[]} args */
function apt(args) {
  const { status } = spawnSync('apt-get', ['-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) console.log(`apt-get ${args[0]} failed with status ${status ?? 'none'}`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const uses = process.argv.length > 2 ? process.argv.slice(2) : ['run', 'c', 'test'];
  process.exitCode = ensureSystemTools(uses).length > 0 ? 3 : 0;
}
