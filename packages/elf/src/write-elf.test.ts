import { isBpfError } from '@polybpf/errors';
import { describe, expect, test } from 'vitest';
import { readElf } from './read-elf.ts';
import { executableHeaderSize, writeElfExecutable, type ElfExecutableDescription } from './write-executable.ts';
import { writeElf, type ElfDescription } from './write-elf.ts';

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isBpfError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('it was written');
}

const BASE: ElfDescription = {
  class: 32,
  endian: 'big',
  machine: 40,
  sections: [{ name: '.text', data: new Uint8Array(4) }],
  symbols: [{ name: 'f', section: 0 }],
};

describe('writeElf refuses', () => {
  const withRelocation = (relocation: object): ElfDescription => ({
    ...BASE,
    sections: [
      { name: '.text', data: new Uint8Array(4), relocations: [{ offset: 0, type: 1, symbol: 0, ...relocation }] },
    ],
  });
  const cases: [string, RegExp, ElfDescription][] = [
    ['a value beyond 32 bits in ELF32', /st_value does not fit/, withSymbol({ value: 2 ** 32 })],
    ['a negative value', /st_value does not fit/, withSymbol({ value: -1 })],
    ['a fraction', /st_size does not fit/, withSymbol({ size: 1.5 })],
    ['a binding of five bits', /symbol attribute/, withSymbol({ bind: 16 })],
    ['a section that is not there', /section that is not described/, withSymbol({ section: 1 })],
    ['a relocation type beyond 8 bits in ELF32', /r_info/, withRelocation({ type: 256 })],
    ['an addend beyond 32 bits in ELF32', /r_addend/, withRelocation({ addend: 2 ** 31 })],
    ['a relocation of a missing symbol', /symbol that is not described/, withRelocation({ symbol: 1 })],
    ['an addend in rel', /'rel' format/, { ...withRelocation({ addend: 4 }), relocationFormat: 'rel' }],
    ['an alignment of 3', /power of two/, { ...BASE, sections: [{ name: 'x', addralign: 3 }] }],
    ['a zero in a name', /zero byte/, withSymbol({ name: 'a\0b' })],
    ['data in NOBITS', /do not agree/, { ...BASE, sections: [{ name: '.bss', type: 8, data: new Uint8Array(1) }] }],
  ];
  test.each(cases)('%s', (_, message, description) => {
    const text = refusal(() => writeElf(description));
    expect(text).toMatch(/^E_ELF_WRITE: /);
    expect(text).toMatch(message);
  });

  function withSymbol(change: object): ElfDescription {
    return { ...BASE, symbols: [{ name: 'f', section: 0, ...change }] };
  }
});

test('a NOBITS section has a size and no bytes in the file', () => {
  const bytes = writeElf({ ...BASE, sections: [{ name: '.bss', type: 8, flags: 3, addralign: 64, size: 1_000_000 }] });
  expect(bytes.length).toBeLessThan(1000);
  expect(readElf(bytes).sections[1]).toMatchObject({ name: '.bss', size: 1_000_000, data: new Uint8Array(0) });
});

describe('writeElfExecutable', () => {
  const code = Uint8Array.of(1, 2, 3, 4);
  const runner: ElfExecutableDescription = {
    class: 64,
    endian: 'big',
    machine: 22,
    flags: 7,
    entry: 0x10_0078,
    segments: [{ vaddr: 0x10_0000 + executableHeaderSize(64, 1), flags: 7, data: code, memsz: 4096 }],
  };

  test('places a segment behind the headers where its address allows it', () => {
    const bytes = writeElfExecutable(runner);
    expect(bytes).toHaveLength(120 + 4);
    const elf = readElf(bytes);
    expect(elf).toMatchObject({ class: 64, endian: 'big', machine: 22, flags: 7, type: 2, entry: 0x10_0078 });
    expect(elf.sections).toEqual([]);
    expect(elf.programHeaders).toEqual([
      {
        type: 1,
        flags: 7,
        offset: 120,
        vaddr: 0x10_0078,
        paddr: 0x10_0078,
        filesz: 4,
        memsz: 4096,
        align: 0x10000,
        data: code,
      },
    ]);
  });

  test('offsets are congruent to addresses modulo the page', () => {
    const segments = [
      { vaddr: 0x1_0100, flags: 5, data: code, align: 0x1000 },
      { vaddr: 0x2_3004, flags: 6, data: Uint8Array.of(9), align: 0x1000 },
      { vaddr: 0, flags: 6, data: new Uint8Array(0), type: 0x6474e551, align: 16 },
    ];
    for (const elfClass of [32, 64] as const) {
      const elf = readElf(
        writeElfExecutable({ class: elfClass, endian: 'little', machine: 40, entry: 0x1_0100, segments }),
      );
      expect(elf.programHeaders.map((h) => [h.type, h.offset, [...h.data]])).toEqual([
        [1, 0x100, [1, 2, 3, 4]],
        [1, 0x1004, [9]],
        [0x6474e551, 0, []],
      ]);
    }
  });

  test.each<[string, RegExp, Partial<ElfExecutableDescription>]>([
    ['an entry outside', /no executable segment/, { entry: 0 }],
    ['no segments', /number of segments/, { segments: [] }],
    ['memsz below the data', /memsz/, { segments: [{ vaddr: 0, flags: 5, data: code, memsz: 3 }] }],
    [
      'overlapping segments',
      /overlap/,
      { segments: [...runner.segments, { vaddr: 0x10_0100, flags: 6, data: code, align: 1 }] },
    ],
    ['an odd alignment', /power of two/, { segments: [{ vaddr: 0, flags: 5, data: code, align: 24 }] }],
    ['an entry in data', /no executable segment/, { entry: 4, segments: [{ vaddr: 4, flags: 6, data: code }] }],
  ])('refuses %s', (_, message, change) => {
    expect(refusal(() => writeElfExecutable({ ...runner, ...change }))).toMatch(message);
  });
});
