/** Byte order of a program and of the memory it sees. */
export type Endian = 'little' | 'big';

/**
 * One 64-bit instruction slot (RFC 9669 sec. 3.1). A program is an array of slots, so that an array index, an *insn
 * index* and the unit of jump offsets are the same thing. ld_imm64 takes two slots: the second has opcode 0 and holds
 * the upper 32 bits in `imm`.
 *
 * ```text
 *   byte      0        1            2..3     4..7
 *   little  opcode  src|dst         offset   imm
 *   big     opcode  dst|src         offset   imm        (high nibble | low nibble)
 * ```
 */
export interface Insn {
  /** 0..255 */
  readonly opcode: number;
  /** 0..15 */
  readonly dst_reg: number;
  /** 0..15 */
  readonly src_reg: number;
  /** signed 16 bits */
  readonly offset: number;
  /** signed 32 bits */
  readonly imm: number;
}

/** An {@link Insn} from its fields, in the one property order that all of the project uses. */
export function makeInsn(opcode: number, dst_reg: number, src_reg: number, offset: number, imm: number): Insn {
  return { opcode, dst_reg, src_reg, offset, imm };
}

/** The 64-bit immediate of the ld_imm64 whose first slot is `insns[index]`, as unsigned. Missing slots read as 0. */
export function imm64(insns: readonly Insn[], index: number): bigint {
  const low = insns[index]?.imm ?? 0;
  const high = insns[index + 1]?.imm ?? 0;
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
