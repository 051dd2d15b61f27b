/**
 * Writes relocatable objects (ET_REL) of any machine, word size and byte order:
 *
 *   ELF header | sections as described | .rel(a).X | .note.GNU-stack | .symtab | .symtab_shndx | .strtab | .shstrtab
 *   | section headers
 *
 * The description refers to sections and symbols by their position in its own lists; the writer sorts local symbols
 * before the others, as the gABI demands, and renumbers the references.
 */
import { BpfError } from '@polybpf/errors';
import { ET, SHF, SHN, SHT, STB } from './constants.ts';
import {
  alignTo,
  createFieldWriter,
  finishImage,
  writeAddress,
  writeByte,
  writeBytes,
  writeHalf,
  writeWord,
  type FieldWriter,
} from './field-writer.ts';
import { createStringTable } from './string-table.ts';
import {
  headerSize,
  sectionCountFields,
  writeHeader,
  writeSectionHeader,
  type ElfIdentity,
  type SectionHeaderFields,
} from './write-header.ts';
import { encodeRelocations, type ElfRelocationDescription } from './write-relocations.ts';

/** A section to be written. */
export interface ElfSectionDescription {
  readonly name: string;
  /** One of {@link SHT}; SHT_PROGBITS unless told. Symbol, string and relocation tables are made by the writer. */
  readonly type?: number;
  /** Bits of {@link SHF}. */
  readonly flags?: number;
  /** A power of two; 1 unless told. */
  readonly addralign?: number;
  readonly entsize?: number;
  /** Position in `sections` of a section that `sh_link` names. */
  readonly link?: number;
  readonly info?: number;
  readonly data?: Uint8Array;
  /** Size of a SHT_NOBITS section, which has no data. */
  readonly size?: number;
  readonly relocations?: readonly ElfRelocationDescription[];
}

/** A symbol to be written. */
export interface ElfSymbolDescription {
  readonly name: string;
  /** Position in `sections`, or where the symbol is instead. */
  readonly section: number | 'undefined' | 'absolute' | 'common';
  readonly value?: number;
  readonly size?: number;
  /** One of {@link STB}; STB_GLOBAL unless told. */
  readonly bind?: number;
  /** One of {@link STT}; STT_NOTYPE unless told. */
  readonly type?: number;
  /** One of {@link STV}; STV_DEFAULT unless told. */
  readonly visibility?: number;
  /** Other bits of `st_other`, as ppc64 needs them. */
  readonly other?: number;
}

/** A relocatable object to be written. */
export interface ElfDescription extends ElfIdentity {
  readonly sections: readonly ElfSectionDescription[];
  readonly symbols: readonly ElfSymbolDescription[];
  /** 'rela' (explicit addends) unless told; with 'rel' the addend is what the section's bytes hold. */
  readonly relocationFormat?: 'rela' | 'rel';
  /** Adds `.note.GNU-stack`, by which GNU linkers learn that the code needs no executable stack. */
  readonly gnuStackNote?: boolean;
}

interface OutputSection extends Omit<SectionHeaderFields, 'nameOffset' | 'offset' | 'size'> {
  readonly name: string;
  readonly data: Uint8Array;
  /** Size of SHT_NOBITS; the length of `data` for all others. */
  readonly size: number;
}

/**
 * Writes a relocatable ELF object.
 *
 * @returns the file
 * @throws BpfError E_ELF_WRITE when a value does not fit its field, a reference leaves its list, or the relocation
 *   format cannot express an addend
 * @see System V gABI, chapter 4 "Object Files"
 */
export function writeElf(description: ElfDescription): Uint8Array {
  checkSections(description);
  const order = symbolOrder(description.symbols);
  const sections = layOutSections(description, order);
  const names = createStringTable();
  const shstrndx = sections.length + 1;
  const nameOffsets = [...sections.map((section) => names.add(section.name)), names.add('.shstrtab')];
  sections.push(plainSection('.shstrtab', SHT.SHT_STRTAB, names.finish()));

  const writer = createFieldWriter(description.class, description.endian);
  const { offsets, shoff } = placeSections(description, sections);
  const shnum = sections.length + 1;
  writeHeader(writer, description, { type: ET.ET_REL, entry: 0, phoff: 0, phnum: 0, shoff, shnum, shstrndx });
  for (const section of sections) {
    alignTo(writer, fileAlignment(section));
    writeBytes(writer, section.data);
  }
  alignTo(writer, 8);
  writeSectionHeader(writer, sectionCountFields(shnum, shstrndx));
  sections.forEach((section, index) => {
    writeSectionHeader(writer, { ...section, nameOffset: nameOffsets[index] ?? 0, offset: offsets[index] ?? 0 });
  });
  return finishImage(writer);
}

