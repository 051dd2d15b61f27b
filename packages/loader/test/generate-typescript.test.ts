import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { generateTypeScript } from '../src/generate-typescript.ts';
import { loadObject } from '../src/load-object.ts';
import { fixture, fixtureBytes, FIXTURES, mapOf } from './fixture.ts';

const ORDERS = ['el', 'eb'] as const;
type Order = (typeof ORDERS)[number];
/* eslint-disable @typescript-eslint/no-explicit-any -- what is generated has types of its own, which tsc checks below */

function generated(name: string, types: readonly string[] = []): string {
  const bytes = fixtureBytes(name);
  const object = loadObject(bytes);
  return generateTypeScript(object, { source: name, bytes: { [object.endian]: bytes }, types });
}

async function evaluated(text: string): Promise<any> {
  const { code } = transformSync(text, { loader: 'ts', format: 'esm', target: 'node20' });
  return import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
}

/** Bytes of a variable as the compiler wrote them. */
function bytesOf(order: Order, module: any, name: string): Uint8Array {
  const { section, offset, size } = module.globals[name];
  return mapOf(fixture(`types.clang19.${order}.o`), section).initial!.slice(offset, offset + size);
}

const BITS = { a: 5, b: -3, c: 0xabcdef0123n, d: true, e: -7, f: 0x2345678901234n };
const EVERYTHING = {
  small: 200,
  big: -5n,
  real: 0.5,
  flag: true,
  name: 'abc',
  corners: [
    { x: 1, y: -2 },
    { x: 300, y: -400 },
  ],
  inner: -9,
  left: 0x01020304,
  named: { deep: 77 },
  colour: 5,
  large: 0x8000000000000001n,
  pointer: 0n,
  grid: [
    [1, 2, 3],
    [-4, -5, -6],
  ],
  wide: (7n << 64n) | 9n,
  constructor_: 120,
  qualified: 42,
};

describe.each(ORDERS)('types.c, bpf%s', (order) => {
  const text = generated(`types.clang19.${order}.o`);

  test('values that the compiler wrote are read and written back', async () => {
    const module = await evaluated(text);
    const read = (name: string): any => module.globals[name].codec.decode(bytesOf(order, module, name));
    expect(read('bits')).toEqual(BITS);
    const everything = read('everything');
    expect(everything).toMatchObject(EVERYTHING);
    expect(everything.right).toEqual(order === 'el' ? [0x0304, 0x0102] : [0x0102, 0x0304]);
    expect(everything.number).toEqual({
      word: 0x3f800000,
      real: 1,
      bytes_: order === 'el' ? Uint8Array.of(0, 0, 0x80, 0x3f) : Uint8Array.of(0x3f, 0x80, 0, 0),
    });
    expect(read('text')).toBe('hello!');
    expect(read('paint')).toBe(-7);
    for (const name of ['bits', 'everything', 'paint']) {
      expect([name, module.globals[name].codec.encode(read(name))]).toEqual([name, bytesOf(order, module, name)]);
    }
  });

  test('views read and write in place', async () => {
    const module = await evaluated(text);
    const bytes = bytesOf(order, module, 'everything');
    const view = new module.EverythingView(bytes);
    view.corners[1].y = 7;
    view.name = 'much too long';
    view.number.word = 0x40000000;
    view.grid = [[9], [8, 7]];
    expect(view.toObject()).toMatchObject({ ...EVERYTHING, corners: [{ x: 1, y: -2 }, { x: 300, y: 7 }], name: 'much to', grid: [[9, 2, 3], [8, 7, -6]] }); // prettier-ignore
    expect(view.number.real).toBe(2);
    expect([...view.nameBytes]).toEqual([...Buffer.from('much to\0')]);
    const bits = new module.BitsView();
    bits.b = 63;
    bits.c = (1n << 40n) - 1n;
    expect([bits.toObject().a, bits.b, bits.c, bits.d]).toEqual([0, 63, (1n << 40n) - 1n, false]);
    expect(() => new module.BitsView(new Uint8Array(3))).toThrow(/takes \d+ bytes, got 3/);
  });

  test('a struct that only a pointer names, with an array to the end of the record', async () => {
    const module = await evaluated(text);
    const record = new Uint8Array(28);
    const view = new module.EventView(record);
    view.comm = 'sh';
    expect([view.tail, view.comm]).toEqual([[0, 0], 'sh']);
    view.tail = [1, -1, 3];
    expect(new module.EventView(record).tail).toEqual([1, -1]);
  });

  test('programs, maps, the object itself', async () => {
    const module = await evaluated(text);
    expect(module.programs).toEqual({ prog: { section: 'xdp', type: 'xdp', attachType: 'BPF_XDP', insns: expect.any(Number) } }); // prettier-ignore
    const { table, untyped } = module.maps;
    expect([table.type, table.maxEntries, table.key.size, table.value.size]).toEqual([1, 8, 4, table.valueSize]);
    expect(table.key.decode(table.key.encode({ x: 1, y: 2 }))).toEqual({ x: 1, y: 2 });
    expect(untyped.value.decode(Uint8Array.from({ length: 12 }, (_, k) => k))).toHaveLength(12);
    const endian = order === 'el' ? 'little' : 'big';
    expect(Buffer.compare(module.objectBytes(), fixtureBytes(`types.clang19.${order}.o`))).toBe(0);
    expect(() => module.objectBytes(endian === 'little' ? 'big' : 'little')).toThrow(/there is no/);
    expect([module.license, module.Colour, module.LITTLE_ENDIAN]).toEqual(['GPL', { RED: 0, GREEN: 5, NEGATIVE: -7 }, endian === 'little']); // prettier-ignore
  });
});

