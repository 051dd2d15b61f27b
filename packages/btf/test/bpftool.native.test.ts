import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Btf, BtfType } from '../src/btf-type.ts';
import { encodeBtf } from '../src/encode-btf.ts';
import { mapDefinitions } from '../src/map-definitions.ts';
import { parseBtfExt } from '../src/parse-btf-ext.ts';
import { parseBtf } from '../src/parse-btf.ts';
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
    const listed = run('bpftool', 'btf', 'dump', 'file', KERNEL_BTF, 'format', 'raw').split(/\n(?=\[)/);
    expect(btf.types).toHaveLength(listed.length + 1);
    for (const [index, text] of listed.entries()) {
      const type = btf.types[index + 1];
      const head = `[${index + 1}] ${type?.kind} '${type?.name === '' ? '(anon)' : type?.name}'`;
      if (!text.startsWith(head)) expect(text).toBe(head);
      if (type?.kind !== 'STRUCT') continue;
      const members = type.members.map((m) => `'${m.name || '(anon)'}' type_id=${m.type} bits_offset=${m.bitOffset}`);
      const rows = text.trimEnd().split('\n\t').slice(1);
      expect(rows.map((row) => row.replace(/ bitfield_size=\d+$/, ''))).toEqual(members);
    }
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

/** One type as `bpftool -j btf dump` prints it. */
function asBpftool(type: BtfType): unknown {
  const { id, kind } = type;
  const head = { id, kind, name: anonymous(type.name) };
  switch (type.kind) {
    case 'INT': {
      const encoding = { 0: '(none)', 1: 'SIGNED', 2: 'CHAR', 4: 'BOOL' }[type.encoding] ?? 'UNKN';
      return { ...head, size: type.size, bits_offset: type.bitOffset, nr_bits: type.bits, encoding };
    }
    case 'PTR':
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
    case 'TYPE_TAG':
      return { ...head, type_id: type.type };
    case 'ARRAY':
      return { ...head, type_id: type.type, index_type_id: type.indexType, nr_elems: type.nelems };
    case 'STRUCT':
    case 'UNION': {
      const members = type.members.map((member) => ({
        name: anonymous(member.name),
        type_id: member.type,
        bits_offset: member.bitOffset,
        ...(member.bitfieldSize === 0 ? {} : { bitfield_size: member.bitfieldSize }),
      }));
      return { ...head, size: type.size, vlen: members.length, members };
    }
    case 'ENUM':
    case 'ENUM64': {
      // bpftool 7.1 sign-extends the 32-bit values of unsigned enumerations to 64 bits.
      const print = (value: number | bigint): string =>
        String(type.signed ? value : BigInt.asUintN(64, BigInt.asIntN(32, BigInt(value))));
      const values = type.values.map(({ name, value }) => ({ name, val: print(value) }));
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      return { ...head, encoding, size: type.size, vlen: values.length, values };
    }
    case 'FWD':
      return { ...head, fwd_kind: type.union ? 'union' : 'struct' };
    case 'FUNC':
      return { ...head, type_id: type.type, linkage: ['static', 'global', 'extern'][type.linkage] };
    case 'FUNC_PROTO': {
      const params = type.params.map((param) => ({ name: anonymous(param.name), type_id: param.type }));
      return { ...head, ret_type_id: type.returnType, vlen: params.length, params };
    }
    case 'VAR':
      return { ...head, type_id: type.type, linkage: ['static', 'global', 'extern'][type.linkage] };
    case 'DATASEC': {
      const vars = type.variables.map((variable) => {
        return { type_id: variable.type, offset: variable.offset, size: variable.size };
      });
      return { ...head, size: type.size, vlen: vars.length, vars };
    }
    case 'FLOAT':
      return { ...head, size: type.size };
    case 'DECL_TAG':
      return { ...head, type_id: type.type, component_idx: type.componentIndex };
    case 'VOID':
      return head;
  }
}

function anonymous(name: string): string {
  return name === '' ? '(anon)' : name;
}
