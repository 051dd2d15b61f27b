// The support matrix of the README is what all vectors give on every engine and CPU, today.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';
import { expect, test } from 'vitest';
import { ROOT } from '../repository.ts';
import { measureSupport } from '../support-matrix.native.ts';
import { matrixDifferences, type SupportMatrix } from '../support-table.ts';

const shared = process.env['POLYBPF_SHARED'];
const publicSuite = shared === undefined ? undefined : join(shared, 'conformance/bpf_conformance');
const missing = ALL_TARGETS.filter((target) => !probeMachine(target).available).map(({ name }) => name);

if (publicSuite === undefined || !existsSync(publicSuite) || missing.length > 0) {
  const reason = missing.length > 0 ? `nothing runs ${missing.join(', ')} here` : 'the shared folder is not here';
  if (process.env['CI']) throw new Error(reason);
  test.skip(`the support matrix: ${reason}`, () => undefined);
} else {
  test('the documented support matrix is true; npm run gen:matrix writes it', () => {
    const documented = JSON.parse(readFileSync(join(ROOT, 'docs/support-matrix.json'), 'utf8')) as SupportMatrix;
    expect(matrixDifferences(documented, measureSupport(publicSuite))).toEqual([]);
  });
}
