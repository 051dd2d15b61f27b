/** Fields that need an address from outside, and how a linker fills them. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import type { RelocationKind } from '@polybpf/jit';

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
  return { R_AARCH64_ABS64: absolute64(endian === 'little'), ...INSTRUCTION_RELOCATIONS };
}

function absolute64(little: boolean): RelocationKind {
  return {
    elfType: 257,
    apply: (code, offset, value) => {
      checkReach('R_AARCH64_ABS64', value, -(2n ** 63n), 2n ** 64n - 1n);
      new DataView(code.buffer, code.byteOffset).setBigUint64(offset, BigInt.asUintN(64, value), little);
    },
  };
}

const INSTRUCTION_RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  R_AARCH64_ADR_PREL_PG_HI21: {
    elfType: 275,
    apply: (code, offset, value, place) => {
      const pages = (value >> 12n) - (place >> 12n);
      checkReach('R_AARCH64_ADR_PREL_PG_HI21', pages, -(2n ** 20n), 2n ** 20n - 1n);
      const field = Number(BigInt.asUintN(21, pages));
      patch(code, offset, ((field & 3) << 29) | ((field >>> 2) << 5));
    },
  },
  R_AARCH64_ADD_ABS_LO12_NC: {
    elfType: 277,
    apply: (code, offset, value) => patch(code, offset, Number(value & 0xfffn) << 10),
  },
  R_AARCH64_CALL26: {
    elfType: 283,
    apply: (code, offset, value, place) => {
      if (value === 0n) return new DataView(code.buffer, code.byteOffset).setUint32(offset, NOP, true);
      const distance = value - place;
      checkReach('R_AARCH64_CALL26', distance, -(2n ** 27n), 2n ** 27n - 4n);
      if (distance % 4n !== 0n) throw new BpfError('E_JIT_LINK', 'R_AARCH64_CALL26', { expected: 'a multiple of 4', got: String(distance) }); // prettier-ignore
      patch(code, offset, Number(BigInt.asUintN(26, distance >> 2n)));
    },
  },
};

/** Puts the bits of a field, which is zero in the code, into an instruction word. */
function patch(code: Uint8Array, offset: number, bits: number): void {
  const view = new DataView(code.buffer, code.byteOffset);
  view.setUint32(offset, view.getUint32(offset, true) | bits, true);
}

function checkReach(kind: string, value: bigint, min: bigint, max: bigint): void {
  if (value >= min && value <= max) return;
  throw new BpfError('E_JIT_LINK', `${kind} does not reach`, { expected: `${min} to ${max}`, got: String(value) });
}
