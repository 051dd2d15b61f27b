/**
 * The instruction table: one row for each Power instruction that the code generator or the runner of `machine` uses.
 * From a row come the encoder, the printer and the encoder tests.
 *
 * Level: Power ISA 2.07 (Power8), what Linux distributions require of ppc64le. A row is syntax, bit layout and title of
 * the instruction in Book I or II of the Power ISA, with the manual's field names. Bits are written most significant
 * first. A name that ends in `_rc` is the form that records its result in condition register field 0 ("Rc=1").
 * Comparisons and conditional branches use that field only.
 *
 * Operand types in a syntax say how an operand is printed and what happens to the register in it:
 *
 * ```text
 *   w   register, written            r   register, read            rw  register, read and written
 *   z   register, read; 0 is none    n   register, read, never 0   nw  register, read and written, never 0
 *   i   signed immediate             u   unsigned immediate
 *   c   condition of a branch        b   bit of a condition field  l   label
 * ```
 *
 * A condition is one of lt, gt, eq, so (4 to 7), or its opposite ge, le, ne, ns (0 to 3): bit 2 says what the tested
 * bit must be, bits 1 and 0 which it is.
 */
import type { Endian } from '@polybpf/isa';
import { formTable, type LayoutForm, layoutForm, operandNames, type RelocationUse } from '@polybpf/jit';
import { branchUse } from './branches.ts';

/** Syntax, layout, title. */
export type Row = readonly [syntax: string, layout: string, title: string];

