/**
 * What is wrong with a lock file that `npm install` itself would not notice.
 *
 * `npm install` silently drops optional packages it cannot fetch (the binaries for other platforms, say) and writes a
 * lock file without them; `npm ci` then refuses that lock file, but only where nothing is installed yet. So each name
 * under `optionalDependencies` of an entry must have an entry of its own. And no entry may name a host: where packages
 * come from is each machine's business.
 *
 * @param {{ packages: Record<string, { resolved?: string, link?: boolean, integrity?: string,
 *   optionalDependencies?: Record<string, string>, version?: string }> }} lock
 * @returns {string[]}
 */
export function lockProblems(lock) {
  const problems = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (findEntry(lock.packages, path, name) === undefined) {
        problems.push(`${path || 'the root'} has the optional dependency ${name}, which has no entry`);
      }
    }
    if (entry.resolved !== undefined && /^[a-z+]+:\/\//i.test(entry.resolved)) {
      problems.push(`${path} names a host: ${entry.resolved}`);
    }
    if (path.includes('node_modules/') && entry.link !== true && entry.integrity === undefined) {
      problems.push(`${path} has no integrity`);
    }
  }
  return problems;
}

/**
 * Node's own resolution: the dependency is in the `node_modules` of the package or of a folder above it.
 *
 * @template T
 * @param {Record<string, T>} packages
 * @param {string} from
 * @param {string} name
 * @returns {T | undefined}
 */
function findEntry(packages, from, name) {
  let folder = from;
  for (;;) {
    const entry = packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`];
    if (entry !== undefined || folder === '') return entry;
    folder = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '';
    if (folder.endsWith('/node_modules') || folder === 'node_modules') {
      folder = folder.slice(0, -'node_modules'.length).replace(/\/$/, '');
    }
  }
}
