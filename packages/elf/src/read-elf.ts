/**
 * Reads an ELF file of either word size and byte order into plain data (gABI chapters 4 and 5).
 *
 * Input is not trusted: every structure is checked against the end of the file before it is read, counts are bounded
 * by the bytes that hold them, and no link between sections is followed more than one step, so cycles cannot hang it.
 */
import { BpfError } from '@polybpf/errors';
import { PN_XNUM, SHN, SHT } from './constants.ts';
import type { ElfFile, ElfProgramHeader, ElfSection } from './elf-file.ts';
import { createFieldReader, readAddress, readHalf, readWord, requireRange, type FieldReader } from './field-reader.ts';
import { readRelocationSections } from './read-relocations.ts';
import { readSymbolTables } from './read-symbols.ts';
import { createNameBudget, openStringTable, type NameBudget } from './string-table.ts';

/** Says whether `bytes` starts like an ELF file (the four magic bytes). */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads an ELF file: headers, sections, symbol tables and relocations, of any machine.
 *
 * @param bytes the whole file; the result's `data` fields are views of it
 * @throws BpfError E_ELF_FORMAT for what is no ELF file or contradicts itself, E_ELF_TRUNCATED for what reaches past
 *   the end, E_UNSUPPORTED for a 64-bit field above 2^53 - 1
 * @see System V gABI, chapter 4 "Object Files"
 */
export function readElf(bytes: Uint8Array): ElfFile {
  const reader = openIdent(bytes);
  const header = readHeader(reader);
  const budget = createNameBudget(bytes.length);
  const sections = readSections(reader, header, budget);
  const symbolTables = readSymbolTables(reader, sections, budget);
  return {
    class: reader.class,
    endian: reader.endian,
    osabi: bytes[7] ?? 0,
    abiVersion: bytes[8] ?? 0,
    type: header.type,
    machine: header.machine,
    flags: header.flags,
    entry: header.entry,
    sections,
    symbols: symbolTables.find((table) => !table.dynamic)?.symbols ?? [],
    symbolTables,
    relocations: readRelocationSections(reader, header.machine, sections),
    programHeaders: readProgramHeaders(reader, header, sections),
  };
}

