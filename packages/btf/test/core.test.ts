import fc from 'fast-check';
import { isBpfError } from '@polybpf/errors';
import { describe, expect, test } from 'vitest';
import type { Btf } from '../src/btf-type.ts';
import { fieldsAreCompatible, typesAreCompatible, typesMatch } from '../src/core-compat.ts';
import { CORE_RELOCATION_KINDS } from '../src/core-kinds.ts';
import { createCoreRelocator } from '../src/core-relocator.ts';
import { encodeBtf } from '../src/encode-btf.ts';
import { essentialName, typesByEssentialName } from '../src/name-index.ts';
import { parseBtf } from '../src/parse-btf.ts';
import { btfInit } from './arbitrary-btf.ts';
import { array, btfOf, CHAR, INT, LONG, proto, struct, to } from './types.ts';

test.each([
  ['task_struct', 'task_struct'],
  ['task_struct___old', 'task_struct'],
  ['a___b___c', 'a___b'],
  ['a____b', 'a____b'],
  ['___b', '___b'],
  ['a___', 'a___'],
  ['x___y', 'x'],
])('%s without flavour is %s', (name, expected) => expect(essentialName(name)).toBe(expected));

test('types by name without flavour, of one blob only', () => {
  const base = btfOf([struct('a', 4, []), struct('a___2', 4, [])]);
  const split = btfOf([struct('a', 8, [])], 'little', base);
  expect(typesByEssentialName(base, 'a').map(({ id }) => id)).toEqual([1, 2]);
  expect(typesByEssentialName(split, 'a').map(({ id }) => id)).toEqual([3]);
  expect(typesByEssentialName(base, 'a___2')).toEqual([]);
});

type Types = Parameters<typeof btfOf>[0];
type Question = (local: Btf, localId: number, target: Btf, targetId: number) => boolean;

/** Asks about the last type of both. */
function ask(question: Question, local: Types, target: Types): boolean {
  return question(btfOf(local), local.length, btfOf(target), target.length);
}

const enumOf = (name: string, size: number, values: readonly string[], signed = false): Types[number] => ({ kind: 'ENUM', name, size, signed, values: values.map((value, k) => ({ name: value, value: k })) }); // prettier-ignore
const enum64 = (name: string): Types[number] => ({ kind: 'ENUM64', name, size: 8, signed: false, values: [] });
const fwd = (name: string, union = false): Types[number] => ({ kind: 'FWD', name, union });
const UNSIGNED: Types[number] = { kind: 'INT', name: 'int', size: 4, encoding: 0, bitOffset: 0, bits: 32 };
const OFFSET: Types[number] = { kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 3, bits: 5 };
const SHORT_LONG: Types[number] = { kind: 'INT', name: 'long', size: 4, encoding: 1, bitOffset: 0, bits: 32 };
const FLOAT: Types[number] = { kind: 'FLOAT', name: 'float', size: 4 };

describe('what a field may land on', () => {
  test.each<[string, Types, Types, boolean]>([
    ['structs of any name', [struct('a', 4, [])], [struct('b', 8, [])], true],
    ['a struct on a union', [struct('a', 4, [])], [struct('a', 4, [], 'UNION')], true],
    ['integers of other sizes and signs', [INT], [LONG], true],
    ['an integer with an offset', [INT], [OFFSET], false],
    ['pointers to anything', [INT, to('PTR', 1)], [struct('a', 4, []), to('PTR', 1)], true],
    ['a pointer on an integer', [INT, to('PTR', 1)], [LONG], false],
    ['floats', [FLOAT], [{ ...FLOAT, size: 8 }], true],
    ['enumerations of one name but for the flavour', [enumOf('e___x', 4, [])], [enum64('e')], true],
    ['enumerations of different names', [enumOf('e', 4, [])], [enumOf('f', 4, [])], false],
    ['an enumeration without name', [enumOf('', 4, [])], [enumOf('f', 4, [])], true],
    ['declarations of one name', [fwd('a')], [fwd('a')], true],
    ['declarations of different names', [fwd('a')], [fwd('b')], false],
    ['arrays by their elements', [INT, array(1, 4)], [LONG, array(1, 9)], true],
    ['arrays of pointers on arrays of numbers', [INT, to('PTR', 1), array(2, 4)], [INT, array(1, 4)], false],
    ['through typedefs and qualifiers', [INT, to('TYPEDEF', 1, 'a'), to('CONST', 2)], [INT, to('VOLATILE', 1)], true],
    ['functions', [INT, proto(1)], [INT, proto(1)], false],
  ])('%s: %#', (_, local, target, expected) => expect(ask(fieldsAreCompatible, local, target)).toBe(expected));
});

