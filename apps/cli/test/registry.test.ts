import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

const COUNTER = repositoryFile('examples/objects/little/counter.o');
const PARSER = repositoryFile('examples/objects/big/packet-parser.o');

function json(command: string, args: readonly string[], status = 0): unknown {
  const result = cli.run([command, ...args, '--json']);
  expect({ status: result.status, stderr: result.stderr }).toEqual({ status, stderr: '' });
  const value: unknown = JSON.parse(result.stdout);
  expect(OUTPUT_SCHEMAS[command]!.safeParse(value).error?.issues ?? []).toEqual([]);
  return value;
}

describe('helpers', () => {
  it('shows one by name, short name or id', () => {
    const { stdout } = cli.run(['helpers', 'bpf_ringbuf_reserve']);
    expect(stdout).toMatch(/^void \*bpf_ringbuf_reserve\(void \*ringbuf, u64 size, u64 flags\);/);
    expect(stdout).toMatch(/r2 +size +CONST_ALLOC_SIZE_OR_ZERO/);
    expect(stdout).toContain('PTR_TO_RINGBUF_MEM MAYBE_NULL');
    expect(cli.run(['helpers', 'ringbuf_reserve']).stdout).toBe(stdout);
    expect(cli.run(['helpers', '131']).stdout).toBe(stdout);
  });

  it('lists those of a program type and kernel', () => {
    expect(json('helpers', ['--type', 'xdp'])).toMatchObject({ kernel: '6.18', basis: 'probed', variant: 'XDP' });
    const old = json('helpers', ['--type', 'xdp', '--kernel', '5.10']) as {
      helpers: { name: string; since: string }[];
    };
    const names = old.helpers.map(({ name }) => name);
    expect(names).toContain('bpf_xdp_adjust_tail');
    expect(names).not.toContain('bpf_xdp_load_bytes');
    expect(cli.run(['helpers', '--type', 'xdp', '--kernel', '5.10']).stdout).toMatch(
      new RegExp(`${names.length} helpers for XDP in Linux 5.10 \\(derived\\)`),
    );
  });

  it('shows kfuncs', () => {
    expect(cli.run(['helpers', 'bpf_task_acquire']).stdout).toContain('KF_ACQUIRE KF_RET_NULL KF_RCU');
    const { kfuncs } = json('helpers', ['--kfuncs', '--type', 'syscall']) as { kfuncs: { name: string }[] };
    expect(kfuncs.map(({ name }) => name)).toContain('bpf_crypto_ctx_create');
  });

  it('names near ones for a wrong name', () => {
    const wrong = cli.run(['helpers', 'bpf_lookup_map']);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('bpf_map_lookup_elem')]);
    expect(cli.run(['helpers', '--type', 'nonsense']).stderr).toContain('socket_filter');
    expect(cli.run(['helpers', '--kernel', '4.19']).stderr).toContain('5.4, 5.10');
  });
});

describe('compat', () => {
  it('tells the lowest kernel and why', () => {
    const { stdout, status } = cli.run(['compat', COUNTER]);
    expect(status).toBe(0);
    expect(stdout).toContain('needs Linux 5.3 because of feature bounded_loops');
    expect(json('compat', [COUNTER])).toMatchObject({
      programs: [{ program: 'counter', lowest: '5.3', because: ['feature bounded_loops'] }],
    });
  });

  it('is the same for both byte orders', () => {
    const needs = (order: string): unknown => (json('compat', [repositoryFile(`examples/objects/${order}/packet-parser.o`)]) as { programs: { needs: { name: string }[] }[] }).programs[0]!.needs.map(({ name }) => name); // prettier-ignore
    expect(needs('big')).toEqual(needs('little'));
    expect(cli.run(['compat', PARSER]).stdout).toContain('needs Linux 5.1');
  });

  it('reads profiles of kernel probe, and says what a kernel lacks', () => {
    const file = join(cli.folder, 'profile.json');
    writeFileSync(file, '{"kernel": {}}');
    expect(cli.run(['compat', COUNTER, '--kernel', file]).stderr).toContain('kernel profile');
    writeFileSync(file, 'no JSON');
    expect(cli.run(['compat', COUNTER, '--kernel', file])).toMatchObject({ status: 2 });
    expect(cli.run(['compat', COUNTER, '--kernel', '5.4,6.18'])).toMatchObject({ status: 0 });
  });

  it('refuses what is no object', () => {
    const file = join(cli.folder, 'text.s');
    writeFileSync(file, 'exit\n');
    expect(cli.run(['compat', file])).toMatchObject({ status: 2 });
    expect(cli.run(['compat', COUNTER, '--prog', 'other']).stderr).toContain('counter');
  });
});
