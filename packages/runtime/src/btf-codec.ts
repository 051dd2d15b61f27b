/**
 * Values of BTF types as plain JavaScript: integers up to 32 bits are numbers, wider ones bigints; `char` arrays are strings
 * as long as they are text; structs and unions are objects by member; enums are the name of the value where there is one.
 */
import { type Btf, type BtfComposite, type BtfMember, BTF_INT_ENCODING, resolveType, sizeOf } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import type { SpecialField, SpecialFieldKind } from '@polybpf/maps';
import { readInteger, writeInteger } from './byte-order.ts';
import { decodeStrictText, encodeText } from './text.ts';

/** A decoded value. */
export type BtfValue =
  number | bigint | string | boolean | Uint8Array | readonly BtfValue[] | { readonly [member: string]: BtfValue };

/** Turns bytes into values and back. */
export interface Codec<T = BtfValue> {
  /** Bytes of a value. */
  readonly size: number;
  decode(bytes: Uint8Array): T;
  /**
   * Bytes of a value. Members that are not given are zero.
   *
   * @throws BpfError `E_INPUT` for a value that does not fit its type
   */
  encode(value: T): Uint8Array;
}

/** A codec that leaves bytes as they are. */
export function bytesCodec(size: number): Codec<Uint8Array> {
  return {
    size,
    decode: (bytes) => bytes.slice(0, size),
    encode(value) {
      if (value instanceof Uint8Array && value.length === size) return value;
      throw new BpfError('E_INPUT', 'value', { expected: `${size} bytes`, got: describe(value) });
    },
  };
}

/**
 * The codec of a BTF type.
 *
 * @throws BpfError `E_BTF_TYPE` for a type without size
 */
export function btfCodec(btf: Btf, id: number): Codec {
  const size = sizeOf(btf, id);
  return {
    size,
    decode: (bytes) => decodeValue(btf, id, bytes, 0),
    encode(value) {
      const bytes = new Uint8Array(size);
      encodeValue(btf, id, bytes, 0, value);
      return bytes;
    },
  };
}

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return typeof value === 'object' ? (Array.isArray(value) ? 'an array' : 'an object') : `${typeof value} ${String(value)}`; // prettier-ignore
}

function refused(expected: string, value: unknown): BpfError {
  return new BpfError('E_INPUT', 'value', { expected, got: describe(value) });
}

function toInteger(raw: bigint, bits: number, signed: boolean): number | bigint {
  const value = signed ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
  return bits <= 32 ? Number(value) : value;
}

/** `char`: an 8-bit integer called so, or encoded so. */
function isChar(btf: Btf, id: number): boolean {
  const type = resolveType(btf, id);
  if (type.kind !== 'INT' || type.size !== 1) return false;
  return type.name === 'char' || (type.encoding & BTF_INT_ENCODING.CHAR) !== 0;
}

function decodeValue(btf: Btf, id: number, bytes: Uint8Array, at: number): BtfValue {
  const type = resolveType(btf, id);
  switch (type.kind) {
    case 'INT': {
      if (type.size > 8) return bytes.slice(at, at + type.size);
      const value = toInteger(readInteger(bytes, at, type.size, btf.endian), type.size * 8, (type.encoding & BTF_INT_ENCODING.SIGNED) !== 0); // prettier-ignore
      return (type.encoding & BTF_INT_ENCODING.BOOL) !== 0 ? value !== 0 : value;
    }
    case 'PTR':
      return readInteger(bytes, at, 8, btf.endian);
    case 'FLOAT': {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, type.size);
      return type.size === 4
        ? view.getFloat32(0, btf.endian === 'little')
        : view.getFloat64(0, btf.endian === 'little');
    }
    case 'ENUM':
    case 'ENUM64': {
      const value = toInteger(readInteger(bytes, at, type.size, btf.endian), type.size * 8, type.signed);
      return (type.values as readonly { name: string; value: number | bigint }[]).find((row) => BigInt(row.value) === BigInt(value))?.name ?? value; // prettier-ignore
    }
    case 'ARRAY': {
      const element = sizeOf(btf, type.type);
      if (isChar(btf, type.type)) return decodeCharacters(bytes.slice(at, at + type.nelems));
      if (element === 1) return bytes.slice(at, at + type.nelems);
      return Array.from({ length: type.nelems }, (_, k) => decodeValue(btf, type.type, bytes, at + k * element));
    }
    case 'STRUCT':
    case 'UNION':
      return decodeMembers(btf, type, bytes, at);
    default:
      throw new BpfError('E_UNSUPPORTED', `value of BTF kind ${type.kind}`);
  }
}

