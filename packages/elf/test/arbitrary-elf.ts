import fc from 'fast-check';
import type { ElfDescription, ElfSectionDescription } from '../src/write-elf.ts';
import type { ElfRelocationDescription } from '../src/write-relocations.ts';
import type { ElfSymbolDescription } from '../src/write-elf.ts';

const name: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnop._$é漢😀'), maxLength: 12 });

function symbol(sectionCount: number): fc.Arbitrary<ElfSymbolDescription> {
  const places: fc.Arbitrary<ElfSymbolDescription['section']>[] = [
    fc.constantFrom('undefined', 'absolute', 'common'),
    ...(sectionCount > 0 ? [fc.nat({ max: sectionCount - 1 })] : []),
  ];
  return fc.record({
    name,
    section: fc.oneof(...places),
    value: fc.nat(),
    size: fc.nat(),
    bind: fc.constantFrom(0, 1, 2),
    type: fc.constantFrom(0, 1, 2, 3, 4, 6),
    visibility: fc.nat({ max: 3 }),
  });
}

function relocation(symbolCount: number, elfClass: 32 | 64): fc.Arbitrary<ElfRelocationDescription> {
  return fc.record({
    offset: fc.nat(),
    type: elfClass === 32 ? fc.nat({ max: 255 }) : fc.integer({ min: 0, max: 0xffff_ffff }),
    symbol: fc.nat({ max: symbolCount - 1 }),
    addend: elfClass === 32 ? fc.integer() : fc.maxSafeInteger(),
  });
}

function section(symbolCount: number, elfClass: 32 | 64): fc.Arbitrary<ElfSectionDescription> {
  return fc.record({
    name: name.map((text) => `.${text}`),
    type: fc.constantFrom(1, 7, 14),
    flags: fc.nat({ max: 0xfff }),
    addralign: fc.constantFrom(0, 1, 2, 4, 8, 16, 256),
    entsize: fc.nat({ max: 64 }),
    info: fc.nat(),
    data: fc.uint8Array({ maxLength: 64 }),
    relocations: symbolCount === 0 ? fc.constant([]) : fc.array(relocation(symbolCount, elfClass), { maxLength: 5 }),
  });
}

/** Any relocatable object, RELA, all machines of interest. */
export const elfDescription: fc.Arbitrary<ElfDescription> = fc
  .record({
    class: fc.constantFrom<32 | 64>(32, 64),
    endian: fc.constantFrom<'little' | 'big'>('little', 'big'),
    sectionCount: fc.nat({ max: 5 }),
    symbolCount: fc.nat({ max: 8 }),
  })
  .chain(({ class: elfClass, endian, sectionCount, symbolCount }) =>
    fc.record({
      class: fc.constant(elfClass),
      endian: fc.constant(endian),
      machine: fc.constantFrom(8, 22, 62, 183, 243, 247),
      flags: fc.integer({ min: 0, max: 0xffff_ffff }),
      osabi: fc.nat({ max: 255 }),
      sections: fc.array(section(symbolCount, elfClass), { minLength: sectionCount, maxLength: sectionCount }),
      symbols: fc.array(symbol(sectionCount), { minLength: symbolCount, maxLength: symbolCount }),
      gnuStackNote: fc.boolean(),
    }),
  );
