/**
 * The A32 instructions that compiled programs and the runner use, one row each.
 *
 * A row is syntax, bit layout and section of the ARM Architecture Reference Manual (DDI 0406C) in the manual's names.
 * Almost all have a condition, their first operand; 14 is "always". Fields `k`, `off`, `amount`, `list` and labels are
 * numbers that the encoder turns into the bits of the manual: see `fields.ts`.
 *
 * Operand types: `c` condition, `r` register, `i` immediate, `list` set of registers.
 */
import { type BranchUse, compileLayout, type LayoutForm, operandNames, type RelocationUse } from '@polybpf/jit';
import { branchUse } from './branches.ts';
import { FIELDS, type Packing } from './fields.ts';

type Row = readonly [syntax: string, layout: string, manual: string];

/** Opcode field of data-processing instructions (A5.2). */
const OPCODES = {
  and: '0000', eor: '0001', sub: '0010', rsb: '0011', add: '0100', adc: '0101', sbc: '0110', rsc: '0111',
  tst: '1000', teq: '1001', cmp: '1010', cmn: '1011', orr: '1100', mov: '1101', bic: '1110', mvn: '1111',
} as const; // prettier-ignore

type Opcode = keyof typeof OPCODES;

/** Type field of shifts (A8.4.1). */
const SHIFTS = { lsl: '00', lsr: '01', asr: '10' } as const;

/** Data-processing rows: opcode, with `s` when it sets flags, and the last operand's kind. */
// prettier-ignore
const DATA_PROCESSING = [
  'and_imm', 'ands_imm', 'bic_imm', 'bics_imm', 'eor_imm', 'sub_imm', 'subs_imm', 'rsb_imm', 'rsbs_imm', 'add_imm', 'adds_imm',
  'adc_imm', 'adcs_imm', 'sbc_imm', 'sbcs_imm', 'rsc_imm', 'orr_imm', 'cmp_imm', 'cmn_imm', 'tst_imm', 'mov_imm', 'mvn_imm',
  'and_reg', 'eor_reg', 'sub_reg', 'subs_reg', 'add_reg', 'adds_reg', 'adc_reg', 'adcs_reg', 'sbc_reg', 'sbcs_reg',
  'rsb_reg', 'orr_reg', 'orrs_reg', 'cmp_reg', 'cmp_lsr', 'tst_reg', 'mov_reg', 'mvn_reg', 'bic_reg',
  'mov_lsl', 'mov_lsr', 'mov_asr', 'movs_lsr', 'movs_asr', 'orr_lsl', 'orr_lsr', 'orr_asr', 'add_lsl', 'rsb_lsl', 'sub_lsl', 'sub_asr',
  'eor_lsl', 'eor_lsr', 'eor_asr', 'and_lsl', 'and_lsr', 'add_lsr', 'add_asr', 'sub_lsr',
  'mov_lslr', 'mov_lsrr', 'mov_asrr', 'orr_lslr', 'orr_lsrr', 'orr_asrr',
] as const;

type DataProcessing = (typeof DATA_PROCESSING)[number];

function dataProcessingRow(name: DataProcessing): Row {
  const [mnemonic, kind] = name.split('_') as [string, string];
  const setsFlags = mnemonic.length === 4;
  const opcode = (setsFlags ? mnemonic.slice(0, 3) : mnemonic) as Opcode;
  const compares = opcode === 'cmp' || opcode === 'cmn' || opcode === 'tst' || opcode === 'teq';
  const moves = opcode === 'mov' || opcode === 'mvn';
  const head = compares ? '{Rn:r}' : moves ? '{Rd:r}' : '{Rd:r}, {Rn:r}';
  const flags = setsFlags || compares ? '1' : '0';
  const [rn, rd] = [moves ? '0000' : 'Rn:4', compares ? '0000' : 'Rd:4'];
  const top = (isImmediate: string): string => `c:4 00${isImmediate} ${OPCODES[opcode]} ${flags} ${rn} ${rd}`;
  const text = `${opcode}${setsFlags ? 's' : ''}{c:c} ${head}`;
  const manual = `A8.8, ${opcode.toUpperCase()}`;
  if (kind === 'imm') return [`${text}, {k:k}`, `${top('1')} k:12`, `${manual} (immediate)`];
  if (kind === 'reg') return [`${text}, {Rm:r}`, `${top('0')} 00000 00 0 Rm:4`, `${manual} (register)`];
  const shift = kind.slice(0, 3) as keyof typeof SHIFTS;
  const operand = moves ? '{Rm:r}' : `{Rm:r}, ${shift}`;
  const line = moves ? `${shift}${setsFlags ? 's' : ''}{c:c} ${head}` : text;
  const gap = moves ? ', ' : ' ';
  if (kind.length === 4) return [`${line}, ${operand}${gap}{Rs:r}`, `${top('0')} Rs:4 0 ${SHIFTS[shift]} 1 Rm:4`, `${manual} (register-shifted register)`]; // prettier-ignore
  const amount = shift === 'lsl' ? 'n' : 'amount';
  return [`${line}, ${operand}${gap}{${amount}:i}`, `${top('0')} ${amount}:5 ${SHIFTS[shift]} 0 Rm:4`, `${manual} (register)`]; // prettier-ignore
}

