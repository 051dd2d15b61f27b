import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

const fixture = (name: string): string => repositoryFile(`packages/loader/test/fixtures/${name}.o`);
const [CORE, TARGET] = [fixture('core.clang19.el'), fixture('core-target.clang19.el')];
const TYPES = fixture('types.clang19.el');

function json(command: string, args: readonly string[], status = 0): Record<string, unknown> {
  const result = cli.run([...command.split('-').slice(0, 2), ...args, '--json']);
  expect({ status: result.status, stderr: result.stderr }).toEqual({ status, stderr: '' });
  const value = JSON.parse(result.stdout) as Record<string, unknown>;
  expect(OUTPUT_SCHEMAS[command]!.safeParse(value).error?.issues ?? []).toEqual([]);
  return value;
}

function out(...args: string[]): string {
  const { status, stdout, stderr } = cli.run(args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('btf dump', () => {
  it('prints the types of an object in every format', () => {
    expect(out('btf', 'dump', TARGET)).toMatch(/^\[1\] STRUCT 'all' size=\d+ vlen=11\n\t'colour' type_id=2 bits_offset=0/m); // prettier-ignore
    expect(out('btf', 'dump', TARGET, '--format', 'c')).toMatch(/#ifndef __VMLINUX_H__[^]*struct tail \{\n\tlong before;\n\tint count;\n\tint items\[0\];\n\};/); // prettier-ignore
    expect(out('btf', 'dump', TARGET, '--format', 'ts')).toContain('export class MovedView implements Moved {');
    const parsed = JSON.parse(out('btf', 'dump', TARGET, '--format', 'json')) as { types: { id: number }[] };
    expect(parsed).toEqual(json('btf-dump', [TARGET]));
    expect(parsed.types[0]).toMatchObject({ id: 1, kind: 'STRUCT', name: 'all' });
  });

  it('prints some types, with what C needs of the others', () => {
    expect(out('btf', 'dump', TARGET, '--type', 'twice', '--format', 'c')).toBe('struct twice {\n\tint w;\n\tint x;\n};\n'); // prettier-ignore
    expect(out('btf', 'dump', TARGET, '--type', 'big')).toBe("[3] ENUM64 'big' encoding=UNSIGNED size=8 vlen=1\n\t'BIG' val=2199023255552ULL\n"); // prettier-ignore
    const { status, stderr } = cli.run(['btf', 'dump', TARGET, '--type', 'missing']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('got missing')]);
  });

  it('says what it cannot read', () => {
    const plain = join(cli.folder, 'plain');
    writeFileSync(plain, 'no types');
    expect(cli.run(['btf', 'dump', plain])).toMatchObject({ status: 2, stderr: expect.stringContaining('E_BTF_FORMAT') }); // prettier-ignore
    const untyped = cli.run(['btf', 'dump', fixture('legacy.clang19.el')]);
    expect(untyped).toMatchObject({ status: 2, stderr: expect.stringContaining('holds no types, expected a section .BTF') }); // prettier-ignore
  });
});

describe('btf diff', () => {
  it('compares by name and tells by its exit status', () => {
    expect(cli.run(['btf', 'diff', TARGET, TARGET])).toEqual({ status: 0, stdout: '', stderr: '' });
    const { status, stdout } = cli.run(['btf', 'diff', CORE, TARGET]);
    expect(status).toBe(1);
    expect(stdout).toContain('~ enum colour\n    ~ BLUE: 7 -> 9\n    + YELLOW: 2\n');
    expect(stdout).toContain('- func bits_a\n');
    const { differences } = json('btf-diff', [CORE, TARGET], 1) as { differences: { name: string; details: unknown[] }[] }; // prettier-ignore
    expect(differences.find(({ name }) => name === 'either')).toEqual({
      kind: 'UNION',
      name: 'either',
      change: 'changed',
      details: [{ what: 'z', before: null, after: 'char at offset 0' }],
    });
  });
});

describe('CO-RE', () => {
  it('is applied with --btf, and shown', () => {
    const before = out('disasm', CORE, '--prog', 'field_loads');
    const after = out('disasm', CORE, '--prog', 'field_loads', '--btf', TARGET);
    expect(before).toContain('*(u32 *)(r1 + 0x4)');
    expect(after).toContain('*(u64 *)(r1 + 0x10)');
    expect(out('inspect', CORE, '--btf', TARGET)).toMatch(/field_loads +0 +field_byte_offset +4 -> 16 +\[\d+\] struct moved___local\.narrow \(0:1 @ offset 4\) +\[\d+\] struct moved\.narrow \(0:2 @ offset 16\)/); // prettier-ignore
    const { stdout } = cli.run(['inspect', CORE, '--btf', TARGET, '--json']);
    const { programs } = OUTPUT_SCHEMAS['inspect']!.parse(JSON.parse(stdout)) as { programs: { name: string; coreRelocations: number; core: object[] }[] }; // prettier-ignore
    expect(programs.find(({ name }) => name === 'enumerator_missing')).toMatchObject({
      coreRelocations: 1,
      core: [{ insn: 0, kind: 'enumval_value', outcome: 'poisoned', target: null }],
    });
  });

  it('makes a run read the fields where the target has them', () => {
    // struct moved: first at 8, narrow (8 bytes) at 16, array at 40, inside at 64.
    const memory = new Uint8Array(80);
    memory.set([7], 16);
    memory.set([30], 44);
    memory.set([5], 64);
    const mem = Buffer.from(memory).toString('hex');
    expect(out('run', CORE, '--prog', 'field_loads', '--mem', mem, '--btf', TARGET)).toBe('0x000000000000002a\n');
    expect(out('run', CORE, '--prog', 'field_loads', '--mem', mem, '--btf', 'none')).toBe('0x0000000000000000\n');
  });

  it('takes the values of .kconfig from a file', () => {
    const config = join(cli.folder, 'config');
    writeFileSync(config, '# Linux/x86 6.1.2 Kernel Configuration\nCONFIG_HEX=5\n');
    const { status, stderr } = cli.run(['inspect', fixture('kernel.clang19.el'), '--kconfig', config]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('of .kconfig has no value')]);
  });
});

describe('gen ts', () => {
  it('writes a module with both byte orders', () => {
    const file = join(cli.folder, 'types.ts');
    expect(out('gen', 'ts', TYPES, '--twin', fixture('types.clang19.eb'), '-o', file)).toBe('');
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^\/\/ Generated by `polybpf gen ts` from types\.clang19\.el\.o\. Do not edit\.\n/);
    expect(text).toMatch(/little:\n {4}'f0VMRgIB[^]*big:\n {4}'f0VMRgIC/);
    const report = json('gen-ts', [TYPES]);
    expect(report).toMatchObject({ file: null, programs: ['prog'], maps: ['table', 'untyped'], endians: ['little'] });
    expect(report['globals']).toEqual(expect.arrayContaining(['bits', 'everything', 'paint']));
    expect(report['types']).toEqual(expect.arrayContaining(['Event', 'Everything', 'Colour']));
  });

  it('refuses a twin that is another program', () => {
    expect(cli.run(['gen', 'ts', TYPES, '--twin', fixture('link-a.clang19.eb')])).toMatchObject({ status: 2, stderr: expect.stringContaining('is another program') }); // prettier-ignore
    expect(cli.run(['gen', 'ts', TYPES, '--twin', TYPES])).toMatchObject({ status: 2, stderr: expect.stringContaining('expected big, got little') }); // prettier-ignore
  });
});

describe('link', () => {
  it('makes one object of two', () => {
    const output = join(cli.folder, 'linked.o');
    const inputs = [fixture('link-a.clang19.el'), fixture('link-b.clang19.el')];
    const { stdout, status } = cli.run(['link', ...inputs, '-o', output, '--json']);
    expect(status).toBe(0);
    expect(OUTPUT_SCHEMAS['link']!.parse(JSON.parse(stdout))).toMatchObject({ programs: ['first', 'second'], unresolved: [] }); // prettier-ignore
    expect(out('inspect', output)).toMatch(/first +socket +socket_filter[^]*second +socket/);
    expect(cli.run(['link', inputs[0]!, fixture('link-b.clang19.eb'), '-o', output]).stderr).toContain('E_LOAD_LINK');
  });
});
