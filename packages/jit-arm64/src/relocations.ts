/** Fields that need an address from outside, and how a linker fills them. */
import type { Endian } from '@polybpf/isa';
import { absolute64, checkReach, patchWord, type RelocationKind, unitsOf, viewOf } from '@polybpf/jit';

/** `nop` as an instruction word. */
export const NOP = 0xd503201f;
/** `e_machine` of AArch64. */
export const EM_AARCH64 = 183;

/**
 * Relocations of AArch64 ELF that compiled code has (ELF for the Arm 64-bit Architecture, "Relocation types").
 *
 * A call of a missing weak symbol becomes a nop, as the linker does it.
 *
 * @param endian - byte order of data; instructions are little-endian in either (Arm ARM DDI 0487 B2.6.2)
 */
export function makeRelocations(endian: Endian): Readonly<Record<string, RelocationKind>> {
  return { R_AARCH64_ABS64: absolute64('R_AARCH64_ABS64', 257, endian), ...INSTRUCTION_RELOCATIONS };
}

const INSTRUCTION_RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  R_AARCH64_ADR_PREL_PG_HI21: {
    elfType: 275,
    apply: (code, offset, value, place) => {
      const pages = (value >> 12n) - (place >> 12n);
      checkReach('R_AARCH64_ADR_PREL_PG_HI21', pages, -(2n ** 20n), 2n ** 20n - 1n);
      const field = Number(BigInt.asUintN(21, pages));
      patchWord(code, offset, ((field & 3) << 29) | ((field >>> 2) << 5), 'little');
    },
  },
  R_AARCH64_ADD_ABS_LO12_NC: {
    elfType: 277,
    apply: (code, offset, value) => patchWord(code, offset, Number(value & 0xfffn) << 10, 'little'),
  },
  R_AARCH64_CALL26: {
    elfType: 283,
    apply: (code, offset, value, place) => {
      if (value === 0n) return viewOf(code).setUint32(offset, NOP, true);
      patchWord(code, offset, unitsOf('R_AARCH64_CALL26', value - place, 4n, 26) & 0x3ffffff, 'little');
    },
  },
};
