/** `npm run bench`: see `src/bench-options.ts` for its arguments. */
import { writeFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { runSizes } from './sizes.ts';
import { type BenchOptions, parseBenchOptions, USAGE } from './src/bench-options.ts';
import type { SpeedReport } from './src/speed-report.ts';
import type { Print } from './src/table.ts';
import { writeDocuments } from './src/write-documents.ts';
import { measureSpeed, printSpeed } from './speed.ts';

const options = parseBenchOptions(process.argv.slice(2));
if (typeof options === 'string') {
  console.error(`${options}\n\n${USAGE}`);
  process.exitCode = 2;
} else if (options.help) {
  console.log(USAGE);
} else {
  try {
    run(options);
  } catch (error) {
    if (!isBpfError(error)) throw error;
    console.error(error.message);
    process.exitCode = error.code === 'E_UNSUPPORTED' ? 3 : 2;
  }
}

function run(options: BenchOptions): void {
  // JSON on standard output stands alone there.
  const print: Print = options.json === '-' ? console.error : console.log;
  const { ok, report } = options.command === 'sizes' ? runSizes(options, print) : speed(options, print);
  if (options.json === '-') console.log(JSON.stringify(report, undefined, 2));
  else if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (options.write) writeDocuments({ [options.command]: report });
  if (options.check && !ok) process.exitCode = 1;
}

function speed(options: BenchOptions, print: Print): { ok: boolean; report: SpeedReport } {
  const report = measureSpeed(options);
  const ok = printSpeed(report, print);
  // Wrong results are no matter of speed.
  if (
    report.interpreter?.some((row) => row.wrong) ||
    report.native?.rows.some((row) => row.wrong) ||
    report.sandbox?.rows.some((row) => row.wrong) ||
    report.verifier?.some((row) => row.wrong)
  )
    process.exitCode = 1;
  return { ok, report };
}
