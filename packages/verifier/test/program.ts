/** Small programs as tables of instructions. */
import { type Insn, makeInsn } from '@polybpf/isa';

/** `[opcode, dst, src, offset, imm]` of each slot. */
export type Row = readonly [opcode: number, dst?: number, src?: number, offset?: number, imm?: number];

/** The slots of a program. */
export function program(...rows: readonly Row[]): Insn[] {
  return rows.map(([opcode, dst = 0, src = 0, offset = 0, imm = 0]) => makeInsn(opcode, dst, src, offset, imm));
}

export const EXIT: Row = [0x95];

/** A packet access of 2 bytes at 20, after 14 bytes have been proven. */
export const SHORT_PACKET: Insn[] = program(
  [0x61, 6, 1, 76],
  [0x61, 7, 1, 80],
  [0xbf, 2, 6],
  [0x07, 2, 0, 0, 14],
  [0x2d, 2, 7, 1],
  [0x69, 0, 6, 20],
  [0xb7, 0],
  EXIT,
);
