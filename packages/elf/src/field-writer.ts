import { BpfError } from '@polybpf/errors';
import type { ElfClass, ElfEndian } from './elf-file.ts';

/** A growing image of one ELF file. Every write checks that the value fits its field: nothing is cut off silently. */
export interface FieldWriter {
  readonly class: ElfClass;
  readonly little: boolean;
  bytes: Uint8Array;
  view: DataView;
  length: number;
}

export function createFieldWriter(elfClass: ElfClass, endian: ElfEndian): FieldWriter {
  const bytes = new Uint8Array(1024);
  return { class: elfClass, little: endian === 'little', bytes, view: new DataView(bytes.buffer), length: 0 };
}

/** The image written so far, as a copy of exactly its length. */
export function finishImage(writer: FieldWriter): Uint8Array {
  return writer.bytes.slice(0, writer.length);
}

export function writeByte(writer: FieldWriter, value: number, what: string): void {
  requireField(value, 0xff, what);
  const at = reserve(writer, 1);
  writer.bytes[at] = value;
}

export function writeHalf(writer: FieldWriter, value: number, what: string): void {
  requireField(value, 0xffff, what);
  const at = reserve(writer, 2);
  writer.view.setUint16(at, value, writer.little);
}

export function writeWord(writer: FieldWriter, value: number, what: string): void {
  requireField(value, 0xffff_ffff, what);
  const at = reserve(writer, 4);
  writer.view.setUint32(at, value, writer.little);
}

/** A 64-bit field, or a 32-bit one in ELFCLASS32. */
export function writeAddress(writer: FieldWriter, value: number, what: string): void {
  if (writer.class === 32) return writeWord(writer, value, what);
  requireField(value, Number.MAX_SAFE_INTEGER, what);
  const at = reserve(writer, 8);
  writer.view.setBigUint64(at, BigInt(value), writer.little);
}

/** The signed form of {@link writeAddress}. */
export function writeSignedAddress(writer: FieldWriter, value: number, what: string): void {
  const limit = writer.class === 32 ? 0x8000_0000 : Number.MAX_SAFE_INTEGER;
  const top = writer.class === 32 ? limit - 1 : limit;
  if (!Number.isInteger(value) || value < -limit || value > top) throw fieldError(value, `${-limit} to ${top}`, what);
  if (writer.class === 32) {
    const at = reserve(writer, 4);
    writer.view.setInt32(at, value, writer.little);
  } else {
    const at = reserve(writer, 8);
    writer.view.setBigInt64(at, BigInt(value), writer.little);
  }
}

export function writeBytes(writer: FieldWriter, data: Uint8Array): void {
  const at = reserve(writer, data.length);
  writer.bytes.set(data, at);
}

/** Fills with zeros up to the next multiple of `alignment`. */
export function alignTo(writer: FieldWriter, alignment: number): void {
  const rest = alignment > 1 ? writer.length % alignment : 0;
  if (rest !== 0) reserve(writer, alignment - rest);
}

/** Fills with zeros up to a file offset at or after the end. */
export function padTo(writer: FieldWriter, offset: number): void {
  if (offset > writer.length) reserve(writer, offset - writer.length);
}

function reserve(writer: FieldWriter, size: number): number {
  const at = writer.length;
  const needed = at + size;
  if (needed > writer.bytes.length) {
    const bytes = new Uint8Array(Math.max(needed, 2 * writer.bytes.length));
    bytes.set(writer.bytes.subarray(0, at));
    writer.bytes = bytes;
    writer.view = new DataView(bytes.buffer);
  }
  writer.length = needed;
  return at;
}

function requireField(value: number, max: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max) throw fieldError(value, `0 to ${max}`, what);
}

function fieldError(value: number, expected: string, what: string): BpfError {
  return new BpfError('E_ELF_WRITE', `${what} does not fit its field`, { expected, got: String(value) });
}
