/** `polybpf targets --features`: what tests gave, feature by feature, and what other implementations cover. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { findShipped } from '../files.ts';
import { formatTable, printJson, printLine } from '../print.ts';

const cell = z.strictObject({
  passed: z.number().int(),
  failed: z.number().int(),
  refused: z.number().int().describe('programs that the engine says it does not support'),
  unchecked: z.number().int().describe('tests of faults on an engine that does not check accesses'),
});
const answer = z.enum(['yes', 'no', 'wrong', 'unknown', 'not applicable']);

/** `docs/support-matrix.json`. */
const matrixSchema = z.strictObject({
  columns: z.array(z.strictObject({ id: z.string(), title: z.string() })),
  features: z.array(z.strictObject({ title: z.string(), cells: z.record(z.string(), cell) })),
});

/** `docs/peer-features.json`. */
const peersSchema = z.strictObject({
  source: z.string(),
  linuxCpus: z.array(z.string()),
  features: z.array(
    z.strictObject({
      title: z.string(),
      linux: z.record(z.string(), answer),
      ubpf: answer,
      rbpf: answer,
      llvmbpf: answer,
    }),
  ),
});

/** What `targets --features --json` prints. */
export const targetsFeaturesSchema: z.ZodType = z.strictObject({ tests: matrixSchema, peers: peersSchema });

const SIGNS = { yes: 'yes', no: '-', wrong: 'WRONG', unknown: '?', 'not applicable': 'n/a' } as const;

/** Prints both tables, or one document of both. */
export function showFeatures(json: boolean): void {
  const tests = matrixSchema.parse(readShipped('support-matrix.json'));
  const peers = peersSchema.parse(readShipped('peer-features.json'));
  if (json) return printJson({ tests, peers });
  const plain = (title: string): string => title.replaceAll('`', '');
  printLine('tests passed, by feature\n');
  printLine(
    formatTable([
      ['FEATURE', ...tests.columns.map(({ id }) => id)],
      ...tests.features.map(({ title, cells }) => [
        plain(title),
        ...tests.columns.map(({ id }) => cellText(cells[id])),
      ]),
    ]),
  );
  printLine(`\nwhat others cover (${peers.source})\n`);
  printLine(
    formatTable([
      ['FEATURE', ...peers.linuxCpus.map((cpu) => `linux ${cpu}`), 'uBPF', 'rbpf', 'llvmbpf'],
      ...peers.features.map((row) => [
        plain(row.title),
        ...peers.linuxCpus.map((cpu) => SIGNS[row.linux[cpu] ?? 'unknown']),
        SIGNS[row.ubpf],
        SIGNS[row.rbpf],
        SIGNS[row.llvmbpf],
      ]),
    ]),
  );
}

function cellText(counts: z.infer<typeof cell> | undefined): string {
  if (counts === undefined) return '-';
  const { passed, failed, refused, unchecked } = counts;
  if (failed > 0) return `${failed} of ${passed + failed} fail`;
  if (refused > 0) return passed > 0 ? `${passed}, ${refused} refused` : 'refused';
  return passed > 0 ? String(passed) : unchecked > 0 ? 'unchecked' : '-';
}

function readShipped(name: string): unknown {
  return JSON.parse(readFileSync(findShipped(join('docs', name)), 'utf8'));
}
