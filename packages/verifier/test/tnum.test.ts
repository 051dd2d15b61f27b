import { describe, expect, it } from 'vitest';
import * as tnum from '../src/tnum.ts';

const MASK = (1n << 64n) - 1n;
const A = new Int32Array(4);
const B = new Int32Array(4);
const D = new Int32Array(4);

function put(to: Int32Array, value: bigint, mask: bigint): void {
  const at = new BigUint64Array(to.buffer);
  at[0] = value & MASK;
  at[1] = mask & MASK;
}

function get(from: Int32Array): [value: bigint, mask: bigint] {
  const at = new BigUint64Array(from.buffer);
  return [at[0]!, at[1]!];
}

function* members(value: bigint, mask: bigint): Generator<bigint> {
  for (let part = mask; ; part = (part - 1n) & mask) {
    yield value | part;
    if (part === 0n) return;
  }
}

/** All tracked numbers of `bits` bits, with the sign carried to the top so that borrows and signs are met too. */
function* all(bits: number): Generator<[bigint, bigint]> {
  const top = 1n << BigInt(bits - 1);
  const high = MASK ^ ((1n << BigInt(bits)) - 1n);
  for (let mask = 0n; mask < 1n << BigInt(bits); mask++) {
    for (let value = 0n; value < 1n << BigInt(bits); value++) {
      if ((value & mask) !== 0n) continue;
      yield [value, mask];
      if ((value & top) !== 0n) yield [value | high, mask];
    }
  }
}

const BINARY = {
  tnumAdd: (a: bigint, b: bigint) => a + b,
  tnumSub: (a: bigint, b: bigint) => a - b,
  tnumAnd: (a: bigint, b: bigint) => a & b,
  tnumOr: (a: bigint, b: bigint) => a | b,
  tnumXor: (a: bigint, b: bigint) => a ^ b,
  tnumMul: (a: bigint, b: bigint) => a * b,
} as const;

describe('tracked numbers', () => {
  for (const [name, concrete] of Object.entries(BINARY) as [keyof typeof BINARY, (a: bigint, b: bigint) => bigint][]) {
    it(`${name} holds every result, at 3 bits and their sign extensions`, () => {
      for (const [av, am] of all(3)) {
        for (const [bv, bm] of all(3)) {
          put(A, av, am);
          put(B, bv, bm);
          tnum[name](D, 0, A, 0, B, 0);
          const [value, mask] = get(D);
          if ((value & mask) !== 0n) expect.unreachable(`${name}: a bit is both set and unknown`);
          for (const a of members(av, am)) {
            for (const b of members(bv, bm)) {
              if ((concrete(a, b) & MASK & ~mask) !== value)
                expect.unreachable(`${name}(${av}/${am}, ${bv}/${bm}): ${a}, ${b}`);
            }
          }
        }
      }
    });
  }

  it('addition and subtraction are as exact as the carries allow, at 64 bits', () => {
    let seed = 12345n;
    const next = (): bigint => {
      seed = (seed * 6364136223846793005n + 1442695040888963407n) & MASK;
      return seed ^ (seed >> 29n);
    };
    for (let i = 0; i < 20_000; i++) {
      const am = next() & next();
      const bm = next() & next();
      const av = next() & ~am & MASK;
      const bv = next() & ~bm & MASK;
      put(A, av, am);
      put(B, bv, bm);
      tnum.tnumAdd(D, 0, A, 0, B, 0);
      const low = (av + bv) & MASK;
      const chi = (low ^ (av + bv + am + bm)) & MASK;
      expect(get(D)[1]).toBe(chi | am | bm);
      expect(get(D)[0]).toBe(low & ~(chi | am | bm));
      tnum.tnumSub(D, 0, A, 0, B, 0);
      const alpha = (av - bv + am) & MASK;
      const beta = (av - bv - bm) & MASK;
      const mu = (alpha ^ beta) | am | bm;
      expect(get(D)).toStrictEqual([(av - bv) & ~mu & MASK, mu]);
    }
  });

  it('shifts move every member', () => {
    for (const [av, am] of all(4)) {
      put(A, av, am);
      for (const by of [0, 1, 3, 31, 32, 33, 63]) {
        const n = BigInt(by);
        tnum.tnumLsh(D, 0, A, 0, by);
        expect(get(D)).toStrictEqual([(av << n) & MASK, (am << n) & MASK]);
        tnum.tnumRsh(D, 0, A, 0, by);
        expect(get(D)).toStrictEqual([av >> n, am >> n]);
        tnum.tnumArsh64(D, 0, A, 0, by);
        expect(get(D)).toStrictEqual([BigInt.asIntN(64, av) >> n, BigInt.asIntN(64, am) >> n].map((x) => x & MASK));
      }
    }
  });

  it('a range holds its ends and what lies between', () => {
    for (let min = 0; min < 40; min++) {
      for (let max = min; max < 40; max++) {
        tnum.tnumRange(D, 0, min, 0, max, 0);
        const [value, mask] = get(D);
        for (let x = min; x <= max; x++) expect(BigInt(x) & ~mask).toBe(value);
      }
    }
  });
});
