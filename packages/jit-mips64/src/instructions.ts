/**
 * The MIPS64 release 2 instructions that compiled programs and the runner use, one row each.
 *
 * A row is syntax, bit layout, title of the section in chapter 3 of "MIPS Architecture for Programmers Volume II-A: The
 * MIPS64 Instruction Set" (MD00087), and what happens to each operand in the order of the syntax: `w` written, `r` read,
 * `m` both, `-` not a register. A last entry says what else matters to whoever moves instructions about.
 *
 * Operand types: `r` register, `d` decimal, `x` hexadecimal, `size` a number that stands in the field less one.
 */
import { formTable, type LayoutForm, layoutForm, positionsOf } from '@polybpf/jit';
import { branchUse } from './branches.ts';

/** What an instruction does beside writing registers: access memory, use HI and LO, or anything that must not move. */
export type Effect = 'none' | 'load' | 'store' | 'set-hilo' | 'get-hilo' | 'branch' | 'fixed';

type Row = readonly [syntax: string, layout: string, manual: string, roles: string, effect?: Effect];

/** Row of an instruction with `name` whose shape differs from others in `code` only: an opcode or a function field. */
type Shape = (name: string, code: string) => Row;

const withImmediate =
  (imm: string, layout: string): Shape =>
  (name, code) => [`${name} {rt:r}, {rs:r}, ${imm}`, `${code} rs:5 rt:5 ${layout}`, name.toUpperCase(), 'wr-'];
const withRegisters =
  (order: string, roles: string): Shape =>
  (name, code) => [`${name} ${order}`, `000000 rs:5 rt:5 rd:5 00000 ${code}`, name.toUpperCase(), roles];
const withAmount =
  (rotate: 0 | 1): Shape =>
  (name, code) => [`${name} {rd:r}, {rt:r}, {sa:x}`, `000000 0000${rotate} rt:5 rd:5 sa:5 ${code}`, name.toUpperCase(), 'wr-']; // prettier-ignore
const withAddress =
  (roles: string, effect: Effect): Shape =>
  (name, code) => [`${name} {rt:r}, {offset:d}({base:r})`, `${code} base:5 rt:5 offset:s16`, name.toUpperCase(), roles, effect]; // prettier-ignore

const SHAPES = {
  register3: withRegisters('{rd:r}, {rs:r}, {rt:r}', 'wrr'),
  conditionalMove: withRegisters('{rd:r}, {rs:r}, {rt:r}', 'mrr'),
  shiftVariable: withRegisters('{rd:r}, {rt:r}, {rs:r}', 'wrr'),
  shift: withAmount(0),
  rotate: withAmount(1),
  signedImmediate: withImmediate('{imm:d}', 'imm:s16'),
  unsignedImmediate: withImmediate('{imm:x}', 'imm:16'),
  load: withAddress('w-r', 'load'),
  loadLinked: withAddress('w-r', 'fixed'),
  store: withAddress('r-r', 'store'),
  storeConditional: withAddress('m-r', 'fixed'),
  // GNU as makes whole sequences of `div` and `ddiv` unless their result is $zero.
  multiply: (name, code) => [
    `${name} ${name.includes('div') ? '$zero, ' : ''}{rs:r}, {rt:r}`,
    `000000 rs:5 rt:5 0000000000 ${code}`,
    name.toUpperCase(),
    'rr',
    'set-hilo',
  ],
  bytes: (name, code) => [`${name} {rd:r}, {rt:r}`, `011111 00000 rt:5 rd:5 ${code}`, name.toUpperCase(), 'wr'],
  zeroBranch: (name, code) => [
    `${name} {rs:r}, {label:label}`,
    `${code} label:s16*4`,
    name.toUpperCase(),
    'r',
    'branch',
  ],
} as const satisfies Readonly<Record<string, Shape>>;

type ShapeName = keyof typeof SHAPES;

