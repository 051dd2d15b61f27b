export { EM, ET, PF, PN_XNUM, PT, R_BPF, SHF, SHN, SHT, STB, STT, STV } from './constants.ts';
export type {
  ElfClass,
  ElfEndian,
  ElfFile,
  ElfProgramHeader,
  ElfRelocation,
  ElfRelocationSection,
  ElfSection,
  ElfSymbol,
  ElfSymbolTable,
} from './elf-file.ts';
export { isElf, readElf } from './read-elf.ts';
export { writeElf } from './write-elf.ts';
export type { ElfDescription, ElfSectionDescription, ElfSymbolDescription } from './write-elf.ts';
export { executableHeaderSize, writeElfExecutable } from './write-executable.ts';
export type { ElfExecutableDescription, ElfSegmentDescription } from './write-executable.ts';
export type { ElfIdentity } from './write-header.ts';
export type { ElfRelocationDescription } from './write-relocations.ts';