interface ElfHeader {
  readonly type: number;
  readonly machine: number;
  readonly entry: number;
  readonly phoff: number;
  readonly shoff: number;
  readonly flags: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

function openIdent(bytes: Uint8Array): FieldReader {
  if (!isElf(bytes)) {
    const head = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw formatError('not an ELF file', 0, '7f 45 4c 46', head === '' ? 'no bytes' : head);
  }
  const elfClass = bytes[4] === 1 ? 32 : bytes[4] === 2 ? 64 : undefined;
  const endian = bytes[5] === 1 ? 'little' : bytes[5] === 2 ? 'big' : undefined;
  if (elfClass === undefined) throw formatError('unknown word size (EI_CLASS)', 4, '1 or 2', String(bytes[4]));
  if (endian === undefined) throw formatError('unknown byte order (EI_DATA)', 5, '1 or 2', String(bytes[5]));
  const reader = createFieldReader(bytes, elfClass, endian);
  requireRange(reader, 0, elfClass === 64 ? 64 : 52, 'ELF header');
  if (bytes[6] !== 1) throw formatError('unknown ELF version (EI_VERSION)', 6, '1', String(bytes[6]));
  return reader;
}

function readHeader(reader: FieldReader): ElfHeader {
  const word = reader.class / 8;
  const tail = 24 + 3 * word;
  return {
    type: readHalf(reader, 16),
    machine: readHalf(reader, 18),
    entry: readAddress(reader, 24),
    phoff: readAddress(reader, 24 + word),
    shoff: readAddress(reader, 24 + 2 * word),
    flags: readWord(reader, tail),
    phentsize: readHalf(reader, tail + 6),
    phnum: readHalf(reader, tail + 8),
    shentsize: readHalf(reader, tail + 10),
    shnum: readHalf(reader, tail + 12),
    shstrndx: readHalf(reader, tail + 14),
  };
}

type RawSection = Omit<ElfSection, 'name'> & { readonly nameOffset: number };

function readSections(reader: FieldReader, header: ElfHeader, budget: NameBudget): ElfSection[] {
  if (header.shoff === 0) return [];
  const entrySize = reader.class === 64 ? 64 : 40;
  if (header.shentsize !== entrySize) {
    throw formatError('wrong size of a section header (e_shentsize)', 0, String(entrySize), String(header.shentsize));
  }
  requireRange(reader, header.shoff, entrySize, 'section header table');
  // gABI, "ELF Header": a count that e_shnum cannot hold stands in sh_size of section 0, a string table index that
  // e_shstrndx cannot hold in its sh_link.
  const zero = readSectionHeader(reader, header.shoff, 0);
  const count = header.shnum === 0 ? zero.size : header.shnum;
  requireRange(reader, header.shoff, count * entrySize, 'section header table');
  const raw: RawSection[] = [];
  for (let index = 0; index < count; index++) {
    const section = readSectionHeader(reader, header.shoff + index * entrySize, index);
    raw.push({ ...section, data: sectionData(reader, section) });
  }
  const namesIndex = header.shstrndx === SHN.SHN_XINDEX ? zero.link : header.shstrndx;
  const names = raw[namesIndex];
  if (count > 0 && names === undefined) {
    throw formatError(
      'no section has the index of the section names (e_shstrndx)',
      0,
      `below ${count}`,
      String(namesIndex),
    );
  }
  if (names !== undefined && namesIndex !== 0 && names.type !== SHT.SHT_STRTAB) {
    throw formatError(
      'the section names (e_shstrndx) are not in a string table',
      names.offset,
      'SHT_STRTAB',
      String(names.type),
    );
  }
  const nameAt = namesIndex === 0 ? () => '' : openStringTable(names?.data ?? new Uint8Array(0), '.shstrtab', budget);
  return raw.map(({ nameOffset, ...section }) => ({ ...section, name: nameAt(nameOffset) }));
}

function readSectionHeader(reader: FieldReader, at: number, index: number): RawSection {
  const word = reader.class / 8;
  const afterType = at + 8;
  return {
    index,
    nameOffset: readWord(reader, at),
    type: readWord(reader, at + 4),
    flags: readAddress(reader, afterType),
    addr: readAddress(reader, afterType + word),
    offset: readAddress(reader, afterType + 2 * word),
    size: readAddress(reader, afterType + 3 * word),
    link: readWord(reader, afterType + 4 * word),
    info: readWord(reader, afterType + 4 * word + 4),
    addralign: readAddress(reader, afterType + 4 * word + 8),
    entsize: readAddress(reader, afterType + 5 * word + 8),
    data: reader.bytes.subarray(0, 0),
  };
}

function sectionData(reader: FieldReader, section: RawSection): Uint8Array {
  const { type, offset, size, index } = section;
  if (type === SHT.SHT_NULL || type === SHT.SHT_NOBITS) return section.data;
  requireRange(reader, offset, size, `section ${index}`);
  return reader.bytes.subarray(offset, offset + size);
}

function readProgramHeaders(
  reader: FieldReader,
  header: ElfHeader,
  sections: readonly ElfSection[],
): ElfProgramHeader[] {
  // gABI, "ELF Header": PN_XNUM sends to sh_info of section 0.
  const count = header.phnum === PN_XNUM ? (sections[0]?.info ?? PN_XNUM) : header.phnum;
  if (count === 0 || header.phoff === 0) return [];
  const entrySize = reader.class === 64 ? 56 : 32;
  if (header.phentsize !== entrySize) {
    throw formatError('wrong size of a program header (e_phentsize)', 0, String(entrySize), String(header.phentsize));
  }
  requireRange(reader, header.phoff, count * entrySize, 'program header table');
  const headers: ElfProgramHeader[] = [];
  for (let index = 0; index < count; index++) {
    headers.push(readProgramHeader(reader, header.phoff + index * entrySize, index));
  }
  return headers;
}

function readProgramHeader(reader: FieldReader, at: number, index: number): ElfProgramHeader {
  const word = reader.class / 8;
  // p_flags moved: it is the second field of Elf64_Phdr and the seventh of Elf32_Phdr.
  const first = reader.class === 64 ? at + 8 : at + 4;
  const offset = readAddress(reader, first);
  const filesz = readAddress(reader, first + 3 * word);
  requireRange(reader, offset, filesz, `segment ${index}`);
  return {
    type: readWord(reader, at),
    flags: readWord(reader, reader.class === 64 ? at + 4 : at + 24),
    offset,
    vaddr: readAddress(reader, first + word),
    paddr: readAddress(reader, first + 2 * word),
    filesz,
    memsz: readAddress(reader, first + 4 * word),
    align: readAddress(reader, reader.class === 64 ? at + 48 : at + 28),
    data: reader.bytes.subarray(offset, offset + filesz),
  };
}

function formatError(message: string, offset: number, expected: string, got: string): BpfError {
  return new BpfError('E_ELF_FORMAT', message, { at: { offset }, expected, got });
}
