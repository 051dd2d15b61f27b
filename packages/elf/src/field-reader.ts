import { BpfError } from '@polybpf/errors';
import type { ElfClass, ElfEndian } from './elf-file.ts';

/**
 * Reads the fields of ELF structures in the byte order and word size of one file. Callers check the extent of a
 * structure once with {@link requireRange}; the single reads below it cannot leave the file then.
 */
export interface FieldReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly class: ElfClass;
  readonly endian: ElfEndian;
  readonly little: boolean;
}

export function createFieldReader(bytes: Uint8Array, elfClass: ElfClass, endian: ElfEndian): FieldReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes, view, class: elfClass, endian, little: endian === 'little' };
}

/** Throws E_ELF_TRUNCATED unless `[offset, offset + size)` lies in the file. */
export function requireRange(reader: FieldReader, offset: number, size: number, what: string, section?: string): void {
  const length = reader.bytes.length;
  if (offset <= length && size <= length - offset) return;
  throw new BpfError('E_ELF_TRUNCATED', `${what} reaches past the end of the file`, {
    at: section === undefined || section === '' ? { offset } : { section, offset },
    expected: `at most ${length} bytes`,
    got: `${offset} + ${size}`,
  });
}

export function readHalf(reader: FieldReader, offset: number): number {
  return reader.view.getUint16(offset, reader.little);
}

export function readWord(reader: FieldReader, offset: number): number {
  return reader.view.getUint32(offset, reader.little);
}

/** An unsigned 64-bit field as a number; one above 2^53 - 1 is refused, since a number cannot hold it exactly. */
export function readXword(reader: FieldReader, offset: number): number {
  const first = reader.view.getUint32(offset, reader.little);
  const second = reader.view.getUint32(offset + 4, reader.little);
  const high = reader.little ? second : first;
  const low = reader.little ? first : second;
  if (high >= 0x200000) throw tooLarge(reader.view.getBigUint64(offset, reader.little), offset);
  return high * 0x1_0000_0000 + low;
}

/** A signed 64-bit field as a number, refused outside -(2^53 - 1) .. 2^53 - 1. */
export function readSxword(reader: FieldReader, offset: number): number {
  const value = reader.view.getBigInt64(offset, reader.little);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw tooLarge(value, offset);
  return number;
}

/** Elf32_Addr, Elf32_Off or Elf32_Word in ELFCLASS32; their 64-bit forms in ELFCLASS64. */
export function readAddress(reader: FieldReader, offset: number): number {
  return reader.class === 64 ? readXword(reader, offset) : readWord(reader, offset);
}

function tooLarge(value: bigint, offset: number): BpfError {
  return new BpfError('E_UNSUPPORTED', '64-bit ELF field beyond 2^53', {
    at: { offset },
    expected: 'at most 9007199254740991 in magnitude',
    got: value.toString(),
  });
}
