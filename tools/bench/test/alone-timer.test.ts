import { afterEach, expect, it, vi } from 'vitest';

/** A clock that only work moves, so that times are exact; what it shows may be rounded down to steps. */
let now = 0;
let step = 1;
const shown = (): number => Math.floor(now / step) * step;
vi.mock('../src/clock.ts', () => ({ wallNs: () => shown(), cpuNs: () => undefined, clockStepNs: () => step }));

const takes = (ns: number) => (): void => {
  now += ns;
};

afterEach(() => vi.resetModules());

it.each([
  ['a fine clock', 1],
  ['a clock of long steps', 100_000],
])('work is timed without what prepares it, by %s', async (_name, ns) => {
  now = 0;
  step = ns;
  const { aloneTimer } = await import('../src/repeat.ts');
  const time = aloneTimer(takes(40_000), takes(10_000), 300);
  expect(Math.min(time(), time())).toBeCloseTo(10_000, -2);
});
