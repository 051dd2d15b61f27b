/** `--bounds sandbox` and `fuzz --hostile` as users run them, on what runs here. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostileSchema } from '../src/hostile-schema.ts';
import { buildCli, type Cli } from './run-cli.ts';

let cli: Cli;
const folder = mkdtempSync(join(tmpdir(), 'polybpf-'));
const WILD = join(folder, 'wild.s');
const GOOD = join(folder, 'good.s');
beforeAll(async () => {
  writeFileSync(WILD, 'r1 = 0x1234\nr0 = *(u64 *)(r1 + 8)\nexit\n');
  writeFileSync(GOOD, 'r0 = *(u16 *)(r1 + 0)\nexit\n');
  cli = await buildCli();
});
afterAll(() => {
  cli.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('--bounds sandbox', () => {
  const native = ALL_TARGETS.find((target) => probeMachine(target).available);
  if (native === undefined) {
    if (process.env['CI']) throw new Error('no target runs here');
    it.skip('no target runs here', () => undefined);
    return;
  }
  const target = native.name;

  it('makes a stray access an error of `run`, with insn and address', () => {
    const { status, stderr } = cli.run(['run', WILD, '--target', target, '--bounds', 'sandbox']);
    expect(status).toBe(1);
    expect(stderr).toContain('E_RUN_MEMORY: main: insn 1: access at 0x123c outside the memory of the sandbox');
    const good = cli.run(['run', GOOD, '--target', target, '--bounds', 'sandbox', '--mem', '0700']);
    expect(good).toMatchObject({ status: 0, stderr: '' });
    expect(cli.run(['run', GOOD, '--engine', 'interpreter', '--bounds', 'sandbox']).status).toBe(2);
  });

  it('is what `compile` shows', () => {
    const none = cli.run(['compile', GOOD, '--target', 'all', '--format', 'listing']).stdout;
    const sandbox = cli.run(['compile', GOOD, '--target', 'all', '--format', 'listing', '--bounds', 'sandbox']).stdout;
    expect(none).not.toContain('polybpf_fault');
    expect(sandbox.match(/^; .* bytes, /gm)).toHaveLength(none.match(/^; .* bytes, /gm)!.length);
    expect(sandbox.length).toBeGreaterThan(none.length);
    expect(sandbox).toContain('polybpf_fault');
  });

  it('runs vectors, those that fault far from all memory included', () => {
    const run = (...more: string[]): string => cli.run(['conformance', '--target', target, '--suite', join(import.meta.dirname, '../../../test-vectors/memory.json'), ...more]).stdout; // prettier-ignore
    expect(run('--bounds', 'sandbox')).toMatch(/ 0 failed/);
  });

  it('holds hostile programs', () => {
    const { status, stdout, stderr } = cli.run(['fuzz', '--hostile', '--against', `native:${target}`, '--count', '64', '--seed', '5', '--json']); // prettier-ignore
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const document: unknown = JSON.parse(stdout);
    expect(hostileSchema.safeParse(document).error?.issues ?? []).toEqual([]);
    expect(document).toMatchObject({ targets: [{ target, seed: 5, programs: 64, escapes: [] }] });
    expect(cli.run(['fuzz', '--hostile', '--against', 'kernel']).status).toBe(2);
  });
});
