/** Relocations (psABI x86-64 1.0, 4.4.1): S symbol, A addend, P place. */
import { BpfError } from '@polybpf/errors';
import type { RelocationKind } from '@polybpf/jit';

const write = (code: Uint8Array): DataView => new DataView(code.buffer, code.byteOffset, code.byteLength);

/** S + A - P in 32 bits, signed. */
function applyPcRelative(code: Uint8Array, offset: number, value: bigint, place: bigint): void {
  const distance = value - place;
  if (distance !== BigInt.asIntN(32, distance)) {
    throw new BpfError('E_JIT_LINK', 'pc-relative field', { at: { offset }, expected: 'a symbol within 2 GiB of the code', got: `a distance of ${distance}` }); // prettier-ignore
  }
  write(code).setInt32(offset, Number(distance), true);
}

export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  /** R_X86_64_PC32. */
  PC32: { elfType: 2, apply: applyPcRelative },
  /** R_X86_64_PLT32: a linker may go through a PLT entry; an image without one has the symbol itself. */
  PLT32: { elfType: 4, apply: applyPcRelative },
  /** R_X86_64_64: S + A. */
  '64': {
    elfType: 1,
    apply: (code, offset, value) => write(code).setBigUint64(offset, BigInt.asUintN(64, value), true),
  },
};
