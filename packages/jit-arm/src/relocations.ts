/** Fields that need an address from outside, and how a linker fills them. */
import type { Endian } from '@polybpf/isa';
import { checkReach, patchWord, type RelocationKind, unitsOf, viewOf } from '@polybpf/jit';

/** `e_machine` of ARM. */
export const EM_ARM = 40;
/** `e_flags`: version 5 of the ABI; base procedure call standard, since no floating-point register is used (ELF for ARM, 4.1). */
export const EF_ARM_EABI_VER5 = 0x05000000;
/** `e_flags` of big-endian executables with little-endian instructions. */
export const EF_ARM_BE8 = 0x00800000;

/** A call of address 0, that is of a missing weak symbol, becomes a no-operation (ELF for ARM, 4.6.1.8). */
const NOP = 0xe320f000;

/**
 * Relocations of ELF for the ARM Architecture (IHI 0044) that compiled code has. Objects keep addends in the fields; in a
 * big-endian object the bytes of instructions are turned.
 */
export function makeRelocations(endian: Endian): Readonly<Record<string, RelocationKind>> {
  const isBig = endian === 'big';
  const inObject = (code: Uint8Array, offset: number, bits: number): void => {
    patchWord(code, offset, bits, endian);
  };
  return {
    // A pointer of a BPF program has 64 bits; the upper half stays 0.
    R_ARM_ABS32: {
      elfType: 2,
      objectOffset: isBig ? 4 : 0,
      putAddend: (code, offset, addend) => viewOf(code).setInt32(offset, addend, !isBig),
      apply: (code, offset, value) => {
        checkReach('R_ARM_ABS32', value, 0n, 2n ** 32n - 1n);
        viewOf(code).setBigUint64(offset, value, !isBig);
      },
    },
    R_ARM_CALL: {
      elfType: 28,
      putAddend: (code, offset, addend) => inObject(code, offset, (addend >> 2) & 0xffffff),
      apply: (code, offset, value, place) => {
        if (value === -8n) return viewOf(code).setUint32(offset, NOP, true);
        patchWord(code, offset, unitsOf('R_ARM_CALL', value - place, 4n, 24) & 0xffffff, 'little');
      },
    },
    R_ARM_MOVW_PREL_NC: {
      elfType: 45,
      putAddend: (code, offset, addend) => inObject(code, offset, halfword(addend & 0xffff)),
      apply: (code, offset, value, place) =>
        patchWord(code, offset, halfword(Number(BigInt.asUintN(16, value - place))), 'little'),
    },
    R_ARM_MOVT_PREL: {
      elfType: 46,
      // Not shifted: the addend of either half is the whole one (IHI 0044, 4.6.1.3).
      putAddend: (code, offset, addend) => inObject(code, offset, halfword(addend & 0xffff)),
      apply: (code, offset, value, place) =>
        patchWord(code, offset, halfword(Number(BigInt.asUintN(16, (value - place) >> 16n))), 'little'),
    },
  };
}

/** Sixteen bits as `movw` and `movt` have them. */
function halfword(bits: number): number {
  return ((bits & 0xf000) << 4) | (bits & 0xfff);
}
