/** Operands that the manual packs in other ways than as a number: to bits, or undefined when they do not fit. */

const rotateLeft = (value: number, by: number): number => (by === 0 ? value : (value << by) | (value >>> (32 - by)));

/**
 * A 32-bit constant as eight bits rotated right by twice four bits (DDI 0406C, A5.2.4 "Modified immediate constants").
 *
 * @param value - signed or unsigned
 */
export function modifiedImmediate(value: number): number | undefined {
  const word = value | 0;
  for (let rotation = 0; rotation < 16; rotation++) {
    const low = rotateLeft(word, 2 * rotation);
    if (low >= 0 && low <= 0xff) return (rotation << 8) | low;
  }
  return undefined;
}

/** An offset as its size and, above it, whether it is added. */
function signedOffset(value: number, limit: number): number | undefined {
  if (!Number.isInteger(value) || value < -limit || value > limit) return undefined;
  return value < 0 ? -value : value + limit + 1;
}

/** Bits of an operand; undefined when it has none. */
export type Packing = (value: number) => number | undefined;

/** By field name. */
export const FIELDS: Readonly<Record<string, Packing>> = {
  k: (value) =>
    Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32 ? modifiedImmediate(value) : undefined,
  off: (value) => signedOffset(value, 4095),
  hoff: (value) => signedOffset(value, 255),
  // Right shifts by 1 to 32: 32 is written as 0.
  amount: (value) => (Number.isInteger(value) && value >= 1 && value <= 32 ? value & 31 : undefined),
};
