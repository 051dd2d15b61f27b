/** Programs as bytes in both orders, written down by the layout of RFC 9669 sec. 3.1 and not by any encoder of ours. */
import type { Draft, Topic } from '../draft.ts';

/** [opcode, dst, src, offset, imm] */
type Slot = readonly [number, number, number, number, number];

const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(8, '0').slice(-digits);
const reversed = (text: string): string => text.match(/../g)!.reverse().join('');

/** RFC 9669 sec. 3.1: little-endian src:dst, big-endian dst:src in the second byte; offset and imm in the order. */
function bytesOf(slots: readonly Slot[]): { little: string; big: string } {
  const little = slots.map(([opcode, dst, src, offset, imm]) => hex(opcode, 2) + hex(src, 1) + hex(dst, 1) + reversed(hex(offset, 4)) + reversed(hex(imm, 8))); // prettier-ignore
  const big = slots.map(([opcode, dst, src, offset, imm]) => hex(opcode, 2) + hex(dst, 1) + hex(src, 1) + hex(offset, 4) + hex(imm, 8)); // prettier-ignore
  return { little: little.join(''), big: big.join('') };
}

const EXIT: Slot = [0x95, 0, 0, 0, 0];

const PROGRAMS: readonly (readonly [string, readonly Slot[]])[] = [
  ['mov-imm', [[0xb7, 0, 0, 0, 0x11223344], EXIT]],
  ['mov-imm-negative', [[0xb7, 0, 0, 0, -2], EXIT]],
  ['mov32-imm-negative', [[0xb4, 0, 0, 0, -2], EXIT]],
  ['mov-reg', [[0xb7, 7, 0, 0, 0x1234], [0xbf, 0, 7, 0, 0], EXIT]],
  ['sub-reg', [[0xb7, 0, 0, 0, 100], [0xb7, 9, 0, 0, 1], [0x1f, 0, 9, 0, 0], EXIT]],
  ['movsx', [[0xb7, 3, 0, 0, 0x80], [0xbf, 0, 3, 8, 0], EXIT]],
  ['sdiv', [[0xb7, 0, 0, 0, -7], [0xb7, 4, 0, 0, 2], [0x3f, 0, 4, 1, 0], EXIT]],
  ['ld-imm64', [[0x18, 0, 0, 0, 0x55667788], [0, 0, 0, 0, 0x11223344], EXIT]],
  ['ld-imm64-negative-halves', [[0x18, 6, 0, 0, -2], [0, 0, 0, 0, -0x7fffffff], [0xbf, 0, 6, 0, 0], EXIT]],
  ['store-load-offsets', [[0xb7, 2, 0, 0, 0x5678], [0x6b, 10, 2, -264, 0], [0x69, 0, 10, -264, 0], EXIT]],
  ['store-imm', [[0x7a, 10, 0, -16, -3], [0x79, 0, 10, -16, 0], EXIT]],
  ['jump-forward', [[0xb7, 0, 0, 0, 1], [0x15, 0, 0, 1, 1], [0xb7, 0, 0, 0, 2], EXIT]],
  ['jump-backward', [[0xb7, 0, 0, 0, 0], [0x07, 0, 0, 0, 1], [0xa5, 0, 0, -2, 300], EXIT]],
  ['jump-registers', [[0xb7, 0, 0, 0, 0], [0xb7, 1, 0, 0, 5], [0xb7, 2, 0, 0, 6], [0x2d, 2, 1, 1, 0], EXIT, [0xb7, 0, 0, 0, 9], EXIT]],
  ['jump-far', [[0xb7, 0, 0, 0, 0], [0x07, 0, 0, 0, 1], [0x35, 0, 0, 1, 5], [0x06, 0, 0, 0, -3], EXIT]],
  ['call-local', [[0xb7, 1, 0, 0, 20], [0x85, 0, 1, 0, 1], EXIT, [0xbf, 0, 1, 0, 0], [0x0f, 0, 1, 0, 0], EXIT]],
  ['fetch-add', [[0x7a, 10, 0, -8, 5], [0xb7, 8, 0, 0, 3], [0xdb, 10, 8, -8, 1], [0x79, 0, 10, -8, 0], [0x67, 0, 0, 0, 8], [0x0f, 0, 8, 0, 0], EXIT]],
  ['cmpxchg', [[0x7a, 10, 0, -8, 5], [0xb7, 0, 0, 0, 5], [0xb7, 8, 0, 0, 3], [0xdb, 10, 8, -8, 0xf1], [0x79, 1, 10, -8, 0], [0x67, 0, 0, 0, 8], [0x0f, 0, 1, 0, 0], EXIT]],
  ['bswap', [[0xb7, 5, 0, 0, 0x1234], [0xd7, 5, 0, 0, 16], [0xbf, 0, 5, 0, 0], EXIT]],
]; // prettier-ignore

/** The topic of encodings. */
export const ENCODING_TOPICS: readonly Topic[] = [
  {
    file: 'encoding',
    topic: 'instructions as bytes, in both orders',
    spec: ['rfc9669 3.1', 'rfc9669 3.2'],
    notes: {},
    drafts: PROGRAMS.map(([id, slots]): Draft => ({ id, bytes: bytesOf(slots) })),
  },
];
