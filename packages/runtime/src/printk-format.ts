/**
 * The formats of `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf` and `bpf_seq_printf`: which ones the kernel takes
 * (`bpf_bprintf_prepare` in kernel/bpf/helpers.c) and what it makes of them (`bstr_printf` in lib/vsprintf.c).
 */
import type { Endian } from '@polybpf/isa';
import { readInteger, writeInteger } from './byte-order.ts';
import { EINVAL, ENOSPC } from './errno.ts';

/** How formatting reaches what pointers point to. Everything may fail; then it gives undefined. */
export interface FormatSource {
  readonly endian: Endian;
  /** String at an address, without its zero; at most `limit` bytes, the zero included. */
  readString(address: bigint, limit: number): Uint8Array | undefined;
  readBytes(address: bigint, length: number): Uint8Array | undefined;
  /** Name of a kernel symbol for `%ps`, `%pS`, `%pB`. */
  symbol?(address: bigint): string | undefined;
}

/** The text that fits, without zero, and the length of the whole; or a negative errno. */
export type Formatted = { readonly bytes: Uint8Array; readonly length: number } | { readonly error: number };

/** Bytes that arguments and strings may take together (`MAX_BPRINTF_BIN_ARGS`). */
const BINARY_ROOM = 512;

/**
 * Formats as the kernel does: first arguments are packed into a buffer, strings and addresses of the network as text, then
 * the format is gone through again.
 *
 * @param format - bytes; the first zero ends them
 * @param args - values as the program passed them, 64 bits each
 * @param size - room for the text and its zero
 * @returns the text, or `{ error: -EINVAL }` for what the kernel refuses and `-ENOSPC` when arguments take too much room
 */
export function formatPrintk(
  format: Uint8Array,
  args: readonly bigint[],
  source: FormatSource,
  size: number = Number.MAX_SAFE_INTEGER,
): Formatted {
  const end = format.indexOf(0);
  if (end < 0) return { error: -EINVAL };
  const text = String.fromCharCode(...format.subarray(0, end));
  const packed = packArguments(text, args, source);
  return typeof packed === 'number' ? { error: packed } : render(text, packed, source, size);
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

/** The buffer of arguments: integers at multiples of 4, strings wherever. */
class Packed {
  readonly bytes: Uint8Array = new Uint8Array(BINARY_ROOM);
  at = 0;
  readonly endian: Endian;

  constructor(endian: Endian) {
    this.endian = endian;
  }

  /** 0, or -ENOSPC. */
  integer(value: bigint, size: number): number {
    this.at = (this.at + 3) & ~3;
    if (BINARY_ROOM - this.at < size) return -ENOSPC;
    writeInteger(this.bytes, this.at, size, value, this.endian);
    this.at += size;
    return 0;
  }

  /** A text and its zero; what does not fit is cut. */
  text(bytes: Uint8Array): number {
    const room = BINARY_ROOM - this.at;
    if (room <= 0) return -ENOSPC;
    const kept = bytes.subarray(0, room - 1);
    this.bytes.set(kept, this.at);
    this.bytes[this.at + kept.length] = 0;
    this.at += kept.length + 1;
    return 0;
  }
}

/** Checks the format and packs its arguments (`bpf_bprintf_prepare`); a negative errno when it is refused. */
function packArguments(text: string, args: readonly bigint[], source: FormatSource): Uint8Array | number {
  const packed = new Packed(source.endian);
  let next = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isPrint(code) && !isSpace(code)) return -EINVAL;
    if (text[i] !== '%') continue;
    if (text[i + 1] === '%') {
      i++;
      continue;
    }
    if (next >= args.length) return -EINVAL;
    const value = BigInt.asUintN(64, args[next++]!);
    i += 1 + /^[0+\- ]*(?:[1-9][0-9]*)?/.exec(text.slice(i + 1))![0].length;
    const problem = packOne(packed, text.slice(i), value, source);
    if (problem !== 0) return problem;
  }
  return packed.bytes;
}

