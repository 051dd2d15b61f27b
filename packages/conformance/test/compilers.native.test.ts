/**
 * Objects that clang 14, clang 19 and gcc-bpf make of the examples and of the shared workloads, for both byte orders and
 * every instruction set version: loaded, run in the interpreter and on every CPU, compared with native C.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '@polybpf/interpreter';
import type { Endian, Program } from '@polybpf/isa';
import { loadObject } from '@polybpf/loader';
import { type Machine, openMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingTools, ROOT, scratchFolder, sharedFolder, tool } from './toolchain.ts';

interface Compiler {
  readonly command: string;
  readonly versions: readonly string[];
  readonly flags: (endian: Endian, version: string) => string[];
}

const clang = (command: string, versions: readonly string[]): Compiler => ({
  command,
  versions,
  flags: (endian, version) => [
    '-target',
    endian === 'little' ? 'bpfel' : 'bpfeb',
    `-mcpu=${version}`,
    '-O2',
    '-g',
    '-w',
  ],
});
const COMPILERS: readonly Compiler[] = [
  clang('clang-14', ['v1', 'v2', 'v3']),
  clang('clang-19', ['v1', 'v2', 'v3', 'v4']),
  {
    command: 'bpf-gcc',
    versions: ['v1', 'v2', 'v3'],
    flags: (endian, version) => [`-m${endian}-endian`, `-mcpu=${version}`, '-O2', '-g', '-w'],
  },
];

/** What gcc 12 calls for byte swaps that BPF has no instruction for in its eyes, and where it thinks control cannot go. */
const LIBGCC = [
  { id: 1, name: '__bswapsi2', call: (cx: { arg(n: number): bigint }) => BigInt(swap(cx.arg(1), 4)) },
  { id: 2, name: '__bswapdi2', call: (cx: { arg(n: number): bigint }) => swap(cx.arg(1), 8) },
  {
    id: 3,
    name: 'abort',
    call: (): never => {
      throw new Error('abort');
    },
  },
];
const KFUNCS = {
  helper: () => undefined,
  kfunc: ({ name }: { readonly name?: string }) => LIBGCC.find((one) => one.name === name),
};
/**
 * Every call leaves the machine code. A program that calls functions of libgcc, which only old compilers do, runs on a
 * CPU of each kind: a CISC, a RISC, a big-endian one.
 */
const FEW_TARGETS: ReadonlySet<string> = new Set(['x86_64', 'arm64', 's390x']);

function swap(value: bigint, bytes: number): bigint {
  let result = 0n;
  for (let i = 0; i < bytes; i++) result = (result << 8n) | ((value >> BigInt(8 * i)) & 255n);
  return result;
}

interface Truth {
  readonly r0: string;
  readonly memSha256: string;
}

interface Case {
  readonly name: string;
  readonly source: string;
  readonly program: string;
  /** Input in each byte order. */
  readonly mem: (endian: Endian) => Uint8Array;
  readonly expect: Partial<Record<Endian, Truth>>;
}

const folder = scratchFolder();
const machines = new Map<string, Machine>();
const missing = missingTools([
  ...COMPILERS.map(({ command }) => command),
  'gcc',
  's390x-linux-gnu-gcc',
  'qemu-s390x',
  'qemu-aarch64',
]);
const shared = sharedFolder();

beforeAll(() => {
  if (missing.length === 0)
    for (const target of ALL_TARGETS) machines.set(target.name, openMachine(target, { timeoutMs: 60_000 }));
});
afterAll(() => {
  for (const machine of machines.values()) machine.close();
  folder.close();
});

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const hex64 = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

function load(compiler: Compiler, version: string, endian: Endian, { source, program }: Case): Program {
  const object = join(folder.path, 'case.o');
  tool(compiler.command, [...compiler.flags(endian, version), '-c', source, '-o', object]);
  const loaded = loadObject(new Uint8Array(readFileSync(object)));
  const found = loaded.programs.find(({ name }) => name === program);
  if (found === undefined) throw new Error(`no program ${program}`);
  const foreign = loaded.unresolved.filter(({ symbol }) => !LIBGCC.some(({ name }) => name === symbol));
  expect(foreign).toEqual([]);
  return found;
}

function check(one: Case, compiler: Compiler, version: string): void {
  for (const endian of ['little', 'big'] as const) {
    const program = load(compiler, version, endian, one);
    const mem = one.mem(endian);
    const { r0 } = runProgram(program, { mem, helpers: KFUNCS });
    // gcc 12 without 32-bit instructions masks with `and r, 0xffffffff`, whose immediate is sign-extended to all ones:
    // what it makes of v1 and v2 is wrong, so there the engines are compared with each other only.
    const trusted = compiler.command !== 'bpf-gcc' || version === 'v3';
    const truth = trusted ? one.expect[endian]! : { r0: hex64(r0), memSha256: digest(mem) };
    expect({ engine: `interpreter ${endian}`, r0: hex64(r0), memSha256: digest(mem) }).toEqual({
      engine: `interpreter ${endian}`,
      ...truth,
    });
    const calls = program.relocations.some(({ symbol }) => symbol.startsWith('__bswap'));
    for (const target of ALL_TARGETS) {
      if (target.endian !== endian || (calls && !FEW_TARGETS.has(target.name))) continue;
      using prepared = machines.get(target.name)!.prepare(program, { helpers: KFUNCS });
      const result = prepared.run({ mem: one.mem(endian) });
      expect({ engine: target.name, r0: hex64(result.r0), memSha256: digest(result.mem) }).toEqual({
        engine: target.name,
        ...truth,
      });
    }
  }
}

