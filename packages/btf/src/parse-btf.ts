/**
 * Reads the BTF wire format (kernel Documentation/bpf/btf.rst, sections 2 and 3; include/uapi/linux/btf.h):
 *
 *   header: u16 magic | u8 version | u8 flags | u32 hdr_len | u32 type_off, type_len, str_off, str_len
 *   type:   u32 name_off | u32 info = kind_flag:1 0:2 kind:5 0:8 vlen:16 | u32 size or type | data of the kind
 *
 * Input is not trusted: every count is checked against the bytes that are left before it is used, and every type id
 * against the number of types. Chains of types may still be cyclic, which the functions in resolve.ts guard against.
 */
import { BpfError } from '@polybpf/errors';
import type { Btf, BtfMember, BtfSectionVariable, BtfType } from './btf-type.ts';
import { BTF_KINDS, BTF_MAGIC } from './kinds.ts';
import { openStrings, type StringLookup } from './string-table.ts';

const HEADER_SIZE = 24;

/**
 * Parses the content of a `.BTF` section or a raw BTF file such as the kernel's own.
 *
 * @param bytes the blob, in either byte order
 * @param base the BTF that a split BTF builds on: ids and string offsets go on where it ends
 * @throws BpfError E_BTF_FORMAT for malformed data, E_BTF_TYPE for a type id that does not exist, E_UNSUPPORTED for a
 *   kind newer than ENUM64
 */
