/**
 * The LoongArch instructions that compiled programs and the runner use, one row each: the basic integer instructions of
 * LA64 v1.0.
 *
 * A row is syntax, bit layout and section of the LoongArch Reference Manual, Volume 1, in the manual's names. A fourth entry
 * names the operands that an instruction writes when that is not just rd.
 *
 * `la_pcrel` takes eight bytes: two instructions that reach 2 GiB either way together. Its bytes are made in encoder.ts.
 *
 * Operand types: `r` register, `d` decimal.
 */
import { compileRows, type RowForm } from '@polybpf/jit';
import { branchUse } from './branches.ts';

/** Name -> [syntax, layout, section of the manual, written operands]. */
// prettier-ignore
export const ROWS = {
  // Constants and addresses
  lu12i_w: ['lu12i.w {rd:r}, {imm:d}', '0001010 imm:s20 rd:5', '2.2.1, arithmetic'],
  lu32i_d: ['lu32i.d {rd:r}, {imm:d}', '0001011 imm:s20 rd:5', '2.2.1, arithmetic'],
  lu52i_d: ['lu52i.d {rd:r}, {rj:r}, {imm:d}', '0000001100 imm:s12 rj:5 rd:5', '2.2.1, arithmetic'],
  pcaddi: ['pcaddi {rd:r}, {label:label}', '0001100 label:s20*4 rd:5', '2.2.1, arithmetic'],
  la_pcrel: ['la.pcrel {rd:r}, {label:label}', '', '2.2.1, arithmetic'],
  pcalau12i_symbol: ['pcalau12i {rd:r}, symbol', '0001101 00000000000000000000 rd:5', '2.2.1, arithmetic'],
  addi_symbol: ['addi.d {rd:r}, {rj:r}, symbol', '0000001011 000000000000 rj:5 rd:5', '2.2.1, arithmetic'],

  // Register and immediate
  addi_w: ['addi.w {rd:r}, {rj:r}, {imm:d}', '0000001010 imm:s12 rj:5 rd:5', '2.2.1, arithmetic'],
  addi_d: ['addi.d {rd:r}, {rj:r}, {imm:d}', '0000001011 imm:s12 rj:5 rd:5', '2.2.1, arithmetic'],
  addu16i_d: ['addu16i.d {rd:r}, {rj:r}, {imm:d}', '000100 imm:s16 rj:5 rd:5', '2.2.1, arithmetic'],
  slti: ['slti {rd:r}, {rj:r}, {imm:d}', '0000001000 imm:s12 rj:5 rd:5', '2.2.1, arithmetic'],
  sltui: ['sltui {rd:r}, {rj:r}, {imm:d}', '0000001001 imm:s12 rj:5 rd:5', '2.2.1, arithmetic'],
  andi: ['andi {rd:r}, {rj:r}, {imm:d}', '0000001101 imm:u12 rj:5 rd:5', '2.2.1, arithmetic'],
  ori: ['ori {rd:r}, {rj:r}, {imm:d}', '0000001110 imm:u12 rj:5 rd:5', '2.2.1, arithmetic'],
  xori: ['xori {rd:r}, {rj:r}, {imm:d}', '0000001111 imm:u12 rj:5 rd:5', '2.2.1, arithmetic'],
  slli_w: ['slli.w {rd:r}, {rj:r}, {imm:d}', '00000000010000001 imm:5 rj:5 rd:5', '2.2.2, bit shift'],
  srli_w: ['srli.w {rd:r}, {rj:r}, {imm:d}', '00000000010001001 imm:5 rj:5 rd:5', '2.2.2, bit shift'],
  srai_w: ['srai.w {rd:r}, {rj:r}, {imm:d}', '00000000010010001 imm:5 rj:5 rd:5', '2.2.2, bit shift'],
  slli_d: ['slli.d {rd:r}, {rj:r}, {imm:d}', '0000000001000001 imm:6 rj:5 rd:5', '2.2.2, bit shift'],
  srli_d: ['srli.d {rd:r}, {rj:r}, {imm:d}', '0000000001000101 imm:6 rj:5 rd:5', '2.2.2, bit shift'],
  srai_d: ['srai.d {rd:r}, {rj:r}, {imm:d}', '0000000001001001 imm:6 rj:5 rd:5', '2.2.2, bit shift'],

  // Bits and bytes
  ext_w_h: ['ext.w.h {rd:r}, {rj:r}', '0000000000000000010110 rj:5 rd:5', '2.2.3, bit manipulation'],
  ext_w_b: ['ext.w.b {rd:r}, {rj:r}', '0000000000000000010111 rj:5 rd:5', '2.2.3, bit manipulation'],
  revb_2h: ['revb.2h {rd:r}, {rj:r}', '0000000000000000001100 rj:5 rd:5', '2.2.3, bit manipulation'],
  revb_2w: ['revb.2w {rd:r}, {rj:r}', '0000000000000000001110 rj:5 rd:5', '2.2.3, bit manipulation'],
  revb_d: ['revb.d {rd:r}, {rj:r}', '0000000000000000001111 rj:5 rd:5', '2.2.3, bit manipulation'],
  bstrins_d: ['bstrins.d {rd:r}, {rj:r}, {msb:d}, {lsb:d}', '0000000010 msb:6 lsb:6 rj:5 rd:5', '2.2.3, bit manipulation'],
  bstrpick_d: ['bstrpick.d {rd:r}, {rj:r}, {msb:d}, {lsb:d}', '0000000011 msb:6 lsb:6 rj:5 rd:5', '2.2.3, bit manipulation'],

  // Register and register
  add_w: ['add.w {rd:r}, {rj:r}, {rk:r}', '00000000000100000 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  add_d: ['add.d {rd:r}, {rj:r}, {rk:r}', '00000000000100001 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  sub_w: ['sub.w {rd:r}, {rj:r}, {rk:r}', '00000000000100010 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  sub_d: ['sub.d {rd:r}, {rj:r}, {rk:r}', '00000000000100011 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  // The field holds one less than the shift.
  alsl_d: ['alsl.d {rd:r}, {rj:r}, {rk:r}, {sa:d}', '000000000010110 sa:2+1 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  sltu: ['sltu {rd:r}, {rj:r}, {rk:r}', '00000000000100101 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  maskeqz: ['maskeqz {rd:r}, {rj:r}, {rk:r}', '00000000000100110 rk:5 rj:5 rd:5', '2.2.3, bit manipulation'],
  nor: ['nor {rd:r}, {rj:r}, {rk:r}', '00000000000101000 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  and: ['and {rd:r}, {rj:r}, {rk:r}', '00000000000101001 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  or: ['or {rd:r}, {rj:r}, {rk:r}', '00000000000101010 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  xor: ['xor {rd:r}, {rj:r}, {rk:r}', '00000000000101011 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  andn: ['andn {rd:r}, {rj:r}, {rk:r}', '00000000000101101 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  sll_w: ['sll.w {rd:r}, {rj:r}, {rk:r}', '00000000000101110 rk:5 rj:5 rd:5', '2.2.2, bit shift'],
  srl_w: ['srl.w {rd:r}, {rj:r}, {rk:r}', '00000000000101111 rk:5 rj:5 rd:5', '2.2.2, bit shift'],
  sra_w: ['sra.w {rd:r}, {rj:r}, {rk:r}', '00000000000110000 rk:5 rj:5 rd:5', '2.2.2, bit shift'],
  sll_d: ['sll.d {rd:r}, {rj:r}, {rk:r}', '00000000000110001 rk:5 rj:5 rd:5', '2.2.2, bit shift'],
  srl_d: ['srl.d {rd:r}, {rj:r}, {rk:r}', '00000000000110010 rk:5 rj:5 rd:5', '2.2.2, bit shift'],
  sra_d: ['sra.d {rd:r}, {rj:r}, {rk:r}', '00000000000110011 rk:5 rj:5 rd:5', '2.2.2, bit shift'],
  mul_w: ['mul.w {rd:r}, {rj:r}, {rk:r}', '00000000000111000 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  mul_d: ['mul.d {rd:r}, {rj:r}, {rk:r}', '00000000000111011 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  div_wu: ['div.wu {rd:r}, {rj:r}, {rk:r}', '00000000001000010 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  mod_wu: ['mod.wu {rd:r}, {rj:r}, {rk:r}', '00000000001000011 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  div_d: ['div.d {rd:r}, {rj:r}, {rk:r}', '00000000001000100 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  mod_d: ['mod.d {rd:r}, {rj:r}, {rk:r}', '00000000001000101 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  div_du: ['div.du {rd:r}, {rj:r}, {rk:r}', '00000000001000110 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],
  mod_du: ['mod.du {rd:r}, {rj:r}, {rk:r}', '00000000001000111 rk:5 rj:5 rd:5', '2.2.1, arithmetic'],

  // Branches and jumps
  beq: ['beq {rj:r}, {rd:r}, {label:label}', '010110 label:s16*4 rj:5 rd:5', '2.2.4, branch', ''],
  bne: ['bne {rj:r}, {rd:r}, {label:label}', '010111 label:s16*4 rj:5 rd:5', '2.2.4, branch', ''],
  blt: ['blt {rj:r}, {rd:r}, {label:label}', '011000 label:s16*4 rj:5 rd:5', '2.2.4, branch', ''],
  bge: ['bge {rj:r}, {rd:r}, {label:label}', '011001 label:s16*4 rj:5 rd:5', '2.2.4, branch', ''],
  bltu: ['bltu {rj:r}, {rd:r}, {label:label}', '011010 label:s16*4 rj:5 rd:5', '2.2.4, branch', ''],
  bgeu: ['bgeu {rj:r}, {rd:r}, {label:label}', '011011 label:s16*4 rj:5 rd:5', '2.2.4, branch', ''],
  beqz: ['beqz {rj:r}, {label:label}', '010000 label:s21*4[15:0] rj:5 label:s21*4[20:16]', '2.2.4, branch', ''],
  bnez: ['bnez {rj:r}, {label:label}', '010001 label:s21*4[15:0] rj:5 label:s21*4[20:16]', '2.2.4, branch', ''],
  b: ['b {label:label}', '010100 label:s26*4[15:0] label:s26*4[25:16]', '2.2.4, branch', ''],
  bl: ['bl {label:label}', '010101 label:s26*4[15:0] label:s26*4[25:16]', '2.2.4, branch', ''],
  bl_symbol: ['bl symbol', '010101 0000000000000000 0000000000', '2.2.4, branch', ''],
  jirl: ['jirl {rd:r}, {rj:r}, {imm:d}', '010011 imm:s16*4 rj:5 rd:5', '2.2.4, branch'],

  // Loads and stores
  ld_b: ['ld.b {rd:r}, {rj:r}, {imm:d}', '0010100000 imm:s12 rj:5 rd:5', '2.2.5, memory access'],
  ld_h: ['ld.h {rd:r}, {rj:r}, {imm:d}', '0010100001 imm:s12 rj:5 rd:5', '2.2.5, memory access'],
  ld_w: ['ld.w {rd:r}, {rj:r}, {imm:d}', '0010100010 imm:s12 rj:5 rd:5', '2.2.5, memory access'],
  ld_d: ['ld.d {rd:r}, {rj:r}, {imm:d}', '0010100011 imm:s12 rj:5 rd:5', '2.2.5, memory access'],
  ld_bu: ['ld.bu {rd:r}, {rj:r}, {imm:d}', '0010101000 imm:s12 rj:5 rd:5', '2.2.5, memory access'],
  ld_hu: ['ld.hu {rd:r}, {rj:r}, {imm:d}', '0010101001 imm:s12 rj:5 rd:5', '2.2.5, memory access'],
  ld_wu: ['ld.wu {rd:r}, {rj:r}, {imm:d}', '0010101010 imm:s12 rj:5 rd:5', '2.2.5, memory access'],
  st_b: ['st.b {rd:r}, {rj:r}, {imm:d}', '0010100100 imm:s12 rj:5 rd:5', '2.2.5, memory access', ''],
  st_h: ['st.h {rd:r}, {rj:r}, {imm:d}', '0010100101 imm:s12 rj:5 rd:5', '2.2.5, memory access', ''],
  st_w: ['st.w {rd:r}, {rj:r}, {imm:d}', '0010100110 imm:s12 rj:5 rd:5', '2.2.5, memory access', ''],
  st_d: ['st.d {rd:r}, {rj:r}, {imm:d}', '0010100111 imm:s12 rj:5 rd:5', '2.2.5, memory access', ''],
  ldptr_w: ['ldptr.w {rd:r}, {rj:r}, {imm:d}', '00100100 imm:s14*4 rj:5 rd:5', '2.2.5, memory access'],
  ldptr_d: ['ldptr.d {rd:r}, {rj:r}, {imm:d}', '00100110 imm:s14*4 rj:5 rd:5', '2.2.5, memory access'],
  stptr_w: ['stptr.w {rd:r}, {rj:r}, {imm:d}', '00100101 imm:s14*4 rj:5 rd:5', '2.2.5, memory access', ''],
  stptr_d: ['stptr.d {rd:r}, {rj:r}, {imm:d}', '00100111 imm:s14*4 rj:5 rd:5', '2.2.5, memory access', ''],
  ldx_b: ['ldx.b {rd:r}, {rj:r}, {rk:r}', '00111000000000000 rk:5 rj:5 rd:5', '2.2.5, memory access'],
  ldx_h: ['ldx.h {rd:r}, {rj:r}, {rk:r}', '00111000000001000 rk:5 rj:5 rd:5', '2.2.5, memory access'],
  ldx_w: ['ldx.w {rd:r}, {rj:r}, {rk:r}', '00111000000010000 rk:5 rj:5 rd:5', '2.2.5, memory access'],
  ldx_d: ['ldx.d {rd:r}, {rj:r}, {rk:r}', '00111000000011000 rk:5 rj:5 rd:5', '2.2.5, memory access'],
  ldx_bu: ['ldx.bu {rd:r}, {rj:r}, {rk:r}', '00111000001000000 rk:5 rj:5 rd:5', '2.2.5, memory access'],
  ldx_hu: ['ldx.hu {rd:r}, {rj:r}, {rk:r}', '00111000001001000 rk:5 rj:5 rd:5', '2.2.5, memory access'],
  ldx_wu: ['ldx.wu {rd:r}, {rj:r}, {rk:r}', '00111000001010000 rk:5 rj:5 rd:5', '2.2.5, memory access'],
  stx_b: ['stx.b {rd:r}, {rj:r}, {rk:r}', '00111000000100000 rk:5 rj:5 rd:5', '2.2.5, memory access', ''],
  stx_h: ['stx.h {rd:r}, {rj:r}, {rk:r}', '00111000000101000 rk:5 rj:5 rd:5', '2.2.5, memory access', ''],
  stx_w: ['stx.w {rd:r}, {rj:r}, {rk:r}', '00111000000110000 rk:5 rj:5 rd:5', '2.2.5, memory access', ''],
  stx_d: ['stx.d {rd:r}, {rj:r}, {rk:r}', '00111000000111000 rk:5 rj:5 rd:5', '2.2.5, memory access', ''],

  // Atomics, with the barrier that makes them sequentially consistent. rd, unless it is zero, is neither of the others.
  amswap_db_w: ['amswap_db.w {rd:r}, {rk:r}, {rj:r}', '00111000011010010 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amswap_db_d: ['amswap_db.d {rd:r}, {rk:r}, {rj:r}', '00111000011010011 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amadd_db_w: ['amadd_db.w {rd:r}, {rk:r}, {rj:r}', '00111000011010100 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amadd_db_d: ['amadd_db.d {rd:r}, {rk:r}, {rj:r}', '00111000011010101 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amand_db_w: ['amand_db.w {rd:r}, {rk:r}, {rj:r}', '00111000011010110 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amand_db_d: ['amand_db.d {rd:r}, {rk:r}, {rj:r}', '00111000011010111 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amor_db_w: ['amor_db.w {rd:r}, {rk:r}, {rj:r}', '00111000011011000 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amor_db_d: ['amor_db.d {rd:r}, {rk:r}, {rj:r}', '00111000011011001 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amxor_db_w: ['amxor_db.w {rd:r}, {rk:r}, {rj:r}', '00111000011011010 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  amxor_db_d: ['amxor_db.d {rd:r}, {rk:r}, {rj:r}', '00111000011011011 rk:5 rj:5 rd:5', '2.2.7, atomic memory access'],
  ll_w: ['ll.w {rd:r}, {rj:r}, {imm:d}', '00100000 imm:s14*4 rj:5 rd:5', '2.2.7, atomic memory access'],
  ll_d: ['ll.d {rd:r}, {rj:r}, {imm:d}', '00100010 imm:s14*4 rj:5 rd:5', '2.2.7, atomic memory access'],
  sc_w: ['sc.w {rd:r}, {rj:r}, {imm:d}', '00100001 imm:s14*4 rj:5 rd:5', '2.2.7, atomic memory access'],
  sc_d: ['sc.d {rd:r}, {rj:r}, {imm:d}', '00100011 imm:s14*4 rj:5 rd:5', '2.2.7, atomic memory access'],
  dbar: ['dbar {hint:d}', '00111000011100100 hint:15', '2.2.8, barrier'],

  // System: what a runner without a C library needs
  ibar: ['ibar {hint:d}', '00111000011100101 hint:15', '2.2.8, barrier'],
  syscall: ['syscall {code:d}', '00000000001010110 code:15', '2.2.10, miscellaneous'],
  break: ['break {code:d}', '00000000001010100 code:15', '2.2.10, miscellaneous'],
} as const;

export type InstructionName = keyof typeof ROWS;

/** A row with what the encoder, the printer and the passes need. */
export type Loongarch64Form = RowForm<InstructionName>;

/** All rows, compiled. Load-time proof: each layout has 32 bits and a field for each operand of its syntax. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, Loongarch64Form>> =
  /* @__PURE__ */ compileRows<InstructionName>({
    rows: ROWS,
    result: 'rd',
    branchUse,
    relocations: {
      bl_symbol: 'R_LARCH_B26',
      pcalau12i_symbol: 'R_LARCH_PCALA_HI20',
      addi_symbol: 'R_LARCH_PCALA_LO12',
    },
  });
