/** Programs that own objects through the live kernel and our verifier. `owned-objects.ts COUNT SEED [ONLY]`, with LOGS set their logs too, with REASONS set what is refused. */
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { LogTally } from './log-lines.ts';
import { OwnedRunner } from './owned-run.ts';

const [count = 1000, seed = 1, only] = process.argv.slice(2).map(Number);
const withLogs = process.env['LOGS'] !== undefined || only !== undefined;
using kernel = openLiveKernel();
const runner = new OwnedRunner(kernel);
const tally = new Tally();
const logs = new LogTally();
const reasons = new Map<string, number>();
let accepted = 0;
for (let i = only ?? 0; i < (only === undefined ? count : only + 1); i++) {
  try {
    const { input, loaded, report } = runner.run(seed, i, withLogs ? 2 : 4);
    const told = toldByKernel(loaded);
    if (loaded.accepted) accepted++;
    if (withLogs) logs.add(String(i), loaded.log, report.log);
    if (only !== undefined) console.log(`${loaded.log}\n-----\n${report.log}`);
    const reason = told.message.replace(/-?\d+/g, 'N');
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    tally.add(difference(told, toldByUs(report)), `${i} ${String(input.type)}`);
  } catch (error) {
    tally.add(`crash ${String(error)}`, String(i));
    if (only !== undefined) throw error;
  }
}
if (process.env['REASONS'] !== undefined) {
  for (const [reason, n] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(String(n).padStart(6), reason);
}
tally.print(`owned objects, ${accepted} accepted`);
if (withLogs) logs.print('logs');
