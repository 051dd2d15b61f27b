import { isBpfError } from '@polybpf/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffBtf, formatType } from '../src/diff-btf.ts';
import { dedupBtf, mergeBtf } from '../src/merge-btf.ts';
import { encodeBtf } from '../src/encode-btf.ts';
import { parseBtf } from '../src/parse-btf.ts';
import { printRawBtf } from '../src/print-raw.ts';
import { btfInit } from './arbitrary-btf.ts';
import { array, btfOf, CHAR, func, INT, LONG, proto, struct, to } from './types.ts';

/** struct list { struct list *next; int value; } and a chain of three typedefs. */
const LIST = [INT, struct('list', 16, [['next', 3, 0], ['value', 1, 64]]), to('PTR', 2), to('TYPEDEF', 2, 'list_t')]; // prettier-ignore

test('merging keeps all types and renumbers what they refer to', () => {
  const { btf, ids } = mergeBtf([btfOf(LIST), btfOf([CHAR, ...LIST.slice(0, 0), to('PTR', 1)])]);
  expect(ids).toEqual([
    [0, 1, 2, 3, 4],
    [0, 5, 6],
  ]);
  expect(printRawBtf(btf).trimEnd().split('\n').at(-1)).toBe("[6] PTR '(anon)' type_id=5");
  expect(() => mergeBtf([btfOf(LIST), btfOf(LIST, 'big')])).toThrow(/byte orders, expected little, got big/);
  expect(() => mergeBtf([btfOf([INT], 'little', btfOf(LIST))])).toThrow(/split BTF/);
});

test('equal types become one, also those that refer to themselves', () => {
  const merged = mergeBtf([btfOf(LIST), btfOf(LIST), btfOf([LONG, ...LIST.slice(1)])]).btf;
  const { btf, ids } = dedupBtf(merged);
  // The third list holds a long called value at the place of the int, so that all of it stays.
  expect(btf.types.length - 1).toBe(8);
  expect(ids.slice(5, 9)).toEqual(ids.slice(1, 5));
  expect(new Set(ids.slice(9)).size).toBe(4);
});

test('a chain that would take for ever is refused', () => {
  const chain = btfOf([INT, ...Array.from({ length: 3000 }, (_, k) => to('PTR', k + 1))]);
  expect(() => dedupBtf(chain)).toThrow(/chains that are too long/);
});

test('variables, functions and sections stay, however alike', () => {
  const one = btfOf([INT, proto(1), func('f', 2, 0), { kind: 'VAR', name: 'v', type: 1, linkage: 0 }]);
  const { btf } = dedupBtf(mergeBtf([one, one]).btf);
  expect(btf.types.map(({ kind }) => kind)).toEqual(['VOID', 'INT', 'FUNC_PROTO', 'FUNC', 'VAR', 'FUNC', 'VAR']);
});

test('a BTF merged with itself is itself again', () => {
  fc.assert(
    fc.property(btfInit, (init) => {
      const btf = parseBtf(encodeBtf(init));
      const once = dedupBtf(btf).btf;
      const isType = ({ kind }: { kind: string }): boolean => !['VAR', 'FUNC', 'DATASEC', 'DECL_TAG'].includes(kind);
      const twice = dedupBtf(mergeBtf([once, once]).btf).btf;
      expect(twice.types.filter(isType).length).toBe(once.types.filter(isType).length);
      try {
        expect(diffBtf(once, dedupBtf(once).btf)).toEqual([]);
      } catch (error) {
        // Types in a circle, which cannot be compared member by member.
        if (!isBpfError(error)) throw error;
      }
    }),
    { numRuns: 200 },
  );
});

test('differences, by name', () => {
  const before = btfOf([
    INT,
    struct('same', 4, [['a', 1, 0]]),
    struct('moved', 16, [['a', 1, 0], ['', 4, 64], ['flag', 1, 96, 3]]),
    struct('', 4, [['inside', 1, 0]], 'UNION'),
    { kind: 'ENUM', name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 1 }, { name: 'B', value: 2 }] },
    to('TYPEDEF', 1, 'gone'),
    proto(1, ['x', 1]),
    func('f', 7),
  ]); // prettier-ignore
  const after = btfOf([
    LONG,
    INT,
    struct('same', 4, [['a', 2, 0]]),
    struct('moved', 24, [['a', 1, 0], ['', 5, 128], ['flag', 2, 96, 4], ['fresh', 8, 160]]),
    struct('', 4, [['inside', 2, 0]], 'UNION'),
    { kind: 'ENUM', name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 1 }, { name: 'B', value: 3 }, { name: 'C', value: 4 }] },
    to('PTR', 2),
    to('PTR', 7),
    proto(2, ['x', 1]),
    func('f', 9),
  ]); // prettier-ignore
  expect(diffBtf(before, after)).toEqual([
    { kind: 'ENUM', name: 'e', change: 'changed', details: [{ what: 'B', before: '2', after: '3' }, { what: 'C', before: undefined, after: '4' }] },
    { kind: 'FUNC', name: 'f', change: 'changed', details: [{ what: 'type', before: 'int (int)', after: 'int (long)' }] },
    { kind: 'TYPEDEF', name: 'gone', change: 'removed', details: [] },
    { kind: 'INT', name: 'long', change: 'added', details: [] },
    {
      kind: 'STRUCT',
      name: 'moved',
      change: 'changed',
      details: [
        { what: 'size', before: '16', after: '24' },
        { what: 'a', before: 'int at offset 0', after: 'long at offset 0' },
        { what: 'inside', before: 'int at offset 8', after: 'int at offset 16' },
        { what: 'flag', before: 'int at bits 96 to 98', after: 'int at bits 96 to 99' },
        { what: 'fresh', before: undefined, after: 'int ** at offset 20' },
      ],
    },
  ]); // prettier-ignore
  expect(diffBtf(before, before)).toEqual([]);
});

test('types on one line', () => {
  const btf = btfOf([INT, CHAR, array(1, 4), proto(0, ['', 2], ['', 0]), to('PTR', 4), to('CONST', 2), to('PTR', 6), to('CONST', 7), struct('s', 4, [], 'UNION'), to('PTR', 9)]); // prettier-ignore
  expect([3, 5, 8, 10].map((id) => formatType(btf, id))).toEqual(['int[4]', 'void (*)(char, ...)', 'const char * const', 'union s *']); // prettier-ignore
});
