/** Every vector on every native target, and on each with every option that it has. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS, targetByName } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';
import { loadSuite } from '../src/node/load-suite.ts';
import { nativeEngine } from '../src/node/native-engine.ts';
import { runSuite, summarise } from '../src/run-suite.ts';
import { ROOT, sharedFolder } from './toolchain.ts';

const shared = sharedFolder();
const publicSuite = shared === undefined ? undefined : join(shared, 'conformance/bpf_conformance');

const TARGETS = ALL_TARGETS.flatMap((target) => [
  target,
  ...(target.options ?? []).map(({ name }) => targetByName(`${target.name}+${name}`)),
]);

describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (_, target) => {
  const probe = probeMachine(target);
  if (!probe.available) {
    if (process.env['CI']) throw probe.error;
    it.skip(`vectors: ${probe.error.message}`, () => undefined);
    return;
  }

  it('runs all of test-vectors', () => {
    const vectors = loadSuite(join(ROOT, 'test-vectors'));
    using engine = nativeEngine(target);
    const results = runSuite(vectors, engine);
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
    const reasons = new Set(results.filter(({ status }) => status === 'skipped').map(({ reason }) => reason));
    // Nothing but these may be left out.
    for (const reason of reasons)
      expect(reason).toMatch(/^(only for (little|big)-endian memory|native code does not check accesses)$/);
    // All that are meant for this byte order, but for faults that native code need not notice.
    const meant = vectors.filter(({ orders }) => orders.includes(target.endian));
    const faults = meant.filter(({ expect: own }) => own[target.endian]?.error?.startsWith('E_RUN_') === true);
    expect(summarise(results).passed).toBe(meant.length - faults.length);
  });

  if (publicSuite === undefined || !existsSync(publicSuite)) {
    it.skip('bpf_conformance: the shared folder is not here', () => undefined);
    return;
  }
  it('runs all 313 public vectors', () => {
    using engine = nativeEngine(target);
    const results = runSuite(loadSuite(publicSuite), engine);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    const { passed, byteOrderDependent } = summarise(results);
    expect(passed).toBe(313);
    // The files are about little-endian memory; on a big-endian CPU some results differ as the interpreter says.
    expect(byteOrderDependent).toBe(target.endian === 'little' ? 0 : 32);
  });
});
