/** Fields that need an address from outside, and how a linker fills them (ELF V2 ABI 1.5, 3.5 "Relocation types"). */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import type { RelocationKind } from '@polybpf/jit';

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
const BRANCH_REACH = 0x2000000n;

/** Relocations of one byte order. */
export function makeRelocations(endian: Endian): Readonly<Record<string, RelocationKind>> {
  const little = endian === 'little';
  const viewOf = (code: Uint8Array): DataView => new DataView(code.buffer, code.byteOffset);
  const call = (kind: string, elfType: number): RelocationKind => ({
    elfType,
    apply(code, offset, value, place) {
      const view = viewOf(code);
      if (value === 0n) return view.setUint32(offset, NOP, little);
      const distance = value - place;
      if (distance % 4n !== 0n || distance < -BRANCH_REACH || distance >= BRANCH_REACH)
        throw misfit(kind, offset, 'a multiple of 4 within 32 MiB', distance);
      const field = Number(BigInt.asUintN(26, distance));
      view.setUint32(offset, view.getUint32(offset, little) | field, little);
    },
  });
  return {
    addr64: {
      elfType: R_PPC64_ADDR64,
      apply: (code, offset, value) => viewOf(code).setBigUint64(offset, BigInt.asUintN(64, value), little),
    },
    rel24: call('rel24', R_PPC64_REL24),
    rel24_p9notoc: call('rel24_p9notoc', R_PPC64_REL24_P9NOTOC),
    rel16_ha: {
      elfType: R_PPC64_REL16_HA,
      apply(code, offset, value, place) {
        const distance = value - place;
        const high = (distance + 0x8000n) >> 16n;
        if (high < -0x8000n || high > 0x7fffn)
          throw misfit('rel16_ha', offset, 'a distance of less than 2 GiB', distance);
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

function misfit(kind: string, offset: number, expected: string, distance: bigint): BpfError {
  return new BpfError('E_JIT_LINK', `${kind} does not reach`, { at: { offset }, expected, got: `${distance} bytes` });
}
