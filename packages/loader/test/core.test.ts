import { type Btf, CORE_RELOCATION_KINDS, encodeBtf, parseBtf } from '@polybpf/btf';
import { expect, test } from 'vitest';
import { BAD_RELOCATION } from '../src/apply-core.ts';
import { loadObject } from '../src/load-object.ts';
import type { LoadedObject } from '../src/loaded-object.ts';
import { fixture, fixtureBytes, programOf } from './fixture.ts';

const ORDERS = ['el', 'eb'] as const;

function load(order: 'el' | 'eb', target: Btf = fixture(`core-target.clang19.${order}.o`).btf!): LoadedObject {
  return loadObject(fixtureBytes(`core.clang19.${order}.o`), { targetBtf: target });
}

/** What became of a program's relocations, each as `insn kind before -> after`. */
function changes(object: LoadedObject, name: string): string[] {
  const details = object.details.find((candidate) => candidate.name === name)!;
  return details.appliedCore.map(({ insn, kind, outcome, before, after, width }) => {
    const resized = width === undefined ? '' : `, ${width.before} to ${width.after} bytes`;
    return `${insn} ${kind} ${outcome === 'poisoned' ? 'poisoned' : `${before} -> ${after}${resized}`}`;
  });
}

/** Both byte orders agree in all of this; libbpf says the same in corpus.native.test.ts. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  field_offsets: [
    '0 field_byte_offset 4 -> 16',
    '1 field_byte_offset 18 -> 42',
    '4 field_byte_offset 24 -> 64',
    '7 field_byte_offset 8 -> 32',
    '10 field_byte_offset 32 -> 76',
  ],
  field_loads: [
    '0 field_byte_offset 4 -> 16, 4 to 8 bytes',
    '1 field_byte_offset 20 -> 44',
    '5 field_byte_offset 24 -> 64',
  ],
  field_stores: [
    '1 field_byte_offset 4 -> 16, 4 to 8 bytes',
    '2 field_byte_offset poisoned',
    '3 field_byte_offset 24 -> 64',
  ],
  field_sizes: ['0 field_byte_size 4 -> 8', '1 field_byte_size 6 -> 16', '4 field_byte_size 2 -> 2'],
  field_signs: ['0 field_signed 1 -> 1', '1 field_signed 0 -> 0', '4 field_signed 0 -> 1', '7 field_signed 0 -> 0'],
  field_exists: ['0 field_exists 1 -> 1', '1 field_exists 1 -> 0', '4 field_exists 1 -> 1', '7 field_exists 1 -> 0'],
  field_missing: ['1 field_exists 1 -> 0', '3 field_byte_offset poisoned'],
  field_missing_value: ['0 field_byte_offset poisoned'],
  flexible: ['0 field_byte_offset 16 -> 24', '1 field_byte_offset 24 -> 32'],
  types: ['0', '1', '4', '7', '10', '13'].map((insn, k) => `${insn} type_exists 1 -> ${'101101'[k]!}`),
  type_sizes: ['0 type_size 24 -> 32', '1 type_size 4 -> 0', '4 type_size 40 -> 80'],
  type_matches: ['0', '1', '4', '7', '10', '13', '16'].map((n, k) => `${n} type_matches 1 -> ${'1001101'[k]!}`),
  enumerators: ['0 enumval_exists 1 -> 1', '2 enumval_exists 1 -> 0', '6 enumval_exists 1 -> 1'],
  enumerator_values: [
    '0 enumval_value 7 -> 9',
    `2 enumval_value ${1n << 40n} -> ${1n << 41n}`,
    `5 enumval_value ${(1n << 64n) - 5n} -> ${(1n << 64n) - 6n}`,
  ],
  enumerator_missing: ['0 enumval_value poisoned'],
  several_agree: ['0 field_byte_offset 0 -> 4'],
};

test.each(ORDERS)('every kind of relocation, bpf%s', (order) => {
  const object = load(order);
  const found = Object.fromEntries(Object.keys(EXPECTED).map((name) => [name, changes(object, name)]));
  expect(found).toEqual(EXPECTED);
  const kinds = new Set(object.details.flatMap(({ appliedCore }) => appliedCore.map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual([...CORE_RELOCATION_KINDS].sort());
  expect(object.details.every(({ coreRelocations }) => coreRelocations.length === 0)).toBe(true);
});

/** Unit that is read, where it starts, and the shifts, for bit fields at 6.4 (3 bits), 5.5 (7), 0 (40), 6.7 (9). */
test.each([
  [
    'el',
    { bits_a: [4, 4, 41, 0, 61], bits_b: [4, 4, 44, 1, 57], bits_c: [8, 0, 24, 0, 24], bits_d: [2, 6, 48, 0, 55] },
  ],
  ['eb', { bits_a: [4, 4, 52, 0, 61], bits_b: [4, 4, 45, 1, 57], bits_c: [8, 0, 0, 0, 24], bits_d: [2, 6, 55, 0, 55] }],
] as const)('bit fields, bpf%s', (order, expected) => {
  const object = load(order);
  for (const [name, [size, offset, left, signed, right]] of Object.entries(expected)) {
    const { appliedCore } = object.details.find((details) => details.name === name)!;
    const valueOf = (wanted: string): number[] => [
      ...new Set(appliedCore.filter(({ kind }) => kind === wanted).map(({ after }) => Number(after))),
    ];
    const got = ['byte_size', 'byte_offset', 'lshift_u64', 'signed', 'rshift_u64'].map((kind) => valueOf(`field_${kind}`)); // prettier-ignore
    expect({ name, got }).toEqual({ name, got: [[size], [offset], [left], [signed], [right]] });
  }
});

