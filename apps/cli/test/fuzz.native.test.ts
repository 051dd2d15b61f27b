/** `polybpf fuzz` as users run it, on what runs here. */
import { ALL_TARGETS } from '@polybpf/targets';
import { probeMachine } from '@polybpf/machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli } from './run-cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

describe('polybpf fuzz', () => {
  const native = ALL_TARGETS.find((target) => probeMachine(target).available);
  if (native === undefined) {
    if (process.env['CI']) throw new Error('no target runs here');
    it.skip('no target runs here', () => undefined);
    return;
  }
  const against = `native:${native.name}`;

  it('compares one engine with the interpreter, again with the same seed', () => {
    const run = (): Record<string, unknown> => {
      const { status, stdout, stderr } = cli.run(['fuzz', '--against', against, '--count', '60', '--seed', '0x10', '--isa', 'v3', '--json']); // prettier-ignore
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const first = run();
    expect(OUTPUT_SCHEMAS['fuzz']!.safeParse(first).error?.issues ?? []).toEqual([]);
    expect(first).toMatchObject({ seed: 16, programs: 60, isa: 'v3', flavour: 'any', disagreements: [] });
    const { elapsedMs: _, ...again } = run();
    expect(first).toMatchObject(again);
  });

  it('ends in time, and prints its fresh seed', () => {
    const { status, stdout } = cli.run(['fuzz', '--against', `interpreter,${against}`, '--time', '1']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^seed \d+, programs 0 to \d+, isa v4, flavour any: \d+ slots in \d+\.\d s$/m);
    expect(stdout).toMatch(/no disagreement\n$/);
  });
});