/** Name -> row, or its shape and code. Branch displacements count from the instruction in the delay slot; see encoder.ts. */
// prettier-ignore
export const ROWS = {
  // Arithmetic and logic on registers
  addu: ['register3', '100001'], daddu: ['register3', '101101'],
  subu: ['register3', '100011'], dsubu: ['register3', '101111'],
  and: ['register3', '100100'], or: ['register3', '100101'], xor: ['register3', '100110'], nor: ['register3', '100111'],
  slt: ['register3', '101010'], sltu: ['register3', '101011'],
  movz: ['conditionalMove', '001010'],
  movn: ['conditionalMove', '001011'],
  mul: ['mul {rd:r}, {rs:r}, {rt:r}', '011100 rs:5 rt:5 rd:5 00000 000010', 'MUL', 'wrr', 'set-hilo'],
  move: ['move {rd:r}, {rs:r}', '000000 rs:5 00000 rd:5 00000 100101', 'OR', 'wr'],
  not: ['nor {rd:r}, {rs:r}, $zero', '000000 rs:5 00000 rd:5 00000 100111', 'NOR', 'wr'],
  negu: ['negu {rd:r}, {rt:r}', '000000 00000 rt:5 rd:5 00000 100011', 'SUBU', 'wr'],
  dnegu: ['dnegu {rd:r}, {rt:r}', '000000 00000 rt:5 rd:5 00000 101111', 'DSUBU', 'wr'],

  // Shifts
  sll: ['shift', '000000'], srl: ['shift', '000010'], sra: ['shift', '000011'], rotr: ['rotate', '000010'],
  dsll: ['shift', '111000'], dsrl: ['shift', '111010'], dsra: ['shift', '111011'], drotr: ['rotate', '111010'],
  dsll32: ['shift', '111100'], dsrl32: ['shift', '111110'], dsra32: ['shift', '111111'], drotr32: ['rotate', '111110'],
  sllv: ['shiftVariable', '000100'], srlv: ['shiftVariable', '000110'], srav: ['shiftVariable', '000111'],
  dsllv: ['shiftVariable', '010100'], dsrlv: ['shiftVariable', '010110'], dsrav: ['shiftVariable', '010111'],

  // Multiply and divide
  dmult: ['multiply', '011100'], dmultu: ['multiply', '011101'],
  mult: ['multiply', '011000'], multu: ['multiply', '011001'],
  ddiv: ['multiply', '011110'], ddivu: ['multiply', '011111'],
  div: ['multiply', '011010'], divu: ['multiply', '011011'],
  mfhi: ['mfhi {rd:r}', '000000 0000000000 rd:5 00000 010000', 'MFHI', 'w', 'get-hilo'],
  mflo: ['mflo {rd:r}', '000000 0000000000 rd:5 00000 010010', 'MFLO', 'w', 'get-hilo'],

  // Immediates
  addiu: ['signedImmediate', '001001'], daddiu: ['signedImmediate', '011001'],
  slti: ['signedImmediate', '001010'], sltiu: ['signedImmediate', '001011'],
  andi: ['unsignedImmediate', '001100'], ori: ['unsignedImmediate', '001101'], xori: ['unsignedImmediate', '001110'],
  lui: ['lui {rt:r}, {imm:x}', '001111 00000 rt:5 imm:16', 'LUI', 'w-'],
  li: ['li {rt:r}, {imm:d}', '001001 00000 rt:5 imm:s16', 'ADDIU', 'w-'],
  li_unsigned: ['ori {rt:r}, $zero, {imm:x}', '001101 00000 rt:5 imm:16', 'ORI', 'w-'],

  // Bit fields: the fields hold size - 1 (dextm: size - 33) and, for dins, position + size - 1
  dext: ['dext {rt:r}, {rs:r}, {lsb:x}, {msbd:size}', '011111 rs:5 rt:5 msbd:5 lsb:5 000011', 'DEXT', 'wr--'],
  dextm: ['dext {rt:r}, {rs:r}, {lsb:x}, {msbd:size33}', '011111 rs:5 rt:5 msbd:5 lsb:5 000001', 'DEXTM', 'wr--'],
  dextu: ['dext {rt:r}, {rs:r}, {lsb:lsb32}, {msbd:size}', '011111 rs:5 rt:5 msbd:5 lsb:5 000010', 'DEXTU', 'wr--'],
  dins: ['dins {rt:r}, {rs:r}, {lsb:x}, {msb:d}', '011111 rs:5 rt:5 msb:5 lsb:5 000111', 'DINS', 'mr--'],
  dinsm: ['dinsm {rt:r}, {rs:r}, {lsb:x}, {msb:d}', '011111 rs:5 rt:5 msb:5 lsb:5 000101', 'DINSM', 'mr--'],
  dinsu: ['dinsu {rt:r}, {rs:r}, {lsb:x}, {msb:d}', '011111 rs:5 rt:5 msb:5 lsb:5 000110', 'DINSU', 'mr--'],

  // Bytes: sign extension and reversal
  seb: ['bytes', '10000 100000'], seh: ['bytes', '11000 100000'], wsbh: ['bytes', '00010 100000'],
  dsbh: ['bytes', '00010 100100'], dshd: ['bytes', '00101 100100'],

  // Memory
  lb: ['load', '100000'], lbu: ['load', '100100'], lh: ['load', '100001'], lhu: ['load', '100101'],
  lw: ['load', '100011'], lwu: ['load', '100111'], ld: ['load', '110111'],
  sb: ['store', '101000'], sh: ['store', '101001'], sw: ['store', '101011'], sd: ['store', '111111'],
  ll: ['loadLinked', '110000'], lld: ['loadLinked', '110100'],
  sc: ['storeConditional', '111000'], scd: ['storeConditional', '111100'],
  sync: ['sync', '000000 00000 00000 00000 00000 001111', 'SYNC', '', 'fixed'],

  // Branches and jumps; each is followed by its delay slot
  beq: ['beq {rs:r}, {rt:r}, {label:label}', '000100 rs:5 rt:5 label:s16*4', 'BEQ', 'rr', 'branch'],
  bne: ['bne {rs:r}, {rt:r}, {label:label}', '000101 rs:5 rt:5 label:s16*4', 'BNE', 'rr', 'branch'],
  beqz: ['zeroBranch', '000100 rs:5 00000'], bnez: ['zeroBranch', '000101 rs:5 00000'],
  blez: ['zeroBranch', '000110 rs:5 00000'], bgtz: ['zeroBranch', '000111 rs:5 00000'],
  bltz: ['zeroBranch', '000001 rs:5 00000'], bgez: ['zeroBranch', '000001 rs:5 00001'],
  b: ['b {label:label}', '000100 00000 00000 label:s16*4', 'B', '', 'branch'],
  bal: ['bal {label:label}', '000001 00000 10001 label:s16*4', 'BAL', '', 'branch'],
  jr: ['jr {rs:r}', '000000 rs:5 0000000000 00000 001000', 'JR', 'r', 'branch'],
  jalr: ['jalr {rs:r}', '000000 rs:5 00000 11111 00000 001001', 'JALR', 'r', 'branch'],
  // A delay slot that may be filled, and one that must stay as it is
  nop: ['nop', '000000 00000 00000 00000 00000 000000', 'NOP', '', 'fixed'],
  empty_slot: ['nop', '000000 00000 00000 00000 00000 000000', 'NOP', '', 'fixed'],

  // System: what a runner without a C library needs
  syscall: ['syscall', '000000 00000000000000000000 001100', 'SYSCALL', '', 'fixed'],
  break: ['break', '000000 00000000000000000000 001101', 'BREAK', '', 'fixed'],
  synci: ['synci {offset:d}({base:r})', '000001 base:5 11111 offset:s16', 'SYNCI', '-r', 'fixed'],
} as const;

