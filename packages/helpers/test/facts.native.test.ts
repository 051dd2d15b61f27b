/** The generated tables are what the fact files say. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TracepointFacts } from '../../../tools/facts/read-facts.ts';
import { tracepoint } from '../src/tracepoints.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SHARED = process.env['POLYBPF_SHARED'] ?? join(ROOT, '../shared');
const isThere = existsSync(join(SHARED, 'facts/uapi-bpf.json'));
if (!isThere && process.env['CI']) throw new Error('missing: the shared folder, POLYBPF_SHARED');

describe.skipIf(!isThere)('generated facts (of the shared folder)', () => {
  it('are up to date', () => {
    const script = join(ROOT, 'tools/facts/generate.ts');
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
    const args = [tsx, '--conditions=@polybpf/source', script, '--check'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('give back every tracepoint as the fact file has it', () => {
    const { groups } = JSON.parse(readFileSync(join(SHARED, 'facts/tracepoints-6.18.json'), 'utf8')) as TracepointFacts;
    const wrong = Object.entries(groups).flatMap(([group, events]) =>
      Object.entries(events).filter(([name, rows]) => {
        const fields = tracepoint(`${group}:${name}`)?.fields.map((field) => [field.name, field.type, field.offset, field.size, field.signed]); // prettier-ignore
        return JSON.stringify(fields) !== JSON.stringify(rows.map((row) => [...row.slice(0, 4), Boolean(row[4])]));
      }),
    );
    expect(wrong).toEqual([]);
  });
});
