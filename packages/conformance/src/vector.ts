/** What every reader makes of its files: one vector as the runner takes it. */
import type { Endian, Program } from '@polybpf/isa';

/** What must be true after a run. At least one field is given. */
export interface Expectation {
  /** All 64 bits of r0, unsigned. */
  readonly r0?: bigint;
  /** The low 32 bits of r0, where the source of truth has no more. */
  readonly r0low32?: number;
  /** The memory afterwards. */
  readonly mem?: Uint8Array;
  /** The program must be refused or fault: an error code, or '' for any. */
  readonly error?: string;
}

/** One test vector. */
export interface Vector {
  /** Unique in its suite: file and id. */
  readonly name: string;
  /** Where the truth comes from: `linux 6.18`, `rfc9669 4.1`, `bpf_conformance`, `self`, ... */
  readonly source: string;
  /** Bytes at r1, with their count in r2; empty means that both are 0. */
  readonly mem: Uint8Array;
  /** What is true in each byte order; a missing one is not known from the source. */
  readonly expect: Readonly<Partial<Record<Endian, Expectation>>>;
  /** Byte orders that the vector is meant for. */
  readonly orders: readonly Endian[];
  /**
   * The program in one byte order.
   *
   * @throws BpfError when the vector's text or bytes are not a legal program
   */
  readonly build: (endian: Endian) => Program;
}

/** Bytes from hex digits with optional white space. Undefined when it is not hex. */
export function parseHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return undefined;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Bytes as lower-case hex digits. */
export function formatHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** A 64-bit value as `0x` and 16 digits. */
export function formatU64(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16).padStart(16, '0')}`;
}
