/**
 * The ELF numbers that this project uses, spelled as in the System V gABI and the processor supplements.
 * Source: System V gABI draft 4 (June 2013) chapters 4 and 5, elf.h of each psABI; relocation types of BPF from
 * the kernel's Documentation/bpf/llvm_reloc.rst.
 */

/** `e_machine`: the CPUs that polybpf knows (gABI, "e_machine"). */
export const EM = {
  EM_NONE: 0,
  EM_SPARC: 2,
  EM_386: 3,
  EM_MIPS: 8,
  EM_PPC: 20,
  EM_PPC64: 21,
  EM_S390: 22,
  EM_ARM: 40,
  EM_SPARCV9: 43,
  EM_X86_64: 62,
  EM_AARCH64: 183,
  EM_RISCV: 243,
  EM_BPF: 247,
  EM_LOONGARCH: 258,
} as const;

/** `e_type`: what the file is for. */
export const ET = { ET_NONE: 0, ET_REL: 1, ET_EXEC: 2, ET_DYN: 3, ET_CORE: 4 } as const;

/** `sh_type`: what a section holds. */
export const SHT = {
  SHT_NULL: 0,
  SHT_PROGBITS: 1,
  SHT_SYMTAB: 2,
  SHT_STRTAB: 3,
  SHT_RELA: 4,
  SHT_HASH: 5,
  SHT_DYNAMIC: 6,
  SHT_NOTE: 7,
  SHT_NOBITS: 8,
  SHT_REL: 9,
  SHT_DYNSYM: 11,
  SHT_INIT_ARRAY: 14,
  SHT_FINI_ARRAY: 15,
  SHT_GROUP: 17,
  SHT_SYMTAB_SHNDX: 18,
  SHT_LLVM_ADDRSIG: 0x6fff4c03,
} as const;

/** `sh_flags`. */
export const SHF = {
  SHF_WRITE: 0x1,
  SHF_ALLOC: 0x2,
  SHF_EXECINSTR: 0x4,
  SHF_MERGE: 0x10,
  SHF_STRINGS: 0x20,
  SHF_INFO_LINK: 0x40,
  SHF_LINK_ORDER: 0x80,
  SHF_GROUP: 0x200,
  SHF_TLS: 0x400,
  SHF_COMPRESSED: 0x800,
  SHF_EXCLUDE: 0x80000000,
} as const;

/** Section indices with a meaning of their own (`st_shndx`, `e_shnum`, `e_shstrndx`). */
export const SHN = {
  SHN_UNDEF: 0,
  SHN_LORESERVE: 0xff00,
  SHN_ABS: 0xfff1,
  SHN_COMMON: 0xfff2,
  SHN_XINDEX: 0xffff,
} as const;

/** Binding of a symbol, upper half of `st_info`. */
export const STB = { STB_LOCAL: 0, STB_GLOBAL: 1, STB_WEAK: 2, STB_GNU_UNIQUE: 10 } as const;

/** Type of a symbol, lower half of `st_info`. */
export const STT = {
  STT_NOTYPE: 0,
  STT_OBJECT: 1,
  STT_FUNC: 2,
  STT_SECTION: 3,
  STT_FILE: 4,
  STT_COMMON: 5,
  STT_TLS: 6,
  STT_GNU_IFUNC: 10,
} as const;

/** Visibility of a symbol, low two bits of `st_other`. */
export const STV = { STV_DEFAULT: 0, STV_INTERNAL: 1, STV_HIDDEN: 2, STV_PROTECTED: 3 } as const;

/** `p_type` of a program header. */
export const PT = {
  PT_NULL: 0,
  PT_LOAD: 1,
  PT_DYNAMIC: 2,
  PT_INTERP: 3,
  PT_NOTE: 4,
  PT_PHDR: 6,
  PT_TLS: 7,
  PT_GNU_STACK: 0x6474e551,
} as const;

/** `p_flags` of a program header. */
export const PF = { PF_X: 1, PF_W: 2, PF_R: 4 } as const;

/** `e_phnum` that sends the reader to `sh_info` of section 0 for the real count. */
export const PN_XNUM = 0xffff;

/**
 * Relocation types of EM_BPF (kernel Documentation/bpf/llvm_reloc.rst, "Different Relocation Types").
 * R_BPF_64_64 patches the two `imm` fields of an ld_imm64, R_BPF_64_32 the `imm` of a call; the others patch data.
 */
export const R_BPF = {
  R_BPF_NONE: 0,
  R_BPF_64_64: 1,
  R_BPF_64_ABS64: 2,
  R_BPF_64_ABS32: 3,
  R_BPF_64_NODYLD32: 4,
  R_BPF_64_32: 10,
} as const;