test.each(ORDERS)('type ids are those of the target, or of the object, bpf%s', (order) => {
  const target = fixture(`core-target.clang19.${order}.o`).btf!;
  const object = load(order, target);
  const idOf = (btf: Btf): bigint => BigInt(btf.types.find(({ kind, name }) => kind === 'STRUCT' && name === 'shape')!.id); // prettier-ignore
  const { appliedCore } = object.details.find(({ name }) => name === 'type_ids')!;
  expect(appliedCore.map(({ kind, after }) => [kind, after])).toEqual([
    ['type_id_local', idOf(object.btf!)],
    ['type_id_target', idOf(target)],
    ['type_id_target', 0n],
  ]);
});

test('poisoned instructions call what no kernel has, both slots of a ld_imm64', () => {
  const object = load('el');
  const marker = { opcode: 0x85, dst_reg: 0, src_reg: 0, offset: 0, imm: BAD_RELOCATION };
  expect(programOf(object, 'enumerator_missing').insns.slice(0, 3)).toEqual([
    marker,
    marker,
    { opcode: 0x95, dst_reg: 0, src_reg: 0, offset: 0, imm: 0 },
  ]);
  expect(BAD_RELOCATION).toBe(0xbad2310);
});

test('loads are widened in the instruction, and only there', () => {
  const before = programOf(fixture('core.clang19.el.o'), 'field_loads').insns;
  const after = programOf(load('el'), 'field_loads').insns;
  expect([before[0]!.opcode, before[0]!.offset, after[0]!.opcode, after[0]!.offset]).toEqual([0x61, 4, 0x79, 16]);
  expect(after.slice(2, 5)).toEqual(before.slice(2, 5));
});

test('without a target all relocations stay, unapplied', () => {
  const object = fixture('core.clang19.el.o');
  expect(object.details.flatMap(({ appliedCore }) => appliedCore)).toEqual([]);
  expect(object.details.flatMap(({ coreRelocations }) => coreRelocations).length).toBeGreaterThan(80);
});

function edited(edit: (btf: Btf) => Btf): Btf {
  const target = fixture('core-target.clang19.el.o').btf!;
  return parseBtf(encodeBtf(edit(target)));
}

test('candidates that disagree are refused', () => {
  const target = edited((btf) => ({
    ...btf,
    types: btf.types.map((type) => {
      if (type.kind !== 'STRUCT' || type.name !== 'twice___same') return type;
      return { ...type, members: type.members.map((member) => (member.name === 'x' ? { ...member, bitOffset: 64 } : member)) }; // prettier-ignore
    }),
  }));
  expect(() => load('el', target)).toThrow(/several_agree: insn 0: field_byte_offset is ambiguous.*offset 4.*offset 8/);
});

test('a field too far away for a load is refused', () => {
  const target = edited((btf) => ({
    ...btf,
    types: btf.types.map((type) => {
      if (type.kind !== 'STRUCT' || !type.name.startsWith('twice')) return type;
      return { ...type, size: 40000, members: type.members.map((member) => ({ ...member, bitOffset: 8 * 32768 })) };
    }),
  }));
  expect(() => load('el', target)).toThrow(/several_agree: insn 0: the field is too far away/);
});

test('an instruction that does not hold what its relocation says is refused', () => {
  const bytes = fixtureBytes('core.clang19.el.o').slice();
  // several_agree starts with r1 = *(u32 *)(r1 + 0), and is the only load of that form before a shift by 32.
  const code = [0x61, 0x10, 0, 0, 0, 0, 0, 0, 0x67, 0, 0, 0, 32];
  const at = bytes.findIndex((_, k) => code.every((byte, i) => bytes[k + i] === byte));
  expect(at).toBeGreaterThan(0);
  bytes[at + 2] = 9;
  const targetBtf = fixture('core-target.clang19.el.o').btf!;
  expect(() => loadObject(bytes, { targetBtf })).toThrow(/several_agree: insn 0: .* expected 0, got 9/);
});

test('the target may be given as bytes', () => {
  const bytes = encodeBtf(fixture('core-target.clang19.el.o').btf!);
  const object = loadObject(fixtureBytes('core.clang19.el.o'), { targetBtf: bytes });
  expect(changes(object, 'field_loads')).toEqual(EXPECTED['field_loads']);
});

test('object and target must have the same byte order', () => {
  expect(() => load('el', fixture('core-target.clang19.eb.o').btf!)).toThrow(/byte order.*expected little, got big/);
});

test('types of modules count where the kernel has none of the name', () => {
  const full = fixture('core-target.clang19.el.o').btf!;
  const without = edited((btf) => ({
    ...btf,
    types: btf.types.map((type) => (type.name.startsWith('twice') ? { ...type, name: `x_${type.name}` } : type)),
  }));
  expect(changes(loadObject(fixtureBytes('core.clang19.el.o'), { targetBtf: [without] }), 'several_agree')).toEqual(['0 field_byte_offset poisoned']); // prettier-ignore
  expect(changes(loadObject(fixtureBytes('core.clang19.el.o'), { targetBtf: [without, full] }), 'several_agree')).toEqual(['0 field_byte_offset 0 -> 4']); // prettier-ignore
});
