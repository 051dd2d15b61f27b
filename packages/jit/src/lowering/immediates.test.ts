import { describe, expect, it } from 'vitest';
import { asLessThan, unsignedPower } from '../comparison.ts';
import { makeOp } from '../op.ts';
import { reachOf } from './branch-forms.ts';
import { composeExtracts, type Extract } from './bit-extract.ts';
import { trivialDivision } from './division.ts';
import { leadingZeros64, powerOf, runOf, shiftLeft64, shiftRight64, storedImmediate, trailingZeros64, wordsOf } from './immediates.ts'; // prettier-ignore

const MIN = -0x80000000;
const value = ([high, low]: readonly [number, number]): bigint => BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(low >>> 0)); // prettier-ignore

describe('immediates', () => {
  it('are powers of two as 32 bits', () => {
    expect([1, 2, 2 ** 30, 2 ** 31, MIN, 0, 3, -1].map(powerOf)).toEqual([0, 1, 30, 31, 31, -1, -1, -1]);
  });

  it('are runs of ones', () => {
    expect([1, 6, 0xff00, -1, MIN, -16, 0x7fffffff].map(runOf)).toEqual([[0, 0], [1, 2], [8, 15], [0, 31], [31, 31], [4, 31], [0, 30]]); // prettier-ignore
    expect([0, 5, 0xff01, -2147483647].map(runOf)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('are stored sign-extended from their width', () => {
    expect([8, 16, 32, 64].map((width) => storedImmediate(0x1fff8, width))).toEqual([-8, -8, 0x1fff8, 0x1fff8]);
  });

  it('are shifted as pairs of words', () => {
    const [high, low] = [0x12345678, 0x9abcdef0 | 0];
    const whole = value([high, low]);
    for (let by = 0; by < 64; by++) {
      const shift = BigInt(by);
      expect(value(shiftLeft64(high, low, by)), `${by}`).toBe(BigInt.asUintN(64, whole << shift));
      expect(value(shiftLeft64(high, low, by, -1)), `${by}`).toBe(BigInt.asUintN(64, (whole << shift) | ((1n << shift) - 1n))); // prettier-ignore
      expect(value(shiftRight64(~high, low, by)), `${by}`).toBe(BigInt.asUintN(64, BigInt.asIntN(64, value([~high, low])) >> shift)); // prettier-ignore
      expect(trailingZeros64(...shiftLeft64(0, 1, by))).toBe(by);
      expect(leadingZeros64(...shiftLeft64(0, 1, by))).toBe(63 - by);
    }
  });

  it('are words of addresses', () => {
    expect(wordsOf(0xffff_fff0_8000_0001n)).toEqual([-16, -0x7fffffff]);
  });
});

describe('comparisons', () => {
  it('of bits above a power of two', () => {
    expect([unsignedPower('ult', 8), unsignedPower('ule', 7), unsignedPower('ugt', 0x7fffffff)]).toEqual([3, 3, 31]);
    expect([unsignedPower('ult', 7), unsignedPower('slt', 8), unsignedPower('uge', -8)]).toEqual([-1, -1, -1]);
  });

  it('as less than', () => {
    expect(asLessThan('ule', 7)).toEqual({ isSigned: false, holds: true, imm: 8 });
    expect(asLessThan('sge', -1)).toEqual({ isSigned: true, holds: false, imm: -1 });
    expect([asLessThan('eq', 0), asLessThan('set', 1)]).toEqual([undefined, undefined]);
  });
});

describe('divisions by 0, 1 and -1', () => {
  const trivial = (kind: 'udiv' | 'umod' | 'sdiv' | 'smod'): unknown[] => [0, 1, -1, 2].map((imm) => trivialDivision(makeOp(kind, 0, { imm }))); // prettier-ignore

  it('are a move, a negation or nothing', () => {
    expect(trivial('udiv')).toEqual(['zero', 'dividend', undefined, undefined]);
    expect(trivial('umod')).toEqual(['dividend', 'zero', undefined, undefined]);
    expect(trivial('sdiv')).toEqual(['zero', 'dividend', 'negation', undefined]);
    expect(trivial('smod')).toEqual(['dividend', 'zero', 'zero', undefined]);
  });
});

describe('extracts of bits', () => {
  const left = (source: number, by: number): Extract => ({ source, first: 0, last: 63 - by, rotate: by });
  const right = (source: number, by: number): Extract => ({ source, first: by, last: 63, rotate: (64 - by) & 63 });

  it('are one where they overlap', () => {
    expect(composeExtracts(left(7, 8), right(1, 8))).toMatchObject({ source: 7, first: 8, last: 63, rotate: 0 });
    expect(composeExtracts(right(7, 4), right(1, 4))).toMatchObject({ source: 7, first: 8, last: 63, rotate: 56 });
    expect(composeExtracts(right(7, 40), left(1, 40))).toMatchObject({ first: 0, last: 23, rotate: 0 });
  });

  it('are none where nothing is left, or an upper half stays', () => {
    expect(composeExtracts(right(7, 40), { source: 1, first: 0, last: 23, rotate: 0 })).toBeUndefined();
    expect(composeExtracts({ ...left(7, 8), first: 32, low: true }, right(1, 8))).toBeUndefined();
  });
});

describe('branches', () => {
  it('of n bits reach from -2^(n-1) to 2^(n-1) - 1 units', () => {
    expect(reachOf(8, 4)).toEqual({ min: -512, max: 508 });
    expect(reachOf(24, 2)).toEqual({ min: -(2 ** 24), max: 2 ** 24 - 2 });
  });
});