// prettier-ignore
const ROWS = {
  // Constants, additions
  li: ['li {RT:w},{SI:i}', '001110 RT:5 00000 SI:s16', 'Add Immediate'],
  lis: ['lis {RT:w},{SI:i}', '001111 RT:5 00000 SI:s16', 'Add Immediate Shifted'],
  addi: ['addi {RT:w},{RA:n},{SI:i}', '001110 RT:5 RA:5 SI:s16', 'Add Immediate'],
  addis: ['addis {RT:w},{RA:n},{SI:i}', '001111 RT:5 RA:5 SI:s16', 'Add Immediate Shifted'],
  addic_rc: ['addic. {RT:w},{RA:r},{SI:i}', '001101 RT:5 RA:5 SI:s16', 'Add Immediate Carrying and Record'],
  add: ['add {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 100001010 0', 'Add'],
  add_rc: ['add. {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 100001010 1', 'Add'],
  addze: ['addze {RT:w},{RA:r}', '011111 RT:5 RA:5 00000 0 011001010 0', 'Add to Zero Extended'],
  subf: ['subf {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 000101000 0', 'Subtract From'],
  subf_rc: ['subf. {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 000101000 1', 'Subtract From'],
  neg: ['neg {RT:w},{RA:r}', '011111 RT:5 RA:5 00000 0 001101000 0', 'Negate'],
  neg_rc: ['neg. {RT:w},{RA:r}', '011111 RT:5 RA:5 00000 0 001101000 1', 'Negate'],

  // Multiply and divide
  mulli: ['mulli {RT:w},{RA:r},{SI:i}', '000111 RT:5 RA:5 SI:s16', 'Multiply Low Immediate'],
  mulld: ['mulld {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 011101001 0', 'Multiply Low Doubleword'],
  mullw: ['mullw {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 011101011 0', 'Multiply Low Word'],
  divd: ['divd {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 111101001 0', 'Divide Doubleword'],
  divdu: ['divdu {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 111001001 0', 'Divide Doubleword Unsigned'],
  divw: ['divw {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 111101011 0', 'Divide Word'],
  divwu: ['divwu {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0 111001011 0', 'Divide Word Unsigned'],
  // Power9
  modsd: ['modsd {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 1100001001 0', 'Modulo Signed Doubleword'],
  modsw: ['modsw {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 1100001011 0', 'Modulo Signed Word'],
  modud: ['modud {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0100001001 0', 'Modulo Unsigned Doubleword'],
  moduw: ['moduw {RT:w},{RA:r},{RB:r}', '011111 RT:5 RA:5 RB:5 0100001011 0', 'Modulo Unsigned Word'],

  // Logic
  and: ['and {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0000011100 0', 'AND'],
  and_rc: ['and. {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0000011100 1', 'AND'],
  andc: ['andc {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0000111100 0', 'AND with Complement'],
  andc_rc: ['andc. {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0000111100 1', 'AND with Complement'],
  or: ['or {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0110111100 0', 'OR'],
  or_rc: ['or. {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0110111100 1', 'OR'],
  xor: ['xor {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0100111100 0', 'XOR'],
  xor_rc: ['xor. {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0100111100 1', 'XOR'],
  nor: ['nor {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0001111100 0', 'NOR'],
  nor_rc: ['nor. {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0001111100 1', 'NOR'],
  andi_rc: ['andi. {RA:w},{RS:r},{UI:u}', '011100 RS:5 RA:5 UI:16', 'AND Immediate'],
  andis_rc: ['andis. {RA:w},{RS:r},{UI:u}', '011101 RS:5 RA:5 UI:16', 'AND Immediate Shifted'],
  ori: ['ori {RA:w},{RS:r},{UI:u}', '011000 RS:5 RA:5 UI:16', 'OR Immediate'],
  oris: ['oris {RA:w},{RS:r},{UI:u}', '011001 RS:5 RA:5 UI:16', 'OR Immediate Shifted'],
  xori: ['xori {RA:w},{RS:r},{UI:u}', '011010 RS:5 RA:5 UI:16', 'XOR Immediate'],
  xoris: ['xoris {RA:w},{RS:r},{UI:u}', '011011 RS:5 RA:5 UI:16', 'XOR Immediate Shifted'],
  extsb: ['extsb {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 1110111010 0', 'Extend Sign Byte'],
  extsb_rc: ['extsb. {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 1110111010 1', 'Extend Sign Byte'],
  extsh: ['extsh {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 1110011010 0', 'Extend Sign Halfword'],
  extsh_rc: ['extsh. {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 1110011010 1', 'Extend Sign Halfword'],
  extsw: ['extsw {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 1111011010 0', 'Extend Sign Word'],
  extsw_rc: ['extsw. {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 1111011010 1', 'Extend Sign Word'],

  // Power10
  brd: ['brd {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 0010111011 0', 'Byte-Reverse Doubleword'],
  brh: ['brh {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 0011011011 0', 'Byte-Reverse Halfword'],
  brw: ['brw {RA:w},{RS:r}', '011111 RS:5 RA:5 00000 0010011011 0', 'Byte-Reverse Word'],

  // Rotate and shift
  rldicl: ['rldicl {RA:w},{RS:r},{SH:u},{MB:u}', '011110 RS:5 RA:5 SH:6[4:0] MB:6[4:0] MB:6[5:5] 000 SH:6[5:5] 0', 'Rotate Left Doubleword Immediate then Clear Left'],
  rldicl_rc: ['rldicl. {RA:w},{RS:r},{SH:u},{MB:u}', '011110 RS:5 RA:5 SH:6[4:0] MB:6[4:0] MB:6[5:5] 000 SH:6[5:5] 1', 'Rotate Left Doubleword Immediate then Clear Left'],
  rldicr: ['rldicr {RA:w},{RS:r},{SH:u},{ME:u}', '011110 RS:5 RA:5 SH:6[4:0] ME:6[4:0] ME:6[5:5] 001 SH:6[5:5] 0', 'Rotate Left Doubleword Immediate then Clear Right'],
  rldicr_rc: ['rldicr. {RA:w},{RS:r},{SH:u},{ME:u}', '011110 RS:5 RA:5 SH:6[4:0] ME:6[4:0] ME:6[5:5] 001 SH:6[5:5] 1', 'Rotate Left Doubleword Immediate then Clear Right'],
  rldic: ['rldic {RA:w},{RS:r},{SH:u},{MB:u}', '011110 RS:5 RA:5 SH:6[4:0] MB:6[4:0] MB:6[5:5] 010 SH:6[5:5] 0', 'Rotate Left Doubleword Immediate then Clear'],
  rldic_rc: ['rldic. {RA:w},{RS:r},{SH:u},{MB:u}', '011110 RS:5 RA:5 SH:6[4:0] MB:6[4:0] MB:6[5:5] 010 SH:6[5:5] 1', 'Rotate Left Doubleword Immediate then Clear'],
  rldimi: ['rldimi {RA:rw},{RS:r},{SH:u},{MB:u}', '011110 RS:5 RA:5 SH:6[4:0] MB:6[4:0] MB:6[5:5] 011 SH:6[5:5] 0', 'Rotate Left Doubleword Immediate then Mask Insert'],
  rldcl: ['rldcl {RA:w},{RS:r},{RB:r},{MB:u}', '011110 RS:5 RA:5 RB:5 MB:6[4:0] MB:6[5:5] 1000 0', 'Rotate Left Doubleword then Clear Left'],
  rlwinm: ['rlwinm {RA:w},{RS:r},{SH:u},{MB:u},{ME:u}', '010101 RS:5 RA:5 SH:5 MB:5 ME:5 0', 'Rotate Left Word Immediate then AND with Mask'],
  rlwinm_rc: ['rlwinm. {RA:w},{RS:r},{SH:u},{MB:u},{ME:u}', '010101 RS:5 RA:5 SH:5 MB:5 ME:5 1', 'Rotate Left Word Immediate then AND with Mask'],
  rlwimi: ['rlwimi {RA:rw},{RS:r},{SH:u},{MB:u},{ME:u}', '010100 RS:5 RA:5 SH:5 MB:5 ME:5 0', 'Rotate Left Word Immediate then Mask Insert'],
  rlwnm: ['rlwnm {RA:w},{RS:r},{RB:r},{MB:u},{ME:u}', '010111 RS:5 RA:5 RB:5 MB:5 ME:5 0', 'Rotate Left Word then AND with Mask'],
  sld: ['sld {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0000011011 0', 'Shift Left Doubleword'],
  srd: ['srd {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 1000011011 0', 'Shift Right Doubleword'],
  srad: ['srad {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 1100011010 0', 'Shift Right Algebraic Doubleword'],
  sradi: ['sradi {RA:w},{RS:r},{SH:u}', '011111 RS:5 RA:5 SH:6[4:0] 110011101 SH:6[5:5] 0', 'Shift Right Algebraic Doubleword Immediate'],
  sradi_rc: ['sradi. {RA:w},{RS:r},{SH:u}', '011111 RS:5 RA:5 SH:6[4:0] 110011101 SH:6[5:5] 1', 'Shift Right Algebraic Doubleword Immediate'],
  slw: ['slw {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 0000011000 0', 'Shift Left Word'],
  srw: ['srw {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 1000011000 0', 'Shift Right Word'],
  sraw: ['sraw {RA:w},{RS:r},{RB:r}', '011111 RS:5 RA:5 RB:5 1100011000 0', 'Shift Right Algebraic Word'],
  srawi: ['srawi {RA:w},{RS:r},{SH:u}', '011111 RS:5 RA:5 SH:5 1100111000 0', 'Shift Right Algebraic Word Immediate'],

  // Comparisons, selection
  cmpd: ['cmpd {RA:r},{RB:r}', '011111 000 0 1 RA:5 RB:5 0000000000 0', 'Compare'],
  cmpw: ['cmpw {RA:r},{RB:r}', '011111 000 0 0 RA:5 RB:5 0000000000 0', 'Compare'],
  cmpld: ['cmpld {RA:r},{RB:r}', '011111 000 0 1 RA:5 RB:5 0000100000 0', 'Compare Logical'],
  cmplw: ['cmplw {RA:r},{RB:r}', '011111 000 0 0 RA:5 RB:5 0000100000 0', 'Compare Logical'],
  cmpdi: ['cmpdi {RA:r},{SI:i}', '001011 000 0 1 RA:5 SI:s16', 'Compare Immediate'],
  cmpwi: ['cmpwi {RA:r},{SI:i}', '001011 000 0 0 RA:5 SI:s16', 'Compare Immediate'],
  cmpldi: ['cmpldi {RA:r},{UI:u}', '001010 000 0 1 RA:5 UI:16', 'Compare Logical Immediate'],
  cmplwi: ['cmplwi {RA:r},{UI:u}', '001010 000 0 0 RA:5 UI:16', 'Compare Logical Immediate'],
  isel: ['isel{bit:b} {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 000 bit:2 01111 0', 'Integer Select'],

  // Branches
  b: ['b {label:l}', '010010 label:s24*4 0 0', 'Branch'],
  bl: ['bl {label:l}', '010010 label:s24*4 0 1', 'Branch'],
  bl_symbol_v1: ['bl symbol', '010010 000000000000000000000000 0 1', 'Branch'],
  bl_symbol: ['bl symbol@notoc', '010010 000000000000000000000000 0 1', 'Branch'],
  bc: ['b{cond:c} {label:l}', '010000 0 cond:3[2:2] 100 000 cond:3[1:0] label:s14*4 0 0', 'Branch Conditional'],
  bclr: ['b{cond:c}lr', '010011 0 cond:3[2:2] 100 000 cond:3[1:0] 000 00 0000010000 0', 'Branch Conditional to Link Register'],
  blr: ['blr', '010011 10100 00000 000 00 0000010000 0', 'Branch Conditional to Link Register'],
  bctr: ['bctr', '010011 10100 00000 000 00 1000010000 0', 'Branch Conditional to Count Register'],
  bctrl: ['bctrl', '010011 10100 00000 000 00 1000010000 1', 'Branch Conditional to Count Register'],
  // The address of the next instruction to the link register; predictors know this form and leave their stack alone.
  bcl_next: ['bcl 20,4*cr7+so,.+4', '010000 10100 11111 00000000000001 0 1', 'Branch Conditional'],
  // The address of a label, from that of the instruction before, which is in RA.
  addi_label: ['addi {RT:w},{RA:n},{label:l}-.+4', '001110 RT:5 RA:5 label:s16', 'Add Immediate'],
  mflr: ['mflr {RT:w}', '011111 RT:5 01000 00000 0101010011 0', 'Move From Special Purpose Register'],
  mtlr: ['mtlr {RS:r}', '011111 RS:5 01000 00000 0111010011 0', 'Move To Special Purpose Register'],
  mtctr: ['mtctr {RS:r}', '011111 RS:5 01001 00000 0111010011 0', 'Move To Special Purpose Register'],

  // Loads and stores with a displacement; that of ld, lwa, std and stdu is a multiple of 4
  lbz: ['lbz {RT:w},{D:i}({RA:z})', '100010 RT:5 RA:5 D:s16', 'Load Byte and Zero'],
  lhz: ['lhz {RT:w},{D:i}({RA:z})', '101000 RT:5 RA:5 D:s16', 'Load Halfword and Zero'],
  lha: ['lha {RT:w},{D:i}({RA:z})', '101010 RT:5 RA:5 D:s16', 'Load Halfword Algebraic'],
  lwz: ['lwz {RT:w},{D:i}({RA:z})', '100000 RT:5 RA:5 D:s16', 'Load Word and Zero'],
  lwa: ['lwa {RT:w},{DS:i}({RA:z})', '111010 RT:5 RA:5 DS:s14*4 10', 'Load Word Algebraic'],
  ld: ['ld {RT:w},{DS:i}({RA:z})', '111010 RT:5 RA:5 DS:s14*4 00', 'Load Doubleword'],
  stb: ['stb {RS:r},{D:i}({RA:z})', '100110 RS:5 RA:5 D:s16', 'Store Byte'],
  sth: ['sth {RS:r},{D:i}({RA:z})', '101100 RS:5 RA:5 D:s16', 'Store Halfword'],
  stw: ['stw {RS:r},{D:i}({RA:z})', '100100 RS:5 RA:5 D:s16', 'Store Word'],
  std: ['std {RS:r},{DS:i}({RA:z})', '111110 RS:5 RA:5 DS:s14*4 00', 'Store Doubleword'],
  stdu: ['stdu {RS:r},{DS:i}({RA:nw})', '111110 RS:5 RA:5 DS:s14*4 01', 'Store Doubleword with Update'],

  // Loads and stores with an index; those with bytes reversed have no other form
  lbzx: ['lbzx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0001010111 0', 'Load Byte and Zero Indexed'],
  lhzx: ['lhzx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0100010111 0', 'Load Halfword and Zero Indexed'],
  lhax: ['lhax {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0101010111 0', 'Load Halfword Algebraic Indexed'],
  lwzx: ['lwzx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0000010111 0', 'Load Word and Zero Indexed'],
  lwax: ['lwax {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0101010101 0', 'Load Word Algebraic Indexed'],
  ldx: ['ldx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0000010101 0', 'Load Doubleword Indexed'],
  stbx: ['stbx {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 0011010111 0', 'Store Byte Indexed'],
  sthx: ['sthx {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 0110010111 0', 'Store Halfword Indexed'],
  stwx: ['stwx {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 0010010111 0', 'Store Word Indexed'],
  stdx: ['stdx {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 0010010101 0', 'Store Doubleword Indexed'],
  lhbrx: ['lhbrx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 1100010110 0', 'Load Halfword Byte-Reverse Indexed'],
  lwbrx: ['lwbrx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 1000010110 0', 'Load Word Byte-Reverse Indexed'],
  ldbrx: ['ldbrx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 1000010100 0', 'Load Doubleword Byte-Reverse Indexed'],
  sthbrx: ['sthbrx {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 1110010110 0', 'Store Halfword Byte-Reverse Indexed'],
  stwbrx: ['stwbrx {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 1010010110 0', 'Store Word Byte-Reverse Indexed'],
  stdbrx: ['stdbrx {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 1010010100 0', 'Store Doubleword Byte-Reverse Indexed'],

  // Atomic updates and order
  lwarx: ['lwarx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0000010100 0', 'Load Word And Reserve Indexed'],
  ldarx: ['ldarx {RT:w},{RA:z},{RB:r}', '011111 RT:5 RA:5 RB:5 0001010100 0', 'Load Doubleword And Reserve Indexed'],
  stwcx_rc: ['stwcx. {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 0010010110 1', 'Store Word Conditional Indexed'],
  stdcx_rc: ['stdcx. {RS:r},{RA:z},{RB:r}', '011111 RS:5 RA:5 RB:5 0011010110 1', 'Store Doubleword Conditional Indexed'],
  sync: ['sync', '011111 000 00 00000 00000 1001010110 0', 'Synchronize'],
  lwsync: ['lwsync', '011111 000 01 00000 00000 1001010110 0', 'Synchronize'],

  // What a runner without a C library needs
  isync: ['isync', '010011 00000 00000 00000 0010010110 0', 'Instruction Synchronize'],
  dcbst: ['dcbst {RA:z},{RB:r}', '011111 00000 RA:5 RB:5 0000110110 0', 'Data Cache Block Store'],
  icbi: ['icbi {RA:z},{RB:r}', '011111 00000 RA:5 RB:5 1111010110 0', 'Instruction Cache Block Invalidate'],
  sc: ['sc', '010001 00000 00000 0000 0000000 000 1 0', 'System Call'],
  trap: ['trap', '011111 11111 00000 00000 0000000100 0', 'Trap Word'],
  nop: ['nop', '011000 00000 00000 0000000000000000', 'OR Immediate'],
} as const;

