/** Relocations of code and data (ELF ABI s390x Supplement, "Relocation"; numbers from elf.h). */
import { BpfError } from '@polybpf/errors';
import type { RelocationKind } from '@polybpf/jit';

const R_390_PC32DBL = 19;
const R_390_PLT32DBL = 20;
const R_390_64 = 22;

/** (S + A - P) / 2 in 32 bits: whole halfwords, up to 4 GiB either way. */
function applyPc32dbl(code: Uint8Array, offset: number, value: bigint, place: bigint): void {
  const distance = value - place;
  if (distance % 2n !== 0n || distance < -0x1_0000_0000n || distance > 0xffff_fffen) {
    throw new BpfError('E_JIT_LINK', 'relative address', {
      at: { offset },
      expected: 'an even distance of less than 4 GiB',
      got: `${distance} bytes`,
    });
  }
  new DataView(code.buffer, code.byteOffset).setInt32(offset, Number(distance / 2n));
}

export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  pc32dbl: { elfType: R_390_PC32DBL, apply: applyPc32dbl },
  plt32dbl: { elfType: R_390_PLT32DBL, apply: applyPc32dbl },
  abs64: {
    elfType: R_390_64,
    apply: (code, offset, value) =>
      new DataView(code.buffer, code.byteOffset).setBigUint64(offset, BigInt.asUintN(64, value)),
  },
};

/** `e_machine` of IBM S/390. */
export const EM_S390 = 22;
