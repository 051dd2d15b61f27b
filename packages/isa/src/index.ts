import * as constants from './constants.ts';

export { constants };
export {
  BPF_FUNC_tail_call,
  BPF_MAX_LOOPS,
  INSN_SIZE,
  MAX_CALL_FRAMES,
  MAX_TAIL_CALL_CNT,
  STACK_SIZE,
} from './constants.ts';
export { imm64, makeInsn } from './insn.ts';
export type { Endian, Insn } from './insn.ts';
export { INSN_TABLE } from './insn-table.ts';
export type {
  AluOp,
  AtomicOp,
  ConformanceGroup,
  CpuVersion,
  EndOp,
  Imm64Op,
  InsnKind,
  InsnRow,
  JmpOp,
  PacketOp,
  RegisterUse,
  ValueUse,
} from './insn-table.ts';
export { jumpTarget, rowByName, rowOf, rowsOfOpcode } from './decode.ts';
export { checkInsn, checkInsns } from './check.ts';
export { decodeInsns, decodeProgram, encodeProgram } from './codec.ts';
export { findSubprograms, makeProgram } from './program.ts';
export type {
  DataSymbol,
  MapDef,
  MapKind,
  Program,
  ProgramInit,
  ProgramRelocation,
  SourceLine,
  Subprogram,
} from './program.ts';