describe('types of one shape', () => {
  test.each<[string, Types, Types, boolean]>([
    ['structs, whatever they hold', [struct('a', 4, [])], [INT, struct('a', 8, [['x', 1, 0]])], true],
    ['a struct and a union', [struct('a', 4, [])], [struct('a', 4, [], 'UNION')], false],
    ['ENUM and ENUM64', [enumOf('e', 4, [])], [enum64('e')], true],
    ['pointers to one shape', [INT, to('PTR', 1)], [LONG, to('PTR', 1)], true],
    ['pointers to different shapes', [INT, to('PTR', 1)], [struct('a', 4, []), to('PTR', 1)], false],
    ['arrays of any length', [INT, array(1, 2)], [INT, array(1, 5)], true],
    ['functions of one shape', [INT, proto(1, ['a', 1])], [LONG, proto(1, ['b', 1])], true],
    ['functions of other parameters', [INT, proto(1, ['a', 1])], [INT, proto(1)], false],
    ['functions of another result', [INT, proto(1)], [INT, to('PTR', 1), proto(2)], false],
    ['functions with another kind of parameter', [INT, proto(1, ['a', 1])], [INT, to('PTR', 1), proto(1, ['a', 2])], false],
    ['a typedef and what it stands for', [INT, to('TYPEDEF', 1, 'a')], [INT], false],
    ['an integer with an offset', [INT], [OFFSET], false],
    ['floats, of which libbpf knows nothing', [FLOAT], [FLOAT], false],
  ])('%s: %#', (_, local, target, expected) => expect(ask(typesAreCompatible, local, target)).toBe(expected));
}); // prettier-ignore

