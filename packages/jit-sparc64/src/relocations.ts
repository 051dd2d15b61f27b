/** Fields that need an address from outside, and how a linker fills them (SPARC Compliance Definition 2.4, "Relocation"). */
import { BpfError } from '@polybpf/errors';
import type { RelocationKind } from '@polybpf/jit';

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
    apply: (code, offset, value, place) => patch(code, offset, Number(BigInt.asUintN(10, value - place))),
  },
  R_SPARC_PC22: {
    elfType: 17,
    apply: (code, offset, value, place) => {
      const distance = value - place;
      // The pair is sign-extended from 32 bits behind it.
      checkReach('R_SPARC_PC22', distance, -(2n ** 31n), 2n ** 31n - 1n);
      patch(code, offset, Number(BigInt.asUintN(22, distance >> 10n)));
    },
  },
  R_SPARC_WPLT30: {
    elfType: 18,
    apply: (code, offset, value, place) => {
      const distance = value - place;
      checkReach('R_SPARC_WPLT30', distance, -(2n ** 31n), 2n ** 31n - 4n);
      if (distance % 4n !== 0n) throw new BpfError('E_JIT_LINK', 'R_SPARC_WPLT30', { expected: 'a multiple of 4', got: String(distance) }); // prettier-ignore
      patch(code, offset, Number(BigInt.asUintN(30, distance >> 2n)));
    },
  },
  R_SPARC_64: {
    elfType: 32,
    apply: (code, offset, value) => {
      checkReach('R_SPARC_64', value, -(2n ** 63n), 2n ** 64n - 1n);
      new DataView(code.buffer, code.byteOffset).setBigUint64(offset, BigInt.asUintN(64, value));
    },
  },
};

/** Puts the bits of a field, which is zero in the code, into an instruction word. */
function patch(code: Uint8Array, offset: number, bits: number): void {
  const view = new DataView(code.buffer, code.byteOffset);
  view.setUint32(offset, view.getUint32(offset) | bits);
}

function checkReach(kind: string, value: bigint, min: bigint, max: bigint): void {
  if (value >= min && value <= max) return;
  throw new BpfError('E_JIT_LINK', `${kind} does not reach`, { expected: `${min} to ${max}`, got: String(value) });
}
