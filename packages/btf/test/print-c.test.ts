import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isBpfError } from '@polybpf/errors';
import { typesAreCompatible, typesMatch } from '../src/core-compat.ts';
import { diffBtf, formatType } from '../src/diff-btf.ts';
import { encodeBtf } from '../src/encode-btf.ts';
import { parseBtf } from '../src/parse-btf.ts';
import { printC } from '../src/print-c.ts';
import { printRawBtf } from '../src/print-raw.ts';
import { printTypeScript } from '../src/print-typescript.ts';
import { btfInit } from './arbitrary-btf.ts';
import { array, btfOf, CHAR, func, INT, LONG, proto, struct, to } from './types.ts';

test('types come before what holds them, and pointers need no more than a declaration', () => {
  const btf = btfOf([
    INT,
    struct('outer', 24, [['inner', 3, 0], ['self', 4, 64], ['other', 5, 128]]),
    struct('inner', 8, [['back', 4, 0]]),
    to('PTR', 2),
    to('PTR', 6),
    { kind: 'FWD', name: 'elsewhere', union: true },
  ]); // prettier-ignore
  expect(printC(btf)).toBe(`struct outer;

struct inner {
	struct outer *back;
};

union elsewhere;

struct outer {
	struct inner inner;
	struct outer *self;
	union elsewhere *other;
};
`);
});

test('declarators: arrays, functions, qualifiers and tags', () => {
  const btf = btfOf([
    INT,
    CHAR,
    proto(1, ['x', 2], ['', 0]),
    to('PTR', 3),
    array(4, 3),
    to('CONST', 2),
    to('PTR', 6),
    to('CONST', 7),
    array(1, 2),
    to('PTR', 9),
    to('TYPE_TAG', 1, 'user'),
    to('PTR', 11),
    to('CONST', 13 - 4),
    struct('s', 80, [['table', 5, 0], ['text', 8, 192], ['rows', 10, 256], ['tagged', 12, 320], ['fixed', 13, 384], ['fn', 16, 448], ['r', 18, 512]]),
    proto(10, ['', 0]),
    to('PTR', 15),
    to('PTR', 1),
    to('RESTRICT', 17),
  ]); // prettier-ignore
  expect(printC(btf)).toBe(`struct s {
	int (*table[3])(char x, ...);
	const char *const text;
	int (*rows)[2];
	int __attribute__((btf_type_tag("user"))) *tagged;
	const int fixed[2];
	int (*(*fn)())[2];
	int *restrict r;
	long: 64;
};
`);
});

test('layout: padding, packed structs, bit fields, large unions', () => {
  const btf = btfOf([
    INT,
    CHAR,
    LONG,
    struct('spaced', 24, [['a', 2, 0], ['b', 1, 64], ['c', 2, 128]]),
    struct('packed', 5, [['a', 2, 0], ['b', 1, 8]]),
    struct('bits', 8, [['a', 1, 0, 3], ['b', 1, 8, 5], ['c', 1, 32, 32]]),
    struct('crossing', 5, [['a', 1, 0, 20], ['b', 1, 20, 20]]),
    struct('wide', 16, [['a', 2, 0]], 'UNION'),
    struct('holder', 13, [['a', 2, 0], ['b', 5, 8], ['', 10, 64]]),
    struct('', 5, [['x', 1, 0], ['y', 2, 32]]),
  ]); // prettier-ignore
  expect(printC(btf)).toBe(`struct spaced {
	char a;
	int: 24;
	int: 32;
	int b;
	int: 32;
	char c;
	int: 24;
	int: 32;
};

struct packed {
	char a;
	int b;
} __attribute__((packed));

struct bits {
	int a: 3;
	int: 5;
	int b: 5;
	int c;
};

struct crossing {
	int a: 20;
	int b: 20;
} __attribute__((packed));

union wide {
	char a;
} __attribute__((aligned(16)));

struct holder {
	char a;
	struct packed b;
	char: 8;
	char: 8;
	struct {
		int x;
		char y;
	} __attribute__((packed));
};
`.replace('	int c;\n', '	int c: 32;\n')); // prettier-ignore
});