/** Text up to the first zero when zeros follow it and it is UTF-8; else the bytes. */
function decodeCharacters(bytes: Uint8Array): string | Uint8Array {
  const end = bytes.indexOf(0);
  const used = end < 0 ? bytes : bytes.subarray(0, end);
  if (end >= 0 && bytes.subarray(end).some((byte) => byte !== 0)) return bytes;
  return decodeStrictText(used) ?? bytes;
}

function decodeMembers(btf: Btf, type: BtfComposite, bytes: Uint8Array, at: number): Record<string, BtfValue> {
  const value: Record<string, BtfValue> = {};
  for (const member of type.members) {
    const inner = resolveType(btf, member.type);
    if (member.name === '' && (inner.kind === 'STRUCT' || inner.kind === 'UNION')) {
      Object.assign(value, decodeMembers(btf, inner, bytes, at + member.bitOffset / 8));
    } else if (member.name !== '') {
      value[member.name] =
        member.bitfieldSize > 0
          ? decodeBitfield(btf, member, bytes, at)
          : decodeValue(btf, member.type, bytes, at + member.bitOffset / 8);
    }
  }
  return value;
}

/** Bits of a bit field and where they lie in the bytes around them. */
function bitfieldPlace(
  btf: Btf,
  { bitOffset, bitfieldSize }: BtfMember,
): { first: number; count: number; shift: bigint } {
  const first = Math.floor(bitOffset / 8);
  const count = Math.ceil((bitOffset + bitfieldSize) / 8) - first;
  const low = bitOffset - first * 8;
  return { first, count, shift: BigInt(btf.endian === 'little' ? low : count * 8 - low - bitfieldSize) };
}

function decodeBitfield(btf: Btf, member: BtfMember, bytes: Uint8Array, at: number): BtfValue {
  const { first, count, shift } = bitfieldPlace(btf, member);
  const raw = readInteger(bytes, at + first, count, btf.endian) >> shift;
  const type = resolveType(btf, member.type);
  const signed = type.kind === 'INT' && (type.encoding & BTF_INT_ENCODING.SIGNED) !== 0;
  const value = toInteger(raw, member.bitfieldSize, signed);
  return type.kind === 'INT' && (type.encoding & BTF_INT_ENCODING.BOOL) !== 0 ? value !== 0 : value;
}

function encodeValue(btf: Btf, id: number, bytes: Uint8Array, at: number, value: BtfValue): void {
  const type = resolveType(btf, id);
  if (value instanceof Uint8Array) {
    const size = sizeOf(btf, id);
    if (value.length > size) throw refused(`at most ${size} bytes`, value);
    bytes.set(value, at);
    return;
  }
  switch (type.kind) {
    case 'INT':
    case 'PTR': {
      const size = type.kind === 'INT' ? type.size : 8;
      writeInteger(bytes, at, size, integerOf(value, size * 8), btf.endian);
      return;
    }
    case 'FLOAT': {
      if (typeof value !== 'number') throw refused('a number', value);
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, type.size);
      if (type.size === 4) view.setFloat32(0, value, btf.endian === 'little');
      else view.setFloat64(0, value, btf.endian === 'little');
      return;
    }
    case 'ENUM':
    case 'ENUM64': {
      const rows = type.values as readonly { name: string; value: number | bigint }[];
      const named = typeof value === 'string' ? rows.find(({ name }) => name === value)?.value : undefined;
      if (typeof value === 'string' && named === undefined) throw refused(`a value of enum ${type.name}`, value);
      writeInteger(bytes, at, type.size, named ?? integerOf(value, type.size * 8), btf.endian);
      return;
    }
    case 'ARRAY':
      encodeArray(btf, type, bytes, at, value);
      return;
    case 'STRUCT':
    case 'UNION':
      if (typeof value !== 'object' || Array.isArray(value)) throw refused(`members of ${type.name}`, value);
      encodeMembers(btf, type, bytes, at, value as Readonly<Record<string, BtfValue>>);
      return;
    default:
      throw new BpfError('E_UNSUPPORTED', `value of BTF kind ${type.kind}`);
  }
}

