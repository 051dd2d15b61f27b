/**
 * Our verdicts beside those that Linux 6.18 gave to programs of real objects (facts/kernel-verdicts-6.18.json of the shared
 * folder), by theme: `npm run parity`. The objects are those of Debian's libbpf-tools: of the others the folder has verdicts
 * only, or Debian another version;
 * rows without a word of the verifier (policy of that machine, attach targets it lacks, refusals of libbpf) do not count.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBpfError } from '@polybpf/errors';
import { z } from 'zod';
import { verifyInputs } from '../../apps/cli/src/verify/object-input.ts';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { loadObject } from '../../packages/loader/src/index.ts';
import { libbpfTools } from '../../packages/loader/test/corpus.ts';
import { verify } from '../../packages/verifier/src/index.ts';

const rowSchema = z.object({
  src: z.string(),
  obj: z.string(),
  prog: z.string().optional(),
  errno: z.number().optional(),
  msg: z.string().optional(),
  insnsProcessed: z.number().optional(),
});
const factsSchema = z.object({ rows: z.array(rowSchema) });
type Row = z.infer<typeof rowSchema>;

const LIVE = '/sys/kernel/btf/vmlinux';
const EPERM = 1;
const ESRCH = 3;

const shared = process.env['POLYBPF_SHARED'];
const facts = shared === undefined ? undefined : join(shared, 'facts/kernel-verdicts-6.18.json');
if (facts === undefined || !existsSync(facts) || !existsSync(LIVE)) {
  console.error('needs the shared folder (POLYBPF_SHARED) and the types of the running kernel');
  process.exit(3);
}
const { rows } = factsSchema.parse(JSON.parse(readFileSync(facts, 'utf8')));
const kernelBtf = new Uint8Array(readFileSync(LIVE));
const targetBtf = parseBtf(kernelBtf);

/** Row of a program: objects of libbpf-tools are called like their executable and a number. */
function rowOf(object: string, program: string): Row | undefined {
  return rows.find(({ obj, prog }) => prog === program && (obj === object || obj.replace(/\.\d+\.o$/, '') === object));
}

interface Theme {
  rows: number;
  agree: number;
  processed: number;
  falseAccept: string[];
  falseReject: string[];
  unsupported: string[];
}
const themes = new Map<string, Theme>();

function themeOf(program: { readonly type?: string; readonly attachType?: string }): string {
  return program.attachType ?? program.type ?? 'unknown type';
}

for (const { name, bytes } of libbpfTools()) {
  let object;
  try {
    object = loadObject(bytes, { illegal: 'keep', targetBtf });
  } catch (error) {
    if (!isBpfError(error)) throw error;
    continue;
  }
  if (object.endian !== 'little') continue;
  object.programs.forEach((program, index) => {
    const row = rowOf(name, program.name);
    if (row?.errno === undefined || row.errno === EPERM || row.errno === ESRCH) return;
    if (row.errno !== 0 && (row.msg === undefined || row.msg.startsWith('libbpf'))) return;
    const theme = themeOf(program);
    const entry = themes.get(theme) ?? {
      rows: 0,
      agree: 0,
      processed: 0,
      falseAccept: [],
      falseReject: [],
      unsupported: [],
    };
    themes.set(theme, entry);
    entry.rows++;
    const example = `${name}:${program.name}`;
    let report;
    try {
      const input = verifyInputs(
        { kind: 'object', programs: object.programs, object, bytes, fixedOrder: true },
        undefined,
      )[index]!;
      report = verify(input, { kernelBtf });
    } catch (error) {
      if (!isBpfError(error)) throw error;
      entry.unsupported.push(`${example} (${error.message})`);
      return;
    }
    if (report.verdict === 'unsupported') entry.unsupported.push(`${example} (${report.message})`);
    else if ((report.verdict === 'accept') === (row.errno === 0)) {
      entry.agree++;
      if (row.errno === 0 && report.processed === row.insnsProcessed) entry.processed++;
    } else
      (report.verdict === 'accept' ? entry.falseAccept : entry.falseReject).push(
        `${example}: ${report.message || row.msg}`,
      );
  });
}

const total = { rows: 0, agree: 0, processed: 0, falseAccept: 0, falseReject: 0, unsupported: 0 };
for (const [theme, { rows: count, agree, processed, falseAccept, falseReject, unsupported }] of [...themes].sort()) {
  console.log(
    `${theme.padEnd(28)} ${agree} of ${count} agree, processed equal ${processed}, false accept ${falseAccept.length}, false reject ${falseReject.length}, unsupported ${unsupported.length}`,
  );
  for (const line of [...falseAccept, ...falseReject]) console.log(`    ${line}`);
  total.rows += count;
  total.agree += agree;
  total.processed += processed;
  total.falseAccept += falseAccept.length;
  total.falseReject += falseReject.length;
  total.unsupported += unsupported.length;
}
console.log(JSON.stringify(total));
process.exitCode = total.falseAccept + total.falseReject > 0 ? 1 : 0;
