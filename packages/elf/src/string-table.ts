/**
 * ELF string tables (gABI chapter 4, "String Table"): reading with a bound on the work that a hostile table can
 * cause, and building with equal strings shared.
 *
 * Text is UTF-8. In a name that is not, each byte above 0x7f becomes the lone surrogate U+DC00 + byte and goes back to
 * that byte when written, so names survive a round trip whatever they hold.
 */
import { BpfError } from '@polybpf/errors';

/** Looks strings up by their byte offset in the table. */
export type StringLookup = (offset: number) => string;

/** Characters that may still be read; strings of honest files overlap little. */
export interface NameBudget {
  left: number;
}

/** The budget of a whole file. */
export function createNameBudget(fileLength: number): NameBudget {
  return { left: 16 * fileLength + 65536 };
}

/**
 * Returns a function that reads the zero-terminated string at an offset of `table`. Strings may share tails and tables
 * may share bytes, so a hostile file can name one long string again and again; `budget` bounds the work for all of it.
 */
export function openStringTable(table: Uint8Array, section: string, budget: NameBudget): StringLookup {
  const known = new Map<number, string>();
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
    budget.left -= end - offset;
    if (budget.left < 0) throw new BpfError('E_ELF_FORMAT', 'names overlap too much', { at: { section, offset } });
    const text = decodeUtf8(table.subarray(offset, end));
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

function decodeUtf8(bytes: Uint8Array): string {
  let latin1 = '';
  for (let at = 0; at < bytes.length; at += 4096) latin1 += String.fromCharCode(...bytes.subarray(at, at + 4096));
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
    else throw new BpfError('E_ELF_WRITE', 'name is not well-formed text', { got: JSON.stringify(text) });
  }
  return Uint8Array.from(bytes);
}
