/** Fields that need an address from outside, and how a linker fills them (MIPS64 ELF Object File Specification, 2.9). */
import { BpfError } from '@polybpf/errors';
import type { RelocationKind } from '@polybpf/jit';

/** `e_machine` of MIPS. */
export const EM_MIPS = 8;
/** `e_flags`: EF_MIPS_ARCH_64R2, EF_MIPS_CPIC, EF_MIPS_PIC, EF_MIPS_NOREORDER. */
export const ELF_FLAGS = 0x80000007;
/** The same with EF_MIPS_ARCH_64R6, and EF_MIPS_NAN2008, which release 6 implies. */
export const ELF_FLAGS_R6: number = 0xa0000407;

const R_MIPS_64 = 18;
/** GNU extension: 32-bit distance in data (include/elf/mips.h of binutils). */
const R_MIPS_PC32 = 248;

/** The relocations of one byte order. */
export function makeRelocations(littleEndian: boolean): Readonly<Record<string, RelocationKind>> {
  const view = (code: Uint8Array): DataView => new DataView(code.buffer, code.byteOffset);
  return {
    R_MIPS_64: {
      elfType: R_MIPS_64,
      apply: (code, offset, value) => view(code).setBigUint64(offset, BigInt.asUintN(64, value), littleEndian),
    },
    R_MIPS_PC32: {
      elfType: R_MIPS_PC32,
      apply: (code, offset, value, place) => {
        const distance = value - place;
        if (distance !== BigInt.asIntN(32, distance)) {
          throw new BpfError('E_JIT_LINK', 'R_MIPS_PC32 does not reach', {
            at: { offset },
            expected: 'a distance of less than 2 GiB',
            got: `${distance} bytes`,
          });
        }
        view(code).setInt32(offset, Number(distance), littleEndian);
      },
    },
  };
}
