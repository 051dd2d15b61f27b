#!/usr/bin/env node
// Launcher: runs the bundle when there is one that is newer than the sources, else the sources themselves, so that the
// command works right after `npm ci` and never runs a stale build while its sources change.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const app = dirname(dirname(fileURLToPath(import.meta.url)));
const bundle = join(app, 'dist/polybpf.js');
const source = join(app, 'src/main.ts');

if (existsSync(bundle) && (!existsSync(source) || statSync(bundle).mtimeMs >= newestSource())) {
  await import(pathToFileURL(bundle).href);
} else {
  runFromSource();
}

/** Time of the newest source file of the command and of the packages beside it. */
function newestSource() {
  const packages = join(app, '../../packages');
  const folders = [join(app, 'src')];
  if (existsSync(packages)) for (const name of readdirSync(packages)) folders.push(join(packages, name, 'src'));
  let newest = 0;
  while (folders.length > 0) {
    const folder = folders.pop();
    if (folder === undefined || !existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else newest = Math.max(newest, statSync(path).mtimeMs);
    }
  }
  return newest;
}

function runFromSource() {
  let tsx;
  try {
    tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  } catch {
    console.error('polybpf: not built, and tsx is not installed to run it from source: run `npm ci` first');
    process.exit(3);
  }
  const args = ['--conditions=@polybpf/source', '--import', tsx, source, ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  // Who ends the launcher means the command.
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    throw error;
  });
  child.on('exit', (status, signal) => {
    for (const name of signals) process.removeAllListeners(name);
    if (signal !== null) process.kill(process.pid, signal);
    process.exitCode = status ?? 1;
  });
}