function integerOf(value: BtfValue, bits: number): bigint {
  const number =
    typeof value === 'boolean' ? BigInt(value) : typeof value === 'bigint' ? value : typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined; // prettier-ignore
  if (number === undefined || number >= 1n << BigInt(bits) || number < -(1n << BigInt(bits - 1))) {
    throw refused(`an integer of ${bits} bits`, value);
  }
  return number;
}

function encodeArray(
  btf: Btf,
  { type, nelems }: { type: number; nelems: number },
  bytes: Uint8Array,
  at: number,
  value: BtfValue,
): void {
  if (typeof value === 'string') {
    const text = encodeText(value);
    if (text.length > nelems) throw refused(`at most ${nelems} bytes of text`, value);
    bytes.set(text, at);
    return;
  }
  if (!Array.isArray(value) || value.length > nelems) throw refused(`at most ${nelems} elements`, value);
  const element = sizeOf(btf, type);
  (value as readonly BtfValue[]).forEach((item, k) => encodeValue(btf, type, bytes, at + k * element, item));
}

/** Members of anonymous structs count as members; returns the names that were found. */
function encodeMembers(
  btf: Btf,
  type: BtfComposite,
  bytes: Uint8Array,
  at: number,
  value: Readonly<Record<string, BtfValue>>,
  top = true,
): Set<string> {
  const known = new Set<string>();
  for (const member of type.members) {
    const inner = resolveType(btf, member.type);
    if (member.name === '' && (inner.kind === 'STRUCT' || inner.kind === 'UNION')) {
      for (const name of encodeMembers(btf, inner, bytes, at + member.bitOffset / 8, value, false)) known.add(name);
      continue;
    }
    known.add(member.name);
    const given = value[member.name];
    if (given === undefined) continue;
    if (member.bitfieldSize > 0) encodeBitfield(btf, member, bytes, at, given);
    else encodeValue(btf, member.type, bytes, at + member.bitOffset / 8, given);
  }
  const stranger = top ? Object.keys(value).find((name) => !known.has(name)) : undefined;
  if (stranger === undefined) return known;
  throw new BpfError('E_INPUT', `member ${stranger} of ${type.name}`, {
    expected: [...known].join(', '),
    got: stranger,
  });
}

function encodeBitfield(btf: Btf, member: BtfMember, bytes: Uint8Array, at: number, value: BtfValue): void {
  const { first, count, shift } = bitfieldPlace(btf, member);
  const mask = ((1n << BigInt(member.bitfieldSize)) - 1n) << shift;
  const old = readInteger(bytes, at + first, count, btf.endian);
  const bits = (BigInt.asUintN(64, integerOf(value, member.bitfieldSize)) << shift) & mask;
  writeInteger(bytes, at + first, count, (old & ~mask) | bits, btf.endian);
}

const SPECIAL: Readonly<Record<string, SpecialFieldKind>> = {
  bpf_spin_lock: 'spin_lock',
  bpf_res_spin_lock: 'res_spin_lock',
  bpf_timer: 'timer',
  bpf_wq: 'workqueue',
  bpf_task_work: 'task_work',
  bpf_list_head: 'list_head',
  bpf_list_node: 'list_node',
  bpf_rb_root: 'rb_root',
  bpf_rb_node: 'rb_node',
  bpf_refcount: 'refcount',
};

/** Special fields of a map's value type (kernel: `btf_parse_fields`). */
export function specialFields(btf: Btf, id: number, base = 0): SpecialField[] {
  const type = resolveType(btf, id);
  if (type.kind === 'ARRAY') {
    const element = sizeOf(btf, type.type);
    return Array.from({ length: Math.min(type.nelems, 64) }, (_, k) =>
      specialFields(btf, type.type, base + k * element),
    ).flat();
  }
  if (type.kind !== 'STRUCT') return [];
  const kind = SPECIAL[type.name];
  if (kind !== undefined) return [{ kind, offset: base, size: type.size }];
  return type.members.flatMap((member) =>
    member.bitfieldSize > 0 || member.bitOffset % 8 !== 0
      ? []
      : specialFields(btf, member.type, base + member.bitOffset / 8),
  );
}
