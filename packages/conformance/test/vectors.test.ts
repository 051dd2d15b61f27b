/** Every vector on the reference interpreter, in both byte orders. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadSuite } from '../src/node/load-suite.ts';
import { interpreterEngine } from '../src/engine.ts';
import { runSuite, summarise } from '../src/run-suite.ts';

const own = loadSuite(fileURLToPath(new URL('../../../test-vectors', import.meta.url)));
const shared = process.env['POLYBPF_SHARED'];
const publicSuite = shared === undefined ? undefined : join(shared, 'conformance/bpf_conformance');

describe('test-vectors', () => {
  it('are hundreds, each with a name of its own and a source that is not ourselves', () => {
    expect(own.length).toBeGreaterThan(2000);
    expect(new Set(own.map(({ name }) => name)).size).toBe(own.length);
    expect(own.filter(({ source }) => source === 'self')).toEqual([]);
    expect(own.filter(({ source }) => source.startsWith('linux')).length).toBeGreaterThan(1500);
  });

  it('hold in little-endian order', () => {
    const results = runSuite(own, interpreterEngine());
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  });

  it('hold in big-endian order, but for those that are about little-endian memory', () => {
    const results = runSuite(own, { ...interpreterEngine(), endian: 'big' });
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
    const { passed, byteOrderDependent } = summarise(results);
    expect(byteOrderDependent).toBe(0);
    expect(passed).toBe(own.filter(({ orders }) => orders.includes('big')).length);
  });
});

describe('public vectors', () => {
  if (publicSuite === undefined || !existsSync(publicSuite)) {
    it('are here in CI', () => expect(process.env['CI'] ?? '').toBe(''));
    it.skip('bpf_conformance: the shared folder is not here', () => undefined);
    return;
  }
  it('are 313, and all hold', () => {
    const vectors = loadSuite(publicSuite);
    expect(vectors).toHaveLength(313);
    expect(runSuite(vectors, interpreterEngine()).filter(({ status }) => status !== 'passed')).toEqual([]);
    const big = runSuite(vectors, { ...interpreterEngine(), endian: 'big' });
    expect(big.filter(({ status }) => status !== 'passed')).toEqual([]);
  });
});
