/** The generated tables are what the fact files say. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

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
});
