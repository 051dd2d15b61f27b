/** The ELF header, section headers and program headers, as written by both writers (gABI chapters 4 and 5). */
import { PN_XNUM, SHN } from './constants.ts';
import type { ElfClass, ElfEndian } from './elf-file.ts';
import { writeAddress, writeByte, writeBytes, writeHalf, writeWord, type FieldWriter } from './field-writer.ts';

/** What every written file says about itself. */
export interface ElfIdentity {
  readonly class: ElfClass;
  readonly endian: ElfEndian;
  /** One of {@link EM}. */
  readonly machine: number;
  /** `e_flags`, machine-specific; 0 unless told. */
  readonly flags?: number;
  /** EI_OSABI; 0 (System V) unless told. */
  readonly osabi?: number;
}

/** Where the tables of the file are; what does not fit the header stands in section 0, see {@link sectionCountFields}. */
export interface HeaderTables {
  readonly type: number;
  readonly entry: number;
  readonly phoff: number;
  readonly phnum: number;
  readonly shoff: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

export function headerSize(elfClass: ElfClass): number {
  return elfClass === 64 ? 64 : 52;
}

export function programHeaderSize(elfClass: ElfClass): number {
  return elfClass === 64 ? 56 : 32;
}

export function sectionHeaderSize(elfClass: ElfClass): number {
  return elfClass === 64 ? 64 : 40;
}

export function writeHeader(writer: FieldWriter, identity: ElfIdentity, tables: HeaderTables): void {
  writeBytes(
    writer,
    Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, identity.class / 32, identity.endian === 'little' ? 1 : 2, 1),
  );
  writeByte(writer, identity.osabi ?? 0, 'EI_OSABI');
  writeBytes(writer, new Uint8Array(8));
  writeHalf(writer, tables.type, 'e_type');
  writeHalf(writer, identity.machine, 'e_machine');
  writeWord(writer, 1, 'e_version');
  writeAddress(writer, tables.entry, 'e_entry');
  writeAddress(writer, tables.phoff, 'e_phoff');
  writeAddress(writer, tables.shoff, 'e_shoff');
  writeWord(writer, identity.flags ?? 0, 'e_flags');
  writeHalf(writer, headerSize(identity.class), 'e_ehsize');
  writeHalf(writer, tables.phnum === 0 ? 0 : programHeaderSize(identity.class), 'e_phentsize');
  writeHalf(writer, Math.min(tables.phnum, PN_XNUM), 'e_phnum');
  writeHalf(writer, tables.shnum === 0 ? 0 : sectionHeaderSize(identity.class), 'e_shentsize');
  writeHalf(writer, tables.shnum >= SHN.SHN_LORESERVE ? 0 : tables.shnum, 'e_shnum');
  writeHalf(writer, tables.shstrndx >= SHN.SHN_LORESERVE ? SHN.SHN_XINDEX : tables.shstrndx, 'e_shstrndx');
}

/** The fields of one section header, offsets in the file resolved. */
export interface SectionHeaderFields {
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
}

/** Section 0: all zero but for counts that the ELF header cannot hold (gABI, "ELF Header", e_shnum and e_shstrndx). */
export function sectionCountFields(shnum: number, shstrndx: number): SectionHeaderFields {
  return {
    nameOffset: 0,
    type: 0,
    flags: 0,
    offset: 0,
    size: shnum >= SHN.SHN_LORESERVE ? shnum : 0,
    link: shstrndx >= SHN.SHN_LORESERVE ? shstrndx : 0,
    info: 0,
    addralign: 0,
    entsize: 0,
  };
}

export function writeSectionHeader(writer: FieldWriter, section: SectionHeaderFields): void {
  writeWord(writer, section.nameOffset, 'sh_name');
  writeWord(writer, section.type, 'sh_type');
  writeAddress(writer, section.flags, 'sh_flags');
  writeAddress(writer, 0, 'sh_addr');
  writeAddress(writer, section.offset, 'sh_offset');
  writeAddress(writer, section.size, 'sh_size');
  writeWord(writer, section.link, 'sh_link');
  writeWord(writer, section.info, 'sh_info');
  writeAddress(writer, section.addralign, 'sh_addralign');
  writeAddress(writer, section.entsize, 'sh_entsize');
}

/** The fields of one program header. */
export interface ProgramHeaderFields {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

export function writeProgramHeader(writer: FieldWriter, segment: ProgramHeaderFields): void {
  writeWord(writer, segment.type, 'p_type');
  if (writer.class === 64) writeWord(writer, segment.flags, 'p_flags');
  writeAddress(writer, segment.offset, 'p_offset');
  writeAddress(writer, segment.vaddr, 'p_vaddr');
  writeAddress(writer, segment.vaddr, 'p_paddr');
  writeAddress(writer, segment.filesz, 'p_filesz');
  writeAddress(writer, segment.memsz, 'p_memsz');
  if (writer.class === 32) writeWord(writer, segment.flags, 'p_flags');
  writeAddress(writer, segment.align, 'p_align');
}