/** A word or byte at base plus offset: bits P, U, B, W, L (A5.3). */
const word = (mnemonic: string, b: 0 | 1, l: 0 | 1): Row => [
  `${mnemonic}{c:c} {Rt:r}, [{Rn:r}, {off:i}]`,
  `c:4 010 1 off:13[12:12] ${b} 0 ${l} Rn:4 Rt:4 off:13[11:0]`,
  `A8.8, ${mnemonic.toUpperCase()} (immediate)`,
];
/** A word or byte at the sum of two registers, the second shifted. */
const wordIndexed = (mnemonic: string, b: 0 | 1, l: 0 | 1): Row => [
  `${mnemonic}{c:c} {Rt:r}, [{Rn:r}, {Rm:r}, lsl {n:i}]`,
  `c:4 011 1 1 ${b} 0 ${l} Rn:4 Rt:4 n:5 00 0 Rm:4`,
  `A8.8, ${mnemonic.toUpperCase()} (register)`,
];
/** A halfword, signed byte or doubleword: the extra load and store instructions (A5.2.8). */
const extra = (mnemonic: string, l: 0 | 1, op: string): Row => [
  `${mnemonic}{c:c} {Rt:r}, [{Rn:r}, {hoff:i}]`,
  `c:4 000 1 hoff:9[8:8] 1 0 ${l} Rn:4 Rt:4 hoff:9[7:4] 1${op}1 hoff:9[3:0]`,
  `A8.8, ${mnemonic.toUpperCase()} (immediate)`,
];
const extraIndexed = (mnemonic: string, l: 0 | 1, op: string): Row => [
  `${mnemonic}{c:c} {Rt:r}, [{Rn:r}, {Rm:r}]`,
  `c:4 000 1 1 0 0 ${l} Rn:4 Rt:4 0000 1${op}1 Rm:4`,
  `A8.8, ${mnemonic.toUpperCase()} (register)`,
];
/** The pair of a doubleword is written in full. */
const pair = (row: Row): Row => [row[0].replace('{Rt:r}, ', '{Rt:r}, {Rt2:r}, '), row[1], row[2]];

/** Names of the rows below. */
// prettier-ignore
const OTHER_NAMES = [
  'movw', 'movt', 'movw_label', 'movt_label', 'movw_symbol', 'movt_symbol', 'mov_rrx', 'mul', 'mla', 'mls', 'umull', 'udiv',
  'sdiv', 'clz', 'rev', 'sxtb', 'sxth', 'uxtb', 'uxth', 'ubfx', 'bfc', 'ldr', 'ldrb', 'str', 'strb', 'ldrh', 'ldrsb',
  'ldrsh', 'strh', 'ldrd', 'strd', 'ldr_idx', 'ldrb_idx', 'str_idx', 'strb_idx', 'ldrh_idx', 'ldrsb_idx', 'ldrsh_idx',
  'strh_idx', 'ldr_post', 'str_pre', 'ldrd_post', 'strd_pre', 'ldm', 'stm', 'push', 'pop', 'ldrex', 'ldrexd', 'strex',
  'strexd', 'dmb', 'b', 'bl', 'bl_symbol', 'bx', 'blx', 'nop', 'svc', 'udf',
] as const;

