/** Relocations of code and data (ELF ABI s390x Supplement, "Relocation"; numbers from elf.h). */
import { absolute64, relative32, type RelocationKind } from '@polybpf/jit';

const R_390_PC32DBL = 19;
const R_390_PLT32DBL = 20;
const R_390_64 = 22;

export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  // (S + A - P) / 2 in 32 bits: whole halfwords, up to 4 GiB either way.
  pc32dbl: relative32('pc32dbl', R_390_PC32DBL, 'big', 2n),
  plt32dbl: relative32('plt32dbl', R_390_PLT32DBL, 'big', 2n),
  abs64: absolute64('abs64', R_390_64, 'big'),
};

/** `e_machine` of IBM S/390. */
export const EM_S390 = 22;
