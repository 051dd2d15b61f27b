// The kernel commands as users run them: output, JSON by its schema, exit status.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseKernelProfile, probeLiveKernel } from '@polybpf/kernel';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

const probe = probeLiveKernel();
const isCi = !['', 'false', undefined].includes(process.env['CI']);
const mustWork = isCi && process.platform === 'linux' && process.getuid?.() === 0;
const describeKernel = probe.available || mustWork ? describe : describe.skip;
const why = probe.available ? '' : ` (skipped: ${probe.reason.message})`;

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

const SORT = repositoryFile('examples/objects/little/sort.o');

function file(name: string, contents: string): string {
  const path = join(cli.folder, name);
  writeFileSync(path, contents);
  return path;
}

/** The document of a command run with --json, checked against its schema. */
function json(args: readonly string[], status = 0): Record<string, unknown> {
  const result = cli.run(['kernel', ...args, '--json']);
  expect([result.status, result.stderr]).toEqual([status, '']);
  const value = JSON.parse(result.stdout) as Record<string, unknown>;
  expect(OUTPUT_SCHEMAS[`kernel-${args[0]}`]!.safeParse(value).error?.issues ?? []).toEqual([]);
  return value;
}

describe('kernel commands where there is no kernel to ask', () => {
  it('info works for everybody', () => {
    expect(cli.run(['kernel', 'info']).status).toBe(0);
    expect(json(['info'])['abilities']).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'load' })]));
  });

  it('the others say what is missing and exit with 3', () => {
    if (probe.available) return;
    const { status, stderr } = cli.run(['kernel', 'load', file('a.s', 'r0 = 0\nexit\n')]);
    expect(status).toBe(3);
    expect(stderr).toContain('E_UNSUPPORTED');
  });
});

describeKernel(`kernel load${why}`, () => {
  it('tells verdicts with figures, and exits with 1 when one is bad', () => {
    const good = file('good.s', 'r0 = 7\nexit\n');
    const { status, stdout } = cli.run(['kernel', 'load', good]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^main +socket_filter +accepted +2 +0$/m);
    const bad = file('bad.s', 'r0 = r9\nexit\n');
    const refused = cli.run(['kernel', 'load', bad, '--type', 'xdp', '-v', '1']);
    expect(refused.status).toBe(1);
    expect(refused.stdout).toMatch(/^main +xdp +refused +1 +0 +EACCES +R9 !read_ok$/m);
    expect(refused.stdout).toContain('0: (bf) r0 = r9');
    expect(json(['load', bad], 1)['programs']).toMatchObject([{ errno: 'EACCES', message: 'R9 !read_ok' }]);
  });

  it('takes what no verifier knows, for the kernel to say so', () => {
    const { status, stdout } = cli.run(['kernel', 'load', file('odd.hex', 'ff00000000000000 9500000000000000')]);
    expect(status).toBe(1);
    expect(stdout).toContain('unknown opcode ff');
  });

  it('loads objects with their maps', () => {
    const value = json(['load', repositoryFile('examples/objects/little/counter.o'), '--type', 'socket_filter'], 1);
    expect(value['maps']).toEqual(expect.arrayContaining([expect.objectContaining({ created: true })]));
    const { status, stdout } = cli.run(['kernel', 'load', SORT]);
    expect(status).toBe(1);
    expect(stdout).toContain('does not tell the program type');
  });

  it('refuses nonsense', () => {
    const good = file('good.s', 'r0 = 7\nexit\n');
    expect(cli.run(['kernel', 'load', good, '-v', '9']).status).toBe(2);
    expect(cli.run(['kernel', 'load', good, '--type', 'xpd']).status).toBe(2);
    expect(cli.run(['kernel', 'load', join(cli.folder, 'absent')]).status).toBe(2);
  });
});

