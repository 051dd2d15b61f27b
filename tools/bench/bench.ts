/** `npm run bench`: see `src/bench-options.ts` for its arguments. */
import { writeFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { runBrowser } from './browser.ts';
import { runExecuted } from './executed.ts';
import { runScale } from './scale.ts';
import { runSizes } from './sizes.ts';
import { runSpeed } from './speed.ts';
import { type BenchOptions, parseBenchOptions, USAGE } from './src/bench-options.ts';
import type { Print } from './src/table.ts';
import { type Results, writeDocuments } from './src/write-documents.ts';

/** What a command found; `ok` when all of its bars are met. */
interface Outcome {
  readonly ok: boolean;
  /** Absent when there was nothing to measure. */
  readonly report?: object;
  /** Something computed a wrong result, which no speed makes up for. */
  readonly wrong?: boolean;
}

const COMMANDS: Readonly<Record<BenchOptions['command'], (options: BenchOptions, print: Print) => Outcome | Promise<Outcome>>> = {
  speed: runSpeed,
  sizes: runSizes,
  executed: runExecuted,
  scale: runScale,
  browser: runBrowser,
}; // prettier-ignore

const options = parseBenchOptions(process.argv.slice(2));
if (typeof options === 'string') {
  console.error(`${options}\n\n${USAGE}`);
  process.exitCode = 2;
} else if (options.help) {
  console.log(USAGE);
} else {
  try {
    await run(options);
  } catch (error) {
    if (!isBpfError(error)) throw error;
    console.error(error.message);
    process.exitCode = error.code === 'E_UNSUPPORTED' ? 3 : 2;
  }
}

async function run(options: BenchOptions): Promise<void> {
  // JSON on standard output stands alone there.
  const print: Print = options.json === '-' ? console.error : console.log;
  const { ok, report, wrong } = await COMMANDS[options.command](options, print);
  if (report !== undefined) {
    const text = JSON.stringify(report, undefined, 2);
    if (options.json === '-') console.log(text);
    else if (options.json !== undefined) writeFileSync(options.json, `${text}\n`);
    if (options.write) writeDocuments({ [options.command]: report } as Results);
  }
  if (wrong === true || (options.check && !ok)) process.exitCode = 1;
}