function placeSections(
  description: ElfDescription,
  sections: readonly OutputSection[],
): { offsets: number[]; shoff: number } {
  let at = headerSize(description.class);
  const offsets = sections.map((section) => {
    at = roundUp(at, fileAlignment(section));
    const offset = at;
    at += section.data.length;
    return offset;
  });
  return { offsets, shoff: roundUp(at, 8) };
}

function fileAlignment(section: OutputSection): number {
  return section.type === SHT.SHT_NOBITS ? 1 : Math.max(1, section.addralign);
}

function roundUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

function layOutSections(description: ElfDescription, order: SymbolOrder): OutputSection[] {
  const explicit = (description.relocationFormat ?? 'rela') === 'rela';
  const word = description.class / 8;
  const withRelocations = description.sections.flatMap((section, index) =>
    (section.relocations ?? []).length > 0 ? [{ section, index }] : [],
  );
  const noteCount = description.gnuStackNote === true ? 1 : 0;
  const symtab = description.sections.length + withRelocations.length + noteCount + 1;
  const sections = description.sections.map((section) => describedSection(description, section));
  for (const { section, index } of withRelocations) {
    sections.push({
      name: `${explicit ? '.rela' : '.rel'}${section.name}`,
      type: explicit ? SHT.SHT_RELA : SHT.SHT_REL,
      flags: SHF.SHF_INFO_LINK,
      link: symtab,
      info: index + 1,
      addralign: word,
      entsize: explicit ? 3 * word : 2 * word,
      ...content(encodeRelocations(description, section, order.positions)),
    });
  }
  if (noteCount === 1) sections.push(plainSection('.note.GNU-stack', SHT.SHT_PROGBITS, new Uint8Array(0)));
  sections.push(...symbolSections(description, order, symtab));
  return sections;
}

function describedSection(description: ElfDescription, section: ElfSectionDescription): OutputSection {
  const data = section.data ?? new Uint8Array(0);
  return {
    name: section.name,
    type: section.type ?? SHT.SHT_PROGBITS,
    flags: section.flags ?? 0,
    link: section.link === undefined ? 0 : sectionIndex(description, section.link, section.name),
    info: section.info ?? 0,
    addralign: section.addralign ?? 1,
    entsize: section.entsize ?? 0,
    data,
    size: section.size ?? data.length,
  };
}

function plainSection(name: string, type: number, data: Uint8Array): OutputSection {
  return { name, type, flags: 0, link: 0, info: 0, addralign: 1, entsize: 0, ...content(data) };
}

function content(data: Uint8Array): Pick<OutputSection, 'data' | 'size'> {
  return { data, size: data.length };
}

interface SymbolOrder {
  /** Positions in the description, in the order of the table. */
  readonly sorted: readonly number[];
  /** Index in the table by position in the description. */
  readonly positions: readonly number[];
  readonly localCount: number;
}

/** Local symbols come first; `sh_info` of the table is one more than the last of them (gABI, "Symbol Table"). */
function symbolOrder(symbols: readonly ElfSymbolDescription[]): SymbolOrder {
  const all = symbols.map((_, index) => index);
  const isLocal = (index: number): boolean => (symbols[index]?.bind ?? STB.STB_GLOBAL) === STB.STB_LOCAL;
  const locals = all.filter(isLocal);
  const sorted = [...locals, ...all.filter((index) => !isLocal(index))];
  const positions: number[] = [];
  sorted.forEach((original, index) => (positions[original] = index + 1));
  return { sorted, positions, localCount: locals.length };
}

