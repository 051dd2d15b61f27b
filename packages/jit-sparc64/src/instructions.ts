/**
 * The SPARC V9 instructions that compiled programs and the runner use, one row each.
 *
 * A row is syntax, bit layout, title of the section in appendix A of "The SPARC Architecture Manual, Version 9", and what
 * happens to each operand in the order of the syntax: `w` written, `r` read, `m` both, `-` not a register. A last entry
 * says what else matters to whoever moves instructions about. Syntax is what objdump prints: sources first, result last.
 *
 * Operand types: `r` register, `n` number, `h` number in hexadecimal, `cond` `cc` `rcond` condition, condition codes (0
 * %icc, 2 %xcc) and register condition, `label` code label.
 */
import { formTable, type LayoutForm, layoutForm, positionsOf, type RelocationUse } from '@polybpf/jit';
import { branchUse } from './branches.ts';

/**
 * What an instruction does beside writing registers: access memory, set or read the condition codes, go elsewhere after
 * the next instruction, or anything else that must stay where it is.
 */
export type Effect = 'none' | 'load' | 'store' | 'set-cc' | 'get-cc' | 'delayed' | 'fixed';

type Row = readonly [syntax: string, layout: string, manual: string, roles: string, effect?: Effect];

/** What a row stands for: its name, opcode field and the rest of what differs between rows of one shape. */
type Shape = (name: string, op3: string, other: string) => Row;

/** rd = rs1 op rs2, rd = rs1 op simm13; `other` is the title in the manual. */
const withRegister =
  (effect: Effect): Shape =>
  (name, op3, other) => [`${name} {rs1:r}, {rs2:r}, {rd:r}`, `10 rd:5 ${op3} rs1:5 0 00000000 rs2:5`, other, 'rrw', effect]; // prettier-ignore
const withImmediate =
  (effect: Effect): Shape =>
  (name, op3, other) => [`${name} {rs1:r}, {imm:n}, {rd:r}`, `10 rd:5 ${op3} rs1:5 1 imm:s13`, other, 'r-w', effect];
/** Shifts; `other` is 1 for 64 bits, 0 for 32. */
const shift: Shape = (name, op3, other) => [
  `${name} {rs1:r}, {rs2:r}, {rd:r}`,
  `10 rd:5 ${op3} rs1:5 0 ${other} 0000000 rs2:5`,
  'Shift',
  'rrw',
];
const shiftImmediate: Shape = (name, op3, other) => [
  `${name} {rs1:r}, {shcnt:h}, {rd:r}`,
  `10 rd:5 ${op3} rs1:5 1 ${other === '1' ? '1 000000 shcnt:6' : '0 0000000 shcnt:5'}`,
  'Shift',
  'r-w',
];
/** At [rs1 + simm13] and at [rs1 + rs2]; rd is what a load writes and a store reads. `other` is the mnemonic. */
const load: Shape = (_, op3, other) => [`${other} [ {rs1:r} + {imm:n} ], {rd:r}`, `11 rd:5 ${op3} rs1:5 1 imm:s13`, 'Load Integer', 'r-w', 'load']; // prettier-ignore
const loadIndexed: Shape = (_, op3, other) => [`${other} [ {rs1:r} + {rs2:r} ], {rd:r}`, `11 rd:5 ${op3} rs1:5 0 00000000 rs2:5`, 'Load Integer', 'rrw', 'load']; // prettier-ignore
const store: Shape = (_, op3, other) => [`${other} {rd:r}, [ {rs1:r} + {imm:n} ]`, `11 rd:5 ${op3} rs1:5 1 imm:s13`, 'Store Integer', 'rr-', 'store']; // prettier-ignore
const storeIndexed: Shape = (_, op3, other) => [`${other} {rd:r}, [ {rs1:r} + {rs2:r} ]`, `11 rd:5 ${op3} rs1:5 0 00000000 rs2:5`, 'Store Integer', 'rrr', 'store']; // prettier-ignore
/** Load from [rs1 + rs2] in the other byte order: address space identifier 88, PRIMARY_LITTLE. */
const loadLittle: Shape = (_, op3, other) => [
  `${other} [ {rs1:r} + {rs2:r} ] #ASI_P_L, {rd:r}`,
  `11 rd:5 ${op3} rs1:5 0 10001000 rs2:5`,
  'Load Integer from Alternate Space',
  'rrw',
  'load',
];
/** Compare and swap in address space 80, PRIMARY; objdump leaves the `a` and the address space out. */
const compareAndSwap: Shape = (_, op3, other) => [
  `${other} [ {rs1:r} ], {rs2:r}, {rd:r}`,
  `11 rd:5 ${op3} rs1:5 0 10000000 rs2:5`,
  'Compare and Swap',
  'rrm',
  'fixed',
];

