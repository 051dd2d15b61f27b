/** Fields that need an address from outside, and how a linker fills them. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import type { RelocationKind } from '@polybpf/jit';

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
    const view = viewOf(code);
    view.setUint32(offset, (view.getUint32(offset, !isBig) | bits) >>> 0, !isBig);
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
        const distance = value - place;
        checkReach('R_ARM_CALL', distance, -(2n ** 25n), 2n ** 25n - 4n);
        if (distance % 4n !== 0n) throw new BpfError('E_JIT_LINK', 'R_ARM_CALL', { expected: 'a multiple of 4', got: String(distance) }); // prettier-ignore
        patch(code, offset, (Number(distance) / 4) & 0xffffff);
      },
    },
    R_ARM_MOVW_PREL_NC: {
      elfType: 45,
      putAddend: (code, offset, addend) => inObject(code, offset, halfword(addend & 0xffff)),
      apply: (code, offset, value, place) => patch(code, offset, halfword(Number(BigInt.asUintN(16, value - place)))),
    },
    R_ARM_MOVT_PREL: {
      elfType: 46,
      // Not shifted: the addend of either half is the whole one (IHI 0044, 4.6.1.3).
      putAddend: (code, offset, addend) => inObject(code, offset, halfword(addend & 0xffff)),
      apply: (code, offset, value, place) =>
        patch(code, offset, halfword(Number(BigInt.asUintN(16, (value - place) >> 16n)))),
    },
  };
}

/** Sixteen bits as `movw` and `movt` have them. */
function halfword(bits: number): number {
  return ((bits & 0xf000) << 4) | (bits & 0xfff);
}

/** Puts the bits of a field, which is zero in the code, into an instruction. */
function patch(code: Uint8Array, offset: number, bits: number): void {
  const view = viewOf(code);
  view.setUint32(offset, (view.getUint32(offset, true) | bits) >>> 0, true);
}

function viewOf(code: Uint8Array): DataView {
  return new DataView(code.buffer, code.byteOffset, code.byteLength);
}

function checkReach(kind: string, value: bigint, min: bigint, max: bigint): void {
  if (value >= min && value <= max) return;
  throw new BpfError('E_JIT_LINK', `${kind} does not reach`, { expected: `${min} to ${max}`, got: String(value) });
}
