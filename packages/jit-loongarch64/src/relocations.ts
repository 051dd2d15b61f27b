/** Fields that need an address from outside, and how a linker fills them. */
import { absolute64, checkReach, patchWord, type RelocationKind, unitsOf, viewOf } from '@polybpf/jit';

/** `e_machine` of LoongArch. */
export const EM_LOONGARCH = 258;
/** `e_flags`: double-precision floating-point arguments in registers (LP64D), object ABI version 1. */
export const ELF_FLAGS: number = 0x03 | 0x40;

/** `andi $zero, $zero, 0`, the manual's nop. */
export const NOP = 0x03400000;

/**
 * Relocations of LoongArch ELF that compiled code has (LoongArch ELF psABI, "Relocation types").
 *
 * A call of a missing weak symbol, that is of address 0, becomes a nop.
 */
export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  R_LARCH_64: absolute64('R_LARCH_64', 2, 'little'),
  R_LARCH_B26: {
    elfType: 66,
    apply: (code, offset, value, place) => {
      if (value === 0n) return viewOf(code).setUint32(offset, NOP, true);
      const units = unitsOf('R_LARCH_B26', value - place, 4n, 26);
      patchWord(code, offset, ((units & 0xffff) << 10) | ((units >> 16) & 0x3ff), 'little');
    },
  },
  R_LARCH_PCALA_HI20: {
    elfType: 71,
    apply: (code, offset, value, place) => {
      const pages = pageOf(value + 0x800n) - pageOf(place);
      checkReach('R_LARCH_PCALA_HI20', pages, -(2n ** 19n), 2n ** 19n - 1n);
      patchWord(code, offset, (Number(pages) & 0xfffff) << 5, 'little');
    },
  },
  R_LARCH_PCALA_LO12: {
    elfType: 72,
    apply: (code, offset, value) => patchWord(code, offset, Number(value & 0xfffn) << 10, 'little'),
  },
};

function pageOf(address: bigint): bigint {
  return address >> 12n;
}

/** What pcaddu12i adds, in pages of 4 KiB, and what the next instruction adds: -2048 to 2047. */
export function splitPair(distance: number): readonly [high: number, low: number] {
  const low = (distance << 20) >> 20;
  return [Math.round((distance - low) / 4096), low];
}