test('names: taken twice, keywords, what is no identifier; enumerations of all sizes', () => {
  const btf = btfOf([
    struct('a', 0, []),
    struct('a', 4, [['class', 3, 0]], 'UNION'),
    INT,
    { kind: 'ENUM', name: 'e', size: 4, signed: true, values: [{ name: 'A', value: -1 }, { name: 'B', value: 1 }] },
    { kind: 'ENUM', name: 'e', size: 1, signed: false, values: [{ name: 'A', value: 3 }] },
    { kind: 'ENUM64', name: '', size: 8, signed: true, values: [{ name: 'LOW', value: -(1n << 63n) }] },
    to('TYPEDEF', 6, 'long'),
    struct('Vec<u8>', 4, [['0', 3, 0]]),
    { kind: 'INT', name: 'u8', size: 1, encoding: 0, bitOffset: 0, bits: 8 },
    to('TYPEDEF', 9, 'byte'),
    { kind: 'DECL_TAG', name: 'tag "x"', type: 2, componentIndex: 0, attribute: false },
  ]); // prettier-ignore
  expect(printC(btf)).toBe(`struct a {
};

union a___2 {
	int class __attribute__((btf_decl_tag("tag \\"x\\"")));
};

enum e {
	A = -1,
	B = 1,
};

enum e___3 {
	A___2 = 3,
} __attribute__((mode(QI)));

typedef enum {
	LOW = (-9223372036854775807LL - 1),
} long_;

struct Vec_u8_ {
	int _0;
};

typedef unsigned char u8;

typedef u8 byte;
`.replace('enum e {', 'enum e {').replace('e___3', 'e___2')); // prettier-ignore
});

test('functions that programs may call, and nothing else of functions', () => {
  const btf = btfOf([INT, proto(1, ['x', 1]), func('plain', 2), func('callable', 2), { kind: 'DECL_TAG', name: 'bpf_kfunc', type: 4, componentIndex: -1, attribute: false }]); // prettier-ignore
  expect(printC(btf)).toBe('extern int callable(int x) __attribute__((weak, section(".ksyms")));\n');
});

test('roots, with what they need; the guard', () => {
  const btf = btfOf([INT, struct('used', 4, [['a', 1, 0]]), struct('unused', 4, [['a', 1, 0]]), to('TYPEDEF', 2, 'used_t')]); // prettier-ignore
  expect(printC(btf, { roots: [4] })).toBe('struct used;\n\ntypedef struct used used_t;\n\nstruct used {\n\tint a;\n};\n'); // prettier-ignore
  expect(printC(btf, { guard: 'X_H' })).toMatch(/^#ifndef X_H\n#define X_H\n[^]*preserve_access_index[^]*#endif \/\* X_H \*\/\n$/); // prettier-ignore
});

test('split BTF: its own types, with what they need of the base', () => {
  const base = btfOf([INT, struct('held', 4, [['a', 1, 0]]), struct('unused', 4, [['a', 1, 0]])]);
  const module = btfOf(
    [
      struct('own', 16, [
        ['h', 2, 0],
        ['p', 5, 64],
      ]),
      to('PTR', 3),
    ],
    'little',
    base,
  );
  expect(printC(module)).toBe(`struct held {
	int a;
};

struct unused;

struct own {
	struct held h;
	struct unused *p;
};
`);
  expect(printRawBtf(module)).toMatch(/^\[4\] STRUCT 'own' size=16 vlen=2\n\t'h' type_id=2/);
  expect(printTypeScript(module)).toContain('h: Held;');
});

test('a struct that holds itself is refused', () => {
  const btf = btfOf([struct('a', 8, [['b', 2, 0]]), struct('b', 8, [['a', 1, 0]])]);
  expect(() => printC(btf)).toThrow(/STRUCT a holds itself/);
});

test('anything that parses is printed or refused', () => {
  fc.assert(
    fc.property(btfInit, (init) => {
      const btf = parseBtf(encodeBtf(init));
      for (const print of [printC, printTypeScript]) {
        try {
          print(btf);
        } catch (error) {
          if (!isBpfError(error)) throw error;
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('anonymous structs within each other, and padding without end, are refused in time', () => {
  // Each of 40 levels holds the next one twice: 2^40 members.
  const levels = Array.from({ length: 40 }, (_, k) => struct(k === 0 ? 'top' : '', 8, [['', k + 2, 0], ['', k + 2, 0]], 'UNION')); // prettier-ignore
  const deep = btfOf([...levels, INT]);
  expect(() => printC(deep)).toThrow(/too (large|deep)/);
  expect(() => printTypeScript(deep)).toThrow(/too (large|deep)/);
  expect(() => diffBtf(deep, deep)).toThrow(/too (large|deep)/);
  // Each of 30 functions takes the next one four times.
  const functions = btfOf([...Array.from({ length: 30 }, (_, k) => proto(0, ...['a', 'b', 'c', 'd'].map((name) => [name, k + 2] as const))), INT, to('TYPEDEF', 1, 'f')]); // prettier-ignore
  expect(() => printC(functions)).toThrow(/too (large|long)/);
  expect(formatType(functions, 1).length).toBeLessThan(10_000);
  expect(() => typesAreCompatible(functions, 1, functions, 1)).toThrow(/too deep/);
  expect(() => typesMatch(functions, 1, functions, 1)).toThrow(/too deep/);
  const padded = btfOf(Array.from({ length: 100 }, (_, k) => struct(`s${k}`, 0xffff_fff8, [])));
  expect(() => printC(padded)).toThrow(/too large/);
});
