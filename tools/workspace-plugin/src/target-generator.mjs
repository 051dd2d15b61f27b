// `nx g target <name>`: a new CPU target with every op unsupported and green tests.
//
// The ops and the kinds of immediates are read from the contract in packages/jit, so a new target always has what the
// contract asks for today. In .mjs because nx loads generators with node itself.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatFiles, generateFiles, joinPathFragments, readJson, updateJson } from '@nx/devkit';
import { tsImport } from 'tsx/esm/api';

const TEMPLATE = fileURLToPath(new URL('./template', import.meta.url));

/**
 * @typedef {object} TargetOptions
 * @property {string} name
 * @property {string} [title]
 * @property {'little' | 'big'} [endian]
 * @property {number} [elfMachine]
 * @property {boolean} [install]
 */

/**
 * @param {import('@nx/devkit').Tree} tree
 * @param {TargetOptions} options
 * @returns {Promise<() => void>} run by nx when the files are written
 */
export default async function targetGenerator(tree, options) {
  const { name, title = name, endian = 'little', elfMachine = 0, install = true } = options;
  if (!/^[a-z][a-z0-9_]*$/.test(name)) {
    throw new Error(
      `a target's name is lower-case letters, digits and underscores and begins with a letter: got "${name}"`,
    );
  }
  if (isReservedWord(name))
    throw new Error(`"${name}" is a reserved word and cannot be the name of the exported target`);
  const folder = joinPathFragments('packages', `jit-${name}`);
  if (tree.exists(folder)) throw new Error(`${folder} exists already`);

  generateFiles(tree, TEMPLATE, folder, {
    name,
    title,
    endian,
    elfMachine,
    constant: name,
    version: readJson(tree, 'packages/jit/package.json').version,
    opKinds: await readOpKinds(tree.root),
    immediateKinds: readImmediateKinds(tree.root),
  });
  updateJson(tree, 'tsconfig.json', (config) => {
    const reference = { path: `./${folder}` };
    const last = config.references.findLastIndex((/** @type {{ path: string }} */ { path }) =>
      path.startsWith('./packages/jit'),
    );
    config.references.splice(last + 1, 0, reference);
    return config;
  });
  updateJson(tree, 'nx.json', (config) => {
    config.release.conventionalCommits.types[`jit-${name}`] = {
      semverBump: 'patch',
      changelog: { title: `jit-${name}` },
    };
    return config;
  });
  await formatFiles(tree);
  return () => {
    if (install) execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: tree.root, stdio: 'inherit' });
    console.log(`\n${folder} is ready: cd ${folder} && npx vitest. What comes next: docs/ADDING-AN-ARCH.md`);
  };
}

/** @param {string} name of letters, digits and underscores */
function isReservedWord(name) {
  try {
    new Function(`"use strict"; const ${name} = 0;`);
    return false;
  } catch {
    return true;
  }
}

/**
 * `OP_KINDS` of the contract.
 *
 * @param {string} root
 * @returns {Promise<readonly string[]>}
 */
async function readOpKinds(root) {
  const { OP_KINDS } = await tsImport(join(root, 'packages/jit/src/op.ts'), import.meta.url);
  if (!Array.isArray(OP_KINDS) || OP_KINDS.length === 0) throw new Error('packages/jit/src/op.ts exports no OP_KINDS');
  return OP_KINDS;
}

/**
 * The members of the type `ImmediateOpKind`, which exists in no running program.
 *
 * @param {string} root
 * @returns {readonly string[]}
 */
function readImmediateKinds(root) {
  const source = readFileSync(join(root, 'packages/jit/src/target.ts'), 'utf8');
  const declaration = /export type ImmediateOpKind =([^;]+);/.exec(source)?.[1];
  const kinds = [...(declaration ?? '').matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '');
  if (kinds.length === 0) throw new Error('packages/jit/src/target.ts has no type ImmediateOpKind of string literals');
  return kinds;
}
