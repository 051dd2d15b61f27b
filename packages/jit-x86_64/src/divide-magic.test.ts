import { describe, expect, test } from 'vitest';
import { magicOf } from './divide-magic.ts';

/** Quotients of x by the multiplier. */
function divide(bits: 32 | 64, x: bigint, divisor: number): bigint | undefined {
  const magic = magicOf(bits, divisor);
  if (magic === undefined) return undefined;
  const multiplier = (BigInt(magic.high) << 32n) | BigInt(magic.low);
  expect(multiplier < 1n << BigInt(bits)).toBe(true);
  return (x * multiplier) >> BigInt(bits + magic.shift);
}

describe('division by multiplication', () => {
  test.each([32, 64] as const)('is exact around every multiple that matters, %i bits', (bits) => {
    const last = (1n << BigInt(bits)) - 1n;
    const divisors = [2, 3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 25, 60, 100, 125, 641, 1000, 3600, 65535, 65536, 65537, 1000000007, 0x7fffffff]; // prettier-ignore
    if (bits === 32) divisors.push(0x80000000, 0x80000001, 0xfffffffe, 0xffffffff);
    for (let i = 2; i < 400; i++) divisors.push(i);
    let found = 0;
    for (const divisor of divisors) {
      if (magicOf(bits, divisor) === undefined) continue;
      found++;
      const d = BigInt(divisor);
      const top = (last / d) * d;
      for (const x of [
        0n,
        1n,
        d - 1n,
        d,
        d + 1n,
        2n * d - 1n,
        last >> 1n,
        (last >> 1n) + 1n,
        top - 1n,
        top,
        last - 1n,
        last,
      ]) {
        if (x <= last) expect(divide(bits, x, divisor)).toBe(x / d);
      }
    }
    expect(found / divisors.length).toBeGreaterThan(0.6);
  });

  test('known multipliers', () => {
    expect(magicOf(32, 10)).toEqual({ low: 0xcccccccd, high: 0, shift: 3 });
    expect(magicOf(64, 10)).toEqual({ low: 0xcccccccd, high: 0xcccccccc, shift: 3 });
    expect(magicOf(32, 641)).toEqual({ low: 0x00663d81, high: 0, shift: 0 });
    expect(magicOf(32, 7)).toBeUndefined();
    expect(magicOf(64, 7)).toBeUndefined();
  });
});
