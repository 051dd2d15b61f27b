/** Instructions by row name, for tests that must not depend on the assembler. */
import { type Endian, type Insn, makeInsn, makeProgram, type Program, type ProgramInit, rowByName } from '@polybpf/isa';

export interface Fields {
  readonly dst?: number;
  readonly src?: number;
  readonly offset?: number;
  readonly imm?: number;
  readonly next?: number;
}

/** The slots of one instruction: fixed fields come from the row, the rest from `fields`. */
export function row(name: string, fields: Fields = {}): Insn[] {
  const found = rowByName(name);
  if (found === undefined) throw new Error(`no row ${name}`);
  const { fixed } = found;
  const first = makeInsn(
    found.opcode,
    fixed.dst_reg ?? fields.dst ?? 0,
    fixed.src_reg ?? fields.src ?? 0,
    fixed.offset ?? fields.offset ?? 0,
    fixed.imm ?? fields.imm ?? 0,
  );
  return found.slots === 2 ? [first, makeInsn(0, 0, 0, 0, fields.next ?? 0)] : [first];
}

/** ld_imm64 of a 64-bit value. */
export function imm64(dst: number, value: bigint): Insn[] {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return row('ld_imm64', { dst, imm: low, next: high });
}

export const exit: Insn[] = row('exit');

/** A program of the given instructions. */
export function program(insns: readonly Insn[][], endian: Endian = 'little', init: ProgramInit = {}): Program {
  return makeProgram(insns.flat(), { endian, ...init });
}
