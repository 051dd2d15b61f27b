/** The shared compute workloads with their quick inputs: r0 and the memory afterwards, for every ISA version. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodeProgram, makeProgram } from '@polybpf/isa';
import { createInterpreter } from '../src/index.ts';

interface Workload {
  readonly name: string;
  readonly isa: Record<string, { readonly file: string }>;
  readonly inputs: { readonly quick: { file: string; patch_u32_at_0: number; r0: string; mem_sha256_after: string } };
}

const shared = process.env['POLYBPF_SHARED'] ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const folder = join(shared, 'bench/workloads');
const manifest = join(folder, 'manifest.json');

if (!existsSync(manifest)) {
  test.skipIf(process.env['CI'] === undefined)('shared workloads: not found, set POLYBPF_SHARED', () => {
    expect.fail(`no ${manifest}`);
  });
} else {
  const { workloads } = JSON.parse(readFileSync(manifest, 'utf8')) as { workloads: Workload[] };
  // v3k guards its loops with may_goto.
  describe.each(['v1', 'v2', 'v3', 'v4', 'v3k'])('%s', (isa) => {
    test.each(workloads)('$name', ({ isa: files, inputs: { quick } }) => {
      const program = makeProgram(decodeProgram(readFileSync(join(folder, files[isa]!.file))));
      const mem = new Uint8Array(readFileSync(join(folder, quick.file)));
      new DataView(mem.buffer).setUint32(0, quick.patch_u32_at_0, true);
      const { r0 } = createInterpreter(program).run({ mem });
      expect(r0).toBe(BigInt(quick.r0));
      expect(createHash('sha256').update(mem).digest('hex')).toBe(quick.mem_sha256_after);
    });
  });
}
