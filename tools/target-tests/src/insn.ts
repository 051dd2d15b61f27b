/** Instructions by row name, for programs in tests. */
import { type Insn, makeInsn, rowByName } from '@polybpf/isa';

/** One instruction; fields that the row fixes are the row's. */
export function insn(name: string, dst = 0, src = 0, offset = 0, imm = 0): Insn {
  const row = rowByName(name);
  if (row === undefined) throw new Error(`no row ${name}`);
  const { opcode, fixed } = row;
  return makeInsn(opcode, fixed.dst_reg ?? dst, fixed.src_reg ?? src, fixed.offset ?? offset, fixed.imm ?? imm);
}

/** Both slots of ld_imm64. */
export function imm64(dst: number, high: number, low: number): Insn[] {
  return [insn('ld_imm64', dst, 0, 0, low), makeInsn(0, 0, 0, 0, high)];
}
