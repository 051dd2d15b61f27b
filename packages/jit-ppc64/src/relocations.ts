/** Fields that need an address from outside, and how a linker fills them (ELF V2 ABI 1.5, 3.5 "Relocation types"). */
import type { Endian } from '@polybpf/isa';
import { absolute64, checkReach, patchWord, type RelocationKind, unitsOf, viewOf } from '@polybpf/jit';

/** `e_machine` of 64-bit PowerPC. */
export const EM_PPC64 = 21;
/** `e_flags`: version 2 of the ELF ABI. */
export const EF_PPC64_ABI_V2 = 2;
/**
 * `st_other` of a function that neither needs r2 nor preserves it (ELF V2 ABI 1.5, 3.4.1, value 1 of the local entry
 * point field): callers save their own.
 */
export const STO_PPC64_NO_TOC: number = 1 << 5;

/** `e_flags`: version 1, functions behind descriptors (64-bit PowerPC ELF ABI Supplement 1.9, 3.2.5). */
export const EF_PPC64_ABI_V1 = 1;

const R_PPC64_REL24 = 10;
const R_PPC64_ADDR64 = 38;
const R_PPC64_TOC = 51;
/** What a pointer to a function points at in version 1: entry, r2 and environment of the function. */
export const DESCRIPTORS: { section: string; bytes: number; entry: number; toc: number; tocOffset: number } = {
  section: '.opd',
  bytes: 24,
  entry: R_PPC64_ADDR64,
  toc: R_PPC64_TOC,
  tocOffset: 8,
};

/** A call without r2 that the linker may not route through instructions of Power10. */
const R_PPC64_REL24_P9NOTOC = 124;
const R_PPC64_REL16_LO = 250;
const R_PPC64_REL16_HA = 252;

/** `ori 0,0,0`: what a call of a missing weak function becomes. */
const NOP = 0x60000000;

/** Relocations of one byte order. */
export function makeRelocations(endian: Endian): Readonly<Record<string, RelocationKind>> {
  const little = endian === 'little';
  const call = (kind: string, elfType: number): RelocationKind => ({
    elfType,
    apply(code, offset, value, place) {
      if (value === 0n) return viewOf(code).setUint32(offset, NOP, little);
      patchWord(code, offset, (unitsOf(kind, value - place, 4n, 24) * 4) & 0x3ffffff, endian);
    },
  });
  return {
    addr64: absolute64('addr64', R_PPC64_ADDR64, endian),
    rel24: call('rel24', R_PPC64_REL24),
    rel24_p9notoc: call('rel24_p9notoc', R_PPC64_REL24_P9NOTOC),
    rel16_ha: {
      elfType: R_PPC64_REL16_HA,
      apply(code, offset, value, place) {
        const high = (value - place + 0x8000n) >> 16n;
        checkReach('rel16_ha', high, -0x8000n, 0x7fffn);
        viewOf(code).setInt16(offset, Number(high), little);
      },
    },
    rel16_lo: {
      elfType: R_PPC64_REL16_LO,
      apply: (code, offset, value, place) =>
        viewOf(code).setInt16(offset, Number(BigInt.asIntN(16, value - place)), little),
    },
  };
}