/** What native C computes: on this host for little-endian, on s390x under QEMU for big-endian. */
function nativeTruth(one: Omit<Case, 'expect'>): Record<Endian, Truth> {
  const main = join(folder.path, 'main.c');
  writeFileSync(
    main,
    `#include <stdio.h>
#include <stdlib.h>
unsigned long long ${one.program}(unsigned char *mem, unsigned long long len);
int main(int argc, char **argv) {
  FILE *in = fopen(argv[1], "rb");
  fseek(in, 0, SEEK_END);
  long len = ftell(in);
  rewind(in);
  unsigned char *mem = malloc(len + 1);
  if (fread(mem, 1, len, in) != (size_t)len) return 1;
  printf("0x%016llx", ${one.program}(mem, len));
  FILE *out = fopen(argv[2], "wb");
  fwrite(mem, 1, len, out);
  return fclose(out);
}
`,
  );
  const run = (endian: Endian, compiler: string, runner: readonly string[]): Truth => {
    const executable = join(folder.path, 'native');
    const [input, output] = [join(folder.path, 'in.bin'), join(folder.path, 'out.bin')];
    tool(compiler, ['-w', '-O2', '-static', '-o', executable, main, one.source]);
    writeFileSync(input, one.mem(endian));
    const [command, ...args] = [...runner, executable, input, output];
    return { r0: tool(command!, args), memSha256: digest(readFileSync(output)) };
  };
  return { little: run('little', 'gcc', []), big: run('big', 's390x-linux-gnu-gcc', ['qemu-s390x']) };
}

function exampleCases(): Case[] {
  const { examples } = JSON.parse(readFileSync(join(ROOT, 'examples/manifest.json'), 'utf8')) as {
    examples: { source: string; program: string; title: string; mem: string; expect: Record<Endian, string> }[];
  };
  return examples
    .filter(({ program }) => program !== 'helper')
    .map(({ source, program, title, mem }) => {
      const one = {
        name: `${source}: ${title}`,
        source: join(ROOT, `examples/src/${source}.c`),
        program,
        mem: () => new Uint8Array(Buffer.from(mem, 'hex')),
      };
      return { ...one, expect: missing.length === 0 ? nativeTruth(one) : {} };
    });
}

interface Workload {
  readonly name: string;
  readonly inputs: {
    readonly quick: {
      readonly file: string;
      readonly patch_u32_at_0: number;
      readonly r0: string;
      readonly mem_sha256_after: string;
    };
  };
}

/** Turns the numbers of an input into big-endian ones: the header, and the record lengths of pktparse. */
function toBigEndian(name: string, view: DataView): void {
  const records = name === 'pktparse' ? view.getUint32(4, true) : 0;
  for (let at = 0; at < 64; at += 4) view.setUint32(at, view.getUint32(at, true), false);
  for (let at = 64, k = 0; k < records; k++) {
    const length = view.getUint16(at, true);
    view.setUint16(at, length, false);
    at += 2 + ((length + 1) & ~1);
  }
}

function workloadCases(root: string): Case[] {
  const { workloads } = JSON.parse(readFileSync(join(root, 'manifest.json'), 'utf8')) as { workloads: Workload[] };
  return workloads
    .filter(({ name }) => existsSync(join(root, `src/${name}.c`)))
    .map(({ name, inputs: { quick } }) => {
      const mem = (endian: Endian): Uint8Array => {
        const bytes = new Uint8Array(readFileSync(join(root, quick.file)));
        const view = new DataView(bytes.buffer);
        view.setUint32(0, quick.patch_u32_at_0, true);
        // The header is 16 numbers in the order of the machine; what follows is data.
        if (endian === 'big') toBigEndian(name, view);
        return bytes;
      };
      const one = { name, source: join(root, `src/${name}.c`), program: 'prog', mem };
      const expect: Case['expect'] =
        missing.length > 0
          ? {}
          : { ...nativeTruth(one), little: { r0: hex64(BigInt(quick.r0)), memSha256: quick.mem_sha256_after } };
      return { ...one, expect };
    });
}

function suite(title: string, cases: () => Case[]): void {
  describe(title, () => {
    for (const one of cases()) {
      for (const compiler of COMPILERS) {
        for (const version of compiler.versions) {
          // gcc 12 knows the atomics of v3 only as plain additions.
          if (compiler.command === 'bpf-gcc' && one.name === 'atomics') continue;
          if (version !== 'v3' && version !== 'v4' && one.name === 'atomics') continue;
          it(`${one.name}, ${compiler.command} ${version}`, () => check(one, compiler, version));
        }
      }
    }
  });
}

if (missing.length > 0) {
  it.skip(`objects of real compilers: needs ${missing.join(', ')}`, () => undefined);
} else {
  suite('examples', exampleCases);
  if (shared === undefined) it.skip('shared workloads: the shared folder is not here', () => undefined);
  else suite('workloads', () => workloadCases(join(shared, 'bench/workloads')));
}
