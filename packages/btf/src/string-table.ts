/**
 * The string section of BTF: zero-terminated strings by byte offset, the first of which is empty. In split BTF the
 * offsets of the base come first (btf.rst, "String Encoding").
 *
 * Text is UTF-8. In a string that is not, each byte above 0x7f becomes the lone surrogate U+DC00 + byte and goes back
 * to that byte when written.
 */
import { BpfError } from '@polybpf/errors';
import type { Btf } from './btf-type.ts';

/** Looks strings up by their offset. */
export type StringLookup = (offset: number) => string;

/**
 * Opens the strings of a BTF blob. Strings may share tails, so hostile data can name one long string from every byte
 * of it; the sum of the lengths read is limited to 16 times the section.
 */
export function openStrings(strings: Uint8Array, base: Btf | undefined): StringLookup {
  const baseLength = base === undefined ? 0 : totalStringLength(base);
  const baseLookup = base === undefined ? undefined : openStrings(base.strings, base.base);
  const known = new Map<number, string>();
  // One string for the whole section, of which names are slices: the kernel's BTF has 100,000 of them.
  const latin1 = decodeLatin1(strings);
  const isAscii = !/[\x80-\xff]/.test(latin1);
  let budget = 16 * strings.length + 65536;
  return (offset) => {
    const before = known.get(offset);
    if (before !== undefined) return before;
    if (offset < baseLength && baseLookup !== undefined) return baseLookup(offset);
    const start = offset - baseLength;
    const end = start < latin1.length ? latin1.indexOf('\0', start) : -1;
    if (end < 0) {
      throw new BpfError('E_BTF_FORMAT', 'string offset is outside the string section', {
        expected: `below ${baseLength + strings.length}`,
        got: String(offset),
      });
    }
    budget -= end - start;
    if (budget < 0) throw new BpfError('E_BTF_FORMAT', 'strings overlap too much', { at: { offset } });
    const slice = latin1.slice(start, end);
    const text = isAscii ? slice : decodeUtf8(slice);
    known.set(offset, text);
    return text;
  };
}

/** Bytes of all string sections up to and with that of `btf`: the offset at which a BTF split from it starts. */
export function totalStringLength(btf: Btf): number {
  return btf.strings.length + (btf.base === undefined ? 0 : totalStringLength(btf.base));
}

/** Collects strings; those of `existing` keep their offsets, and new ones are appended. */
export interface StringCollector {
  readonly offsetOf: (text: string) => number;
  readonly finish: () => Uint8Array;
}

export function collectStrings(existing: Uint8Array, base: Btf | undefined): StringCollector {
  const offsets = new Map<string, number>();
  let next = 0;
  const register = (strings: Uint8Array): void => {
    let start = next;
    for (const name of decodeLatin1(strings).split('\0')) {
      const text = decodeUtf8(name);
      if (!offsets.has(text)) offsets.set(text, start);
      start += name.length + 1;
    }
    next += strings.length;
  };
  for (const ancestor of ancestors(base)) register(ancestor.strings);
  const inherited = next;
  const first = existing.length === 0 && base === undefined ? Uint8Array.of(0) : existing;
  register(first);
  const added: Uint8Array[] = [];
  return {
    offsetOf(text) {
      const before = offsets.get(text);
      if (before !== undefined) return before;
      const bytes = encodeUtf8(text);
      if (bytes.includes(0))
        throw new BpfError('E_ENCODE_FIELD', 'name holds a zero byte', { got: JSON.stringify(text) });
      const offset = next;
      offsets.set(text, offset);
      added.push(bytes);
      next += bytes.length + 1;
      return offset;
    },
    finish() {
      const strings = new Uint8Array(next - inherited);
      strings.set(first);
      let at = first.length;
      for (const bytes of added) {
        strings.set(bytes, at);
        at += bytes.length + 1;
      }
      return strings;
    },
  };
}

/** The chain of bases, the outermost first. */
function ancestors(base: Btf | undefined): Btf[] {
  return base === undefined ? [] : [...ancestors(base.base), base];
}

function decodeLatin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192)
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + 8192));
  return text;
}

/** Text from UTF-8 given as one character a byte. */
function decodeUtf8(latin1: string): string {
  if (!/[\x80-\xff]/.test(latin1)) return latin1;
  try {
    return decodeURIComponent(
      latin1.replace(/[%\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`),
    );
  } catch {
    return latin1.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
  }
}

function encodeUtf8(text: string): Uint8Array {
  const escaped = text.replace(/[^\ud800-\udfff]+|[\ud800-\udbff][\udc00-\udfff]/g, encodeURIComponent);
  const bytes: number[] = [];
  for (let at = 0; at < escaped.length; at++) {
    const unit = escaped.charCodeAt(at);
    if (unit === 0x25) bytes.push(Number.parseInt(escaped.slice(at + 1, (at += 2) + 1), 16));
    else if (unit >= 0xdc80 && unit <= 0xdcff) bytes.push(unit - 0xdc00);
    else if (unit < 0x80) bytes.push(unit);
    else throw new BpfError('E_ENCODE_FIELD', 'name is not well-formed text', { got: JSON.stringify(text) });
  }
  return Uint8Array.from(bytes);
}