/**
 * What release 6 has in place of instructions above (MD00087, release 6): results of multiplications and divisions in
 * registers, selections in place of conditional moves, and other encodings of instructions that it keeps, whose rows
 * begin with the name of those.
 */
// prettier-ignore
export const RELEASE6_ROWS = {
  dmul: ['dmul {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00010 011100', 'DMUL', 'wrr'],
  ddiv3: ['ddiv {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00010 011110', 'DDIV', 'wrr'],
  dmod: ['dmod {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00011 011110', 'DMOD', 'wrr'],
  ddivu3: ['ddivu {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00010 011111', 'DDIVU', 'wrr'],
  dmodu: ['dmodu {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00011 011111', 'DMODU', 'wrr'],
  seleqz: ['seleqz {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00000 110101', 'SELEQZ', 'wrr'],
  selnez: ['selnez {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00000 110111', 'SELNEZ', 'wrr'],
  mul_r6: ['mul {rd:r}, {rs:r}, {rt:r}', '000000 rs:5 rt:5 rd:5 00010 011000', 'MUL', 'wrr'],
  jr_r6: ['jr {rs:r}', '000000 rs:5 00000 00000 00000 001001', 'JALR', 'r', 'branch'],
  ll_r6: ['ll {rt:r}, {offset:d}({base:r})', '011111 base:5 rt:5 offset:s9 0 110110', 'LL', 'w-r', 'fixed'],
  lld_r6: ['lld {rt:r}, {offset:d}({base:r})', '011111 base:5 rt:5 offset:s9 0 110111', 'LLD', 'w-r', 'fixed'],
  sc_r6: ['sc {rt:r}, {offset:d}({base:r})', '011111 base:5 rt:5 offset:s9 0 100110', 'SC', 'm-r', 'fixed'],
  scd_r6: ['scd {rt:r}, {offset:d}({base:r})', '011111 base:5 rt:5 offset:s9 0 100111', 'SCD', 'm-r', 'fixed'],
} as const;

export type Release6Name = keyof typeof RELEASE6_ROWS;
export type InstructionName = keyof typeof ROWS;

/** A row with what the encoder, the printer and the peephole passes need. */
export interface MipsForm extends LayoutForm {
  readonly name: InstructionName | Release6Name;
  /** Positions in `operands` of registers that the instruction reads, and of those that it writes. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly effect: Effect;
}

function compileForm(name: InstructionName | Release6Name, row: readonly string[]): MipsForm {
  const [syntax, layoutText, manual, roles, effect = 'none'] =
    row.length === 2 ? SHAPES[row[0] as ShapeName](name, row[1]!) : (row as unknown as Row);
  const branch = branchUse(name as InstructionName, (other) => INSTRUCTIONS[other]);
  return {
    ...layoutForm(name, [syntax, layoutText, manual], branch, undefined),
    reads: positionsOf(roles, 'rm'),
    writes: positionsOf(roles, 'wm'),
    effect,
  };
}

/** All rows, compiled. Load-time proof: each layout has 32 bits and a field for each operand of its syntax. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, MipsForm>> = /* @__PURE__ */ formTable(ROWS, (name) =>
  compileForm(name, ROWS[name]),
);

/** The rows of release 6 only. */
export const RELEASE6: Readonly<Record<Release6Name, MipsForm>> = /* @__PURE__ */ formTable(RELEASE6_ROWS, (name) =>
  compileForm(name, RELEASE6_ROWS[name]),
);