describe('types of which the target has all parts', () => {
  const holder = (...types: Types): Types => [...types, struct('s', 16, [['m', types.length, 0]])];
  test.each<[string, Types, Types, boolean]>([
    ['a member more', holder(INT), [INT, struct('s', 16, [['x', 1, 0], ['m', 1, 32]])], true],
    ['a member less', [INT, struct('s', 16, [['x', 1, 0], ['m', 1, 32]])], holder(INT), false],
    ['a member of another name', holder(INT), [INT, struct('s', 16, [['n', 1, 0]])], false],
    ['an integer of another size', holder(LONG), holder(SHORT_LONG), false],
    ['an integer of another sign', holder(INT), holder(UNSIGNED), false],
    ['an integer of another name', holder(INT), holder({ ...INT, name: 'i32' } as Types[number]), false],
    ['an array of another length', holder(INT, array(1, 2)), holder(INT, array(1, 3)), false],
    ['an array of the same length', holder(INT, array(1, 2)), holder(INT, array(1, 2)), true],
    ['an enumeration with a value more', holder(enumOf('e', 4, ['A'])), holder(enumOf('e', 4, ['B', 'A'])), true],
    ['an enumeration without a value', holder(enumOf('e', 4, ['A', 'C'])), holder(enumOf('e', 4, ['A', 'B'])), false],
    ['an enumeration of another size', holder(enumOf('e', 4, ['A'])), holder(enumOf('e', 8, ['A'])), false],
    ['enumerators with a flavour', holder(enumOf('e', 4, ['A___x'])), holder(enumOf('e', 4, ['A'])), true],
    ['a struct behind a pointer by its name', holder(struct('t', 8, []), to('PTR', 1)), holder(INT, struct('t', 8, [['a', 1, 0]]), to('PTR', 2)), true],
    ['a struct of another name behind a pointer', holder(struct('t', 8, []), to('PTR', 1)), holder(struct('u', 8, []), to('PTR', 1)), false],
    ['a union behind a pointer', holder(struct('t', 8, []), to('PTR', 1)), holder(struct('t', 8, [], 'UNION'), to('PTR', 1)), false],
    ['a declaration for a struct behind a pointer', holder(fwd('t'), to('PTR', 1)), holder(struct('t', 8, []), to('PTR', 1)), true],
    ['a declaration for a union behind a pointer', holder(fwd('t'), to('PTR', 1)), holder(struct('t', 8, [], 'UNION'), to('PTR', 1)), false],
    ['a struct for a declaration behind a pointer', holder(struct('t', 8, []), to('PTR', 1)), holder(fwd('t'), to('PTR', 1)), true],
    ['declarations of one kind', holder(fwd('t', true)), holder(fwd('t', true)), true],
    ['declarations of two kinds', holder(fwd('t', true)), holder(fwd('t')), false],
    ['a struct inside by its members', holder(INT, struct('t', 8, [['a', 1, 0]])), holder(INT, struct('t', 8, [['b', 1, 0]])), false],
    ['functions by all their types', holder(INT, proto(1, ['a', 1]), to('PTR', 2)), holder(INT, proto(1, ['b', 1]), to('PTR', 2)), true],
    ['functions of another result', holder(INT, proto(1), to('PTR', 2)), holder(INT, CHAR, proto(2), to('PTR', 3)), false],
    ['functions of other parameters', holder(INT, proto(1, ['a', 1]), to('PTR', 2)), holder(INT, proto(1), to('PTR', 2)), false],
    ['a pointer for a number', holder(INT), holder(INT, to('PTR', 1)), false],
  ])('%s: %#', (_, local, target, expected) => expect(ask(typesMatch, local, target)).toBe(expected));
}); // prettier-ignore

