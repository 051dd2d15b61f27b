/** Fields that need an address from outside, and how a linker fills them (MIPS64 ELF Object File Specification, 2.9). */
import type { Endian } from '@polybpf/isa';
import { absolute64, relative32, type RelocationKind } from '@polybpf/jit';

/** `e_machine` of MIPS. */
export const EM_MIPS = 8;
/** `e_flags`: EF_MIPS_ARCH_64R2, EF_MIPS_CPIC, EF_MIPS_PIC, EF_MIPS_NOREORDER. */
export const ELF_FLAGS = 0x80000007;
/** The same with EF_MIPS_ARCH_64R6, and EF_MIPS_NAN2008, which release 6 implies. */
export const ELF_FLAGS_R6: number = 0xa0000407;

const R_MIPS_64 = 18;
/** GNU extension: 32-bit distance in data (include/elf/mips.h of binutils). */
const R_MIPS_PC32 = 248;

/** The relocations of one byte order. */
export function makeRelocations(endian: Endian): Readonly<Record<string, RelocationKind>> {
  return {
    R_MIPS_64: absolute64('R_MIPS_64', R_MIPS_64, endian),
    R_MIPS_PC32: relative32('R_MIPS_PC32', R_MIPS_PC32, endian),
  };
}
