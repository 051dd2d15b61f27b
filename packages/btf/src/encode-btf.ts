import { BpfError } from '@polybpf/errors';
import type { Btf, BtfComposite, BtfType } from './btf-type.ts';
import { BTF_KINDS, BTF_MAGIC } from './kinds.ts';
import { collectStrings, type StringCollector } from './string-table.ts';

/** What {@link encodeBtf} takes: a {@link Btf}, or types made by hand. */
export type BtfInit = Pick<Btf, 'endian' | 'types'> & Partial<Pick<Btf, 'strings' | 'base'>>;

/**
 * Writes BTF. Strings of `btf.strings` keep their offsets, so that a `.BTF.ext` that refers to them stays valid; names
 * that are not among them are appended. What {@link parseBtf} read comes out byte for byte as compilers and pahole
 * write it.
 *
 * @throws BpfError E_ENCODE_FIELD when a value does not fit its field
 */
export function encodeBtf(btf: BtfInit): Uint8Array {
  const strings = collectStrings(btf.strings ?? new Uint8Array(0), btf.base);
  const words: number[] = [];
  for (const type of btf.types) {
    if (type.kind !== 'VOID') encodeType(words, strings, type);
  }
  const stringBytes = strings.finish();
  const little = btf.endian === 'little';
  const out = new Uint8Array(24 + 4 * words.length + stringBytes.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, BTF_MAGIC, little);
  view.setUint8(2, 1);
  const header = [24, 0, 4 * words.length, 4 * words.length, stringBytes.length];
  header.forEach((word, index) => view.setUint32(4 + 4 * index, word, little));
  words.forEach((word, index) => view.setUint32(24 + 4 * index, word, little));
  out.set(stringBytes, 24 + 4 * words.length);
  return out;
}

function encodeType(words: number[], strings: StringCollector, type: BtfType): void {
  const head = (sizeOrType: number, vlen = 0, flag = false): void => {
    if (vlen > 0xffff) throw fieldError(type, 'vlen', 0xffff, vlen);
    const info = (flag ? 0x8000_0000 : 0) + BTF_KINDS.indexOf(type.kind) * 0x100_0000 + vlen;
    words.push(strings.offsetOf(type.name), info, word(type, sizeOrType));
  };
  switch (type.kind) {
    case 'VOID':
      return;
    case 'INT':
      head(type.size);
      if (type.encoding > 0xff) throw fieldError(type, 'encoding', 0xff, type.encoding);
      if (type.bitOffset > 0xff) throw fieldError(type, 'bitOffset', 0xff, type.bitOffset);
      if (type.bits > 0xffff) throw fieldError(type, 'bits', 0xffff, type.bits);
      words.push(type.encoding * 0x100_0000 + type.bitOffset * 0x1_0000 + type.bits);
      return;
    case 'PTR':
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
    case 'TYPE_TAG':
      return head(type.type, 0, type.attribute);
    case 'ARRAY':
      head(0);
      words.push(word(type, type.type), word(type, type.indexType), word(type, type.nelems));
      return;
    case 'STRUCT':
    case 'UNION':
      head(type.size, type.members.length, hasBitfields(type));
      return encodeMembers(words, strings, type);
    case 'ENUM':
      head(type.size, type.values.length, type.signed);
      for (const { name, value } of type.values) {
        words.push(strings.offsetOf(name), type.signed ? signedWord(type, value) : word(type, value));
      }
      return;
    case 'ENUM64':
      head(type.size, type.values.length, type.signed);
      for (const { name, value } of type.values) {
        if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value) {
          throw new BpfError('E_ENCODE_FIELD', `value ${name} of ENUM64 ${type.id} does not fit 64 bits`);
        }
        words.push(strings.offsetOf(name), Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
      }
      return;
    case 'FWD':
      return head(0, 0, type.union);
    case 'FUNC':
      return head(type.type, type.linkage);
    case 'FUNC_PROTO':
      head(type.returnType, type.params.length);
      for (const param of type.params) words.push(strings.offsetOf(param.name), word(type, param.type));
      return;
    case 'VAR':
      head(type.type);
      words.push(word(type, type.linkage));
      return;
    case 'DATASEC':
      head(type.size, type.variables.length);
      for (const { type: id, offset, size } of type.variables) {
        words.push(word(type, id), word(type, offset), word(type, size));
      }
      return;
    case 'FLOAT':
      return head(type.size);
    case 'DECL_TAG':
      head(type.type, 0, type.attribute);
      words.push(signedWord(type, type.componentIndex));
      return;
  }
}

function hasBitfields(type: BtfComposite): boolean {
  return type.members.some((member) => member.bitfieldSize !== 0);
}

function encodeMembers(words: number[], strings: StringCollector, type: BtfComposite): void {
  // With kind_flag the offset shares its word with the size of the bit field (btf.rst, BTF_KIND_STRUCT).
  const maxOffset = hasBitfields(type) ? 0xff_ffff : 0xffff_ffff;
  for (const { name, type: id, bitOffset, bitfieldSize } of type.members) {
    if (bitOffset > maxOffset) throw fieldError(type, `bitOffset of ${name}`, maxOffset, bitOffset);
    if (bitfieldSize > 0xff) throw fieldError(type, `bitfieldSize of ${name}`, 0xff, bitfieldSize);
    words.push(strings.offsetOf(name), word(type, id), bitfieldSize * 0x100_0000 + bitOffset);
  }
}

function word(type: BtfType, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw fieldError(type, 'value', 0xffff_ffff, value);
}

function signedWord(type: BtfType, value: number): number {
  if ((value | 0) === value) return value >>> 0;
  throw new BpfError('E_ENCODE_FIELD', `value of ${type.kind} ${type.id} does not fit 32 signed bits`, {
    got: String(value),
  });
}

function fieldError(type: BtfType, field: string, max: number, value: number): BpfError {
  return new BpfError('E_ENCODE_FIELD', `${field} of ${type.kind} ${type.id} does not fit its field`, {
    expected: `0 to ${max}`,
    got: String(value),
  });
}
