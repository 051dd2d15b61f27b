import { BpfError } from '@polybpf/errors';
import { SHN, SHT } from './constants.ts';
import type { ElfSection, ElfSymbol, ElfSymbolTable } from './elf-file.ts';
import { readAddress, readHalf, readWord, type FieldReader } from './field-reader.ts';
import { sectionError } from './section-error.ts';
import { openStringTable, type NameBudget, type StringLookup } from './string-table.ts';

/**
 * Decodes every symbol table. All tables together may not be larger than the file: sections of an honest file do not
 * overlap, and thousands of headers over the same bytes would multiply the memory needed.
 *
 * @see System V gABI, chapter 4 "Symbol Table"
 */
export function readSymbolTables(
  reader: FieldReader,
  sections: readonly ElfSection[],
  budget: NameBudget,
): ElfSymbolTable[] {
  const tables: ElfSymbolTable[] = [];
  const strings = new Map<number, StringLookup>();
  const extended = extendedIndices(sections);
  let total = 0;
  for (const section of sections) {
    if (section.type !== SHT.SHT_SYMTAB && section.type !== SHT.SHT_DYNSYM) continue;
    total += section.size;
    if (total > reader.bytes.length) throw sectionError(section, 'symbol tables overlap');
    const nameAt = strings.get(section.link) ?? openLinkedStrings(section, sections, budget);
    strings.set(section.link, nameAt);
    tables.push({
      section: section.index,
      dynamic: section.type === SHT.SHT_DYNSYM,
      symbols: readSymbols(reader, section, sections, nameAt, extended.get(section.index)),
    });
  }
  return tables;
}

/** SHT_SYMTAB_SHNDX sections by the symbol table that they extend. */
function extendedIndices(sections: readonly ElfSection[]): Map<number, ElfSection> {
  const found = new Map<number, ElfSection>();
  for (const section of sections) {
    if (section.type === SHT.SHT_SYMTAB_SHNDX) found.set(section.link, section);
  }
  return found;
}

function openLinkedStrings(table: ElfSection, sections: readonly ElfSection[], budget: NameBudget): StringLookup {
  const strings = sections[table.link];
  if (strings === undefined || strings.type !== SHT.SHT_STRTAB) {
    throw sectionError(
      table,
      'symbol table does not link to a string table',
      'the index of a SHT_STRTAB',
      String(table.link),
    );
  }
  return openStringTable(strings.data, strings.name, budget);
}

function readSymbols(
  reader: FieldReader,
  table: ElfSection,
  sections: readonly ElfSection[],
  nameAt: StringLookup,
  extended: ElfSection | undefined,
): ElfSymbol[] {
  const size = reader.class === 64 ? 24 : 16;
  if (table.entsize !== size || table.size % size !== 0) {
    throw sectionError(
      table,
      'symbol table has entries of the wrong size',
      String(size),
      `${table.entsize} in ${table.size}`,
    );
  }
  const symbols: ElfSymbol[] = [];
  for (let index = 0; index < table.size / size; index++) {
    const at = table.offset + index * size;
    const wide = reader.class === 64;
    const info = reader.bytes[wide ? at + 4 : at + 12] ?? 0;
    const other = reader.bytes[wide ? at + 5 : at + 13] ?? 0;
    const shndx = readHalf(reader, wide ? at + 6 : at + 14);
    const name = nameAt(readWord(reader, at));
    symbols.push({
      index,
      name,
      value: readAddress(reader, wide ? at + 8 : at + 4),
      size: readAddress(reader, wide ? at + 16 : at + 8),
      bind: info >> 4,
      type: info & 15,
      visibility: other & 3,
      other: other & ~3,
      shndx,
      section: definingSection(reader, table, index, name, shndx, extended, sections.length),
    });
  }
  return symbols;
}

function definingSection(
  reader: FieldReader,
  table: ElfSection,
  index: number,
  name: string,
  shndx: number,
  extended: ElfSection | undefined,
  sectionCount: number,
): number | undefined {
  let section = shndx;
  if (shndx === SHN.SHN_XINDEX) {
    // gABI, "Symbol Table", SHN_XINDEX: the index stands at the same position of the SHT_SYMTAB_SHNDX section.
    if (extended === undefined || 4 * index + 4 > extended.data.length) {
      throw sectionError(table, `symbol ${index} has no extended section index`);
    }
    section = readWord(reader, extended.offset + 4 * index);
  } else if (shndx === SHN.SHN_UNDEF || shndx >= SHN.SHN_LORESERVE) {
    return undefined;
  }
  if (section >= sectionCount) {
    throw new BpfError('E_ELF_FORMAT', `symbol ${index} is in a section that does not exist`, {
      at: { section: table.name, symbol: name },
      expected: `below ${sectionCount}`,
      got: String(section),
    });
  }
  return section;
}
