/**
 * Legality of instructions by themselves and of a program's shape: what any consumer may refuse before it knows
 * anything about types or memory. The rules are RFC 9669's; where the kernel is stricter, {@link checkInsns} follows
 * the RFC and the verifier package the kernel.
 */
import { BpfError } from '@polybpf/errors';
import { BPF_REG_10 } from './constants.ts';
import { jumpTarget, rowOf, rowsOfOpcode } from './decode.ts';
import type { Insn } from './insn.ts';
import { INSN_TABLE, type InsnRow } from './insn-table.ts';

const REGISTER_LIMIT = BPF_REG_10;

/**
 * Checks one instruction: known opcode, registers in range, r10 never written, reserved fields zero. Of a two-slot
 * instruction this is the first slot; `checkInsns` looks at the second.
 *
 * @returns the problem, or undefined when the instruction is legal
 */
export function checkInsn(insn: Insn, index: number): BpfError | undefined {
  const row = rowOf(insn);
  if (row === undefined) return noRow(insn, index);
  return isWithin(LIMITS[row.id]!, insn) ? undefined : checkFields(row, insn, index);
}

/** What the fields of an instruction may hold at most, in one number: registers in four bits each, others free or zero. */
const SRC_SHIFT = 4;
const FREE_OFFSET = 0x100;
const FREE_IMM = 0x200;

const LIMITS: Uint16Array = /* @__PURE__ */ Uint16Array.from(
  INSN_TABLE,
  ({ dst, src, offsetUse, immUse }) =>
    registerLimit(dst) |
    (registerLimit(src) << SRC_SHIFT) |
    (offsetUse === 'none' ? 0 : FREE_OFFSET) |
    (immUse === 'none' ? 0 : FREE_IMM),
);

function registerLimit(use: InsnRow['dst']): number {
  if (use === 'none') return 0;
  return use === 'fixed' ? 15 : use === 'read' ? REGISTER_LIMIT : REGISTER_LIMIT - 1;
}

/** Most instructions are legal, which limits tell at once; {@link checkFields} says what is wrong with others. */
function isWithin(limits: number, { dst_reg, src_reg, offset, imm }: Insn): boolean {
  return (
    dst_reg <= (limits & 15) &&
    src_reg <= ((limits >> SRC_SHIFT) & 15) &&
    (offset === 0 || (limits & FREE_OFFSET) !== 0) &&
    (imm === 0 || (limits & FREE_IMM) !== 0)
  );
}

function checkFields(row: InsnRow, insn: Insn, index: number): BpfError | undefined {
  if (row.dst === 'none' && insn.dst_reg !== 0) return reserved(row, index, 'dst_reg', insn.dst_reg);
  if (row.src === 'none' && insn.src_reg !== 0) return reserved(row, index, 'src_reg', insn.src_reg);
  if (row.offsetUse === 'none' && insn.offset !== 0) return reserved(row, index, 'offset', insn.offset);
  if (row.immUse === 'none' && insn.imm !== 0) return reserved(row, index, 'imm', insn.imm);
  if (row.dst !== 'fixed' && insn.dst_reg > REGISTER_LIMIT) return outOfRange(row, index, 'dst_reg', insn.dst_reg);
  if (row.src !== 'fixed' && insn.src_reg > REGISTER_LIMIT) return outOfRange(row, index, 'src_reg', insn.src_reg);
  if ((row.dst === 'write' || row.dst === 'readwrite') && insn.dst_reg === BPF_REG_10) return readOnly(row, index, 'dst_reg'); // prettier-ignore
  if ((row.src === 'write' || row.src === 'readwrite') && insn.src_reg === BPF_REG_10) return readOnly(row, index, 'src_reg'); // prettier-ignore
  return undefined;
}

function reserved(row: InsnRow, insn: number, field: string, value: number): BpfError {
  return new BpfError('E_DECODE_RESERVED', `reserved field ${field} of ${row.name}`, {
    at: { insn },
    expected: '0',
    got: String(value),
  });
}

function outOfRange(row: InsnRow, insn: number, field: string, value: number): BpfError {
  return new BpfError('E_DECODE_REGISTER', `${field} of ${row.name} out of range`, {
    at: { insn },
    expected: 'r0 to r10',
    got: `r${value}`,
  });
}

