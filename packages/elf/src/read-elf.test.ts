import { isBpfError, type ErrorCode } from '@polybpf/errors';
import { describe, expect, test } from 'vitest';
import { isElf, readElf } from './read-elf.ts';
import { writeElf, type ElfDescription } from './write-elf.ts';

const BASE: ElfDescription = {
  class: 64,
  endian: 'little',
  machine: 247,
  sections: [{ name: '.text', data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
  symbols: [{ name: 'prog', section: 0, size: 8, type: 2 }],
};

/** File offset of the header of section `index` in an ELF64 little-endian file. */
function headerAt(bytes: Uint8Array, index: number): number {
  return Number(new DataView(bytes.buffer).getBigUint64(40, true)) + 64 * index;
}

function refusal(bytes: Uint8Array): { code: ErrorCode; message: string } {
  try {
    readElf(bytes);
  } catch (error) {
    if (isBpfError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('the file was read');
}

function damaged(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = writeElf(BASE);
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

describe('readElf', () => {
  test('reads a view that starts inside a larger buffer', () => {
    const bytes = writeElf(BASE);
    const wide = new Uint8Array(bytes.length + 13);
    wide.set(bytes, 13);
    const elf = readElf(wide.subarray(13));
    expect([...(elf.sections[1]?.data ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(elf.symbols[1]).toMatchObject({ name: 'prog', type: 2, bind: 1, size: 8, section: 1 });
  });

  test('section data are views, not copies', () => {
    const bytes = writeElf(BASE);
    expect(readElf(bytes).sections[1]?.data.buffer).toBe(bytes.buffer);
  });

  test('reads r_info of little-endian MIPS64 as a word and four bytes', () => {
    const bytes = writeElf({
      ...BASE,
      machine: 8,
      sections: [{ name: '.text', data: new Uint8Array(8), relocations: [{ offset: 4, type: 0x05_0718, symbol: 0 }] }],
    });
    const elf = readElf(bytes);
    expect(elf.relocations[0]?.entries[0]).toMatchObject({ type: 0x05_0718, symbol: 1 });
    const at = elf.sections.find((s) => s.name === '.rela.text')?.offset ?? 0;
    // r_sym little-endian, then r_ssym, r_type3, r_type2, r_type: what GNU as for mips64el writes.
    expect([...bytes.subarray(at + 8, at + 16)]).toEqual([1, 0, 0, 0, 0, 0x05, 0x07, 0x18]);
  });

  test('names that are not UTF-8 survive a round trip', () => {
    const bytes = writeElf(BASE);
    const elf = readElf(bytes);
    const strtab = elf.sections.find((s) => s.name === '.strtab');
    bytes.set([0xff, 0xc3, 0xa9], (strtab?.offset ?? 0) + 1);
    const name = readElf(bytes).symbols[1]?.name ?? '';
    expect(name).toBe('\udcff\udcc3\udca9g');
    const again = writeElf({ ...BASE, symbols: [{ name, section: 0 }] });
    expect(readElf(again).symbols[1]?.name).toBe(name);
  });

  test('isElf looks at the four magic bytes only', () => {
    expect(isElf(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46))).toBe(true);
    expect(isElf(Uint8Array.of(0x7f, 0x45, 0x4c))).toBe(false);
    expect(isElf(new Uint8Array(0))).toBe(false);
  });
});

describe('readElf refuses', () => {
  const cases: [string, ErrorCode, RegExp, Uint8Array][] = [
    ['no bytes', 'E_ELF_FORMAT', /not an ELF file.*got no bytes/, new Uint8Array(0)],
    ['another magic', 'E_ELF_FORMAT', /got 7f 45 4c 47/, Uint8Array.of(0x7f, 0x45, 0x4c, 0x47)],
    ['an unknown class', 'E_ELF_FORMAT', /EI_CLASS/, damaged((view) => view.setUint8(4, 3))],
    ['an unknown byte order', 'E_ELF_FORMAT', /EI_DATA/, damaged((view) => view.setUint8(5, 0))],
    ['an unknown version', 'E_ELF_FORMAT', /EI_VERSION/, damaged((view) => view.setUint8(6, 2))],
    ['a file of only the ident', 'E_ELF_TRUNCATED', /ELF header/, writeElf(BASE).subarray(0, 20)],
    ['a wrong section header size', 'E_ELF_FORMAT', /e_shentsize/, damaged((view) => view.setUint16(58, 40, true))],
    [
      'section headers past the end',
      'E_ELF_TRUNCATED',
      /section header table/,
      damaged((view) => view.setBigUint64(40, 1n << 40n, true)),
    ],
    [
      'a count of 2^52 sections in section 0',
      'E_ELF_TRUNCATED',
      /section header table/,
      damaged((view, bytes) => {
        view.setUint16(60, 0, true);
        view.setBigUint64(headerAt(bytes, 0) + 32, 1n << 52n, true);
      }),
    ],
    [
      'section content past the end',
      'E_ELF_TRUNCATED',
      /section 1 reaches past/,
      damaged((view, bytes) => view.setBigUint64(headerAt(bytes, 1) + 32, 1n << 20n, true)),
    ],
    [
      'a section name outside the names',
      'E_ELF_FORMAT',
      /zero-terminated/,
      damaged((view, bytes) => view.setUint32(headerAt(bytes, 1), 9999, true)),
    ],
    ['names in a missing section', 'E_ELF_FORMAT', /e_shstrndx/, damaged((view) => view.setUint16(62, 77, true))],
    ['names in .text', 'E_ELF_FORMAT', /not in a string table/, damaged((view) => view.setUint16(62, 1, true))],
    [
      'a symbol table that links to itself',
      'E_ELF_FORMAT',
      /does not link to a string table/,
      damaged((view, bytes) => view.setUint32(headerAt(bytes, 2) + 40, 2, true)),
    ],
    [
      'symbols of 25 bytes',
      'E_ELF_FORMAT',
      /entries of the wrong size/,
      damaged((view, bytes) => view.setBigUint64(headerAt(bytes, 2) + 56, 25n, true)),
    ],
    [
      'a 64-bit address above 2^53',
      'E_UNSUPPORTED',
      /beyond 2\^53/,
      damaged((view) => view.setBigUint64(24, 0xffff_ffff_8000_0000n, true)),
    ],
  ];
  test.each(cases)('%s', (_, code, message, bytes) => {
    const error = refusal(bytes);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test('a symbol in a section that does not exist', () => {
    const bytes = damaged((view, file) => {
      const symtab = readElf(file).sections[2];
      view.setUint16((symtab?.offset ?? 0) + 24 + 6, 40, true);
    });
    expect(refusal(bytes).message).toMatch(/symbol 1 is in a section that does not exist, expected below \d+, got 40/);
  });

  test('a thousand symbol tables over the same bytes, in little time', () => {
    const symbols = Array.from({ length: 3000 }, (_, k) => ({ name: `s${k}`, section: 0 }));
    const sections = Array.from({ length: 2000 }, () => ({ name: 'x', data: new Uint8Array(0) }));
    const bytes = writeElf({ ...BASE, sections: [...BASE.sections, ...sections], symbols });
    const view = new DataView(bytes.buffer);
    const symtab = 2 + sections.length;
    const header = bytes.slice(headerAt(bytes, symtab), headerAt(bytes, symtab + 1));
    for (let index = 2; index < symtab; index++) bytes.set(header, headerAt(bytes, index));
    expect(view.getUint16(60, true)).toBeGreaterThan(2000);
    const start = performance.now();
    expect(refusal(bytes).message).toMatch(/symbol tables overlap/);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('string tables that share the bytes of one long string, in little time', () => {
    const name = 'a'.repeat(60000);
    const count = 3000;
    const sections = Array.from({ length: 2 * count }, () => ({ name: 'x', data: new Uint8Array(0) }));
    const bytes = writeElf({ ...BASE, sections, symbols: [{ name, section: 0 }] });
    const elf = readElf(bytes);
    const symtab = elf.sections.find((s) => s.name === '.symtab')?.index ?? 0;
    const header = (index: number): Uint8Array => bytes.slice(headerAt(bytes, index), headerAt(bytes, index + 1));
    const [table, strings] = [header(symtab), header(symtab + 1)];
    for (let k = 0; k < count; k++) {
      // A pair of headers: one symbol, and a string table of its own over the same bytes.
      bytes.set(table, headerAt(bytes, 2 * k + 1));
      bytes.set(strings, headerAt(bytes, 2 * k + 2));
      const view = new DataView(bytes.buffer, headerAt(bytes, 2 * k + 1));
      view.setBigUint64(24, BigInt((elf.sections[symtab]?.offset ?? 0) + 24), true);
      view.setBigUint64(32, 24n, true);
      view.setUint32(40, 2 * k + 2, true);
    }
    const start = performance.now();
    expect(refusal(bytes).message).toMatch(/names overlap too much/);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('symbols that name every tail of one long string, in little time', () => {
    const name = 'a'.repeat(40000);
    const symbols = Array.from({ length: 20000 }, () => ({ name, section: 0 }));
    const bytes = writeElf({ ...BASE, symbols });
    const view = new DataView(bytes.buffer);
    const table = readElf(bytes).sections.find((s) => s.name === '.symtab')?.offset ?? 0;
    for (let index = 1; index <= symbols.length; index++) view.setUint32(table + 24 * index, index, true);
    const start = performance.now();
    expect(refusal(bytes).message).toMatch(/names overlap too much/);
    expect(performance.now() - start).toBeLessThan(30_000);
  });
});
