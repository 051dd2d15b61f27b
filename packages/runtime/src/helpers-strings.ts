/** Helpers of strings: `kernel/bpf/helpers.c` (`bpf_strtol`, `bpf_strncmp`), `lib/kstrtox.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { EINVAL, ERANGE } from './errno.ts';
import type { HelperTable } from './world.ts';

/** Digits that the kernel looks at (`char str[64]`). */
const LONGEST_NUMBER = 63;
const BASE_MASK = 0x1fn;

interface Parsed {
  readonly value: bigint;
  readonly negative: boolean;
  /** Bytes up to the first that is no digit. */
  readonly consumed: number;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 9 && byte <= 13) || byte === 0xa0;
}

function digitOf(byte: number | undefined): number {
  const value = byte === undefined ? NaN : parseInt(String.fromCharCode(byte), 36);
  return Number.isNaN(value) ? 99 : value;
}

/** A number as `bpf_strtoul` and `bpf_strtol` read it, or a negative errno. */
export function parseNumber(text: Uint8Array, flags: bigint): Parsed | number {
  const asked = Number(flags & BASE_MASK);
  if (text.length === 0 || ![0, 8, 10, 16].includes(asked) || (flags & ~BASE_MASK) !== 0n) return -EINVAL;
  let at = 0;
  while (at < text.length && isSpace(text[at]!)) at++;
  const negative = text[at] === 0x2d;
  if (negative) at++;
  const digits = text.subarray(at, at + LONGEST_NUMBER);
  if (digits.length === 0) return -EINVAL;
  let base = asked;
  const prefixed = digits[0] === 0x30 && (digits[1] === 0x78 || digits[1] === 0x58);
  if (base === 0) base = digits[0] !== 0x30 ? 10 : prefixed && digitOf(digits[2]) < 16 ? 16 : 8;
  const start = base === 16 && prefixed ? 2 : 0;
  let value = 0n;
  let length = 0;
  let overflow = false;
  for (; start + length < digits.length; length++) {
    const digit = digitOf(digits[start + length]);
    if (digit >= base) break;
    value = value * BigInt(base) + BigInt(digit);
    if (value >> 64n !== 0n) overflow = true;
  }
  if (overflow) return -ERANGE;
  if (length === 0) return -EINVAL;
  return { value, negative, consumed: at + start + length };
}

function strtoul(cx: HelperContext): number {
  cx.memory.write(cx.arg(4), 8, 0n);
  const parsed = parseNumber(cx.memory.view(cx.arg(1), cx.arg32(2)), cx.arg(3));
  if (typeof parsed === 'number') return parsed;
  if (parsed.negative) return -EINVAL;
  cx.memory.write(cx.arg(4), 8, parsed.value);
  return parsed.consumed;
}

function strtol(cx: HelperContext): number {
  cx.memory.write(cx.arg(4), 8, 0n);
  const parsed = parseNumber(cx.memory.view(cx.arg(1), cx.arg32(2)), cx.arg(3));
  if (typeof parsed === 'number') return parsed;
  const { value, negative, consumed } = parsed;
  const limit = 1n << 63n;
  if (negative ? value > limit : value >= limit) return -ERANGE;
  cx.memory.write(cx.arg(4), 8, negative ? -value : value);
  return consumed;
}

export const STRING_HELPERS: HelperTable = {
  bpf_strtol: strtol,
  bpf_strtoul: strtoul,
  /** s1, its size, s2: the difference of the first bytes that differ, as -1, 0 or 1 (`strncmp` of the kernel). */
  bpf_strncmp(cx) {
    const size = cx.arg32(2);
    const one = cx.memory.view(cx.arg(1), size);
    const other = cx.memory.readCString(cx.arg(3), size);
    for (let k = 0; k < size; k++) {
      const a = one[k]!;
      const b = other[k] ?? 0;
      if (a !== b) return a < b ? -1 : 1;
      if (a === 0) return 0;
    }
    return 0;
  },
};