function readOnly(row: InsnRow, insn: number, field: string): BpfError {
  return new BpfError('E_DECODE_REGISTER', `${row.name} writes the frame pointer`, {
    at: { insn },
    expected: `${field} r0 to r9`,
    got: 'r10',
  });
}

function noRow(insn: Insn, index: number): BpfError {
  const hex = `0x${insn.opcode.toString(16).padStart(2, '0')}`;
  const rows = rowsOfOpcode(insn.opcode);
  const at = { insn: index };
  if (rows.length === 0) return new BpfError('E_DECODE_OPCODE', `unknown opcode ${hex}`, { at });
  const field = (['offset', 'imm', 'src_reg', 'dst_reg'] as const).find((name) =>
    rows.every((row) => row.fixed[name] !== undefined && row.fixed[name] !== insn[name]),
  );
  if (field === undefined) return new BpfError('E_DECODE_OPCODE', `opcode ${hex} with these fields`, { at });
  // Rows that would match but for this field: a single candidate 0 is a reserved field, not an unknown variant.
  const values = [...new Set(rows.map((row) => row.fixed[field]).filter((value) => value !== undefined))];
  const code = values.length === 1 && values[0] === 0 ? 'E_DECODE_RESERVED' : 'E_DECODE_OPCODE';
  // prettier-ignore
  return new BpfError(code, `${field} of opcode ${hex}`, { at, expected: values.join(' or '), got: String(insn[field]) });
}

/**
 * Checks a whole program: each instruction, both slots of ld_imm64, and that every jump, local call and function
 * address lands on an instruction of the program.
 *
 * @returns all problems in order of instruction; empty when the program is legal
 */
export function checkInsns(insns: readonly Insn[]): BpfError[] {
  const problems: BpfError[] = [];
  if (insns.length === 0) return [new BpfError('E_DECODE_LENGTH', 'program is empty')];
  const isSecondSlot = new Uint8Array(insns.length);
  const targets: number[] = [];
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i]!;
    const row = rowOf(insn);
    const problem =
      row === undefined ? noRow(insn, i) : isWithin(LIMITS[row.id]!, insn) ? undefined : checkFields(row, insn, i);
    if (problem !== undefined) problems.push(problem);
    if (row === undefined) continue;
    const target = jumpTarget(row, insn, i);
    if (target !== undefined) targets.push(i, target);
    if (row.slots === 2) {
      const second = checkSecondSlot(row, insns[i + 1], i);
      if (second !== undefined) problems.push(second);
      if (i + 1 < insns.length) isSecondSlot[++i] = 1;
    }
  }
  for (let k = 0; k < targets.length; k += 2) {
    const insn = targets[k]!;
    const target = targets[k + 1]!;
    if (target >= 0 && target < insns.length && isSecondSlot[target] === 0) continue;
    const got = target >= 0 && target < insns.length ? `the second slot of insn ${target - 1}` : `insn ${target}`;
    // prettier-ignore
    problems.push(new BpfError('E_DECODE_JUMP', 'jump target', { at: { insn }, expected: `an instruction of 0 to ${insns.length - 1}`, got }));
  }
  return problems.sort((a, b) => (a.at.insn ?? 0) - (b.at.insn ?? 0));
}

function checkSecondSlot(row: InsnRow, next: Insn | undefined, index: number): BpfError | undefined {
  const at = { insn: index + 1 };
  if (next === undefined) {
    return new BpfError('E_DECODE_TRUNCATED', `${row.name} has no second slot`, { at: { insn: index } });
  }
  for (const field of ['opcode', 'dst_reg', 'src_reg', 'offset'] as const) {
    if (next[field] !== 0) {
      // prettier-ignore
      return new BpfError('E_DECODE_RESERVED', `reserved field ${field} of the second slot of ${row.name}`, { at, expected: '0', got: String(next[field]) });
    }
  }
  if (row.nextImmUse === 'none' && next.imm !== 0) {
    // prettier-ignore
    return new BpfError('E_DECODE_RESERVED', `reserved field imm of the second slot of ${row.name}`, { at, expected: '0', got: String(next.imm) });
  }
  return undefined;
}
