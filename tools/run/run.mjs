// Every script of the root package.json: `node tools/run/run.mjs TASK [arguments]`.
//
// Plain node without dependencies, because it must work as the first command after a clone: it runs `npm ci` when
// needed, looks for the system tools that the task calls (tools/setup) and then does the task.
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureSystemTools } from '../setup/setup.mjs';
import { ensureInstalled } from './install.mjs';
import { TASKS } from './tasks.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OLDEST_NODE = [20, 19];

const [name, ...args] = process.argv.slice(2);
process.exitCode = await main(name, args);

/**
 * @param {string | undefined} taskName
 * @param {string[]} taskArgs
 */
async function main(taskName, taskArgs) {
  const task = taskName === undefined ? undefined : TASKS[taskName];
  if (task === undefined) {
    console.error(`usage: node tools/run/run.mjs TASK [arguments], TASK one of: ${Object.keys(TASKS).join(' ')}`);
    return 2;
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    console.error(`node ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}`);
    return 1;
  }
  if (!ensureInstalled(ROOT)) {
    console.error('npm ci failed');
    return 1;
  }
  setEnvironment();
  const missingPackages = task.uses.length === 0 ? [] : ensureSystemTools(task.uses);
  return task.run({ root: ROOT, args: taskArgs, missingPackages });
}

/** No task talks to a cloud, leaves a daemon behind or sends telemetry. */
function setEnvironment() {
  Object.assign(process.env, {
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  });
  const shared = join(ROOT, '../shared');
  if (process.env.POLYBPF_SHARED === undefined && existsSync(shared)) process.env.POLYBPF_SHARED = shared;
}