describeKernel(`kernel run${why}`, () => {
  it('prints 64 bits, as run does', () => {
    const program = file('wide.s', 'r0 = *(u8 *)(r1 + 1)\nr0 <<= 56\n*(u8 *)(r1 + 0) = 9\nr0 += r2\nexit\n');
    const out = join(cli.folder, 'mem.out');
    const args = [program, '--mem', '0180ff', '--mem-out', out];
    expect(cli.run(['kernel', 'run', ...args]).stdout).toBe('0x8000000000000003\n');
    expect(readFileSync(out).toString('hex')).toBe('0980ff');
    expect(cli.run(['run', ...args]).stdout).toBe('0x8000000000000003\n');
    expect(json(['run', program, '--mem', '0180ff'])).toMatchObject({ r0: '0x8000000000000003', mem: '0980ff' });
  });

  it('gives a type its context and packet', () => {
    const program = file('len.s', 'r0 = *(u32 *)(r1 + 0)\nexit\n');
    expect(cli.run(['kernel', 'run', program, '--data', '00'.repeat(77)]).stdout).toBe('0x000000000000004d\n');
    const { stdout } = cli.run(['kernel', 'run', program, '--data', '00'.repeat(20), '--registers']);
    expect(stdout).toMatch(/^r0 0x0000000000000014$/m);
  });

  it("fails with the kernel's words", () => {
    const { status, stderr } = cli.run(['kernel', 'run', file('bad.s', 'r0 = 1\nexit\nexit\n')]);
    expect(status).toBe(1);
    expect(stderr).toContain('E_KERNEL_REFUSED: unreachable insn 2');
    expect(cli.run(['kernel', 'run', file('g.s', 'r0 = 1\nexit\n'), '--mem', '00', '--data', '00']).status).toBe(2);
  });
});

describeKernel(`kernel dump${why}`, () => {
  it("shows the kernel's code beside ours", () => {
    const program = file('dump.s', 'r0 = 42\nr0 *= r0\nexit\n');
    const value = json(['dump', program]);
    expect(value).toMatchObject({ program: 'main', verifiedInsns: 3 });
    const kernel = value['kernel'] as { insn: number; bytes: string; normalised: string }[];
    expect(kernel.map(({ insn }) => insn)).toEqual([0, 1, 2]);
    if (process.arch === 'x64') {
      expect(kernel[0]!.normalised).toMatch(/^554889e5.*b82a000000$/);
      expect(kernel[1]!.bytes).toBe('480fafc0');
      expect(kernel[2]!.normalised).toBe('c9c3');
      expect(value['target']).toBe('x86_64');
    }
    const { stdout } = cli.run(['kernel', 'dump', program]);
    expect(stdout).toMatch(/^main: 3 slots; kernel \d+ bytes, \d+ normalised, ours \(\w+\) \d+$/m);
    expect(stdout).toMatch(/^ +1: r0 \*= r0\n +kernel .*\n +\w+ +[0-9a-f]{4} /m);
  });

  it('of a refused program there is nothing to show', () => {
    const { status, stderr } = cli.run(['kernel', 'dump', file('bad.s', 'r0 = r9\nexit\n')]);
    expect(status).toBe(1);
    expect(stderr).toContain('R9 !read_ok');
  });
});

describeKernel(`kernel probe${why}`, () => {
  it('writes a profile, and finds nothing to explain in itself', () => {
    const path = join(cli.folder, 'profile.json');
    const { status, stdout } = cli.run(['kernel', 'probe', '-o', path]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Linux \S+, probed in [\d.]+ s$/m);
    const profile = parseKernelProfile(JSON.parse(readFileSync(path, 'utf8')), path);
    expect(profile.counts.variantsProbed).toBeGreaterThan(60);
    const again = cli.run(['kernel', 'probe', '--profile', path, '--compare', path]);
    expect([again.status, again.stdout.includes('no differences')]).toEqual([0, true]);
    const other = join(cli.folder, 'other.json');
    writeFileSync(other, JSON.stringify({ ...profile, limits: { ...profile.limits, callFrames: 99 } }));
    const compared = json(['probe', '--profile', path, '--compare', other], 1);
    expect(compared['differences']).toEqual([
      { path: 'limits.callFrames', ours: '8', theirs: '99', explanation: null },
    ]);
    expect(cli.run(['kernel', 'probe', '--profile', SORT]).status).toBe(2);
  });
});
