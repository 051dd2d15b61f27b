/**
 * The formats of `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf` and `bpf_seq_printf`: which ones the kernel takes
 * (`bpf_bprintf_prepare` in kernel/bpf/helpers.c) and what it makes of them (`bstr_printf` in lib/vsprintf.c).
 */
import { EINVAL, ENOSPC } from './errno.ts';

/** How formatting reaches what pointers point to. Everything may fail; then it gives undefined. */
export interface FormatSource {
  /** String at an address, without its zero; at most `limit` bytes, the zero included. */
  readString(address: bigint, limit: number): Uint8Array | undefined;
  readBytes(address: bigint, length: number): Uint8Array | undefined;
  /** Name of a kernel symbol for `%ps`, `%pS`, `%pB`. */
  symbol?(address: bigint): string | undefined;
}

/** Either the bytes, unlimited and without zero, or a negative errno. */
export type Formatted = { readonly bytes: Uint8Array } | { readonly error: number };

/** Bytes that arguments and strings may take together (`MAX_BPRINTF_BIN_ARGS`). */
const BINARY_ROOM = 512;

interface Flags {
  readonly left: boolean;
  readonly plus: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number;
}

/**
 * Formats as the kernel does.
 *
 * @param format - bytes; the first zero ends them
 * @param args - values as the program passed them, 64 bits each
 * @returns the text, or `{ error: -EINVAL }` for what the kernel refuses and `-ENOSPC` when arguments take too much room
 */
export function formatPrintk(format: Uint8Array, args: readonly bigint[], source: FormatSource): Formatted {
  const end = format.indexOf(0);
  if (end < 0) return { error: -EINVAL };
  const out: number[] = [];
  let room = BINARY_ROOM;
  let next = 0;
  const at = (k: number): string => (k < end ? String.fromCharCode(format[k]!) : '');
  const take = (bytes: number): boolean => {
    // Arguments are aligned to 4 bytes, strings are not.
    if (room < bytes) return false;
    room -= bytes;
    return true;
  };
  for (let i = 0; i < end; i++) {
    const c = at(i);
    const code = format[i]!;
    if (code < 0x80 && !isPrint(code) && !isSpace(code)) return { error: -EINVAL };
    if (c !== '%') {
      out.push(code);
      continue;
    }
    if (at(i + 1) === '%') {
      out.push(0x25);
      i++;
      continue;
    }
    if (next >= args.length) return { error: -EINVAL };
    const value = BigInt.asUintN(64, args[next]!);
    const spec = readFlags(at, i + 1);
    const { flags } = spec;
    i = spec.at;
    if (at(i) === 'p') {
      const pointer = formatPointer(at, i, value, flags, source, room);
      if ('error' in pointer) return pointer;
      if (!take(pointer.room)) return { error: -ENOSPC };
      append(out, pointer.bytes);
      i = pointer.last;
      next++;
      continue;
    }
    if (at(i) === 's') {
      if (!endsSpecifier(at(i + 1))) return { error: -EINVAL };
      if (room === 0) return { error: -ENOSPC };
      const text = source.readString(value, room) ?? new Uint8Array(0);
      room -= Math.min(room, text.length + 1);
      append(out, pad(text, flags));
      next++;
      continue;
    }
    if (at(i) === 'c') {
      if (!take(1)) return { error: -ENOSPC };
      append(out, pad(Uint8Array.of(Number(value & 0xffn)), flags));
      next++;
      continue;
    }
    let bits = 32;
    if (at(i) === 'l') {
      bits = 64;
      i++;
      if (at(i) === 'l') i++;
    }
    const conversion = at(i);
    if (conversion === '' || !'iduxX'.includes(conversion)) return { error: -EINVAL };
    room &= ~3;
    if (!take(bits / 8)) return { error: -ENOSPC };
    append(out, formatNumber(value, bits, conversion, flags));
    next++;
  }
  return { bytes: Uint8Array.from(out) };
}

function append(out: number[], bytes: Uint8Array): void {
  for (const byte of bytes) out.push(byte);
}

function isPrint(code: number): boolean {
  return code >= 0x20 && code < 0x7f;
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 9 && code <= 13);
}

