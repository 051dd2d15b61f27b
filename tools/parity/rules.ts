/**
 * Small programs about one rule each, as cases of `polybpf verify --case`, through the live kernel and us.
 * `rules.ts [TOPIC [NAME]]`; with a name it shows both logs. `rules.ts label` writes apps/cli/test/cases/rules.jsonl: of each
 * topic the first cases of each reason, with what the kernel says, as far as they need no types of the kernel.
 */
import { writeFileSync } from 'node:fs';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { caseLine, CaseRunner, type TextCase } from './case-runner.ts';
import { difference, normalise, Tally } from './compare.ts';
import { callbacks, functionInfo, globalFunctions, kernelArguments } from './rules/functions.ts';
import { encodings, loading } from './rules/loading.ts';
import { pointers } from './rules/pointers.ts';
import { spinLocks, timers } from './rules/sections.ts';
import { tailCalls } from './rules/tail-calls.ts';

const TOPICS: Readonly<Record<string, () => TextCase[]>> = { pointers, spinLocks, timers, globalFunctions, kernelArguments, functionInfo, callbacks, tailCalls, loading, encodings }; // prettier-ignore
const CASES = new URL('../../apps/cli/test/cases/rules.jsonl', import.meta.url);
const REJECTED = 2;
const ACCEPTED = 8;

const [topic, name] = process.argv.slice(2);
using kernel = openLiveKernel();
const runner = new CaseRunner(kernel);
if (topic === 'label') label();
else compare();

function compare(): void {
  let failed = false;
  for (const [title, make] of Object.entries(TOPICS)) {
    if (topic !== undefined && topic !== title) continue;
    const tally = new Tally();
    for (const one of make()) {
      if (name !== undefined && one.name !== name) continue;
      const line = caseLine(one);
      const theirs = runner.kernel(line, name === undefined ? 4 : 2);
      const ours = runner.ours(line, name === undefined ? 0 : 2);
      if (name !== undefined) console.log(one.text, theirs.told, theirs.log, ours.told, ours.log);
      tally.add(difference(theirs.told, ours.told), one.name);
    }
    tally.print(title);
    failed ||= tally.causes.size > 0;
  }
  process.exitCode = failed ? 1 : 0;
}

function label(): void {
  const lines: string[] = [];
  for (const [title, make] of Object.entries(TOPICS)) {
    const seen = new Map<string, number>();
    for (const one of make()) {
      const line = caseLine(one);
      const { verdict, errno, message, processed } = runner.kernel(line).told;
      const reason = `${verdict} ${errno} ${normalise(message)}`;
      const count = (seen.get(reason) ?? 0) + 1;
      seen.set(reason, count);
      if (count > (verdict === 'accept' ? ACCEPTED : REJECTED) || runner.needsTypes(line)) continue;
      const unique = `${title} ${line.name}`;
      lines.push(JSON.stringify({ ...line, name: unique, expected: { verdict, errno, message, processed } }));
    }
  }
  writeFileSync(CASES, `${lines.join('\n')}\n`);
  console.log(`${lines.length} cases`);
}
