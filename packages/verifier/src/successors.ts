/** Control flow inside one function: what may come after an insn. Calls fall through. */

export const CLASS_LD = 0;
export const CLASS_LDX = 1;
export const CLASS_ST = 2;
export const CLASS_STX = 3;
export const CLASS_ALU = 4;
export const CLASS_JMP = 5;
export const CLASS_JMP32 = 6;
export const CLASS_ALU64 = 7;

export const OP_JA = 0x00;
export const OP_JEQ = 0x10;
export const OP_JGT = 0x20;
export const OP_JGE = 0x30;
export const OP_JSET = 0x40;
export const OP_JNE = 0x50;
export const OP_JSGT = 0x60;
export const OP_JSGE = 0x70;
export const OP_CALL = 0x80;
export const OP_EXIT = 0x90;
export const OP_JLT = 0xa0;
export const OP_JLE = 0xb0;
export const OP_JSLT = 0xc0;
export const OP_JSLE = 0xd0;
export const OP_JCOND = 0xe0;

export const LD_IMM64 = 0x18;
export const CALL = 0x85;
export const GOTOL = 0x06;

/** Values of `src` in a call. */
export const PSEUDO_CALL = 1;
export const PSEUDO_KFUNC = 2;
/** Values of `src` in ld_imm64. */
export const PSEUDO_MAP_FD = 1;
export const PSEUDO_MAP_VALUE = 2;
export const PSEUDO_BTF_ID = 3;
export const PSEUDO_FUNC = 4;
export const PSEUDO_MAP_IDX = 5;
export const PSEUDO_MAP_IDX_VALUE = 6;

/** Columns of a program. */
export interface Columns {
  readonly opcode: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;
}

/** Distance of a jump: `imm` for the long form. */
export function jumpDistance(program: Columns, insn: number): number {
  return program.opcode[insn] === GOTOL ? program.imm[insn]! : program.off[insn]!;
}

/** Writes the insns that may follow to `out`, the next one first, and says how many they are. */
export function successors(program: Columns, insn: number, out: Int32Array): number {
  const opcode = program.opcode[insn]!;
  const kind = opcode & 7;
  if (kind !== CLASS_JMP && kind !== CLASS_JMP32) {
    out[0] = insn + (opcode === LD_IMM64 ? 2 : 1);
    return 1;
  }
  switch (opcode & 0xf0) {
    case OP_EXIT:
      return 0;
    case OP_JA:
      out[0] = insn + 1 + jumpDistance(program, insn);
      return 1;
    case OP_CALL:
      out[0] = insn + 1;
      return 1;
    default:
      out[0] = insn + 1;
      out[1] = insn + 1 + program.off[insn]!;
      return 2;
  }
}

/** Call of a helper, by number. */
export function isHelperCall(program: Columns, insn: number): boolean {
  return program.opcode[insn] === CALL && program.src[insn] === 0;
}

/** Call of a function of the program. */
export function isLocalCall(program: Columns, insn: number): boolean {
  return program.opcode[insn] === CALL && program.src[insn] === PSEUDO_CALL;
}

/** Call of a kernel function. */
export function isKfuncCall(program: Columns, insn: number): boolean {
  return program.opcode[insn] === CALL && program.src[insn] === PSEUDO_KFUNC;
}

/** Load of the address of a function of the program. */
export function isFunctionAddress(program: Columns, insn: number): boolean {
  return program.opcode[insn] === LD_IMM64 && program.src[insn] === PSEUDO_FUNC;
}