type OtherName = (typeof OTHER_NAMES)[number];

/** Name -> [syntax, layout, section of the manual]. */
// prettier-ignore
const OTHERS: Readonly<Record<OtherName, Row>> = {
  // Constants and addresses
  movw: ['movw{c:c} {Rd:r}, {imm:i}', 'c:4 00110000 imm:16[15:12] Rd:4 imm:16[11:0]', 'A8.8.102'],
  movt: ['movt{c:c} {Rd:r}, {imm:i}', 'c:4 00110100 imm:16[15:12] Rd:4 imm:16[11:0]', 'A8.8.106'],
  movw_label: ['movw{c:c} {Rd:r}, :lower16:{label:label}-.-16', 'c:4 00110000 label:16[15:12] Rd:4 label:16[11:0]', 'A8.8.102'],
  movt_label: ['movt{c:c} {Rd:r}, :upper16:{label:label}-.-12', 'c:4 00110100 label:16[15:12] Rd:4 label:16[11:0]', 'A8.8.106'],
  movw_symbol: ['movw{c:c} {Rd:r}, :lower16:symbol-.-16', 'c:4 00110000 0000 Rd:4 000000000000', 'A8.8.102'],
  movt_symbol: ['movt{c:c} {Rd:r}, :upper16:symbol-.-12', 'c:4 00110100 0000 Rd:4 000000000000', 'A8.8.106'],
  mov_rrx: ['rrx{c:c} {Rd:r}, {Rm:r}', 'c:4 00011010 0000 Rd:4 00000 11 0 Rm:4', 'A8.8.152'],

  // Multiplication and division
  mul: ['mul{c:c} {Rd:r}, {Rn:r}, {Rm:r}', 'c:4 0000000 0 Rd:4 0000 Rm:4 1001 Rn:4', 'A8.8.114'],
  mla: ['mla{c:c} {Rd:r}, {Rn:r}, {Rm:r}, {Ra:r}', 'c:4 0000001 0 Rd:4 Ra:4 Rm:4 1001 Rn:4', 'A8.8.100'],
  mls: ['mls{c:c} {Rd:r}, {Rn:r}, {Rm:r}, {Ra:r}', 'c:4 00000110 Rd:4 Ra:4 Rm:4 1001 Rn:4', 'A8.8.101'],
  umull: ['umull{c:c} {RdLo:r}, {RdHi:r}, {Rn:r}, {Rm:r}', 'c:4 0000100 0 RdHi:4 RdLo:4 Rm:4 1001 Rn:4', 'A8.8.257'],
  udiv: ['udiv{c:c} {Rd:r}, {Rn:r}, {Rm:r}', 'c:4 01110011 Rd:4 1111 Rm:4 0001 Rn:4', 'A8.8.248'],
  sdiv: ['sdiv{c:c} {Rd:r}, {Rn:r}, {Rm:r}', 'c:4 01110001 Rd:4 1111 Rm:4 0001 Rn:4', 'A8.8.165'],

  // Bits and bytes
  clz: ['clz{c:c} {Rd:r}, {Rm:r}', 'c:4 00010110 1111 Rd:4 1111 0001 Rm:4', 'A8.8.33'],
  rev: ['rev{c:c} {Rd:r}, {Rm:r}', 'c:4 01101011 1111 Rd:4 1111 0011 Rm:4', 'A8.8.145'],
  sxtb: ['sxtb{c:c} {Rd:r}, {Rm:r}', 'c:4 01101010 1111 Rd:4 0000 0111 Rm:4', 'A8.8.233'],
  sxth: ['sxth{c:c} {Rd:r}, {Rm:r}', 'c:4 01101011 1111 Rd:4 0000 0111 Rm:4', 'A8.8.235'],
  uxtb: ['uxtb{c:c} {Rd:r}, {Rm:r}', 'c:4 01101110 1111 Rd:4 0000 0111 Rm:4', 'A8.8.274'],
  uxth: ['uxth{c:c} {Rd:r}, {Rm:r}', 'c:4 01101111 1111 Rd:4 0000 0111 Rm:4', 'A8.8.276'],
  ubfx: ['ubfx{c:c} {Rd:r}, {Rn:r}, {lsb:i}, {width:i}', 'c:4 0111111 width:5+1 Rd:4 lsb:5 101 Rn:4', 'A8.8.246'],
  bfc: ['bfc{c:c} {Rd:r}, {lsb:i}, {count:i}', 'c:4 0111110 count:5 Rd:4 lsb:5 001 1111', 'A8.8.19'],

  // Loads and stores
  ldr: word('ldr', 0, 1),
  ldrb: word('ldrb', 1, 1),
  str: word('str', 0, 0),
  strb: word('strb', 1, 0),
  ldrh: extra('ldrh', 1, '01'),
  ldrsb: extra('ldrsb', 1, '10'),
  ldrsh: extra('ldrsh', 1, '11'),
  strh: extra('strh', 0, '01'),
  ldrd: pair(extra('ldrd', 0, '10')),
  strd: pair(extra('strd', 0, '11')),
  ldr_idx: wordIndexed('ldr', 0, 1),
  ldrb_idx: wordIndexed('ldrb', 1, 1),
  str_idx: wordIndexed('str', 0, 0),
  strb_idx: wordIndexed('strb', 1, 0),
  ldrh_idx: extraIndexed('ldrh', 1, '01'),
  ldrsb_idx: extraIndexed('ldrsb', 1, '10'),
  ldrsh_idx: extraIndexed('ldrsh', 1, '11'),
  strh_idx: extraIndexed('strh', 0, '01'),
  ldr_post: ['ldr{c:c} {Rt:r}, [{Rn:r}], {off:i}', 'c:4 010 0 off:13[12:12] 0 0 1 Rn:4 Rt:4 off:13[11:0]', 'A8.8.63'],
  str_pre: ['str{c:c} {Rt:r}, [{Rn:r}, {off:i}]!', 'c:4 010 1 off:13[12:12] 0 1 0 Rn:4 Rt:4 off:13[11:0]', 'A8.8.204'],
  ldrd_post: ['ldrd{c:c} {Rt:r}, {Rt2:r}, [{Rn:r}], {hoff:i}', 'c:4 000 0 hoff:9[8:8] 1 0 0 Rn:4 Rt:4 hoff:9[7:4] 1101 hoff:9[3:0]', 'A8.8.72'],
  strd_pre: ['strd{c:c} {Rt:r}, {Rt2:r}, [{Rn:r}, {hoff:i}]!', 'c:4 000 1 hoff:9[8:8] 1 1 0 Rn:4 Rt:4 hoff:9[7:4] 1111 hoff:9[3:0]', 'A8.8.210'],
  ldm: ['ldm{c:c} {Rn:r}, {list:list}', 'c:4 100010 0 1 Rn:4 list:16', 'A8.8.58'],
  stm: ['stm{c:c} {Rn:r}, {list:list}', 'c:4 100010 0 0 Rn:4 list:16', 'A8.8.199'],
  push: ['push{c:c} {list:list}', 'c:4 100100 1 0 1101 list:16', 'A8.8.133'],
  pop: ['pop{c:c} {list:list}', 'c:4 100010 1 1 1101 list:16', 'A8.8.131'],

  // Atomics and barriers
  ldrex: ['ldrex{c:c} {Rt:r}, [{Rn:r}]', 'c:4 00011001 Rn:4 Rt:4 111110011111', 'A8.8.75'],
  ldrexd: ['ldrexd{c:c} {Rt:r}, {Rt2:r}, [{Rn:r}]', 'c:4 00011011 Rn:4 Rt:4 111110011111', 'A8.8.77'],
  strex: ['strex{c:c} {Rd:r}, {Rt:r}, [{Rn:r}]', 'c:4 00011000 Rn:4 Rd:4 11111001 Rt:4', 'A8.8.212'],
  strexd: ['strexd{c:c} {Rd:r}, {Rt:r}, {Rt2:r}, [{Rn:r}]', 'c:4 00011010 Rn:4 Rd:4 11111001 Rt:4', 'A8.8.214'],
  dmb: ['dmb ish', '11110101011111111111000001011011', 'A8.8.43'],

  // Branches and calls
  b: ['b{c:c} {label:label}', 'c:4 1010 label:s24*4+8', 'A8.8.18'],
  bl: ['bl{c:c} {label:label}', 'c:4 1011 label:s24*4+8', 'A8.8.25'],
  bl_symbol: ['bl{c:c} symbol', 'c:4 1011 000000000000000000000000', 'A8.8.25'],
  bx: ['bx{c:c} {Rm:r}', 'c:4 000100101111111111110001 Rm:4', 'A8.8.27'],
  blx: ['blx{c:c} {Rm:r}', 'c:4 000100101111111111110011 Rm:4', 'A8.8.26'],

  // System: what a runner without a C library needs
  nop: ['nop{c:c}', 'c:4 0011001000001111000000000000', 'A8.8.119'],
  svc: ['svc{c:c} {imm24:i}', 'c:4 1111 imm24:24', 'A8.8.228'],
  udf: ['udf {imm16:i}', '111001111111 imm16:16[15:4] 1111 imm16:16[3:0]', 'A8.8.247'],
};

