/** Deterministic random numbers (xorshift32) and values at edges. */
export interface Random {
  /** 0 to n - 1. */
  int(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** Signed 32 bits, often at an edge. */
  imm(): number;
  /** 64 bits, often at an edge. */
  u64(): bigint;
}

export const EDGES32: readonly number[] = [
  0, 1, -1, 2, -2, 3, 7, 8, 10, 17, 31, 32, 33, 63, 64, 100, 127, 128, -128, -129, 255, 256, -256, 4095, 4096, 0x7fff,
  0x8000, -0x8000, -0x8001, 0xffff, 0x10000, 0xff00, 0xff0000, 0x7ffff, 0x80000, -0x80000, -0x80001, 0x12345678,
  0x0ff0_0000, 0x7fff0000, 0x7fffffff, -0x80000000, -0x7fffffff, -0x10000, -0xff01, 0x55555555, -0x55555556,
]; // prettier-ignore

export const EDGES64: readonly bigint[] = [
  0n, 1n, 2n, 3n, 31n, 32n, 33n, 63n, 64n, 0x7fn, 0x80n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn,
  0x1_00000000n, 0x80000000_00000000n, 0x7fffffff_ffffffffn, 0xffffffff_ffffffffn, 0xffffffff_fffffffen,
  0xffffffff_80000000n, 0xffffffff_00000000n, 0x01234567_89abcdefn, 0xfedcba98_76543210n,
]; // prettier-ignore

export function makeRandom(seed: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const int = (n: number): number => next() % n;
  const pick = <T>(list: readonly T[]): T => list[int(list.length)]!;
  const u64 = (): bigint => (int(3) > 0 ? pick(EDGES64) : (BigInt(next()) << 32n) | BigInt(next()));
  return { int, pick, u64, imm: () => (int(3) === 0 ? next() | 0 : pick(EDGES32)) };
}
