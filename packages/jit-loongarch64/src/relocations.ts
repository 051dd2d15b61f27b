/** Fields that need an address from outside, and how a linker fills them. */
import { BpfError } from '@polybpf/errors';
import type { RelocationKind } from '@polybpf/jit';

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
  R_LARCH_64: {
    elfType: 2,
    apply: (code, offset, value) => {
      checkReach('R_LARCH_64', value, -(2n ** 63n), 2n ** 64n - 1n);
      viewOf(code).setBigUint64(offset, BigInt.asUintN(64, value), true);
    },
  },
  R_LARCH_B26: {
    elfType: 66,
    apply: (code, offset, value, place) => {
      if (value === 0n) return viewOf(code).setUint32(offset, NOP, true);
      const distance = value - place;
      checkReach('R_LARCH_B26', distance, -(2n ** 27n), 2n ** 27n - 4n);
      if (distance % 4n !== 0n) throw new BpfError('E_JIT_LINK', 'R_LARCH_B26', { expected: 'a multiple of 4', got: String(distance) }); // prettier-ignore
      const units = Number(distance) / 4;
      patch(viewOf(code), offset, ((units & 0xffff) << 10) | ((units >> 16) & 0x3ff));
    },
  },
  R_LARCH_PCALA_HI20: {
    elfType: 71,
    apply: (code, offset, value, place) => {
      const pages = pageOf(value + 0x800n) - pageOf(place);
      checkReach('R_LARCH_PCALA_HI20', pages, -(2n ** 19n), 2n ** 19n - 1n);
      patch(viewOf(code), offset, (Number(pages) & 0xfffff) << 5);
    },
  },
  R_LARCH_PCALA_LO12: {
    elfType: 72,
    apply: (code, offset, value) => patch(viewOf(code), offset, Number(value & 0xfffn) << 10),
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

/** Puts the bits of a field, which is zero in the code, into an instruction word. */
function patch(view: DataView, offset: number, bits: number): void {
  view.setUint32(offset, (view.getUint32(offset, true) | bits) >>> 0, true);
}

function viewOf(code: Uint8Array): DataView {
  return new DataView(code.buffer, code.byteOffset, code.byteLength);
}

function checkReach(kind: string, value: bigint, min: bigint, max: bigint): void {
  if (value >= min && value <= max) return;
  throw new BpfError('E_JIT_LINK', `${kind} does not reach`, { expected: `${min} to ${max}`, got: String(value) });
}
