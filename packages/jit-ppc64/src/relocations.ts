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

const R_PPC64_ADDR64 = 38;
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
  return {
    addr64: {
      elfType: R_PPC64_ADDR64,
      apply: (code, offset, value) => viewOf(code).setBigUint64(offset, BigInt.asUintN(64, value), little),
    },
    rel24_p9notoc: {
      elfType: R_PPC64_REL24_P9NOTOC,
      apply(code, offset, value, place) {
        const view = viewOf(code);
        if (value === 0n) return view.setUint32(offset, NOP, little);
        const distance = value - place;
        if (distance % 4n !== 0n || distance < -BRANCH_REACH || distance >= BRANCH_REACH)
          throw misfit('rel24_p9notoc', offset, 'a multiple of 4 within 32 MiB', distance);
        const field = Number(BigInt.asUintN(26, distance));
        view.setUint32(offset, view.getUint32(offset, little) | field, little);
      },
    },
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