export type InstructionName = keyof typeof ROWS;

/** How an instruction uses the register in one operand. */
export type RegisterUse = 'write' | 'read' | 'readwrite' | 'none';

/** A row with what the encoder, the printer and the peephole passes need. */
export interface Ppc64Form extends LayoutForm {
  /** For each operand of a node, in order. */
  readonly uses: readonly RegisterUse[];
  /** Whether the instruction writes condition register field 0. */
  readonly setsCondition: boolean;
  /** Position of the operand that may be any register but 0, or -1. */
  readonly nonZero: number;
}

const USES: Readonly<Record<string, RegisterUse>> = {
  w: 'write',
  r: 'read',
  z: 'read',
  n: 'read',
  rw: 'readwrite',
  nw: 'readwrite',
};

/** A call whose callee may need no table of contents in r2, and may destroy it (R_PPC64_REL24_P9NOTOC). */
const CALLS: Readonly<Record<string, RelocationUse>> = {
  bl_symbol: { kind: 'rel24_p9notoc', offset: 0, addend: 0 },
  bl_symbol_v1: { kind: 'rel24', offset: 0, addend: 0 },
};

function makeForm(name: string, [syntax, layout, title]: Row): Ppc64Form {
  const types = new Map([...syntax.matchAll(/\{(\w+):(\w+)\}/g)].map(([, operand, type]) => [operand!, type!]));
  const operands = operandNames(syntax).filter((operand) => operand !== 'label');
  const branch = branchUse(name, (other) => INSTRUCTIONS[other]);
  return {
    ...layoutForm(name, [syntax, layout, `Power ISA 2.07 ${title}`], branch, CALLS[name]),
    uses: operands.map((operand) => USES[types.get(operand)!] ?? 'none'),
    setsCondition: name.endsWith('_rc') || name.startsWith('cmp'),
    nonZero: operands.findIndex((operand) => types.get(operand)!.startsWith('n')),
  };
}

