/**
 * ELF string tables (gABI chapter 4, "String Table"): reading with a bound on the work that a hostile table can
 * cause, and building with equal strings shared.
 *
 * Text is UTF-8. A byte that is not part of valid UTF-8 becomes the lone surrogate U+DC00 + byte and goes back to
 * that byte when written, so names survive a round trip whatever they hold.
 */
import { BpfError } from '@polybpf/errors';

/** Looks strings up by their byte offset in the table. */
export type StringLookup = (offset: number) => string;

/**
 * Returns a function that reads the zero-terminated string at an offset of `table`. Strings may share tails, so a
 * hostile file can name one long string from every byte of it; the sum of the lengths read is limited to 16 times the
 * table.
 */
export function openStringTable(table: Uint8Array, section: string): StringLookup {
  const known = new Map<number, string>();
  let budget = 16 * table.length + 65536;
  return (offset) => {
    const before = known.get(offset);
    if (before !== undefined) return before;
    // A table of no bytes stands for a file without names; offset 0 is the empty string in every table.
    if (offset === 0 && table.length === 0) return '';
    const end = offset < table.length ? table.indexOf(0, offset) : -1;
    if (end < 0) {
      throw new BpfError('E_ELF_FORMAT', 'name is not a zero-terminated string of its string table', {
        at: { section, offset },
        expected: `an offset below ${table.length}`,
      });
    }
    budget -= end - offset;
    if (budget < 0) throw new BpfError('E_ELF_FORMAT', 'names overlap too much', { at: { section, offset } });
    const text = decodeUtf8(table, offset, end);
    known.set(offset, text);
    return text;
  };
}

/** Collects strings into one table; equal strings get one offset and the empty string offset 0. */
export interface StringTableBuilder {
  readonly add: (text: string) => number;
  readonly finish: () => Uint8Array;
}

export function createStringTable(): StringTableBuilder {
  const offsets = new Map<string, number>([['', 0]]);
  const chunks: Uint8Array[] = [];
  let size = 1;
  return {
    add(text) {
      const known = offsets.get(text);
      if (known !== undefined) return known;
      const encoded = encodeUtf8(text);
      if (encoded.includes(0)) {
        throw new BpfError('E_ELF_WRITE', 'name holds a zero byte', { got: JSON.stringify(text) });
      }
      const offset = size;
      offsets.set(text, offset);
      chunks.push(encoded);
      size += encoded.length + 1;
      return offset;
    },
    finish() {
      const table = new Uint8Array(size);
      let at = 1;
      for (const chunk of chunks) {
        table.set(chunk, at);
        at += chunk.length + 1;
      }
      return table;
    },
  };
}

function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= 4096 && isAscii(bytes, start, end)) {
    return String.fromCharCode(...bytes.subarray(start, end));
  }
  let text = '';
  let at = start;
  while (at < end) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : sequenceLength(bytes, at, end);
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + lead);
      at += 1;
      continue;
    }
    let point = length === 1 ? lead : lead & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) point = (point << 6) | ((bytes[at + i] ?? 0) & 0x3f);
    text += String.fromCodePoint(point);
    at += length;
  }
  return text;
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((bytes[at] ?? 0) >= 0x80) return false;
  }
  return true;
}

/** Length of the well-formed UTF-8 sequence at `at` (RFC 3629 section 4), 0 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] ?? 0;
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (length === 0 || at + length > end) return 0;
  for (let i = 1; i < length; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[at + 1] ?? 0;
  const wrong =
    (lead === 0xe0 && second < 0xa0) ||
    (lead === 0xed && second > 0x9f) ||
    (lead === 0xf0 && second < 0x90) ||
    (lead === 0xf4 && second > 0x8f);
  return wrong ? 0 : length;
}

function encodeUtf8(text: string): Uint8Array {
  const out: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) out.push(point);
    else if (point < 0x800) out.push(0xc0 | (point >> 6), continuation(point));
    else if (point >= 0xdc80 && point <= 0xdcff) out.push(point - 0xdc00);
    else if (point < 0x10000) out.push(0xe0 | (point >> 12), continuation(point >> 6), continuation(point));
    else out.push(0xf0 | (point >> 18), continuation(point >> 12), continuation(point >> 6), continuation(point));
  }
  return Uint8Array.from(out);
}

function continuation(bits: number): number {
  return 0x80 | (bits & 0x3f);
}