export type InstructionName = DataProcessing | OtherName;

/** A row with what encoder and passes need. */
export interface ArmForm extends LayoutForm {
  readonly name: InstructionName;
  /** Positions in `operands` of registers. */
  readonly registersAt: readonly number[];
  /** What makes bits of each operand, where any operand is not its bits itself. */
  readonly packed: readonly (Packing | undefined)[] | undefined;
  /** Position of the second register of a doubleword, which has no field; -1 without. */
  readonly secondAt: number;
  /** Whether the last operands are the place and the size of a bit field. */
  readonly isBitField: boolean;
  /** Of halves of a distance: how far the program counter is ahead of them; else 0. */
  readonly ahead: number;
}

/** Rows whose `symbol` becomes a relocation. Addends are those of A32: the program counter is two instructions ahead. */
const RELOCATIONS: Readonly<Partial<Record<InstructionName, RelocationUse>>> = {
  bl_symbol: { kind: 'R_ARM_CALL', offset: 0, addend: -8 },
  movw_symbol: { kind: 'R_ARM_MOVW_PREL_NC', offset: 0, addend: -16 },
  movt_symbol: { kind: 'R_ARM_MOVT_PREL', offset: 0, addend: -12 },
};

/** What the program counter is ahead of the instruction that adds it, from each half of its constant. */
const AHEAD: Readonly<Partial<Record<InstructionName, number>>> = { movw_label: 16, movt_label: 12 };

