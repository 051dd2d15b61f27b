/** A program with what its facts make simpler. */
import type { Insn } from '@polybpf/isa';
import type { Facts } from './facts.ts';

const JA = 0x05;
/** Codes of operations and jumps that have a form with a constant: all but shifts by too much, and divisions by 0. */
const CLASS_ALU = 4;
const CLASS_JMP = 5;
const CLASS_JMP32 = 6;
const CLASS_ALU64 = 7;
const FROM_REGISTER = 8;

/**
 * Rewrites instructions, slot by slot: branches that always go the same way become jumps or nothing, operands that are
 * always the same number become constants, instructions that are never reached become jumps to themselves' successor. The
 * number of slots stays the same.
 */
export function applyFacts(insns: readonly Insn[], facts: Facts): Insn[] {
  const result = insns.map((insn) => ({ ...insn }));
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i]!;
    if (insn.opcode === 0x18) {
      i++;
      continue;
    }
    if (facts.reachable[i] === 0) {
      // The end of a function must stay one.
      if (insn.opcode !== 0x95 && insn.opcode !== JA && insn.opcode !== 0x06) result[i] = jump(0);
      continue;
    }
    const way = facts.branches[i];
    if (way !== 0) result[i] = jump(way === 1 ? insn.offset : 0);
    else result[i] = withConstant(insn, facts, i);
  }
  return result;
}

function jump(offset: number): Insn {
  return { opcode: JA, dst_reg: 0, src_reg: 0, offset, imm: 0 };
}

function withConstant(insn: Insn, facts: Facts, i: number): Insn {
  const { opcode } = insn;
  const kind = opcode & 7;
  const op = opcode & 0xf0;
  const isAlu = kind === CLASS_ALU || kind === CLASS_ALU64;
  const isJump = (kind === CLASS_JMP || kind === CLASS_JMP32) && op !== 0 && op !== 0x80 && op !== 0x90 && opcode !== 0xe5; // prettier-ignore
  if ((!isAlu && !isJump) || (opcode & FROM_REGISTER) === 0 || op === 0xd0 || (isAlu && insn.offset !== 0)) return insn;
  const fact = facts.values?.[i]?.find(({ reg }) => reg === insn.src_reg);
  if (fact === undefined || fact.mask !== 0n) return insn;
  const narrow = kind === CLASS_ALU || kind === CLASS_JMP32;
  const value = narrow ? BigInt.asIntN(32, fact.bits) : BigInt.asIntN(64, fact.bits);
  if (value !== BigInt.asIntN(32, value)) return insn;
  const bits = narrow ? 32n : 64n;
  const isShift = op === 0x60 || op === 0x70 || op === 0xc0;
  if (isAlu && isShift && (value < 0n || value >= bits)) return insn;
  if (isAlu && (op === 0x30 || op === 0x90) && value === 0n) return insn;
  return { ...insn, opcode: opcode & ~FROM_REGISTER, src_reg: 0, imm: Number(value) };
}
