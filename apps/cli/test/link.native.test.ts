/** Objects of `compile --format object`, linked by each CPU's own gcc into C programs that call them. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '@polybpf/jit';
import { ALL_TARGETS, targetByName } from '@polybpf/targets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

const TOOLS: Readonly<
  Record<string, { readonly gcc: string; readonly run: readonly string[]; readonly sysroot: string }>
> = {
  x86_64: { gcc: 'gcc', run: [], sysroot: '/' },
  arm64: {
    gcc: 'aarch64-linux-gnu-gcc',
    run: ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'],
    sysroot: '/usr/aarch64-linux-gnu',
  },
  s390x: {
    gcc: 's390x-linux-gnu-gcc',
    run: ['qemu-s390x', '-L', '/usr/s390x-linux-gnu'],
    sysroot: '/usr/s390x-linux-gnu',
  },
  riscv64: {
    gcc: 'riscv64-linux-gnu-gcc',
    run: ['qemu-riscv64', '-L', '/usr/riscv64-linux-gnu'],
    sysroot: '/usr/riscv64-linux-gnu',
  },
  arm: {
    gcc: 'arm-linux-gnueabi-gcc',
    run: ['qemu-arm', '-L', '/usr/arm-linux-gnueabi'],
    sysroot: '/usr/arm-linux-gnueabi',
  },
  'x86_64+win64': { gcc: 'gcc', run: [], sysroot: '/' },
  'ppc64+elfv1': {
    gcc: 'powerpc64-linux-gnu-gcc',
    run: ['qemu-ppc64', '-L', '/usr/powerpc64-linux-gnu'],
    sysroot: '/usr/powerpc64-linux-gnu',
  },
  ppc64le: {
    gcc: 'powerpc64le-linux-gnu-gcc',
    run: ['qemu-ppc64le', '-L', '/usr/powerpc64le-linux-gnu'],
    sysroot: '/usr/powerpc64le-linux-gnu',
  },
  mips64: {
    gcc: 'mips64-linux-gnuabi64-gcc',
    run: ['qemu-mips64', '-cpu', 'MIPS64R2-generic', '-L', '/usr/mips64-linux-gnuabi64'],
    sysroot: '/usr/mips64-linux-gnuabi64',
  },
  mips64le: {
    gcc: 'mips64el-linux-gnuabi64-gcc',
    run: ['qemu-mips64el', '-cpu', 'MIPS64R2-generic', '-L', '/usr/mips64el-linux-gnuabi64'],
    sysroot: '/usr/mips64el-linux-gnuabi64',
  },
  sparc64: {
    gcc: 'sparc64-linux-gnu-gcc',
    run: ['qemu-sparc64', '-L', '/usr/sparc64-linux-gnu'],
    sysroot: '/usr/sparc64-linux-gnu',
  },
};

/** Targets for which the distribution has no C library, or none for the ABI of our objects. */
const WITHOUT_LIBRARY: Readonly<Record<string, string>> = {
  armeb: 'Debian 12 has no big-endian library; link.native.test.ts of jit-arm links without one',
  loongarch64: 'Debian 12 has no library for it; link.native.test.ts of jit-loongarch64 links without one',
  ppc64: 'big-endian libraries are of version 1 of the ELF ABI, see ppc64+elfv1; link.native.test.ts of jit-ppc64 links without them', // prettier-ignore
};

interface Example {
  readonly source: string;
  readonly program: string;
  readonly mem: string;
  readonly expect: { readonly little: string; readonly big: string };
}

const { examples } = JSON.parse(readFileSync(repositoryFile('examples/manifest.json'), 'utf8')) as {
  examples: Example[];
};

const RELOCATED: ReadonlySet<string> = new Set(['counter', 'helper']);

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

function missing(tools: readonly string[]): string[] {
  const absent = tools.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  if (absent.length > 0 && process.env['CI']) throw new Error(`missing tools: ${absent.join(', ')}`);
  return absent;
}

