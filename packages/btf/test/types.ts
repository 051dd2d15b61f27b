/** BTF made by hand, for tests. */
import type { Btf, BtfType } from '../src/btf-type.ts';
import { encodeBtf } from '../src/encode-btf.ts';
import { parseBtf } from '../src/parse-btf.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** The types with ids from 1 on, through the wire format. */
export function btfOf(types: readonly WithoutId<BtfType>[], endian: 'little' | 'big' = 'little', base?: Btf): Btf {
  const first = base === undefined ? 1 : base.firstId + base.types.length;
  const numbered = types.map((type, k) => ({ ...type, id: first + k }) as BtfType);
  const parts = base === undefined ? {} : { base };
  return parseBtf(encodeBtf({ endian, types: numbered, ...parts }), base);
}

export const INT: WithoutId<BtfType> = { kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 };
export const CHAR: WithoutId<BtfType> = { kind: 'INT', name: 'char', size: 1, encoding: 1, bitOffset: 0, bits: 8 };
export const LONG: WithoutId<BtfType> = { kind: 'INT', name: 'long', size: 8, encoding: 1, bitOffset: 0, bits: 64 };

/** A type that points on: `to('PTR', 3)`. */
export function to(
  kind: 'PTR' | 'CONST' | 'VOLATILE' | 'RESTRICT' | 'TYPEDEF' | 'TYPE_TAG',
  type: number,
  name = '',
): WithoutId<BtfType> {
  // prettier-ignore
  return { kind, name, type, attribute: false };
}

export function array(type: number, nelems: number): WithoutId<BtfType> {
  return { kind: 'ARRAY', name: '', type, indexType: 1, nelems };
}

/** Members as `[name, type, bit offset, bits of a bit field]`. */
export function struct(
  name: string,
  size: number,
  members: readonly (readonly [string, number, number, number?])[],
  kind: 'STRUCT' | 'UNION' = 'STRUCT',
): WithoutId<BtfType> {
  // prettier-ignore
  return {
    kind,
    name,
    size,
    members: members.map(([member, type, bitOffset, bitfieldSize = 0]) => ({ name: member, type, bitOffset, bitfieldSize })), // prettier-ignore
  };
}

export function func(name: string, proto: number, linkage = 1): WithoutId<BtfType> {
  return { kind: 'FUNC', name, type: proto, linkage };
}

export function proto(returnType: number, ...params: readonly (readonly [string, number])[]): WithoutId<BtfType> {
  return { kind: 'FUNC_PROTO', name: '', returnType, params: params.map(([name, type]) => ({ name, type })) };
}