function symbolSections(description: ElfDescription, order: SymbolOrder, symtab: number): OutputSection[] {
  const { symbols } = description;
  const names = createStringTable();
  const table = createFieldWriter(description.class, description.endian);
  const extended = createFieldWriter(description.class, description.endian);
  writeSymbol(table, { name: '', section: 'undefined', bind: STB.STB_LOCAL }, 0, SHN.SHN_UNDEF);
  writeWord(extended, 0, 'section index');
  let needsExtended = false;
  for (const position of order.sorted) {
    const symbol = symbols[position];
    if (symbol === undefined) continue;
    const shndx = symbolSection(description, symbol);
    const wide = typeof symbol.section === 'number' && shndx >= SHN.SHN_LORESERVE;
    needsExtended ||= wide;
    writeSymbol(table, symbol, names.add(symbol.name), wide ? SHN.SHN_XINDEX : shndx);
    writeWord(extended, wide ? shndx : 0, 'section index');
  }
  const word = description.class / 8;
  const strtab = symtab + (needsExtended ? 2 : 1);
  const sections: OutputSection[] = [
    {
      name: '.symtab',
      type: SHT.SHT_SYMTAB,
      flags: 0,
      link: strtab,
      info: order.localCount + 1,
      addralign: word,
      entsize: description.class === 64 ? 24 : 16,
      ...content(finishImage(table)),
    },
  ];
  if (needsExtended) {
    const data = finishImage(extended);
    const shape = { flags: 0, link: symtab, info: 0, addralign: 4, entsize: 4 };
    sections.push({ name: '.symtab_shndx', type: SHT.SHT_SYMTAB_SHNDX, ...shape, ...content(data) });
  }
  sections.push(plainSection('.strtab', SHT.SHT_STRTAB, names.finish()));
  return sections;
}

function symbolSection(description: ElfDescription, symbol: ElfSymbolDescription): number {
  if (symbol.section === 'undefined') return SHN.SHN_UNDEF;
  if (symbol.section === 'absolute') return SHN.SHN_ABS;
  if (symbol.section === 'common') return SHN.SHN_COMMON;
  return sectionIndex(description, symbol.section, symbol.name);
}

function writeSymbol(writer: FieldWriter, symbol: ElfSymbolDescription, nameOffset: number, shndx: number): void {
  const bind = symbol.bind ?? STB.STB_GLOBAL;
  const type = symbol.type ?? 0;
  const visibility = symbol.visibility ?? 0;
  if (bind > 15 || type > 15 || visibility > 3) {
    const got = `bind ${bind}, type ${type}, visibility ${visibility}`;
    throw new BpfError('E_ELF_WRITE', 'symbol attribute does not fit its field', { at: { symbol: symbol.name }, got });
  }
  const other = visibility | (symbol.other ?? 0);
  writeWord(writer, nameOffset, 'st_name');
  if (writer.class === 64) {
    writeByte(writer, bind * 16 + type, 'st_info');
    writeByte(writer, other, 'st_other');
    writeHalf(writer, shndx, 'st_shndx');
  }
  writeAddress(writer, symbol.value ?? 0, 'st_value');
  writeAddress(writer, symbol.size ?? 0, 'st_size');
  if (writer.class === 32) {
    writeByte(writer, bind * 16 + type, 'st_info');
    writeByte(writer, other, 'st_other');
    writeHalf(writer, shndx, 'st_shndx');
  }
}

/** Turns a position in the description into a section index. */
function sectionIndex(description: ElfDescription, position: number, user: string): number {
  if (description.sections[position] !== undefined) return position + 1;
  throw new BpfError('E_ELF_WRITE', 'reference to a section that is not described', {
    at: { symbol: user },
    expected: `below ${description.sections.length}`,
    got: String(position),
  });
}

/** Largest alignment of a section that is written: a file grows by as much. */
const MAX_ALIGN = 1 << 24;

function checkSections({ sections }: ElfDescription): void {
  for (const section of sections) {
    const at = { section: section.name };
    const align = section.addralign ?? 1;
    if (align !== 0 && (align > MAX_ALIGN || !Number.isInteger(Math.log2(align)))) {
      throw new BpfError('E_ELF_WRITE', 'section alignment', {
        at,
        expected: `a power of two up to ${MAX_ALIGN}`,
        got: String(align),
      });
    }
    const empty = section.type === SHT.SHT_NOBITS;
    if (empty ? (section.data?.length ?? 0) > 0 : section.size !== undefined && section.size !== section.data?.length) {
      throw new BpfError('E_ELF_WRITE', 'size and data of the section do not agree', { at });
    }
  }
}
