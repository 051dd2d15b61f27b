/** What the ends of the verifier cost, measured in processes of their own. */
import { expect, it } from 'vitest';
import { benchVerifierLimits } from '../src/bench-verifier-limits.ts';

it('a loop into the limit and a first program are measured', { timeout: 120_000 }, () => {
  const { limitMs, limitMegabytes, loadMs, firstMs, firstSlots } = benchVerifierLimits(1);
  expect(firstSlots).toBeGreaterThan(100);
  expect(firstSlots).toBeLessThan(300);
  expect(Math.min(loadMs, firstMs)).toBeGreaterThan(0);
  expect(limitMs).toBeGreaterThan(firstMs);
  expect(limitMegabytes).toBeLessThan(256);
});