/** All rows as text, for the tests of the encoder. */
export const ROWS: Readonly<Record<InstructionName, Row>> = /* @__PURE__ */ {
  ...(Object.fromEntries(DATA_PROCESSING.map((name) => [name, dataProcessingRow(name)])) as Record<
    DataProcessing,
    Row
  >),
  ...OTHERS,
};

/** The operand that a doubleword's second register is: it has no field of its own. */
const SECOND = /\{Rt2:r\}/;

function compileForm(name: InstructionName): ArmForm {
  const [syntax, layoutText, manual] = ROWS[name];
  const layout = compileLayout(name, syntax.replace(SECOND, ''), layoutText);
  const relocation = RELOCATIONS[name];
  const branch: BranchUse | undefined = branchUse(name);
  const operands = operandNames(syntax).filter((operand) => operand !== 'label');
  const secondAt = operands.indexOf('Rt2');
  const packed = operands.map((operand) => FIELDS[operand]);
  return {
    name,
    syntax,
    manual,
    layout,
    registersAt: operands.flatMap((operand, position) => (operand.startsWith('R') ? [position] : [])),
    packed: packed.some((packing) => packing !== undefined) ? packed : undefined,
    secondAt,
    isBitField: name === 'bfc' || name === 'ubfx',
    ahead: AHEAD[name] ?? 0,
    ...(branch === undefined ? {} : { branch }),
    ...(relocation === undefined ? {} : { relocation }),
  };
}

/** All rows, compiled. Load-time proof: each layout has 32 bits and a field for each operand of its syntax. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, ArmForm>> = /* @__PURE__ */ Object.fromEntries(
  [...DATA_PROCESSING, ...OTHER_NAMES].map((name) => [name, compileForm(name)]),
) as Record<InstructionName, ArmForm>;
