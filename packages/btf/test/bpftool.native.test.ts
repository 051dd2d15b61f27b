import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Btf, BtfType } from '../src/btf-type.ts';
import { encodeBtf } from '../src/encode-btf.ts';
import { mapDefinitions } from '../src/map-definitions.ts';
import { parseBtfExt } from '../src/parse-btf-ext.ts';
import { parseBtf } from '../src/parse-btf.ts';
import { describeBtfType, printRawBtf } from '../src/print-raw.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

/** Every kind of BTF, map definitions, strings beyond ASCII. */
const SOURCE = `
typedef unsigned int u32; typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
#ifdef __clang__
#define DECL_TAG(x) __attribute__((btf_decl_tag(x)))
#define TYPE_TAG(x) __attribute__((btf_type_tag(x)))
#else
#define DECL_TAG(x)
#define TYPE_TAG(x)
#endif
struct forward; union later;
enum sign { NEG = -5, POS = 3 }; enum wide { ONE = 1, ALL = 0xffffffffu };
struct bits { int a : 3; unsigned b : 13; _Bool c : 1; long d; } DECL_TAG("tagged");
union any { int i; float f; double d; char grid[3][5]; };
struct node {
  struct node *next; struct forward *f; union later *l; const volatile int *restrict r;
  int TYPE_TAG("user") *t; int (*fn)(int, ...); struct { int x; union { int y; long z; }; }; int m DECL_TAG("m");
};
struct bits g1; union any g2; struct node g3; enum sign g4; enum wide g5; __int128 g6; _Bool g7;
static int counter;
struct inner { __uint(type, 2); __uint(max_entries, 4); __type(key, u32); __type(value, u64); };
struct inner in1 SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 2); __uint(key_size, 4); __array(values, struct inner); }
  outer SEC(".maps") = { .values = { &in1 } };
struct { __uint(type, 1); __uint(max_entries, 100); __uint(pinning, 1); __type(key, struct bits); __type(value, u64); }
  hash SEC(".maps");
__attribute__((noinline)) static int helper(struct node *n) { return n->m + counter++; }
SEC("tc") int prog(struct node *n, const char *p)
{
  int sum = helper(n); /* naïve */
  return sum + *p;
}
`;

const COMPILERS: readonly (readonly [string, ...string[]])[] = [
  ['clang-19', '-target', 'bpfel', '-g'],
  ['clang-19', '-target', 'bpfeb', '-g'],
  ['clang-14', '-target', 'bpfel', '-g'],
  ['clang-14', '-target', 'bpfeb', '-g'],
  ['bpf-gcc', '-gbtf'],
  ['bpf-gcc', '-gbtf', '-mbig-endian'],
];