export function parseBtf(bytes: Uint8Array, base?: Btf): Btf {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { little, types, strings } = readHeader(view);
  const stringBytes = bytes.subarray(strings.start, strings.end);
  if (stringBytes.length > 0 && stringBytes[stringBytes.length - 1] !== 0) {
    throw formatError('string section does not end with a zero', strings.end - 1);
  }
  if (base === undefined && stringBytes[0] !== 0 && types.end > types.start) {
    throw formatError('string section does not start with the empty string', strings.start);
  }
  const firstId = base === undefined ? 0 : base.firstId + base.types.length;
  const reader = { view, little, nameAt: openStrings(stringBytes, base), at: types.start, end: types.end };
  const list: BtfType[] = base === undefined ? [{ kind: 'VOID', id: 0, name: '' }] : [];
  while (reader.at < reader.end) list.push(readType(reader, firstId + list.length));
  checkReferences(list, firstId + list.length);
  const common = { endian: little ? 'little' : 'big', types: list, firstId, strings: stringBytes } as const;
  return base === undefined ? common : { ...common, base };
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function readHeader(view: DataView): { little: boolean; types: Range; strings: Range } {
  if (view.byteLength < HEADER_SIZE) {
    throw formatError('BTF header is cut off', 0, `${HEADER_SIZE} bytes`, String(view.byteLength));
  }
  const little = view.getUint16(0, true) === BTF_MAGIC;
  if (!little && view.getUint16(0, false) !== BTF_MAGIC) {
    throw formatError('not BTF', 0, '0xeb9f', `0x${view.getUint16(0, true).toString(16)}`);
  }
  if (view.getUint8(2) !== 1) throw formatError('unknown BTF version', 2, '1', String(view.getUint8(2)));
  const headerLength = view.getUint32(4, little);
  if (headerLength < HEADER_SIZE) {
    throw formatError('BTF header is too short', 4, `at least ${HEADER_SIZE}`, String(headerLength));
  }
  const range = (field: number, what: string): Range => {
    const start = headerLength + view.getUint32(field, little);
    const end = start + view.getUint32(field + 4, little);
    if (end > view.byteLength) {
      throw formatError(`${what} section reaches past the end`, field, `at most ${view.byteLength}`, String(end));
    }
    return { start, end };
  };
  const types = range(8, 'type');
  if (types.start % 4 !== 0 || (types.end - types.start) % 4 !== 0) {
    throw formatError('type section is not aligned to 4 bytes', 8);
  }
  return { little, types, strings: range(16, 'string') };
}

interface TypeReader {
  readonly view: DataView;
  readonly little: boolean;
  readonly nameAt: StringLookup;
  at: number;
  readonly end: number;
}

/** Takes `count` words off the type section and returns where they start. */
function take(reader: TypeReader, count: number, what: string): number {
  const start = reader.at;
  if (4 * count > reader.end - start) throw formatError(`${what} reaches past the end of the type section`, start);
  reader.at = start + 4 * count;
  return start;
}

function readType(reader: TypeReader, id: number): BtfType {
  const { view, little } = reader;
  const start = take(reader, 3, `type ${id}`);
  const name = reader.nameAt(view.getUint32(start, little));
  const info = view.getUint32(start + 4, little);
  const sizeOrType = view.getUint32(start + 8, little);
  const kind = BTF_KINDS[(info >>> 24) & 0x1f];
  if ((info & 0x60ff0000) !== 0) {
    throw formatError(
      `type ${id} sets reserved bits of its info`,
      start + 4,
      'none of 0x60ff0000',
      `0x${info.toString(16)}`,
    );
  }
  const flag = info >>> 31 === 1;
  const vlen = info & 0xffff;
  switch (kind) {
    case 'INT': {
      const word = view.getUint32(take(reader, 1, `INT ${id}`), little);
      const fields = { encoding: word >>> 24, bitOffset: (word >>> 16) & 0xff, bits: word & 0xffff };
      return { kind, id, name, size: sizeOrType, ...fields };
    }
    case 'PTR':
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
    case 'TYPE_TAG':
      return { kind, id, name, type: sizeOrType, attribute: flag };
    case 'ARRAY': {
      const at = take(reader, 3, `ARRAY ${id}`);
      const type = view.getUint32(at, little);
      const indexType = view.getUint32(at + 4, little);
      return { kind, id, name, type, indexType, nelems: view.getUint32(at + 8, little) };
    }
    case 'STRUCT':
    case 'UNION':
      return { kind, id, name, size: sizeOrType, members: readMembers(reader, id, vlen, flag) };
    case 'ENUM':
      return { kind, id, name, size: sizeOrType, signed: flag, values: readEnumerators(reader, id, vlen, flag) };
    case 'ENUM64':
      return { kind, id, name, size: sizeOrType, signed: flag, values: readEnumerators64(reader, id, vlen, flag) };
    case 'FWD':
      return { kind, id, name, union: flag };
    case 'FUNC':
      return { kind, id, name, type: sizeOrType, linkage: vlen };
    case 'FUNC_PROTO':
      return { kind, id, name, returnType: sizeOrType, params: readParameters(reader, id, vlen) };
    case 'VAR':
      return { kind, id, name, type: sizeOrType, linkage: view.getUint32(take(reader, 1, `VAR ${id}`), little) };
    case 'DATASEC':
      return { kind, id, name, size: sizeOrType, variables: readVariables(reader, id, vlen) };
    case 'FLOAT':
      return { kind, id, name, size: sizeOrType };
    case 'DECL_TAG': {
      const componentIndex = view.getInt32(take(reader, 1, `DECL_TAG ${id}`), little);
      return { kind, id, name, type: sizeOrType, componentIndex, attribute: flag };
    }
    case 'VOID':
      throw formatError(`type ${id} has the kind 0`, start + 4);
    default:
      throw new BpfError('E_UNSUPPORTED', `BTF kind ${(info >>> 24) & 0x1f} of type ${id}`, {
        at: { offset: start },
        expected: `1 to ${BTF_KINDS.length - 1}`,
      });
  }
}

function readMembers(reader: TypeReader, id: number, count: number, flag: boolean): BtfMember[] {
  const { view, little, nameAt } = reader;
  const members: BtfMember[] = [];
  const start = take(reader, 3 * count, `members of type ${id}`);
  for (let at = start; at < reader.at; at += 12) {
    const offset = view.getUint32(at + 8, little);
    members.push({
      name: nameAt(view.getUint32(at, little)),
      type: view.getUint32(at + 4, little),
      // btf.rst, BTF_KIND_STRUCT: with kind_flag the upper 8 bits are the size of a bit field.
      bitOffset: flag ? offset & 0xff_ffff : offset,
      bitfieldSize: flag ? offset >>> 24 : 0,
    });
  }
  return members;
}

function readEnumerators(
  reader: TypeReader,
  id: number,
  count: number,
  signed: boolean,
): { name: string; value: number }[] {
  const { view, little, nameAt } = reader;
  const values: { name: string; value: number }[] = [];
  const start = take(reader, 2 * count, `values of ENUM ${id}`);
  for (let at = start; at < reader.at; at += 8) {
    const value = signed ? view.getInt32(at + 4, little) : view.getUint32(at + 4, little);
    values.push({ name: nameAt(view.getUint32(at, little)), value });
  }
  return values;
}

function readEnumerators64(
  reader: TypeReader,
  id: number,
  count: number,
  signed: boolean,
): { name: string; value: bigint }[] {
  const { view, little, nameAt } = reader;
  const values: { name: string; value: bigint }[] = [];
  const start = take(reader, 3 * count, `values of ENUM64 ${id}`);
  for (let at = start; at < reader.at; at += 12) {
    // val_lo32 comes before val_hi32 in both byte orders.
    const bits = (BigInt(view.getUint32(at + 8, little)) << 32n) | BigInt(view.getUint32(at + 4, little));
    values.push({ name: nameAt(view.getUint32(at, little)), value: signed ? BigInt.asIntN(64, bits) : bits });
  }
  return values;
}

function readParameters(reader: TypeReader, id: number, count: number): { name: string; type: number }[] {
  const { view, little, nameAt } = reader;
  const params: { name: string; type: number }[] = [];
  const start = take(reader, 2 * count, `parameters of FUNC_PROTO ${id}`);
  for (let at = start; at < reader.at; at += 8) {
    params.push({ name: nameAt(view.getUint32(at, little)), type: view.getUint32(at + 4, little) });
  }
  return params;
}

function readVariables(reader: TypeReader, id: number, count: number): BtfSectionVariable[] {
  const { view, little } = reader;
  const variables: BtfSectionVariable[] = [];
  const start = take(reader, 3 * count, `variables of DATASEC ${id}`);
  for (let at = start; at < reader.at; at += 12) {
    const type = view.getUint32(at, little);
    variables.push({ type, offset: view.getUint32(at + 4, little), size: view.getUint32(at + 8, little) });
  }
  return variables;
}

function checkReferences(types: readonly BtfType[], count: number): void {
  const check = (reference: number, owner: BtfType): void => {
    if (reference >= count) {
      throw new BpfError('E_BTF_TYPE', `${owner.kind} ${owner.id} refers to a type that does not exist`, {
        expected: `below ${count}`,
        got: String(reference),
      });
    }
  };
  for (const type of types) {
    if ('type' in type) check(type.type, type);
    if (type.kind === 'ARRAY') check(type.indexType, type);
    else if (type.kind === 'STRUCT' || type.kind === 'UNION')
      for (const member of type.members) check(member.type, type);
    else if (type.kind === 'FUNC_PROTO') {
      check(type.returnType, type);
      for (const param of type.params) check(param.type, type);
    } else if (type.kind === 'DATASEC') for (const variable of type.variables) check(variable.type, type);
  }
}

function formatError(message: string, offset: number, expected?: string, got?: string): BpfError {
  return new BpfError('E_BTF_FORMAT', message, {
    at: { offset },
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  });
}
