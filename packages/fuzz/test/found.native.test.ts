/** What the fuzzer has found, on everything that runs here. */
import { readFileSync } from 'node:fs';
import { interpreterEngine, readVectorFile, runSuite } from '@polybpf/conformance';
import { nativeEngine } from '@polybpf/conformance/node';
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';

const vectors = readVectorFile(readFileSync(new URL('found.json', import.meta.url), 'utf8'), 'found.json');

describe('programs that the fuzzer found', () => {
  it('compute what they should in the interpreter', () => {
    expect(runSuite(vectors, interpreterEngine()).filter(({ status }) => status !== 'passed')).toEqual([]);
  });

  it.each(ALL_TARGETS.map((target) => [target.name, target] as const))('and on %s', (_, target) => {
    const probe = probeMachine(target);
    if (!probe.available) {
      if (process.env['CI']) throw probe.error;
      return;
    }
    using engine = nativeEngine(target);
    expect(runSuite(vectors, engine).filter(({ status }) => status === 'failed')).toEqual([]);
  });
});
