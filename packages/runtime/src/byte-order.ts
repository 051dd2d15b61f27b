/** Numbers in a given byte order. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';

/** Swaps the bytes of a 16-bit number. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** A network-order 16-bit number as a native load of its two bytes gives it. */
export function networkShort(value: number, endian: Endian): number {
  return endian === 'little' ? swap16(value) : value & 0xffff;
}

/** Writes an integer of 1, 2, 4 or 8 bytes; the rest of its bits is dropped. */
export function writeInteger(
  bytes: Uint8Array,
  offset: number,
  size: number,
  value: bigint | number,
  endian: Endian,
): void {
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let k = 0; k < size; k++) {
    bytes[offset + (endian === 'little' ? k : size - 1 - k)] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/**
 * An integer that `size` bytes hold, signed or unsigned.
 *
 * @throws BpfError `E_INPUT` for any other
 */
export function fitInteger(value: bigint | number, size: number, what: string): bigint {
  if (typeof value === 'bigint' || Number.isInteger(value)) {
    const wide = BigInt(value);
    if (wide >= -(1n << BigInt(size * 8 - 1)) && wide < 1n << BigInt(size * 8)) return wide;
  }
  throw new BpfError('E_INPUT', what, { expected: `an integer of ${size * 8} bits`, got: String(value) });
}

/** Reads an unsigned integer of `size` bytes. */
export function readInteger(bytes: Uint8Array, offset: number, size: number, endian: Endian): bigint {
  let value = 0n;
  for (let k = 0; k < size; k++) {
    value = (value << 8n) | BigInt(bytes[offset + (endian === 'little' ? size - 1 - k : k)]!);
  }
  return value;
}