/** Packs the argument of the conversion that `spec` begins with; 0 or a negative errno. */
function packOne(packed: Packed, spec: string, value: bigint, source: FormatSource): number {
  const room = BINARY_ROOM - packed.at;
  const string = (follows: string): number => {
    if (!endsSpecifier(follows)) return -EINVAL;
    return packed.text(room <= 0 ? EMPTY : (source.readString(value, room) ?? EMPTY));
  };
  const [first, second = '', third = '', fourth = ''] = spec;
  if (first === 'p') {
    if (endsSpecifier(second) || 'KxsS'.includes(second)) return packed.integer(value, 8);
    if ((second === 'k' || second === 'u') && third === 's') return string(fourth);
    if (second === 'B') return packed.text(ascii(symbolText(value, source)));
    if ((second !== 'i' && second !== 'I') || (third !== '4' && third !== '6')) return -EINVAL;
    const size = third === '4' ? 4 : 16;
    if (room < size) return -ENOSPC;
    return packed.text(ascii(formatIp(source.readBytes(value, size) ?? new Uint8Array(size), second === 'I')));
  }
  if (first === 's') return string(second);
  if (first === 'c') {
    if (room <= 0) return -ENOSPC;
    packed.bytes[packed.at++] = Number(value & 0xffn);
    return 0;
  }
  const [, long, conversion] = /^(l?l?)([iduxX])/.exec(spec) ?? [];
  return conversion === undefined ? -EINVAL : packed.integer(value, long === '' ? 4 : 8);
}

const EMPTY: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

interface Flags {
  readonly left: boolean;
  readonly plus: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number;
}

/** A width is kept in 24 bits signed and clamped (`FIELD_WIDTH_MAX`). */
const WIDEST = (1 << 23) - 1;

/** Reads the format again and takes arguments from the buffer (`bstr_printf`). */
function render(text: string, packed: Uint8Array, source: FormatSource, size: number): Formatted {
  const out: number[] = [];
  let length = 0;
  let arg = 0;
  const put = (bytes: Uint8Array): void => {
    for (const byte of bytes) if (length++ < size - 1) out.push(byte);
  };
  const integer = (bytes: number): bigint => {
    arg = (arg + 3) & ~3;
    const value = arg + bytes <= packed.length ? readInteger(packed, arg, bytes, source.endian) : 0n;
    arg += bytes;
    return value;
  };
  const string = (): Uint8Array => {
    const zero = packed.indexOf(0, arg);
    const bytes = packed.subarray(arg, zero < 0 ? packed.length : zero);
    arg += bytes.length + 1;
    return bytes;
  };
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '%' || text[i + 1] === '%') {
      put(Uint8Array.of(text.charCodeAt(i)));
      if (text[i] === '%') i++;
      continue;
    }
    const [whole, signs, digits] = /^([0+\- ]*)([0-9]*)/.exec(text.slice(i + 1))!;
    const flags: Flags = {
      left: signs!.includes('-'),
      plus: signs!.includes('+'),
      space: signs!.includes(' '),
      zero: signs!.includes('0'),
      width: Math.min(Number(digits === '' ? 0 : digits), WIDEST),
    };
    i += 1 + whole.length;
    const [first, second = ''] = text.slice(i);
    if (first === 's') put(pad(string(), flags));
    else if (first === 'c') put(pad(packed.subarray(arg, ++arg), flags));
    else if (first === 'p') {
      const plain = endsSpecifier(second);
      if (plain || 'KxsS'.includes(second)) {
        const value = integer(8);
        put(second === 's' || second === 'S' ? pad(ascii(symbolText(value, source)), flags) : formatAddressText(value, flags)); // prettier-ignore
        if (!plain) i++;
      } else {
        i += /^[A-Za-z0-9]*/.exec(text.slice(i + 1))![0].length;
        // What is text already is skipped together with its argument's place when the room is used up: later
        // conversions then get the wrong arguments. So it is in the kernel.
        if (length < size) put(string());
      }
    } else {
      const [all, long, conversion] = /^(l?l?)([iduxX])/.exec(text.slice(i))!;
      const bits = long === '' ? 32 : 64;
      put(formatNumber(integer(bits / 8), bits, conversion!, flags));
      i += all.length - 1;
    }
  }
  return { bytes: Uint8Array.from(out), length };
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
  const magnitude = number < 0n ? -number : number;
  const lower = magnitude.toString(conversion === 'x' || conversion === 'X' ? 16 : 10);
  const digits = conversion === 'X' ? lower.toUpperCase() : lower;
  const sign = !signed ? '' : number < 0n ? '-' : flags.plus ? '+' : flags.space ? ' ' : '';
  const zeros = flags.zero && !flags.left ? '0'.repeat(Math.max(0, flags.width - sign.length - digits.length)) : '';
  return pad(ascii(sign + zeros + digits), flags);
}

/** Addresses are guest addresses and carry no secret, so that `%p` and `%pK` show them as `%px` does. */
function formatAddressText(value: bigint, flags: Flags): Uint8Array {
  return formatNumber(value, 64, 'x', flags.width === 0 ? { ...flags, width: 16, zero: true } : flags);
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
