/** Relocations (psABI x86-64 1.0, 4.4.1): S symbol, A addend, P place. */
import { absolute64, relative32, type RelocationKind } from '@polybpf/jit';

export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  /** R_X86_64_PC32: S + A - P in 32 bits, signed. */
  PC32: relative32('PC32', 2, 'little'),
  /** R_X86_64_PLT32: a linker may go through a PLT entry; an image without one has the symbol itself. */
  PLT32: relative32('PLT32', 4, 'little'),
  /** R_X86_64_64: S + A. */
  '64': absolute64('64', 1, 'little'),
};
