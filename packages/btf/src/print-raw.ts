/** BTF as `bpftool btf dump` shows it: one object or one paragraph a type. */
import type { Btf, BtfType } from './btf-type.ts';
import { typeById } from './resolve.ts';

/** Scalars of one type by the names that bpftool prints, then its parts. Values of enumerations are decimal text. */
export type BtfDescription = Readonly<Record<string, string | number | readonly Readonly<Record<string, string | number>>[]>>; // prettier-ignore

/**
 * One type as an object, in the shape of `bpftool -j btf dump`; but values of enumerations are text, since JSON numbers
 * cannot hold 64 bits.
 */
export function describeBtfType(type: BtfType): BtfDescription {
  const head = { id: type.id, kind: type.kind, name: nameOr(type.name) };
  switch (type.kind) {
    case 'VOID':
      return head;
    case 'INT':
      return { ...head, size: type.size, bits_offset: type.bitOffset, nr_bits: type.bits, encoding: ENCODINGS[type.encoding] ?? 'UNKN' }; // prettier-ignore
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
      const members = type.members.map(({ name, type: id, bitOffset, bitfieldSize }) => ({
        name: nameOr(name),
        type_id: id,
        bits_offset: bitOffset,
        ...(bitfieldSize === 0 ? {} : { bitfield_size: bitfieldSize }),
      }));
      return { ...head, size: type.size, vlen: members.length, members };
    }
    case 'ENUM':
    case 'ENUM64': {
      const values = type.values.map(({ name, value }) => ({ name: nameOr(name), val: String(value) }));
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      return { ...head, encoding, size: type.size, vlen: values.length, values };
    }
    case 'FWD':
      return { ...head, fwd_kind: type.union ? 'union' : 'struct' };
    case 'FUNC':
    case 'VAR':
      return { ...head, type_id: type.type, linkage: LINKAGES[type.linkage] ?? '(unknown)' };
    case 'FUNC_PROTO': {
      const params = type.params.map(({ name, type: id }) => ({ name: nameOr(name), type_id: id }));
      return { ...head, ret_type_id: type.returnType, vlen: params.length, params };
    }
    case 'DATASEC': {
      const vars = type.variables.map(({ type: id, offset, size }) => ({ type_id: id, offset, size }));
      return { ...head, size: type.size, vlen: vars.length, vars };
    }
    case 'FLOAT':
      return { ...head, size: type.size };
    case 'DECL_TAG':
      return { ...head, type_id: type.type, component_idx: type.componentIndex };
  }
}

const ENCODINGS: Readonly<Record<number, string>> = { 0: '(none)', 1: 'SIGNED', 2: 'CHAR', 4: 'BOOL' };
const LINKAGES: readonly string[] = ['static', 'global', 'extern'];

function nameOr(name: string): string {
  return name === '' ? '(anon)' : name;
}

/** All types, or those of some ids, as text like that of `bpftool btf dump ... format raw`; void is left out. */
export function printRawBtf(btf: Btf, ids?: readonly number[]): string {
  const types = ids === undefined ? btf.types : ids.map((id) => typeById(btf, id));
  const lines = types.flatMap((type) => (type.kind === 'VOID' ? [] : rawLines(btf, type)));
  return lines.map((line) => `${line}\n`).join('');
}

function rawLines(btf: Btf, type: BtfType): string[] {
  const { id, kind, name, ...rest } = describeBtfType(type);
  const suffix = type.kind === 'ENUM64' ? (type.signed ? 'LL' : 'ULL') : '';
  const parts: string[] = [];
  const scalars: string[] = [];
  for (const [key, value] of Object.entries(rest)) {
    if (typeof value === 'object') parts.push(...value.map((part) => `${partLine(btf, part)}${suffix}`));
    else scalars.push(`${key}=${value}`);
  }
  // bpftool has a comma here and nowhere else.
  const separator = kind === 'VAR' ? ', ' : ' ';
  return [`[${String(id)}] ${String(kind)} '${String(name)}' ${scalars.join(separator)}`.trimEnd(), ...parts];
}

function partLine(btf: Btf, { name, ...rest }: Readonly<Record<string, string | number>>): string {
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${value}`);
  if (name !== undefined) return `\t'${name}' ${fields.join(' ')}`;
  const variable = typeById(btf, Number(rest['type_id']));
  return `\t${fields.join(' ')} (${variable.kind} '${nameOr(variable.name)}')`;
}
