/**
 * What {@link readElf} returns: the file as plain data. Addresses, offsets and sizes are numbers of bytes; a 64-bit
 * field above 2^53 - 1 is refused by the reader rather than rounded. `data` are views of the input, not copies.
 */

/** Word size of the file: ELFCLASS32 or ELFCLASS64. */
export type ElfClass = 32 | 64;

/** Byte order of the file: ELFDATA2LSB or ELFDATA2MSB. */
export type ElfEndian = 'little' | 'big';

/** One section header with its content. Index 0 is the reserved null section. */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** One of {@link SHT}, or a number of the processor or the operating system. */
  readonly type: number;
  /** Bits of {@link SHF}. */
  readonly flags: number;
  readonly addr: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
  /** The bytes of the section in the input; empty for SHT_NOBITS and SHT_NULL. */
  readonly data: Uint8Array;
}

/** One entry of a symbol table. */
export interface ElfSymbol {
  /** Position in its table, which is what relocations refer to. */
  readonly index: number;
  readonly name: string;
  /** Offset in the section in a relocatable file, an address otherwise. */
  readonly value: number;
  readonly size: number;
  /** One of {@link STB}. */
  readonly bind: number;
  /** One of {@link STT}. */
  readonly type: number;
  /** One of {@link STV}. */
  readonly visibility: number;
  /** `st_other` without the visibility bits; ppc64 keeps the local entry offset there. */
  readonly other: number;
  /** `st_shndx` as written, also SHN_ABS, SHN_COMMON and SHN_XINDEX. */
  readonly shndx: number;
  /** Index of the section that defines the symbol, SHN_XINDEX resolved; undefined where no section does. */
  readonly section: number | undefined;
}

/** A SHT_SYMTAB or SHT_DYNSYM section, decoded. */
export interface ElfSymbolTable {
  /** Index of the section that holds the table. */
  readonly section: number;
  readonly dynamic: boolean;
  readonly symbols: readonly ElfSymbol[];
}

/** One relocation. */
export interface ElfRelocation {
  /** Byte offset in the target section, an address in an executable. */
  readonly offset: number;
  /** Processor-specific type. MIPS64 packs its three types and the special symbol into it: `ssym type3 type2 type`. */
  readonly type: number;
  /** Index in the symbol table that the relocation section links to; 0 for none. */
  readonly symbol: number;
  /** Explicit addend of SHT_RELA; undefined for SHT_REL, whose addend is in the bytes to be relocated. */
  readonly addend: number | undefined;
}

/** A SHT_REL or SHT_RELA section, decoded. */
export interface ElfRelocationSection {
  /** Index of the section that holds the relocations. */
  readonly section: number;
  /** Index of the section that they change (`sh_info`); 0 where the file does not say, as for dynamic relocations. */
  readonly target: number;
  /** Index of the symbol table section (`sh_link`); 0 for none. */
  readonly symbolTable: number;
  readonly entries: readonly ElfRelocation[];
}

/** One program header with its bytes in the file. */
export interface ElfProgramHeader {
  /** One of {@link PT}. */
  readonly type: number;
  /** Bits of {@link PF}. */
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly paddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
  readonly data: Uint8Array;
}

/** A whole ELF file. */
export interface ElfFile {
  readonly class: ElfClass;
  readonly endian: ElfEndian;
  readonly osabi: number;
  readonly abiVersion: number;
  /** One of {@link ET}. */
  readonly type: number;
  /** One of {@link EM}, or any other number. */
  readonly machine: number;
  readonly flags: number;
  readonly entry: number;
  readonly sections: readonly ElfSection[];
  /** The entries of the first SHT_SYMTAB section, from the null symbol on; empty where there is none. */
  readonly symbols: readonly ElfSymbol[];
  /** Every symbol table of the file, SHT_DYNSYM too. */
  readonly symbolTables: readonly ElfSymbolTable[];
  readonly relocations: readonly ElfRelocationSection[];
  readonly programHeaders: readonly ElfProgramHeader[];
}
