/** Every vector, in both byte orders, on both engines; the public suite too where the shared folder is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runSuite, wasmVectorEngine } from '@polybpf/conformance';
import { loadSuite } from '@polybpf/conformance/node';
import { describe, expect, it } from 'vitest';

const OURS = fileURLToPath(new URL('../../../test-vectors', import.meta.url));
const shared = process.env['POLYBPF_SHARED'];
const PUBLIC = shared === undefined ? undefined : join(shared, 'conformance/bpf_conformance');

describe.each(['wasm', 'wasm-interpreter'] as const)('vectors on %s', (name) => {
  it('ours pass', () => {
    expect(failures(OURS, name, 4000)).toEqual([]);
  });

  if (PUBLIC !== undefined && existsSync(PUBLIC)) {
    it('the public suite passes', () => {
      expect(failures(PUBLIC, name, 313)).toEqual([]);
    });
  } else it.skip('the public suite: the shared folder is not here', () => undefined);
});

function failures(suite: string, name: 'wasm' | 'wasm-interpreter', least: number): string[] {
  const results = runSuite(loadSuite(suite), wasmVectorEngine(name));
  expect(results.filter(({ status }) => status === 'passed').length).toBeGreaterThanOrEqual(least);
  return results.filter(({ status }) => status !== 'passed').map((result) => `${result.name}: ${result.got}`);
}
