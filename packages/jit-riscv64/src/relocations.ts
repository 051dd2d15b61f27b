/** Fields that need an address from outside, and how a linker fills them. */
import { BpfError } from '@polybpf/errors';
import { absolute64, checkReach, patchWord, type RelocationKind, viewOf } from '@polybpf/jit';

/** `nop` as an instruction word. */
const NOP = 0x00000013;
/** `e_machine` of RISC-V. */
export const EM_RISCV = 243;
/** `e_flags`: compressed instructions. */
export const EF_RISCV_RVC = 0x0001;
/** `e_flags`: compressed instructions, and floating-point arguments in double-precision registers (LP64D). */
export const ELF_FLAGS: number = EF_RISCV_RVC | 0x0004;

/** From an `R_RISCV_PCREL_LO12_I` back to the `auipc` that it completes. */
const AUIPC = -4;

/**
 * Relocations of RISC-V ELF that compiled code has (RISC-V ELF psABI, "Relocations").
 *
 * A call of a missing weak symbol, that is of address 0, becomes two nops.
 */
export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  R_RISCV_64: absolute64('R_RISCV_64', 2, 'little'),
  R_RISCV_CALL_PLT: {
    elfType: 19,
    apply: (code, offset, value, place) => {
      const view = viewOf(code);
      if (value === 0n) {
        view.setUint32(offset, NOP, true);
        view.setUint32(offset + 4, NOP, true);
        return;
      }
      const [high, low] = splitDistance('R_RISCV_CALL_PLT', value - place);
      if ((low & 1) !== 0) throw new BpfError('E_JIT_LINK', 'R_RISCV_CALL_PLT', { expected: 'a multiple of 2', got: String(value - place) }); // prettier-ignore
      patchWord(code, offset, high << 12, 'little');
      patchWord(code, offset + 4, low << 20, 'little');
    },
  },
  R_RISCV_PCREL_HI20: {
    elfType: 23,
    apply: (code, offset, value, place) => {
      const [high] = splitDistance('R_RISCV_PCREL_HI20', value - place);
      patchWord(code, offset, high << 12, 'little');
    },
  },
  R_RISCV_PCREL_LO12_I: {
    elfType: 24,
    anchor: AUIPC,
    apply: (code, offset, value, place) => {
      const [, low] = splitDistance('R_RISCV_PCREL_LO12_I', value - (place + BigInt(AUIPC)));
      patchWord(code, offset, low << 20, 'little');
    },
  },
};

/** What auipc adds, in pages of 4 KiB, and what the next instruction adds: -2048 to 2047. */
export function splitPair(distance: number): readonly [high: number, low: number] {
  const low = (distance << 20) >> 20;
  return [Math.round((distance - low) / 4096), low];
}

function splitDistance(kind: string, distance: bigint): readonly [high: number, low: number] {
  checkReach(kind, distance, -(2n ** 31n) - 2048n, 2n ** 31n - 2049n);
  return splitPair(Number(distance));
}
