/**
 * Internet checksums as the kernel computes them (include/net/checksum.h, lib/checksum.c): sums of native 16-bit words,
 * so that the byte order of the machine matters to every value that is not folded and stored.
 */
import type { Endian } from '@polybpf/isa';

/** Sum of two 32-bit words with the carry added (`csum_add`). */
export function csumAdd(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return sum > 0xffffffff ? (sum - 0x100000000 + 1) >>> 0 : sum;
}

/** `csum_sub`. */
export function csumSub(a: number, b: number): number {
  return csumAdd(a, ~b >>> 0);
}

/** Folds to 16 bits without inverting (`csum_from32to16`). */
export function csumFold16(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** Folds and inverts (`csum_fold`): what stands in a header. */
export function csumFold(sum: number): number {
  return ~csumFold16(sum) & 0xffff;
}

/** Sum of bytes as native words (`csum_partial`), congruent to the kernel's modulo 0xffff. */
export function csumPartial(bytes: Uint8Array, seed: number, endian: Endian): number {
  let sum = seed >>> 0;
  const low = endian === 'little' ? 0 : 8;
  for (let k = 0; k + 1 < bytes.length; k += 2) {
    sum = csumAdd(sum, (bytes[k]! << low) | (bytes[k + 1]! << (8 - low)));
  }
  if (bytes.length % 2 === 1) sum = csumAdd(sum, bytes[bytes.length - 1]! << low);
  return sum;
}

/** `csum_replace4`: the checksum of a header in which the 32-bit word `from` became `to`. */
export function csumReplace4(sum: number, from: number, to: number): number {
  return csumFold(csumAdd(csumSub(~sum & 0xffff, from), to));
}

/** `csum_replace2`. */
export function csumReplace2(sum: number, from: number, to: number): number {
  const add16 = (a: number, b: number): number => ((a + b) & 0xffff) + ((a + b) >>> 16);
  return ~add16(add16(~sum & 0xffff, ~from & 0xffff), to & 0xffff) & 0xffff;
}

/** `csum_replace_by_diff`. */
export function csumReplaceByDiff(sum: number, diff: number): number {
  return csumFold(csumAdd(diff, ~sum & 0xffff));
}

/** Checksum of a header or message in network byte order, as a number to be stored big-endian (RFC 1071). */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) sum = csumPartial(part, sum, 'big');
  return csumFold(sum);
}
