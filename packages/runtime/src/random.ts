/** Chance that is the same in every run. */

/** 32 random bits at each call, from a seed (xorshift128, Marsaglia 2003). */
export function seededRandom(seed: number): () => number {
  let x = (seed ^ 0x6c078965) | 0;
  let y = 362436069;
  let z = 521288629;
  let w = 88675123;
  const next = (): number => {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return w >>> 0;
  };
  // The first numbers of near seeds are near each other.
  for (let k = 0; k < 20; k++) next();
  return next;
}