test('what is generated passes the strictest compiler, for every fixture', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-ts-'));
  try {
    const files = FIXTURES.map((name) => {
      const file = join(folder, name.replaceAll('.', '_').concat('.ts'));
      writeFileSync(file, generated(name));
      return file;
    });
    const use = join(folder, 'use.ts');
    writeFileSync(use, `import { maps, globals, type Bits } from './types_clang19_el_o.ts';
const bits: Bits = maps.table.value.decode(maps.table.value.encode({ a: 1, b: 2, c: 3n, d: true, e: 5, f: 0n }));
const e: -7 | 0 | 5 = bits.e;
const { x }: { x: number } = globals.everything.codec.decode(new Uint8Array(200)).corners[0]!;
// @ts-expect-error there is no such map
maps.missing;
// @ts-expect-error 64 bits take a bigint
bits.c = 1;
void [e, x];
`); // prettier-ignore
    const tsc = join(dirname(createRequire(import.meta.url).resolve('@typescript/native/package.json')), 'bin/tsc');
    const flags = '--ignoreConfig --noEmit --strict --target es2022 --module nodenext --lib es2023,dom --allowImportingTsExtensions --noUncheckedIndexedAccess --exactOptionalPropertyTypes --noUnusedLocals --noUnusedParameters --erasableSyntaxOnly --isolatedDeclarations --declaration'; // prettier-ignore
    let output = '';
    try {
      execFileSync(process.execPath, [tsc, ...flags.split(' '), ...files, use], { encoding: 'utf8', cwd: folder });
    } catch (error) {
      output = (error as { stdout: string }).stdout;
    }
    expect(output).toBe('');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('further types by name', () => {
  expect(generated('types.clang19.el.o', ['point'])).toContain('export class PointView');
  expect(() => generated('types.clang19.el.o', ['nothing'])).toThrow(
    /type, expected a type of the object, got nothing/,
  );
  expect(() => generated('legacy.clang19.el.o', ['x'])).toThrow(/the object has no types/);
  expect(generated('legacy.clang19.el.o')).toMatch(/MapSpec<Uint8Array, Uint8Array>/);
});
