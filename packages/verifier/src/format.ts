/** Numbers as the kernel's messages write them. */
import { toSigned, toUnsigned } from './word64.ts';

/** A tracked number (kernel: tnum_strn): `4`, or `0x10000` when long, when it is known, else `(0x0; 0xff)`. */
export function formatTnum(w: Int32Array, at: number): string {
  const value = toUnsigned(w, at);
  const mask = toUnsigned(w, at + 2);
  if (mask === 0n) return value <= 0xffffn ? String(value) : `0x${value.toString(16)}`;
  return `(0x${value.toString(16)}; 0x${mask.toString(16)})`;
}

/** `%lld` of the two words at `at`. */
export function formatSigned(w: Int32Array, at: number): string {
  return toSigned(w, at).toString();
}