function sh(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** A C main that includes the generated header, defines the helpers and prints what the program returns for a buffer. */
function mainSource({ program, mem }: Example, target: Target): string {
  const bytes = mem.match(/../g)!.map((byte) => `0x${byte}`).join(', '); // prettier-ignore
  // Arguments have 64 bits, also where pointers have 32; there the prototype takes a number.
  const memory = target.wordBits === 32 ? '(uintptr_t)mem' : 'mem';
  return `#include <stdio.h>
#include "program.h"
#ifndef POLYBPF_ABI
#define POLYBPF_ABI
#endif
POLYBPF_ABI uint64_t bpf_helper_5(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5) {
  static uint64_t now;
  return now += 1000;
}
POLYBPF_ABI uint64_t bpf_helper_7(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5) {
  static uint32_t state = 1;
  return state = state * 1664525u + 1013904223u;
}
int main(void) {
  static unsigned char mem[] __attribute__((aligned(8))) = {${bytes}};
  printf("0x%016llx", (unsigned long long)${program}(${memory}, sizeof mem, 0, 0, 0));
  return 0;
}
`;
}

const TARGETS = [...ALL_TARGETS, targetByName('ppc64+elfv1'), targetByName('x86_64+win64')];

describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (name, target) => {
  if (WITHOUT_LIBRARY[name] !== undefined) {
    it.skip(`links into C programs: ${WITHOUT_LIBRARY[name]}`, () => undefined);
    return;
  }
  const { gcc, run } = TOOLS[name]!;
  const absent = missing([gcc, ...run.slice(0, 1)]);
  if (absent.length > 0) {
    it.skip(`links into C programs: needs ${absent.join(', ')}`, () => undefined);
    return;
  }
  // Position-independent by default; without that, what has relocations of both kinds: data and helpers.
  for (const style of [
    ['-pie', '-fPIE'],
    ['-static', '-no-pie', '-fno-pie'],
  ]) {
    for (const example of examples) {
      if (style[0] === '-static' && !RELOCATED.has(example.source)) continue;
      it(`${example.source} ${style[0]}`, () => {
        const place = (file: string): string => join(cli.folder, file);
        const object = repositoryFile(`examples/objects/${target.endian}/${example.source}.o`);
        const compiled = cli.run([
          'compile',
          object,
          '--target',
          name,
          '--format',
          'object',
          '-o',
          place('program.o'),
          '--header',
          place('program.h'),
        ]);
        expect(compiled).toMatchObject({ status: 0, stderr: '' });
        writeFileSync(place('main.c'), mainSource(example, target));
        sh(gcc, [...style, '-Wall', '-Werror', '-O1', '-o', place('main'), place('main.c'), place('program.o')]);
        const [command, ...args] = [...run, place('main')];
        expect(sh(command!, args)).toBe(example.expect[target.endian]);
      });
    }
  }

  it('passes maps that the C program defines', () => {
    const place = (file: string): string => join(cli.folder, file);
    const asm =
      '.map counts type=array key=4 value=8 entries=1\nlookup:\nr1 = map counts ll\nr2 = 7\ncall 1\nr0 = *(u64 *)(r0 + 8)\nexit\n';
    const args = ['compile', '-', '--target', name, '-o', place('map.o'), '--header', place('map.h')];
    expect(cli.run(args, asm)).toMatchObject({ status: 0, stderr: '' });
    writeFileSync(
      place('map.c'),
      `#include <stdio.h>
#include "map.h"
#ifndef POLYBPF_ABI
#define POLYBPF_ABI
#endif
char counts[64] __attribute__((aligned(8)));
POLYBPF_ABI uint64_t bpf_helper_1(uint64_t map, uint64_t key, uint64_t r3, uint64_t r4, uint64_t r5) {
  ((uint64_t *)(uintptr_t)map)[1] = key * 6;
  return map;
}
int main(void) {
  printf("%llu", (unsigned long long)lookup(0, 0, 0, 0, 0));
  return 0;
}
`,
    );
    sh(gcc, ['-Wall', '-Werror', '-O1', '-o', place('map'), place('map.c'), place('map.o')]);
    const [command, ...rest] = [...run, place('map')];
    expect(sh(command!, rest)).toBe('42');
  });
});
