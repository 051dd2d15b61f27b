import { describe, expect, it } from 'vitest';
import { boundsContradict, markUnknown, syncBounds } from '../src/bounds.ts';
import { REG_WORDS, W_MASK, W_S32MAX, W_S32MIN, W_SMAX, W_SMIN, W_U32MAX, W_U32MIN, W_UMAX, W_UMIN, W_VAR } from '../src/register-record.ts'; // prettier-ignore
import { scalarAlu } from '../src/scalar-alu.ts';

const U64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const word = (w: Int32Array, at: number): bigint => (BigInt(w[at + 1]! >>> 0) << 32n) | BigInt(w[at]! >>> 0);

function setWord(w: Int32Array, at: number, value: bigint): void {
  w[at] = Number(BigInt.asIntN(32, value));
  w[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** What of a record the value breaks. */
function broken(w: Int32Array, value: bigint): string | undefined {
  const s = BigInt.asIntN(64, value);
  const low = Number(BigInt.asUintN(32, value));
  const slow = low | 0;
  if (s < BigInt.asIntN(64, word(w, W_SMIN)) || s > BigInt.asIntN(64, word(w, W_SMAX))) return 'signed';
  if (value < word(w, W_UMIN) || value > word(w, W_UMAX)) return 'unsigned';
  if (slow < w[W_S32MIN]! || slow > w[W_S32MAX]!) return 'signed, 32 bits';
  if (low < w[W_U32MIN]! >>> 0 || low > w[W_U32MAX]! >>> 0) return 'unsigned, 32 bits';
  if ((value & U64(~word(w, W_MASK))) !== word(w, W_VAR)) return 'bits';
  return undefined;
}

let state = 99n;
function next(): bigint {
  state = U64(state * 6364136223846793005n + 1442695040888963407n);
  return state ^ (state >> 31n);
}

/** A value of a size that is as likely small, large, negative or near a power of two. */
function value(): bigint {
  const kind = Number(next() >> 61n);
  const bits = (next() >> 58n) & 63n;
  if (kind < 3) return next() >> bits;
  if (kind < 5) return U64(-(next() >> bits));
  return U64((1n << bits) + (next() >> 62n) - 2n);
}

/** A record that holds the values: some of its bounds are tight, some are open. */
function record(values: readonly bigint[]): Int32Array {
  const w = new Int32Array(REG_WORDS);
  markUnknown(w, 0, 0);
  const choice = next() >> 58n;
  const signed = values.map((x) => BigInt.asIntN(64, x));
  const by = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
  if ((choice & 1n) !== 0n) {
    setWord(w, W_SMIN, signed.toSorted(by)[0]!);
    setWord(w, W_SMAX, signed.toSorted(by).at(-1)!);
  }
  if ((choice & 2n) !== 0n) {
    setWord(w, W_UMIN, values.toSorted(by)[0]!);
    setWord(w, W_UMAX, values.toSorted(by).at(-1)!);
  }
  const low = values.map((x) => Number(BigInt.asIntN(32, x)));
  if ((choice & 4n) !== 0n) {
    w[W_S32MIN] = Math.min(...low);
    w[W_S32MAX] = Math.max(...low);
  }
  if ((choice & 8n) !== 0n) {
    w[W_U32MIN] = Math.min(...low.map((x) => x >>> 0)) | 0;
    w[W_U32MAX] = Math.max(...low.map((x) => x >>> 0)) | 0;
  }
  if ((choice & 16n) !== 0n) {
    const mask = values.reduce((all, x) => all | (x ^ values[0]!), 0n);
    setWord(w, W_VAR, values[0]! & U64(~mask));
    setWord(w, W_MASK, mask);
  }
  syncBounds(w, 0);
  return w;
}

const shift = (b: bigint, alu32: boolean): bigint => b & (alu32 ? 31n : 63n);
const OPS: Readonly<Record<string, readonly [code: number, run: (a: bigint, b: bigint, alu32: boolean) => bigint]>> = {
  add: [0x00, (a, b) => a + b],
  sub: [0x10, (a, b) => a - b],
  mul: [0x20, (a, b) => a * b],
  or: [0x40, (a, b) => a | b],
  and: [0x50, (a, b) => a & b],
  lsh: [0x60, (a, b, alu32) => a << shift(b, alu32)],
  rsh: [0x70, (a, b, alu32) => a >> shift(b, alu32)],
  xor: [0xa0, (a, b) => a ^ b],
  arsh: [0xc0, (a, b, alu32) => BigInt.asIntN(alu32 ? 32 : 64, a) >> shift(b, alu32)],
};

describe('ranges of scalars', () => {
  it('hold every value they were made of, whichever bounds are known', () => {
    for (let i = 0; i < 20_000; i++) {
      const values = [value(), value(), value()];
      const w = record(values);
      for (const one of values) expect(broken(w, one)).toBeUndefined();
      expect(boundsContradict(w, 0)).toBe(false);
    }
  });

  for (const [name, [code, run]] of Object.entries(OPS)) {
    for (const alu32 of [false, true]) {
      it(`${name}${alu32 ? ' of 32 bits' : ''} holds every result`, () => {
        for (let i = 0; i < 6_000; i++) {
          const left = [value(), value()];
          const right = (next() & 3n) === 0n ? [value()] : [value(), value()];
          const d = record(left);
          const s = record(right);
          scalarAlu(code, alu32, d, 0, s, 0, 0);
          const width = alu32 ? 32 : 64;
          for (const a of left) {
            for (const b of right) {
              const result = BigInt.asUintN(width, run(BigInt.asUintN(width, a), BigInt.asUintN(width, b), alu32));
              const why = broken(d, result);
              if (why !== undefined) expect.unreachable(`${a} ${name} ${b} = ${result}: ${why}`);
            }
          }
        }
      });
    }
  }
});