/** What may follow `%s` and `%p`: the end, a blank or punctuation. */
function endsSpecifier(c: string): boolean {
  return c === '' || isSpace(c.charCodeAt(0)) || /[!-/:-@[-`{-~]/.test(c);
}

function readFlags(at: (k: number) => string, start: number): { readonly flags: Flags; readonly at: number } {
  let i = start;
  let left = false;
  let plus = false;
  let space = false;
  let zero = false;
  for (; at(i) !== '' && '0+- '.includes(at(i)); i++) {
    if (at(i) === '-') left = true;
    else if (at(i) === '+') plus = true;
    else if (at(i) === ' ') space = true;
    else zero = true;
  }
  let digits = '';
  for (; /^[0-9]$/.test(at(i)); i++) digits += at(i);
  // A width is kept in 24 bits signed and clamped (FIELD_WIDTH_MAX).
  return { flags: { left, plus, space, zero, width: Math.min(Number(digits || '0'), (1 << 23) - 1) }, at: i };
}

/** Pads with blanks; the zero flag is for numbers only. */
function pad(bytes: Uint8Array, { left, width }: Flags): Uint8Array {
  if (bytes.length >= width) return bytes;
  const padded = new Uint8Array(width).fill(0x20);
  padded.set(bytes, left ? 0 : width - bytes.length);
  return padded;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function formatNumber(value: bigint, bits: number, conversion: string, flags: Flags): Uint8Array {
  const signed = conversion === 'd' || conversion === 'i';
  const number = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  const negative = number < 0n;
  const magnitude = negative ? -number : number;
  const digits =
    conversion === 'x' ? magnitude.toString(16) : conversion === 'X' ? magnitude.toString(16).toUpperCase() : magnitude.toString(); // prettier-ignore
  const sign = !signed ? '' : negative ? '-' : flags.plus ? '+' : flags.space ? ' ' : '';
  const zeros = flags.zero && !flags.left ? '0'.repeat(Math.max(0, flags.width - sign.length - digits.length)) : '';
  return pad(ascii(sign + zeros + digits), flags);
}

type PointerText =
  { readonly bytes: Uint8Array; readonly room: number; readonly last: number } | { readonly error: number };

/** `%p` and what may follow it; `i` is the place of the `p`. */
function formatPointer(
  at: (k: number) => string,
  i: number,
  value: bigint,
  flags: Flags,
  source: FormatSource,
  room: number,
): PointerText {
  const kind = at(i + 1);
  if ((kind === 'k' || kind === 'u') && at(i + 2) === 's') {
    if (!endsSpecifier(at(i + 3))) return { error: -EINVAL };
    if (room === 0) return { error: -ENOSPC };
    const text = source.readString(value, room) ?? new Uint8Array(0);
    return { bytes: pad(text, flags), room: Math.min(room, text.length + 1), last: i + 2 };
  }
  if (endsSpecifier(kind)) return { bytes: formatAddressText(value, flags), room: 8, last: i };
  if (kind === 'K' || kind === 'x') return { bytes: formatAddressText(value, flags), room: 8, last: i + 1 };
  if (kind === 's' || kind === 'S') {
    return { bytes: pad(ascii(symbolText(value, source)), flags), room: 8, last: i + 1 };
  }
  if (kind === 'B') {
    const text = ascii(symbolText(value, source));
    return { bytes: text, room: text.length + 1, last: i + 1 };
  }
  const version = at(i + 2);
  if ((kind !== 'i' && kind !== 'I') || (version !== '4' && version !== '6')) return { error: -EINVAL };
  const size = version === '4' ? 4 : 16;
  if (room < size) return { error: -ENOSPC };
  const text = ascii(formatIp(source.readBytes(value, size) ?? new Uint8Array(size), kind === 'I'));
  return { bytes: text, room: text.length + 1, last: i + 2 };
}

/** Addresses are guest addresses and carry no secret, so that `%p` and `%pK` show them as `%px` does. */
function formatAddressText(value: bigint, flags: Flags): Uint8Array {
  const zero = flags.width === 0 ? { ...flags, width: 16, zero: true } : flags;
  return formatNumber(value, 64, 'x', zero);
}

function symbolText(value: bigint, source: FormatSource): string {
  return source.symbol?.(value) ?? `0x${value.toString(16)}`;
}

function formatIp(bytes: Uint8Array, usual: boolean): string {
  if (bytes.length === 4) return [...bytes].map((byte) => (usual ? String(byte) : String(byte).padStart(3, '0'))).join('.'); // prettier-ignore
  const groups: string[] = [];
  for (let k = 0; k < 16; k += 2) groups.push(((bytes[k]! << 8) | bytes[k + 1]!).toString(16).padStart(4, '0'));
  return groups.join(usual ? ':' : '');
}
