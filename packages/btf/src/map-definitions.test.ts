import { isBpfError } from '@polybpf/errors';
import { describe, expect, test } from 'vitest';
import type { Btf, BtfMember, BtfType } from './btf-type.ts';
import { mapDefinitions } from './map-definitions.ts';
import { resolveType, sizeOf, skipModifiers, typeById } from './resolve.ts';

type Draft = BtfType extends infer T ? (T extends BtfType ? Omit<T, 'id'> : never) : never;

/** Builds BTF type by type; `add` returns the id. */
function builder(): { add: (type: Draft) => number; btf: () => Btf } {
  const types: BtfType[] = [{ kind: 'VOID', id: 0, name: '' }];
  return {
    add: (type) => types.push({ ...type, id: types.length } as BtfType) - 1,
    btf: () => ({ endian: 'little', types, firstId: 0, strings: new Uint8Array(1) }),
  };
}

function vocabulary() {
  const { add, btf } = builder();
  const int = add({ kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 });
  const pointer = (type: number): number => add({ kind: 'PTR', name: '', type, attribute: false });
  const array = (type: number, nelems: number): number =>
    add({ kind: 'ARRAY', name: '', type, indexType: int, nelems });
  const struct = (members: Record<string, number>, size = 8): number => {
    const list: BtfMember[] = Object.entries(members).map(([name, type], k) => {
      return { name, type, bitOffset: 64 * k, bitfieldSize: 0 };
    });
    return add({ kind: 'STRUCT', name: '', size, members: list });
  };
  const number = (value: number): number => pointer(array(int, value));
  const section = (maps: Record<string, number>): Btf => {
    const variables = Object.entries(maps).map(([name, type]) => {
      return { type: add({ kind: 'VAR', name, type, linkage: 1 }), offset: 0, size: 8 };
    });
    add({ kind: 'DATASEC', name: '.maps', size: 0, variables });
    return btf();
  };
  return { add, btf, int, pointer, array, struct, number, section };
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isBpfError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('mapDefinitions', () => {
  test('numbers, types and sizes', () => {
    const { add, int, pointer, struct, number, section } = vocabulary();
    const key = struct({ a: int }, 12);
    const typedef = add({ kind: 'TYPEDEF', name: 'key_t', type: key, attribute: false });
    const constant = add({ kind: 'CONST', name: '', type: typedef, attribute: false });
    const extra = add({
      kind: 'ENUM64',
      name: '',
      size: 8,
      signed: false,
      values: [{ name: '__unique_value1', value: 1n << 40n }],
    });
    const map = struct({
      type: number(1),
      max_entries: number(100),
      map_flags: number(2),
      key: pointer(constant),
      value_size: number(24),
      pinning: number(1),
      numa_node: number(3),
      map_extra: extra,
    });
    expect(mapDefinitions(section({ counts: map }))).toEqual([
      {
        name: 'counts',
        type: 1,
        keySize: 12,
        valueSize: 24,
        maxEntries: 100,
        flags: 2,
        pinning: 1,
        numaNode: 3,
        mapExtra: 1n << 40n,
        keyType: constant,
        valueType: 0,
        values: undefined,
      },
    ]);
  });

  test('inner maps and programs in values', () => {
    const { add, int, pointer, array, struct, number, section } = vocabulary();
    const inner = struct({ type: number(2), max_entries: number(4), key: pointer(int), value: pointer(int) });
    const proto = add({ kind: 'FUNC_PROTO', name: '', returnType: int, params: [] });
    const btf = section({
      outer: struct({ type: number(12), key_size: number(4), values: array(pointer(inner), 0) }),
      jumps: struct({ type: number(3), key_size: number(4), values: array(pointer(proto), 0) }),
    });
    const [outer, jumps] = mapDefinitions(btf);
    expect(outer).toMatchObject({ name: 'outer', valueSize: 4 });
    expect(outer?.values).toMatchObject({ kind: 'maps', offset: 16 });
    expect(outer?.values?.inner).toMatchObject({
      name: 'outer.inner',
      type: 2,
      keySize: 4,
      valueSize: 4,
      maxEntries: 4,
    });
    expect(jumps).toMatchObject({ name: 'jumps', valueSize: 4 });
    expect(jumps?.values).toEqual({ kind: 'programs', offset: 16, inner: undefined });
  });

  test('no .maps section means no maps', () => {
    expect(mapDefinitions(builder().btf())).toEqual([]);
  });

  test.each<[string, RegExp, (v: ReturnType<typeof vocabulary>) => Record<string, number>]>([
    [
      'key_size that differs from key',
      /two different values/,
      (v) => ({ key_size: v.number(8), key: v.pointer(v.int) }),
    ],
    ['a member it does not know', /^E_UNSUPPORTED: m: member shape of a map/, (v) => ({ shape: v.number(1) })],
    [
      'a number that is a type',
      /^E_BTF_TYPE: m: type is not a number, expected PTR to ARRAY, got INT/,
      (v) => ({ type: v.int }),
    ],
    [
      'hundreds of members',
      /^E_BTF_FORMAT: m: map definition has too many members, expected at most 64, got 100/,
      (v) => Object.fromEntries(Array.from({ length: 100 }, (_, k) => [`m${k}`, v.number(1)])),
    ],
    ['values that are no pointers', /values are not pointers/, (v) => ({ values: v.array(v.int, 0) })],
    ['key that is no pointer', /key is not a type/, (v) => ({ key: v.int })],
    [
      'maps in maps in maps',
      /inner map cannot hold maps/,
      (v) => {
        const leaf = v.struct({ type: v.number(2) });
        const middle = v.struct({ type: v.number(12), values: v.array(v.pointer(leaf), 0) });
        return { type: v.number(12), values: v.array(v.pointer(middle), 0) };
      },
    ],
  ])('refuses %s', (_, message, members) => {
    const words = vocabulary();
    const map = words.struct(members(words));
    expect(refusal(() => mapDefinitions(words.section({ m: map })))).toMatch(message);
  });
});

describe('resolving', () => {
  test('sizes of arrays, pointers and variables', () => {
    const { add, int, pointer, array, struct, btf } = vocabulary();
    const grid = array(array(int, 3), 5);
    const variable = add({ kind: 'VAR', name: 'v', type: grid, linkage: 0 });
    const pair = struct({ a: int, b: int }, 8);
    const cases = [grid, variable, array(pointer(0), 7), pointer(grid), array(pair, 0), array(pair, 2)];
    expect(cases.map((id) => sizeOf(btf(), id))).toEqual([60, 60, 56, 8, 0, 16]);
    expect(sizeOf(btf(), array(pointer(0), 7), 4)).toBe(28);
  });

  test('skipModifiers stops at a typedef, resolveType does not', () => {
    const { add, int, btf } = vocabulary();
    const typedef = add({ kind: 'TYPEDEF', name: 't', type: int, attribute: false });
    const volatile = add({ kind: 'VOLATILE', name: '', type: typedef, attribute: false });
    expect(skipModifiers(btf(), volatile).id).toBe(typedef);
    expect(resolveType(btf(), volatile).id).toBe(int);
  });

  test('cycles, endless sizes and missing types are refused', () => {
    const { add, int, array, btf } = vocabulary();
    const first = add({ kind: 'CONST', name: '', type: int + 2, attribute: false });
    const second = add({ kind: 'TYPEDEF', name: 'loop', type: first, attribute: false });
    const self = add({ kind: 'ARRAY', name: '', type: second + 1, indexType: int, nelems: 1 });
    const huge = array(array(int, 0xffff_ffff), 0xffff_ffff);
    const forward = add({ kind: 'FWD', name: 'later', union: false });
    const all = btf();
    expect(refusal(() => resolveType(all, second))).toMatch(/form a cycle/);
    expect(refusal(() => sizeOf(all, self))).toMatch(/form a cycle/);
    expect(refusal(() => sizeOf(all, huge))).toMatch(/too large/);
    expect(refusal(() => sizeOf(all, forward))).toMatch(/FWD later has no size/);
    expect(refusal(() => sizeOf(all, 0))).toMatch(/VOID 0 has no size/);
    expect(refusal(() => typeById(all, 99))).toMatch(/E_BTF_TYPE: no such type id, expected below \d+, got 99/);
  });
});
