/** Comparing verdicts of the live kernel with ours. */
import type { LoadOutcome } from '../../packages/kernel/src/index.ts';
import type { VerifyReport } from '../../packages/verifier/src/index.ts';

/** One side of a comparison. */
export interface Told {
  readonly verdict: string;
  readonly message: string;
  readonly errno: number;
  readonly processed: number;
  readonly states: number;
}

export function toldByKernel(outcome: LoadOutcome): Told {
  return {
    verdict: outcome.accepted ? 'accept' : 'reject',
    message: outcome.message,
    errno: outcome.errno,
    processed: outcome.stats?.insnsProcessed ?? 0,
    states: outcome.stats?.totalStates ?? 0,
  };
}

export function toldByUs(report: VerifyReport): Told {
  return {
    verdict: report.verdict,
    message: report.message,
    errno: report.errno,
    processed: report.processed,
    states: report.totalStates,
  };
}

/** A message without its numbers. */
export function normalise(message: string): string {
  return message
    .replace(/(verification time \d+ usec|processed \d+ insns.*)$/, '')
    .replace(/^\d+: \([0-9a-f]{2}\) .*?(?=R\d)/, '')
    .replace(/0x[0-9a-f]+/g, 'N')
    .replace(/-?\d+/g, 'N');
}

const ERRNO: Readonly<Record<number, string>> = { 1: 'PERM', 7: '2BIG', 12: 'NOMEM', 13: 'ACCES', 14: 'FAULT', 22: 'INVAL', 95: 'OPNOTSUPP', 524: 'NOTSUPP' }; // prettier-ignore

/** What differs, as a short phrase; undefined when nothing does. */
export function difference(kernel: Told, ours: Told): string | undefined {
  if (ours.verdict === 'unsupported') return `unsupported: ${ours.message}`;
  if (kernel.verdict !== ours.verdict) {
    const why = kernel.verdict === 'accept' ? ours.message : `${kernel.message} (E${ERRNO[kernel.errno] ?? 'other'})`;
    return `false ${ours.verdict}: ${normalise(why)}`;
  }
  if (kernel.verdict === 'accept') return kernel.processed === ours.processed ? undefined : 'processed differs';
  if (kernel.errno !== ours.errno) return `errno ${kernel.errno} not ${ours.errno}: ${normalise(kernel.message)}`;
  if (normalise(kernel.message) !== normalise(ours.message)) {
    return `message: ${normalise(kernel.message)} | ${normalise(ours.message)}`;
  }
  return undefined;
}

/** Counts differences by cause, with a few examples of each. */
export class Tally {
  total = 0;
  readonly causes: Map<string, { count: number; examples: string[] }> = new Map();

  add(cause: string | undefined, example: string): void {
    this.total++;
    if (cause === undefined) return;
    const entry = this.causes.get(cause) ?? { count: 0, examples: [] };
    entry.count++;
    if (entry.examples.length < 3) entry.examples.push(example);
    this.causes.set(cause, entry);
  }

  print(title: string): void {
    const bad = [...this.causes.values()].reduce((sum, { count }) => sum + count, 0);
    console.log(`${title}: ${this.total - bad} of ${this.total} agree (${((100 * (this.total - bad)) / Math.max(1, this.total)).toFixed(2)} %)`); // prettier-ignore
    for (const [cause, { count, examples }] of [...this.causes].sort((a, b) => b[1].count - a[1].count)) {
      console.log(`${String(count).padStart(6)}  ${cause}   [${examples.join(', ')}]`);
    }
  }
}
