/** Hostile programs on every CPU that runs here. `POLYBPF_HOSTILE` raises their number for a campaign. */
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';
import { runHostile } from '../src/node/hostile.ts';

const COUNT = Number(process.env['POLYBPF_HOSTILE'] ?? 100);
const FRESH = Math.floor(Math.random() * 0x7fffffff);

describe('hostile programs', () => {
  for (const target of ALL_TARGETS) {
    const probe = probeMachine(target);
    if (!probe.available) {
      if (process.env['CI']) throw probe.error;
      it.skip(`${target.name}: ${probe.error.message}`, () => undefined);
      continue;
    }

    it.each([
      ['a fixed seed', 20260103],
      ['a fresh seed', FRESH],
    ])(`of %s do not get out of the sandbox of ${target.name}`, async (_, seed) => {
      const report = await runHostile({ target: target.name, seed, count: COUNT });
      expect(report, `seed ${seed}`).toMatchObject({ programs: COUNT, escapes: [] });
      // Programs end well, by checks and by guard zones.
      expect(Object.keys(report.endings)).toEqual(expect.arrayContaining(['done', 'E_RUN_MEMORY', 'E_RUN_JUMP']));
    });
  }

  it('get out where nothing holds them, and that is noticed', async () => {
    const host = ALL_TARGETS.find((target) => probeMachine(target).available)!;
    const { escapes } = await runHostile({ target: host.name, seed: 1, count: 64, bounds: 'none' });
    expect(escapes.length).toBeGreaterThan(5);
    expect(escapes.some(({ reason }) => /crashed/.test(reason))).toBe(true);
  });
});
