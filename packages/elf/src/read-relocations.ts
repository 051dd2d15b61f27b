import { EM, SHT } from './constants.ts';
import type { ElfRelocation, ElfRelocationSection, ElfSection } from './elf-file.ts';
import { readAddress, readSxword, readWord, type FieldReader } from './field-reader.ts';
import { sectionError } from './section-error.ts';

/**
 * Decodes every SHT_REL and SHT_RELA section. Symbol indices are checked against the size of the linked symbol table.
 * All of them together may not be larger than the file, see `readSymbolTables`.
 *
 * @see System V gABI, chapter 4 "Relocation"
 */
export function readRelocationSections(
  reader: FieldReader,
  machine: number,
  sections: readonly ElfSection[],
): ElfRelocationSection[] {
  const found: ElfRelocationSection[] = [];
  let total = 0;
  for (const section of sections) {
    if (section.type !== SHT.SHT_REL && section.type !== SHT.SHT_RELA) continue;
    total += section.size;
    if (total > reader.bytes.length) throw sectionError(section, 'relocation sections overlap');
    if (section.info >= sections.length) {
      throw sectionError(
        section,
        'relocations for a section that does not exist',
        `below ${sections.length}`,
        String(section.info),
      );
    }
    found.push({
      section: section.index,
      target: section.info,
      symbolTable: section.link,
      entries: readEntries(reader, machine, section, sections),
    });
  }
  return found;
}

function readEntries(
  reader: FieldReader,
  machine: number,
  section: ElfSection,
  sections: readonly ElfSection[],
): ElfRelocation[] {
  const word = reader.class / 8;
  const explicit = section.type === SHT.SHT_RELA;
  const size = explicit ? 3 * word : 2 * word;
  if (section.entsize !== size || section.size % size !== 0) {
    throw sectionError(
      section,
      'relocation entries have the wrong size',
      String(size),
      `${section.entsize} in ${section.size}`,
    );
  }
  const symbolCount = countSymbols(reader, section, sections);
  const entries: ElfRelocation[] = [];
  for (let at = section.offset; at < section.offset + section.size; at += size) {
    const { symbol, type } = readInfo(reader, machine, at + word);
    if (symbol !== 0 && symbol >= symbolCount) {
      throw sectionError(
        section,
        `relocation ${entries.length} names a symbol that does not exist`,
        `below ${symbolCount}`,
        String(symbol),
      );
    }
    entries.push({
      offset: readAddress(reader, at),
      type,
      symbol,
      addend: explicit ? readAddend(reader, at + 2 * word) : undefined,
    });
  }
  return entries;
}

/** The number of symbols in the linked table; 0 where `sh_link` is 0 (relocations of a static executable). */
function countSymbols(reader: FieldReader, section: ElfSection, sections: readonly ElfSection[]): number {
  if (section.link === 0) return 0;
  const table = sections[section.link];
  if (table === undefined || (table.type !== SHT.SHT_SYMTAB && table.type !== SHT.SHT_DYNSYM)) {
    throw sectionError(
      section,
      'relocations do not link to a symbol table',
      'the index of a SHT_SYMTAB or SHT_DYNSYM',
      String(section.link),
    );
  }
  return Math.floor(table.size / (reader.class === 64 ? 24 : 16));
}

function readInfo(reader: FieldReader, machine: number, at: number): { symbol: number; type: number } {
  const first = readWord(reader, at);
  if (reader.class === 32) return { symbol: first >>> 8, type: first & 0xff };
  if (machine === EM.EM_MIPS) {
    // MIPS64 (64-bit ELF Object File Specification, "Relocation"): a word r_sym, then the four bytes r_ssym, r_type3,
    // r_type2, r_type in that order whatever the byte order of the file.
    return { symbol: first, type: reader.view.getUint32(at + 4, false) };
  }
  const second = readWord(reader, at + 4);
  return reader.little ? { symbol: second, type: first } : { symbol: first, type: second };
}

function readAddend(reader: FieldReader, at: number): number {
  return reader.class === 64 ? readSxword(reader, at) : reader.view.getInt32(at, reader.little);
}
