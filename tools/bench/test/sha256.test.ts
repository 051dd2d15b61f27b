import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { sha256 } from '../src/sha256.ts';

it('is the SHA-256 of node, whatever the length', () => {
  for (const length of [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 1000, 65_600]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 131) ^ (i >> 8));
    expect(sha256(bytes), String(length)).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
});
