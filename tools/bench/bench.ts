/** `npm run bench`: see `src/bench-options.ts` for its arguments. */
import { writeFileSync } from 'node:fs';
import { runSizes } from './sizes.ts';
import { parseBenchOptions, USAGE } from './src/bench-options.ts';
import type { SpeedReport } from './src/speed-report.ts';
import { writeDocuments } from './src/write-documents.ts';
import { measureSpeed, printSpeed } from './speed.ts';

const options = parseBenchOptions(process.argv.slice(2));
if (typeof options === 'string') {
  console.error(`${options}\n\n${USAGE}`);
  process.exitCode = 2;
} else if (options.help) {
  console.log(USAGE);
} else {
  const { ok, report } = options.command === 'sizes' ? runSizes(options) : speed();
  if (options.json === '-') console.log(JSON.stringify(report, undefined, 2));
  else if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (options.write) writeDocuments(options.command, report);
  if (options.check && !ok) process.exitCode = 1;
}

function speed(): { ok: boolean; report: SpeedReport } {
  if (typeof options !== 'object') throw new Error('BUG: no options');
  const report = measureSpeed(options);
  const ok = printSpeed(report);
  // Wrong results are no matter of speed.
  if (report.interpreter?.some((row) => row.wrong) || report.native?.rows.some((row) => row.wrong))
    process.exitCode = 1;
  return { ok, report };
}