const SHAPES = {
  alu: withRegister('none'),
  alu_imm: withImmediate('none'),
  alucc: withRegister('set-cc'),
  alucc_imm: withImmediate('set-cc'),
  shift,
  shift_imm: shiftImmediate,
  load,
  load_reg: loadIndexed,
  store,
  store_reg: storeIndexed,
  load_little: loadLittle,
  compare_and_swap: compareAndSwap,
} as const satisfies Readonly<Record<string, Shape>>;

/** A row in short: its shape, then the arguments of that. The name is the row's without what follows `_`. */
type ShapedRow = readonly [shape: keyof typeof SHAPES, op3: string, other: string];

/** Name -> row. Displacements of branches count from the branch itself. */
// prettier-ignore
export const ROWS = {
  // Arithmetic and logic
  add: ['alu', '000000', 'Add'], add_imm: ['alu_imm', '000000', 'Add'], sub: ['alu', '000100', 'Subtract'], sub_imm: ['alu_imm', '000100', 'Subtract'],
  and: ['alu', '000001', 'Logical Operations'], and_imm: ['alu_imm', '000001', 'Logical Operations'], andn: ['alu', '000101', 'Logical Operations'], andn_imm: ['alu_imm', '000101', 'Logical Operations'],
  or: ['alu', '000010', 'Logical Operations'], or_imm: ['alu_imm', '000010', 'Logical Operations'], orn: ['alu', '000110', 'Logical Operations'], orn_imm: ['alu_imm', '000110', 'Logical Operations'],
  xor: ['alu', '000011', 'Logical Operations'], xor_imm: ['alu_imm', '000011', 'Logical Operations'], xnor: ['alu', '000111', 'Logical Operations'], xnor_imm: ['alu_imm', '000111', 'Logical Operations'],
  mulx: ['alu', '001001', 'Multiply and Divide (64-bit)'], mulx_imm: ['alu_imm', '001001', 'Multiply and Divide (64-bit)'], udivx: ['alu', '001101', 'Multiply and Divide (64-bit)'], udivx_imm: ['alu_imm', '001101', 'Multiply and Divide (64-bit)'],
  sdivx: ['alu', '101101', 'Multiply and Divide (64-bit)'], sdivx_imm: ['alu_imm', '101101', 'Multiply and Divide (64-bit)'],
  addcc: ['alucc', '010000', 'Add'], addcc_imm: ['alucc_imm', '010000', 'Add'], subcc: ['alucc', '010100', 'Subtract'], subcc_imm: ['alucc_imm', '010100', 'Subtract'],
  andcc: ['alucc', '010001', 'Logical Operations'], andcc_imm: ['alucc_imm', '010001', 'Logical Operations'], orcc: ['alucc', '010010', 'Logical Operations'], orcc_imm: ['alucc_imm', '010010', 'Logical Operations'],
  xorcc: ['alucc', '010011', 'Logical Operations'], xorcc_imm: ['alucc_imm', '010011', 'Logical Operations'], andncc: ['alucc', '010101', 'Logical Operations'], andncc_imm: ['alucc_imm', '010101', 'Logical Operations'],
  mov: ['mov {rs2:r}, {rd:r}', '10 rd:5 000010 00000 0 00000000 rs2:5', 'Logical Operations', 'rw'],
  mov_imm: ['mov {imm:n}, {rd:r}', '10 rd:5 000010 00000 1 imm:s13', 'Logical Operations', '-w'],
  neg: ['neg {rs2:r}, {rd:r}', '10 rd:5 000100 00000 0 00000000 rs2:5', 'Subtract', 'rw'],
  cmp: ['cmp {rs1:r}, {rs2:r}', '10 00000 010100 rs1:5 0 00000000 rs2:5', 'Subtract', 'rr', 'set-cc'],
  cmp_imm: ['cmp {rs1:r}, {imm:n}', '10 00000 010100 rs1:5 1 imm:s13', 'Subtract', 'r-', 'set-cc'],
  btst: ['btst {rs1:r}, {rs2:r}', '10 00000 010001 rs1:5 0 00000000 rs2:5', 'Logical Operations', 'rr', 'set-cc'],
  btst_imm: ['btst {imm:n}, {rs1:r}', '10 00000 010001 rs1:5 1 imm:s13', 'Logical Operations', '-r', 'set-cc'],
  sethi: ['sethi %hi({imm:h}), {rd:r}', '00 rd:5 100 imm:u22*1024', 'SETHI', '-w'],

  // Shifts
  sll: ['shift', '100101', '0'], sll_imm: ['shift_imm', '100101', '0'], srl: ['shift', '100110', '0'], srl_imm: ['shift_imm', '100110', '0'], sra: ['shift', '100111', '0'], sra_imm: ['shift_imm', '100111', '0'],
  sllx: ['shift', '100101', '1'], sllx_imm: ['shift_imm', '100101', '1'], srlx: ['shift', '100110', '1'], srlx_imm: ['shift_imm', '100110', '1'], srax: ['shift', '100111', '1'], srax_imm: ['shift_imm', '100111', '1'],

  // Conditional moves: the condition codes are 0 %icc, 2 %xcc
  movcc: ['mov{cond:cond} {cc:cc}, {rs2:r}, {rd:r}', '10 rd:5 101100 1 cond:4 0 cc:2 000000 rs2:5', 'Move Integer Register on Condition (MOVcc)', '--rm', 'get-cc'],
  movcc_imm: ['mov{cond:cond} {cc:cc}, {imm:n}, {rd:r}', '10 rd:5 101100 1 cond:4 1 cc:2 imm:s11', 'Move Integer Register on Condition (MOVcc)', '---m', 'get-cc'],
  movr: ['movr{rcond:mrcond} {rs1:r}, {rs2:r}, {rd:r}', '10 rd:5 101111 rs1:5 0 rcond:3 00000 rs2:5', 'Move Integer Register on Register Condition (MOVR)', '-rrm'],
  movr_imm: ['movr{rcond:mrcond} {rs1:r}, {imm:n}, {rd:r}', '10 rd:5 101111 rs1:5 1 rcond:3 imm:s10', 'Move Integer Register on Register Condition (MOVR)', '-r-m'],

  // Memory
  ldub: ['load', '000001', 'ldub'], ldub_reg: ['load_reg', '000001', 'ldub'], lduh: ['load', '000010', 'lduh'], lduh_reg: ['load_reg', '000010', 'lduh'], lduw: ['load', '000000', 'ld'], lduw_reg: ['load_reg', '000000', 'ld'], ldx: ['load', '001011', 'ldx'], ldx_reg: ['load_reg', '001011', 'ldx'],
  ldsb: ['load', '001001', 'ldsb'], ldsb_reg: ['load_reg', '001001', 'ldsb'], ldsh: ['load', '001010', 'ldsh'], ldsh_reg: ['load_reg', '001010', 'ldsh'], ldsw: ['load', '001000', 'ldsw'], ldsw_reg: ['load_reg', '001000', 'ldsw'],
  stb: ['store', '000101', 'stb'], stb_reg: ['store_reg', '000101', 'stb'], sth: ['store', '000110', 'sth'], sth_reg: ['store_reg', '000110', 'sth'], stw: ['store', '000100', 'st'], stw_reg: ['store_reg', '000100', 'st'], stx: ['store', '001110', 'stx'], stx_reg: ['store_reg', '001110', 'stx'],
  lduha_little: ['load_little', '010010', 'lduha'], lduwa_little: ['load_little', '010000', 'lda'], ldxa_little: ['load_little', '011011', 'ldxa'],
  casa: ['compare_and_swap', '111100', 'cas'], casxa: ['compare_and_swap', '111110', 'casx'],
  swap: ['swap [ {rs1:r} + {imm:n} ], {rd:r}', '11 rd:5 001111 rs1:5 1 imm:s13', 'Swap Register with Memory', 'r-m', 'fixed'],
  swap_reg: ['swap [ {rs1:r} + {rs2:r} ], {rd:r}', '11 rd:5 001111 rs1:5 0 00000000 rs2:5', 'Swap Register with Memory', 'rrm', 'fixed'],
  flush: ['flush [ {rs1:r} ]', '10 00000 111011 rs1:5 0 00000000 00000', 'Flush Instruction Memory', 'r', 'fixed'],

  // Branches; the next instruction is executed before they take effect. With `_a`, only when they are taken
  bpcc: ['b{cond:cond} {cc:cc}, {label:label}', '00 0 cond:4 001 cc:2 1 label:s19*4', 'Branch on Integer Condition Codes with Prediction (BPcc)', '--', 'delayed'],
  bpcc_a: ['b{cond:cond},a {cc:cc}, {label:label}', '00 1 cond:4 001 cc:2 1 label:s19*4', 'Branch on Integer Condition Codes with Prediction (BPcc)', '--', 'delayed'],
  bpcc_pn: ['b{cond:cond},pn {cc:cc}, {label:label}', '00 0 cond:4 001 cc:2 0 label:s19*4', 'Branch on Integer Condition Codes with Prediction (BPcc)', '--', 'delayed'],
  bpr: ['br{rcond:rcond} {rs1:r}, {label:label}', '00 0 0 rcond:3 011 label:s16*4[15:14] 1 rs1:5 label:s16*4[13:0]', 'Branch on Integer Register with Prediction (BPr)', '-r', 'delayed'],
  bpr_a: ['br{rcond:rcond},a {rs1:r}, {label:label}', '00 1 0 rcond:3 011 label:s16*4[15:14] 1 rs1:5 label:s16*4[13:0]', 'Branch on Integer Register with Prediction (BPr)', '-r', 'delayed'],
  bpr_pn: ['br{rcond:rcond},pn {rs1:r}, {label:label}', '00 0 0 rcond:3 011 label:s16*4[15:14] 0 rs1:5 label:s16*4[13:0]', 'Branch on Integer Register with Prediction (BPr)', '-r', 'delayed'],
  bpr_a_pn: ['br{rcond:rcond},a,pn {rs1:r}, {label:label}', '00 1 0 rcond:3 011 label:s16*4[15:14] 0 rs1:5 label:s16*4[13:0]', 'Branch on Integer Register with Prediction (BPr)', '-r', 'delayed'],
  // Branch always; annulled, it skips the next instruction
  ba: ['b {label:label}', '00 0 1000 010 label:s22*4', 'Branch on Integer Condition Codes (Bicc)', '', 'delayed'],
  ba_a: ['b,a {label:label}', '00 1 1000 010 label:s22*4', 'Branch on Integer Condition Codes (Bicc)', '', 'fixed'],

  // Calls and returns; they write %o7 or read it
  call: ['call {label:label}', '01 label:s30*4', 'Call and Link', '', 'delayed'],
  call_symbol: ['call symbol', '01 000000000000000000000000000000', 'Call and Link', '', 'delayed'],
  call_register: ['call {rs1:r}', '10 01111 111000 rs1:5 0 00000000 00000', 'Jump and Link', 'r', 'delayed'],
  jmp: ['jmp {rs1:r}', '10 00000 111000 rs1:5 0 00000000 00000', 'Jump and Link', 'r', 'delayed'],
  jmp_reg: ['jmp {rs1:r} + {rs2:r}', '10 00000 111000 rs1:5 0 00000000 rs2:5', 'Jump and Link', 'rr', 'delayed'],
  retl: ['retl', '10 00000 111000 01111 1 0000000001000', 'Jump and Link', '', 'delayed'],
  ret: ['ret', '10 00000 111000 11111 1 0000000001000', 'Jump and Link', '', 'delayed'],
  save_imm: ['save {rs1:r}, {imm:n}, {rd:r}', '10 rd:5 111100 rs1:5 1 imm:s13', 'SAVE and RESTORE', 'r-w', 'fixed'],
  restore: ['restore {rs1:r}, {rs2:r}, {rd:r}', '10 rd:5 111101 rs1:5 0 00000000 rs2:5', 'SAVE and RESTORE', 'rrw', 'fixed'],
  restore_imm: ['restore {rs1:r}, {imm:n}, {rd:r}', '10 rd:5 111101 rs1:5 1 imm:s13', 'SAVE and RESTORE', 'r-w', 'fixed'],
  nop: ['nop', '00 00000 100 0000000000000000000000', 'No Operation', '', 'fixed'],

  // Addresses relative to the program counter: a `rd %pc` and what must follow it at once
  rd_pc: ['rd %pc, {rd:r}', '10 rd:5 101000 00101 0 0000000000000', 'Read State Register', 'w', 'fixed'],
  ldx_literal: ['ldx [ {rs1:r} + {label:distance} ], {rd:r}', '11 rd:5 001011 rs1:5 1 label:s13', 'Load Integer', 'rw', 'fixed'],
  add_label: ['add {rs1:r}, {label:distance}, {rd:r}', '10 rd:5 000000 rs1:5 1 label:s13', 'Add', 'rw', 'fixed'],
  sethi_pc22_symbol: ['sethi %pc22(symbol), {rd:r}', '00 rd:5 100 0000000000000000000000', 'SETHI', 'w', 'fixed'],
  or_pc10_symbol: ['or {rs1:r}, %pc10(symbol), {rd:r}', '10 rd:5 000010 rs1:5 1 0000000000000', 'Logical Operations', 'rw', 'fixed'],

  // All windows but the current one to the stack
  flushw: ['flushw', '10 00000 101011 00000 0 00000000 00000', 'Flush Register Windows', '', 'fixed'],

  // System calls of a runner without a C library
  ta: ['ta {imm:h}', '10 01000 111010 00000 1 000000 imm:7', 'Trap on Integer Condition Codes (Tcc)', '-', 'fixed'],
} as const;

