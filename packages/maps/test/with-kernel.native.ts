/** Tests that need bpf(2): skipped by name where it cannot be used, failed in CI where it should be. */
import { describe, expect, test } from 'vitest';
import { probeLiveKernel } from '@polybpf/kernel';

const probe = probeLiveKernel();
const isCi = !['', 'false', undefined].includes(process.env['CI']);
const mustWork = isCi && process.platform === 'linux' && process.getuid?.() === 0;

/** As vitest's `describe`, for a body that opens the kernel. */
export function describeKernel(name: string, body: () => void): void {
  if (probe.available) describe(name, body);
  else if (mustWork) describe(name, () => test('bpf(2) is usable', () => expect(probe.reason.message).toBe('')));
  else describe.skip(`${name} (skipped: ${probe.reason.message})`, () => test('needs bpf(2)', () => undefined));
}

/** Operations for each kind of map, and the seed of their sequence. */
export const OPERATION_COUNT: number = Number(process.env['POLYBPF_MAP_OPS'] ?? '2000');
export const OPERATION_SEED: number = Number(process.env['POLYBPF_MAP_SEED'] ?? '1');