describe('relocations', () => {
  const local = btfOf([INT, struct('outer', 16, [['inner', 3, 0], ['p', 5, 64]]), struct('inner', 8, [['x', 1, 0], ['tail', 4, 64]]), array(1, 0), to('PTR', 1)]); // prettier-ignore
  const kindOf = (kind: (typeof CORE_RELOCATION_KINDS)[number]): number => CORE_RELOCATION_KINDS.indexOf(kind);

  test('a field that is a struct, and one inside of it', () => {
    const target = btfOf([INT, struct('outer', 40, [['p', 5, 0], ['inner', 3, 128]]), struct('inner', 16, [['y', 1, 0], ['x', 1, 32]]), array(1, 0), to('PTR', 1)]); // prettier-ignore
    const relocator = createCoreRelocator(local, target);
    expect(relocator.resolve({ type: 2, access: '0:0', kind: 0 })).toMatchObject({ value: 16n, original: 0n, size: 16, originalSize: 8, unsafeResize: true }); // prettier-ignore
    expect(relocator.resolve({ type: 2, access: '0:0:0', kind: 0 })).toMatchObject({ value: 20n, unsafeResize: false, local: '[2] struct outer.inner.x (0:0:0 @ offset 0)', target: '[2] struct outer.inner.x (0:1:1 @ offset 20)' }); // prettier-ignore
    expect(relocator.resolve({ type: 2, access: '2:0:0', kind: 0 })).toMatchObject({ value: 100n, original: 32n, target: '[2] struct outer[2].inner.x (2:1:1 @ offset 100)' }); // prettier-ignore
    expect(relocator.resolve({ type: 2, access: '0:1', kind: kindOf('field_byte_size') })).toMatchObject({ value: 8n });
  });

  test('a candidate that one relocation did not fit is out for the next', () => {
    const target = btfOf([INT, struct('outer', 8, [['p', 4, 0]]), struct('outer___v2', 24, [['inner', 5, 128], ['p', 4, 64]]), to('PTR', 1), struct('inner', 4, [['x', 1, 0]])]); // prettier-ignore
    const first = createCoreRelocator(local, target);
    expect(() => first.resolve({ type: 2, access: '0:1', kind: 0 })).toThrow(/ambiguous/);
    expect(first.resolve({ type: 2, access: '0:0', kind: 0 }).value).toBe(16n);
    expect(first.resolve({ type: 2, access: '0:1', kind: 0 }).value).toBe(8n);
  });

  test('candidates must have the field at one place even where only its existence is asked for', () => {
    const target = btfOf([INT, struct('inner', 8, [['x', 1, 0]]), struct('inner___v2', 8, [['x', 1, 32]])]);
    const question = { type: 3, access: '0:0', kind: kindOf('field_exists') };
    expect(() => createCoreRelocator(local, target).resolve(question)).toThrow(/field_exists is ambiguous/);
  });

  test('an access to an array is as wide as an element', () => {
    const [small, large] = [4, 9].map((length) => btfOf([INT, struct('s', 4 * length, [['a', 3, 0]]), array(1, length)])); // prettier-ignore
    expect(createCoreRelocator(small!, large!).resolve({ type: 2, access: '0:0', kind: 0 })).toMatchObject({ originalSize: 4, size: 4, unsafeResize: false }); // prettier-ignore
  });

  test.each([
    ['0:0:0:0', 'INT has no parts'],
    ['0:7', 'no member 7 in outer'],
    ['', 'not numbers between colons'],
    ['0:0:x', 'not numbers between colons'],
    [Array(70).fill('0').join(':'), 'more than 64 steps'],
  ])('access string %j is refused', (access, message) => {
    expect(() => createCoreRelocator(local, local).resolve({ type: 2, access, kind: 0 })).toThrow(message);
  });

  test('what cannot be asked', () => {
    const relocator = createCoreRelocator(local, local);
    expect(() => relocator.resolve({ type: 2, access: '0', kind: 13 })).toThrow(/CO-RE relocation kind 13/);
    expect(() => relocator.resolve({ type: 2, access: '1', kind: kindOf('type_size') })).toThrow(
      /a type is accessed as 0/,
    );
    expect(() => relocator.resolve({ type: 2, access: '0', kind: kindOf('enumval_value') })).toThrow(/no such enumerator/); // prettier-ignore
    expect(() => relocator.resolve({ type: 5, access: '0', kind: kindOf('type_exists') })).toThrow(/type without name/);
    expect(() => relocator.resolve({ type: 3, access: '0:1:2', kind: kindOf('field_signed') })).toThrow(/field_signed of an array element/); // prettier-ignore
    expect(relocator.resolve({ type: 3, access: '0:1:2', kind: 0 }).value).toBe(16n);
  });

  test('anonymous structs within each other are not searched for ever', () => {
    const levels = Array.from({ length: 40 }, (_, k) => struct(k === 0 ? 'inner' : '', 8, [['', k + 2, 0], ['', k + 2, 0]], 'UNION')); // prettier-ignore
    const own = btfOf([INT, struct('inner', 8, [['x', 1, 0]], 'UNION')]);
    const target = btfOf([...levels, INT]);
    expect(() => createCoreRelocator(own, target).resolve({ type: 2, access: '0:0', kind: 0 })).toThrow(/too large to be searched/); // prettier-ignore
  });

  test('any types and access strings: an answer or a BpfError', () => {
    const access = fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 5 }).map((steps) => steps.join(':'));
    fc.assert(
      fc.property(btfInit, btfInit, access, fc.nat({ max: 12 }), fc.nat({ max: 12 }), (a, b, text, kind, type) => {
        const [own, target] = [a, b].map((init) => parseBtf(encodeBtf({ ...init, endian: 'little' })));
        try {
          createCoreRelocator(own!, [target!, own!]).resolve({ type, access: text, kind });
        } catch (error) {
          if (!isBpfError(error)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
