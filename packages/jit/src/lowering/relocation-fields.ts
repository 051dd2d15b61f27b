/** Fields that relocations fill, as most ABIs have them. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import type { RelocationKind } from '../target.ts';

/** The bytes as fields. */
export function viewOf(code: Uint8Array): DataView {
  return new DataView(code.buffer, code.byteOffset, code.byteLength);
}

/** Puts the bits of a field, which is zero in the code, into an instruction word. */
export function patchWord(code: Uint8Array, offset: number, bits: number, endian: Endian): void {
  const view = viewOf(code);
  const little = endian === 'little';
  view.setUint32(offset, (view.getUint32(offset, little) | bits) >>> 0, little);
}

/** @throws BpfError `E_JIT_LINK` for a value that relocation `kind` has no room for */
export function checkReach(kind: string, value: bigint, min: bigint, max: bigint): void {
  if (value >= min && value <= max) return;
  throw new BpfError('E_JIT_LINK', `${kind} does not reach`, { expected: `${min} to ${max}`, got: String(value) });
}

/**
 * How many units a distance is, for a signed field of `bits` bits that counts them.
 *
 * @throws BpfError `E_JIT_LINK` when it is too far, or between two of them
 */
export function unitsOf(kind: string, distance: bigint, unit: bigint, bits: number): number {
  const half = 2n ** BigInt(bits - 1);
  checkReach(kind, distance, -half * unit, (half - 1n) * unit);
  if (distance % unit !== 0n) {
    throw new BpfError('E_JIT_LINK', kind, { expected: `a multiple of ${unit}`, got: String(distance) });
  }
  return Number(distance / unit);
}

/** An address of 64 bits in data. */
export function absolute64(kind: string, elfType: number, endian: Endian): RelocationKind {
  return {
    elfType,
    apply: (code, offset, value) => {
      checkReach(kind, value, -(2n ** 63n), 2n ** 64n - 1n);
      viewOf(code).setBigUint64(offset, BigInt.asUintN(64, value), endian === 'little');
    },
  };
}

/** The distance from the field in 32 bits, in units. */
export function relative32(kind: string, elfType: number, endian: Endian, unit = 1n): RelocationKind {
  return {
    elfType,
    apply: (code, offset, value, place) =>
      viewOf(code).setInt32(offset, unitsOf(kind, value - place, unit, 32), endian === 'little'),
  };
}
