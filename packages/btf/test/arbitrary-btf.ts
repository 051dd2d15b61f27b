import fc from 'fast-check';
import type { BtfInit } from '../src/encode-btf.ts';
import type { BtfType } from '../src/btf-type.ts';

const u32: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff_ffff });
const name: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom(...'abcdefghij_.é漢😀'), maxLength: 8 });

function named<T>(element: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(element, { maxLength: 4 });
}

function type(id: number, count: number): fc.Arbitrary<BtfType> {
  const reference = fc.nat({ max: count - 1 });
  const anonymous = { id: fc.constant(id), name: fc.constant('') };
  const head = { id: fc.constant(id), name };
  const is = <K extends string>(kind: K): { kind: fc.Arbitrary<K> } => ({ kind: fc.constant(kind) });
  const composite = (bitfields: boolean): fc.Arbitrary<BtfType> => {
    const bitOffset = bitfields ? fc.nat({ max: 0xff_ffff }) : u32;
    const bitfieldSize = bitfields ? fc.nat({ max: 255 }) : fc.constant(0);
    const members = named(fc.record({ name, type: reference, bitOffset, bitfieldSize }));
    return fc.record({ kind: fc.constantFrom('STRUCT', 'UNION'), ...head, size: u32, members });
  };
  const signedEnum = fc.record({
    ...is('ENUM'),
    ...head,
    size: u32,
    signed: fc.constant(true),
    values: named(fc.record({ name, value: fc.integer() })),
  });
  const unsignedEnum = fc.record({
    ...is('ENUM'),
    ...head,
    size: u32,
    signed: fc.constant(false),
    values: named(fc.record({ name, value: u32 })),
  });
  const enum64 = (signed: boolean): fc.Arbitrary<BtfType> =>
    fc.record({
      ...is('ENUM64'),
      ...head,
      size: u32,
      signed: fc.constant(signed),
      values: named(
        fc.record({ name, value: signed ? fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) : fc.bigInt(0n, 2n ** 64n - 1n) }),
      ),
    });
  return fc.oneof(
    fc.record({
      ...is('INT'),
      ...head,
      size: u32,
      encoding: fc.nat({ max: 255 }),
      bitOffset: fc.nat({ max: 255 }),
      bits: fc.nat({ max: 0xffff }),
    }),
    fc.record({
      kind: fc.constantFrom('PTR', 'TYPEDEF', 'VOLATILE', 'CONST', 'RESTRICT', 'TYPE_TAG'),
      ...head,
      type: reference,
      attribute: fc.boolean(),
    }),
    fc.record({ ...is('ARRAY'), ...anonymous, type: reference, indexType: reference, nelems: u32 }),
    composite(false),
    composite(true),
    signedEnum,
    unsignedEnum,
    enum64(false),
    enum64(true),
    fc.record({ ...is('FWD'), ...head, union: fc.boolean() }),
    fc.record({ ...is('FUNC'), ...head, type: reference, linkage: fc.nat({ max: 2 }) }),
    fc.record({
      ...is('FUNC_PROTO'),
      ...head,
      returnType: reference,
      params: named(fc.record({ name, type: reference })),
    }),
    fc.record({ ...is('VAR'), ...head, type: reference, linkage: u32 }),
    fc.record({
      ...is('DATASEC'),
      ...head,
      size: u32,
      variables: named(fc.record({ type: reference, offset: u32, size: u32 })),
    }),
    fc.record({ ...is('FLOAT'), ...head, size: u32 }),
    fc.record({
      ...is('DECL_TAG'),
      ...head,
      type: reference,
      componentIndex: fc.integer(),
      attribute: fc.boolean(),
    }),
  );
}

/** Any well-formed BTF, all kinds, both byte orders. */
export const btfInit: fc.Arbitrary<BtfInit> = fc.nat({ max: 12 }).chain((count) =>
  fc.record({
    endian: fc.constantFrom<'little' | 'big'>('little', 'big'),
    types: fc
      .tuple(...Array.from({ length: count }, (_, k) => type(k + 1, count + 1)))
      .map((types): BtfType[] => [{ kind: 'VOID', id: 0, name: '' }, ...types]),
  }),
);
