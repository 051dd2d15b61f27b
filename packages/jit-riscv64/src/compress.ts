/**
 * Shorter rows for instructions whose operands allow them (RISC-V ISA manual, volume I, "C extension": each compressed
 * instruction is a shorter encoding of one 32-bit instruction). Runs after all other passes, so that nothing else has to
 * know compressed rows; branches that turn out to be too short grow back in layout.
 */
import { makeNode, type MachineNode } from '@polybpf/jit';
import { type InstructionName, INSTRUCTIONS, type Riscv64Form } from './instructions.ts';
import { isCompressible, RA, SP, ZERO } from './registers.ts';

const F = INSTRUCTIONS;

/** The form and operands of the shorter row, or undefined when there is none. */
type Compress = (a: number, b: number, c: number) => readonly [form: Riscv64Form, operands: readonly number[]] | undefined; // prettier-ignore

const isSigned6 = (value: number): boolean => value >= -32 && value <= 31;
const isScaled = (value: number, bits: number, scale: number): boolean =>
  value >= 0 && value < scale * 2 ** bits && value % scale === 0;

const RULES: Readonly<Partial<Record<InstructionName, Compress>>> = {
  lui: (rd, imm) => {
    const upper = (imm << 12) >> 12;
    return rd !== ZERO && rd !== SP && upper !== 0 && isSigned6(upper) ? [F.c_lui, [rd, upper]] : undefined;
  },
  addi: (rd, rs1, imm) => {
    if (rd === ZERO) return undefined;
    if (rs1 === ZERO) return isSigned6(imm) ? [F.c_li, [rd, imm]] : undefined;
    if (imm === 0) return [F.c_mv, [rd, rs1]];
    if (rd === rs1 && isSigned6(imm)) return [F.c_addi, [rd, imm]];
    if (rs1 !== SP) return undefined;
    if (rd === SP) return imm % 16 === 0 && imm >= -512 && imm <= 496 ? [F.c_addi16sp, [imm]] : undefined;
    return isCompressible(rd) && isScaled(imm, 8, 4) ? [F.c_addi4spn, [rd, imm]] : undefined;
  },
  addiw: (rd, rs1, imm) => (rd !== ZERO && rd === rs1 && isSigned6(imm) ? [F.c_addiw, [rd, imm]] : undefined),
  andi: (rd, rs1, imm) => (rd === rs1 && isCompressible(rd) && isSigned6(imm) ? [F.c_andi, [rd, imm]] : undefined),
  slli: (rd, rs1, imm) => (rd !== ZERO && rd === rs1 && imm !== 0 ? [F.c_slli, [rd, imm]] : undefined),
  srli: (rd, rs1, imm) => (rd === rs1 && isCompressible(rd) && imm !== 0 ? [F.c_srli, [rd, imm]] : undefined),
  srai: (rd, rs1, imm) => (rd === rs1 && isCompressible(rd) && imm !== 0 ? [F.c_srai, [rd, imm]] : undefined),
  add: (rd, rs1, rs2) => {
    if (rd === ZERO) return undefined;
    if (rd === rs1 && rs2 !== ZERO) return [F.c_add, [rd, rs2]];
    return rd === rs2 && rs1 !== ZERO ? [F.c_add, [rd, rs1]] : undefined;
  },
  sub: (rd, rs1, rs2) => (rd === rs1 ? inPlace(F.c_sub, rd, rs2) : undefined),
  subw: (rd, rs1, rs2) => (rd === rs1 ? inPlace(F.c_subw, rd, rs2) : undefined),
  xor: commutative(F.c_xor),
  or: commutative(F.c_or),
  and: commutative(F.c_and),
  addw: commutative(F.c_addw),
  jalr: (rd, imm, rs1) => {
    if (imm !== 0 || rs1 === ZERO) return undefined;
    return rd === ZERO ? [F.c_jr, [rs1]] : rd === RA ? [F.c_jalr, [rs1]] : undefined;
  },
  jal: (rd) => (rd === ZERO ? [F.c_j, []] : undefined),
  beq: (rs1, rs2) => zeroBranch(F.c_beqz, rs1, rs2),
  bne: (rs1, rs2) => zeroBranch(F.c_bnez, rs1, rs2),
  lw: (rd, imm, rs1) => load(F.c_lw, F.c_lwsp, 4, rd, imm, rs1),
  ld: (rd, imm, rs1) => load(F.c_ld, F.c_ldsp, 8, rd, imm, rs1),
  sw: (rs2, imm, rs1) => store(F.c_sw, F.c_swsp, 4, rs2, imm, rs1),
  sd: (rs2, imm, rs1) => store(F.c_sd, F.c_sdsp, 8, rs2, imm, rs1),
};
const RULE_OF: ReadonlyMap<object, Compress> = /* @__PURE__ */ new Map(
  (Object.keys(RULES) as InstructionName[]).map((name) => [F[name], RULES[name]!]),
);

function inPlace(form: Riscv64Form, rd: number, rs2: number): ReturnType<Compress> {
  return isCompressible(rd) && isCompressible(rs2) ? [form, [rd, rs2]] : undefined;
}

function commutative(form: Riscv64Form): Compress {
  return (rd, rs1, rs2) =>
    rd === rs1 ? inPlace(form, rd, rs2) : rd === rs2 ? inPlace(form, rd, rs1) : undefined; // prettier-ignore
}

function zeroBranch(form: Riscv64Form, rs1: number, rs2: number): ReturnType<Compress> {
  if (rs2 === ZERO) return isCompressible(rs1) ? [form, [rs1]] : undefined;
  return rs1 === ZERO && isCompressible(rs2) ? [form, [rs2]] : undefined;
}

function load(
  form: Riscv64Form,
  spForm: Riscv64Form,
  size: number,
  rd: number,
  imm: number,
  rs1: number,
): ReturnType<Compress> {
  if (rs1 === SP) return rd !== ZERO && isScaled(imm, 6, size) ? [spForm, [rd, imm]] : undefined;
  return isCompressible(rd) && isCompressible(rs1) && isScaled(imm, 5, size) ? [form, [rd, imm, rs1]] : undefined;
}

function store(
  form: Riscv64Form,
  spForm: Riscv64Form,
  size: number,
  rs2: number,
  imm: number,
  rs1: number,
): ReturnType<Compress> {
  if (rs1 === SP) return isScaled(imm, 6, size) ? [spForm, [rs2, imm]] : undefined;
  return isCompressible(rs2) && isCompressible(rs1) && isScaled(imm, 5, size) ? [form, [rs2, imm, rs1]] : undefined;
}

/** The node with the shortest row that does the same. */
export function compressNode(node: MachineNode): MachineNode {
  const rule = RULE_OF.get(node.form);
  if (rule === undefined) return node;
  const { operands } = node;
  const shorter = rule(operands[0]!, operands[1]!, operands[2]!);
  if (shorter === undefined) return node;
  const result = makeNode(shorter[0], shorter[1], node.label, node.insn);
  result.symbol = node.symbol;
  result.addend = node.addend;
  return result;
}

/** Bytes that an instruction takes once it is compressed; its branches are taken to be near. */
export function lengthOf(form: Riscv64Form, a: number, b: number, c: number): 2 | 4 {
  return RULE_OF.get(form)?.(a, b, c) === undefined ? 4 : 2;
}