describeWithTools(['bpftool', 'llvm-objcopy-19', 'clang-14', 'clang-19', 'bpf-gcc'], 'against bpftool', () => {
  test.each(COMPILERS.map((command) => [command.join(' '), command] as const))('%s', (_, [tool, ...args]) => {
    inTemporaryFolder((folder) => {
      const object = join(folder, 'a.o');
      writeFileSync(join(folder, 'a.c'), SOURCE);
      run(tool, ...args, '-O2', '-c', join(folder, 'a.c'), '-o', object);
      const bytes = section(folder, object, '.BTF');
      const btf = parseBtf(bytes);
      expect(btf.endian).toBe(args.some((arg) => /bpfeb|big/.test(arg)) ? 'big' : 'little');
      expect(btf.types.slice(1).map(asBpftool)).toEqual(bpftoolTypes(object));
      if (btf.types.every((type) => type.kind !== 'ENUM' || type.name !== 'wide')) {
        expect(printRawBtf(btf)).toBe(run('bpftool', 'btf', 'dump', 'file', object, 'format', 'raw'));
      }
      // gcc writes some strings twice; ours then refer to the first of them.
      if (tool === 'bpf-gcc') expect(parseBtf(encodeBtf(btf))).toEqual(btf);
      else expect(Buffer.compare(encodeBtf(btf), bytes)).toBe(0);

      const maps = mapDefinitions(btf).sort((a, b) => a.name.localeCompare(b.name));
      expect(maps).toMatchObject([
        { name: 'hash', type: 1, maxEntries: 100, pinning: 1, keySize: 16, valueSize: 8 },
        { name: 'in1', type: 2, maxEntries: 4, keySize: 4, valueSize: 8 },
        { name: 'outer', type: 12, maxEntries: 2, keySize: 4, valueSize: 4, values: { kind: 'maps', offset: 24 } },
      ]);
      expect(maps[2]?.values?.inner).toMatchObject({ name: 'outer.inner', type: 2, keySize: 4, valueSize: 8 });
      if (tool !== 'bpf-gcc') expectLinesOfSource(btf, section(folder, object, '.BTF.ext'));
    });
  });

  test.skipIf(!existsSync(KERNEL_BTF))('the BTF of the running kernel, byte for byte', () => {
    const bytes = new Uint8Array(readFileSync(KERNEL_BTF));
    const start = performance.now();
    const btf = parseBtf(bytes);
    const elapsed = performance.now() - start;
    expect(Buffer.compare(encodeBtf(btf), bytes)).toBe(0);
    const listed = run('bpftool', 'btf', 'dump', 'file', KERNEL_BTF, 'format', 'raw');
    // Values of unsigned enumerations from 2^31 on are printed with 64 bits by bpftool 7.1.
    const normal = (text: string): string[] => text.replace(/val=(\d+)$/gm, (_, value: string) => `val=${BigInt.asUintN(32, BigInt(value)) === BigInt(value) || !value.startsWith('1844') ? value : BigInt.asUintN(32, BigInt(value))}`).split('\n'); // prettier-ignore
    expect(btf.types.length).toBeGreaterThan(50_000);
    const [ours, theirs] = [normal(printRawBtf(btf)), normal(listed)];
    expect(ours.length).toBe(theirs.length);
    expect(ours.filter((line, k) => line !== theirs[k]).slice(0, 5)).toEqual([]);
    // 126,573 types take about 0.2 s on an idle machine; the limit leaves room for a busy one.
    expect(elapsed).toBeLessThan(30_000);
  });
});

/** The content of a section, taken out by a foreign tool. */
function section(folder: string, object: string, name: string): Uint8Array {
  const out = join(folder, 'section');
  run('llvm-objcopy-19', `--dump-section=${name}=${out}`, object, '/dev/null');
  return new Uint8Array(readFileSync(out));
}

function expectLinesOfSource(btf: Btf, bytes: Uint8Array): void {
  const ext = parseBtfExt(bytes, btf);
  const source = SOURCE.split('\n');
  expect(ext.lineInfo.map((part) => part.section).sort()).toEqual(['.text', 'tc']);
  for (const { records } of ext.lineInfo) {
    expect(records.length).toBeGreaterThan(2);
    for (const { file, line, text } of records) {
      expect(file).toMatch(/\/a\.c$/);
      expect(text).toBe(source[line - 1]);
    }
  }
  expect(ext.lineInfo.some(({ records }) => records.some(({ text }) => text.includes('naïve')))).toBe(true);
  const functions = ext.funcInfo.map((part) => [
    part.section,
    ...part.records.map(({ type, insnOffset }) => `${btf.types[type]?.name}@${insnOffset}`),
  ]);
  expect(functions.sort()).toEqual([
    ['.text', 'helper@0'],
    ['tc', 'prog@0'],
  ]);
}

function bpftoolTypes(object: string): unknown[] {
  const output = run('bpftool', '-j', 'btf', 'dump', 'file', object, 'format', 'raw');
  // Values of enumerations go beyond what JSON.parse keeps exactly.
  const { types } = JSON.parse(output.replace(/"val":(-?\d+)/g, '"val":"$1"')) as { types: unknown[] };
  return types;
}

/** bpftool 7.1 sign-extends the 32-bit values of unsigned enumerations to 64 bits. */
function asBpftool(type: BtfType): unknown {
  const described = describeBtfType(type);
  if (type.kind !== 'ENUM' || type.signed) return described;
  const values = type.values.map(({ name, value }) => ({ name, val: String(BigInt.asUintN(64, BigInt(value | 0))) }));
  return { ...described, values };
}
