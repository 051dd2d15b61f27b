/** Fields that need an address from outside, and how a linker fills them (SPARC Compliance Definition 2.4, "Relocation"). */
import { absolute64, checkReach, patchWord, type RelocationKind, unitsOf } from '@polybpf/jit';

/** `e_machine` of SPARC V9. */
export const EM_SPARCV9 = 43;
/**
 * `e_flags`: total store order, EF_SPARCV9_TSO. Compiled code has no memory barriers, so it must not be declared fit for
 * the weaker orders; linkers give an executable the strongest order that any of its objects asks for.
 */
export const EF_SPARCV9_TSO = 0;

export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  R_SPARC_PC10: {
    elfType: 16,
    apply: (code, offset, value, place) => patchWord(code, offset, Number(BigInt.asUintN(10, value - place)), 'big'),
  },
  R_SPARC_PC22: {
    elfType: 17,
    apply: (code, offset, value, place) => {
      const distance = value - place;
      // The pair is sign-extended from 32 bits behind it.
      checkReach('R_SPARC_PC22', distance, -(2n ** 31n), 2n ** 31n - 1n);
      patchWord(code, offset, Number(BigInt.asUintN(22, distance >> 10n)), 'big');
    },
  },
  R_SPARC_WPLT30: {
    elfType: 18,
    apply: (code, offset, value, place) =>
      patchWord(code, offset, unitsOf('R_SPARC_WPLT30', value - place, 4n, 30) & 0x3fffffff, 'big'),
  },
  R_SPARC_64: absolute64('R_SPARC_64', 32, 'big'),
};
