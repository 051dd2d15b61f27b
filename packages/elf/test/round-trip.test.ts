import { isBpfError } from '@polybpf/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readElf } from '../src/read-elf.ts';
import { writeElf, type ElfDescription } from '../src/write-elf.ts';
import { elfDescription } from './arbitrary-elf.ts';

const SHNDX = { undefined: 0, absolute: 0xfff1, common: 0xfff2 } as const;

describe('what is written is what is read', () => {
  test('sections, symbols and relocations of any object', () => {
    fc.assert(
      fc.property(elfDescription, (description) => {
        const elf = readElf(writeElf(description));
        const { class: elfClass, endian, machine, flags, osabi } = description;
        expect(elf).toMatchObject({ class: elfClass, endian, machine, flags, osabi, type: 1, entry: 0 });
        expect(elf.programHeaders).toEqual([]);
        expectSections(description, elf);
        expectSymbols(description, elf);
        expectRelocations(description, elf);
      }),
      { numRuns: 300 },
    );
  });

  test('rel sections carry no addend', () => {
    const elf = readElf(
      writeElf({
        class: 64,
        endian: 'big',
        machine: 247,
        relocationFormat: 'rel',
        sections: [{ name: 'xdp', data: new Uint8Array(16), relocations: [{ offset: 8, type: 10, symbol: 0 }] }],
        symbols: [{ name: 'f', section: 'undefined' }],
      }),
    );
    expect(elf.sections.map((s) => s.name)).toContain('.relxdp');
    expect(elf.relocations[0]?.entries).toEqual([{ offset: 8, type: 10, symbol: 1, addend: undefined }]);
  });

  test('more than 65,280 sections use the extended numbers', () => {
    const count = 0xff10;
    const sections = Array.from({ length: count }, () => ({ name: 's' }));
    const symbols = [
      { name: 'low', section: 3 },
      { name: 'high', section: count - 1 },
      // Index 0xfff1 - 1 is the position of section 0xfff1, which must not be taken for SHN_ABS.
      { name: 'abs', section: 'absolute' as const },
    ];
    const bytes = writeElf({ class: 64, endian: 'little', machine: 62, sections, symbols });
    expect(new DataView(bytes.buffer).getUint16(60, true)).toBe(0);
    expect(new DataView(bytes.buffer).getUint16(62, true)).toBe(0xffff);
    const elf = readElf(bytes);
    expect(elf.sections).toHaveLength(count + 5);
    expect(elf.sections.at(-1)?.name).toBe('.shstrtab');
    const found = elf.symbols.slice(1).map(({ name, shndx, section }) => ({ name, shndx, section }));
    expect(found).toEqual([
      { name: 'low', shndx: 4, section: 4 },
      { name: 'high', shndx: 0xffff, section: count },
      { name: 'abs', shndx: 0xfff1, section: undefined },
    ]);
  });
});

function expectSections(description: ElfDescription, elf: ReturnType<typeof readElf>): void {
  description.sections.forEach((section, position) => {
    const read = elf.sections[position + 1];
    const { name, type, flags, addralign, entsize, info, data } = section;
    expect(read).toMatchObject({ name, type, flags, addralign, entsize, info, size: data?.length });
    expect([...(read?.data ?? [])]).toEqual([...(data ?? [])]);
    if (section.addralign) expect((read?.offset ?? 1) % section.addralign).toBe(0);
  });
  expect(elf.sections.some((s) => s.name === '.note.GNU-stack')).toBe(description.gnuStackNote);
}

function expectSymbols(description: ElfDescription, elf: ReturnType<typeof readElf>): void {
  const locals = description.symbols.filter((s) => s.bind === 0);
  const sorted = [...locals, ...description.symbols.filter((s) => s.bind !== 0)];
  expect(elf.symbols).toHaveLength(sorted.length + 1);
  sorted.forEach((symbol, position) => {
    const { section, ...rest } = symbol;
    const shndx = typeof section === 'number' ? section + 1 : SHNDX[section];
    const home = typeof section === 'number' ? section + 1 : undefined;
    expect(elf.symbols[position + 1]).toMatchObject({ ...rest, shndx, section: home });
  });
  expect(elf.sections.find((s) => s.name === '.symtab' && s.type === 2)?.info).toBe(locals.length + 1);
}

function expectRelocations(description: ElfDescription, elf: ReturnType<typeof readElf>): void {
  const expected = description.sections.flatMap((section, position) =>
    (section.relocations ?? []).map((r) => {
      const symbol = r.symbol === undefined ? undefined : description.symbols[r.symbol];
      return { target: position + 1, offset: r.offset, type: r.type, addend: r.addend, name: symbol?.name };
    }),
  );
  const read = elf.relocations.flatMap(({ target, entries }) =>
    entries.map(({ offset, type, addend, symbol }) => {
      return { target, offset, type, addend, name: elf.symbols[symbol]?.name };
    }),
  );
  expect(read).toEqual(expected);
}

describe('hostile bytes', () => {
  const readOrRefuse = (bytes: Uint8Array): void => {
    try {
      readElf(bytes);
    } catch (error) {
      if (!isBpfError(error)) throw error;
    }
  };

  test('random bytes behind a valid ident are refused with a BpfError or read', () => {
    const ident = fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2));
    fc.assert(
      fc.property(ident, fc.uint8Array({ maxLength: 400 }), ([elfClass, data], rest) => {
        readOrRefuse(Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, elfClass, data, 1, 0, ...rest]));
      }),
      { numRuns: 2000 },
    );
  });

  test('truncations and damaged bytes of real objects', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(elfDescription, damage, fc.nat(), (description, changes, cut) => {
        const bytes = writeElf(description);
        readOrRefuse(bytes.subarray(0, cut % (bytes.length + 1)));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        readOrRefuse(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('each byte of a small object in turn set to 0, 1, 0x7f, 0x80 and 0xff', () => {
    for (const elfClass of [32, 64] as const) {
      for (const endian of ['little', 'big'] as const) {
        const original = writeElf({
          class: elfClass,
          endian,
          machine: 247,
          sections: [{ name: '.text', data: new Uint8Array(8), relocations: [{ offset: 0, type: 1, symbol: 0 }] }],
          symbols: [{ name: 'f', section: 0 }],
        });
        for (let at = 0; at < original.length; at++) {
          for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
            const bytes = original.slice();
            bytes[at] = value;
            readOrRefuse(bytes);
          }
        }
      }
    }
  });
});