/** All rows, compiled. Load-time proof: each layout has 32 bits and a field for each operand of its syntax. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, Ppc64Form>> = /* @__PURE__ */ formTable(ROWS, (name) =>
  makeForm(name, ROWS[name]),
);

/** The two instructions that add the distance of a symbol to the address of the instruction before the first of them. */
export interface SymbolForms {
  readonly addis_symbol: Ppc64Form;
  readonly addi_symbol: Ppc64Form;
}

// prettier-ignore
const SYMBOL_ROWS = {
  addis_symbol: ['addis {RT:w},{RA:n},(symbol-.+4)@ha', '001111 RT:5 RA:5 0000000000000000', 'Add Immediate Shifted'],
  addi_symbol: ['addi {RT:w},{RA:n},(symbol-.+8)@l', '001110 RT:5 RA:5 0000000000000000', 'Add Immediate'],
} as const;

/**
 * The relocated field is the halfword of the immediate, which comes second in a big-endian word and first in a
 * little-endian one. Its distances count from itself: the addends bring them back to the instruction before `addis`.
 */
function makeSymbolForms(immediate: number): SymbolForms {
  const form = (name: keyof SymbolForms, kind: string, distance: number): Ppc64Form => ({
    ...makeForm(name, SYMBOL_ROWS[name]),
    relocation: { kind, offset: immediate, addend: distance + immediate },
  });
  return { addis_symbol: form('addis_symbol', 'rel16_ha', 4), addi_symbol: form('addi_symbol', 'rel16_lo', 8) };
}

export const SYMBOL_FORMS: Readonly<Record<Endian, SymbolForms>> = {
  little: /* @__PURE__ */ makeSymbolForms(0),
  big: /* @__PURE__ */ makeSymbolForms(2),
};