export type InstructionName = keyof typeof ROWS;

/** A row with what the encoder, the printer and the peephole passes need. */
export interface SparcForm extends LayoutForm {
  readonly name: InstructionName;
  /** Positions in `operands` of registers that the instruction reads, and of those that it writes. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly effect: Effect;
  /** Position in `operands` of the condition codes, and of a register condition; -1 without. */
  readonly ccAt: number;
  readonly rcondAt: number;
}

/** The fields of addresses and calls that a linker fills; a PC-relative pair counts from the `rd %pc` in front of it. */
const RELOCATION_USES: Readonly<Partial<Record<InstructionName, RelocationUse>>> = {
  call_symbol: { kind: 'R_SPARC_WPLT30', offset: 0, addend: 0 },
  sethi_pc22_symbol: { kind: 'R_SPARC_PC22', offset: 0, addend: 4 },
  or_pc10_symbol: { kind: 'R_SPARC_PC10', offset: 0, addend: 8 },
};

function rowOf(name: InstructionName): Row {
  const row: Row | ShapedRow = ROWS[name];
  if (!isShaped(row)) return row;
  const [shape, op3, other] = row;
  return SHAPES[shape](name.replace(/_.*/, ''), op3, other);
}

function isShaped(row: Row | ShapedRow): row is ShapedRow {
  return row[0] in SHAPES;
}

function compileForm(name: InstructionName): SparcForm {
  const [syntax, layoutText, manual, roles, effect = 'none'] = rowOf(name);
  const branch = branchUse(name, (other) => INSTRUCTIONS[other]);
  const form = layoutForm(name, [syntax, layoutText, manual], branch, RELOCATION_USES[name]);
  const fieldAt = (field: string): number => form.layout.fields.findIndex((other) => other.name === field);
  return {
    ...form,
    reads: positionsOf(roles, 'rm'),
    writes: positionsOf(roles, 'wm'),
    effect,
    ccAt: fieldAt('cc'),
    rcondAt: fieldAt('rcond'),
  };
}

/** All rows, compiled. Load-time proof: each layout has 32 bits and a field for each operand of its syntax. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, SparcForm>> = /* @__PURE__ */ formTable(ROWS, compileForm);
