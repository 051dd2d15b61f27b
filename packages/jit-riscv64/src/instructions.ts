/**
 * The RISC-V instructions that compiled programs and the runner use, one row each: RV64I, M, A, Zifencei and C, and of Zba
 * and Zbb what targets with these options use.
 *
 * A row is syntax, bit layout and chapter of the RISC-V Instruction Set Manual, Volume I, in the manual's names. A fourth
 * entry names the operands that an instruction writes when that is not just rd. Rows of the C extension begin with `c_`;
 * lowerings append the 32-bit rows only, and compress.ts puts shorter ones in their place.
 *
 * Rows of eight bytes are two instructions that reach 2 GiB either way together; assemblers know them by these names
 * (RISC-V Assembly Programmer's Manual, "pseudoinstructions"). Their bytes are made in encoder.ts.
 *
 * Operand types: `x` register, `d` decimal, `h` hexadecimal, `u20` upper immediate.
 */
import { compileRows, type RowForm } from '@polybpf/jit';
import { branchUse } from './branches.ts';

/** Name -> [syntax, layout, chapter of the manual, written operands]. */
// prettier-ignore
export const ROWS = {
  // Constants and addresses
  lui: ['lui {rd:x},{imm:u20}', 'imm:20 rd:5 0110111', 'RV32I, integer register-immediate'],
  auipc_symbol: ['auipc {rd:x},symbol', '00000000000000000000 rd:5 0010111', 'RV32I, integer register-immediate'],
  addi_symbol: ['addi {rd:x},{rs1:x},symbol', '000000000000 rs1:5 000 rd:5 0010011', 'RV32I, integer register-immediate'],

  // Register and immediate
  addi: ['addi {rd:x},{rs1:x},{imm:d}', 'imm:s12 rs1:5 000 rd:5 0010011', 'RV32I, integer register-immediate'],
  addiw: ['addiw {rd:x},{rs1:x},{imm:d}', 'imm:s12 rs1:5 000 rd:5 0011011', 'RV64I, integer register-immediate'],
  slti: ['slti {rd:x},{rs1:x},{imm:d}', 'imm:s12 rs1:5 010 rd:5 0010011', 'RV32I, integer register-immediate'],
  sltiu: ['sltiu {rd:x},{rs1:x},{imm:d}', 'imm:s12 rs1:5 011 rd:5 0010011', 'RV32I, integer register-immediate'],
  xori: ['xori {rd:x},{rs1:x},{imm:d}', 'imm:s12 rs1:5 100 rd:5 0010011', 'RV32I, integer register-immediate'],
  ori: ['ori {rd:x},{rs1:x},{imm:d}', 'imm:s12 rs1:5 110 rd:5 0010011', 'RV32I, integer register-immediate'],
  andi: ['andi {rd:x},{rs1:x},{imm:d}', 'imm:s12 rs1:5 111 rd:5 0010011', 'RV32I, integer register-immediate'],
  slli: ['slli {rd:x},{rs1:x},{imm:h}', '000000 imm:6 rs1:5 001 rd:5 0010011', 'RV64I, integer register-immediate'],
  srli: ['srli {rd:x},{rs1:x},{imm:h}', '000000 imm:6 rs1:5 101 rd:5 0010011', 'RV64I, integer register-immediate'],
  srai: ['srai {rd:x},{rs1:x},{imm:h}', '010000 imm:6 rs1:5 101 rd:5 0010011', 'RV64I, integer register-immediate'],
  slliw: ['slliw {rd:x},{rs1:x},{imm:h}', '0000000 imm:5 rs1:5 001 rd:5 0011011', 'RV64I, integer register-immediate'],
  srliw: ['srliw {rd:x},{rs1:x},{imm:h}', '0000000 imm:5 rs1:5 101 rd:5 0011011', 'RV64I, integer register-immediate'],
  sraiw: ['sraiw {rd:x},{rs1:x},{imm:h}', '0100000 imm:5 rs1:5 101 rd:5 0011011', 'RV64I, integer register-immediate'],

  // Register and register
  add: ['add {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 000 rd:5 0110011', 'RV32I, integer register-register'],
  sub: ['sub {rd:x},{rs1:x},{rs2:x}', '0100000 rs2:5 rs1:5 000 rd:5 0110011', 'RV32I, integer register-register'],
  sll: ['sll {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 001 rd:5 0110011', 'RV32I, integer register-register'],
  slt: ['slt {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 010 rd:5 0110011', 'RV32I, integer register-register'],
  sltu: ['sltu {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 011 rd:5 0110011', 'RV32I, integer register-register'],
  xor: ['xor {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 100 rd:5 0110011', 'RV32I, integer register-register'],
  srl: ['srl {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 101 rd:5 0110011', 'RV32I, integer register-register'],
  sra: ['sra {rd:x},{rs1:x},{rs2:x}', '0100000 rs2:5 rs1:5 101 rd:5 0110011', 'RV32I, integer register-register'],
  or: ['or {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 110 rd:5 0110011', 'RV32I, integer register-register'],
  and: ['and {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 111 rd:5 0110011', 'RV32I, integer register-register'],
  addw: ['addw {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 000 rd:5 0111011', 'RV64I, integer register-register'],
  subw: ['subw {rd:x},{rs1:x},{rs2:x}', '0100000 rs2:5 rs1:5 000 rd:5 0111011', 'RV64I, integer register-register'],
  sllw: ['sllw {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 001 rd:5 0111011', 'RV64I, integer register-register'],
  srlw: ['srlw {rd:x},{rs1:x},{rs2:x}', '0000000 rs2:5 rs1:5 101 rd:5 0111011', 'RV64I, integer register-register'],
  sraw: ['sraw {rd:x},{rs1:x},{rs2:x}', '0100000 rs2:5 rs1:5 101 rd:5 0111011', 'RV64I, integer register-register'],
  mul: ['mul {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 000 rd:5 0110011', 'M extension, multiplication'],
  mulw: ['mulw {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 000 rd:5 0111011', 'M extension, multiplication'],
  div: ['div {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 100 rd:5 0110011', 'M extension, division'],
  divu: ['divu {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 101 rd:5 0110011', 'M extension, division'],
  rem: ['rem {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 110 rd:5 0110011', 'M extension, division'],
  remu: ['remu {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 111 rd:5 0110011', 'M extension, division'],
  divw: ['divw {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 100 rd:5 0111011', 'M extension, division'],
  divuw: ['divuw {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 101 rd:5 0111011', 'M extension, division'],
  remw: ['remw {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 110 rd:5 0111011', 'M extension, division'],
  remuw: ['remuw {rd:x},{rs1:x},{rs2:x}', '0000001 rs2:5 rs1:5 111 rd:5 0111011', 'M extension, division'],

  // Bit manipulation
  add_uw: ['add.uw {rd:x},{rs1:x},{rs2:x}', '0000100 rs2:5 rs1:5 000 rd:5 0111011', 'Zba'],
  slli_uw: ['slli.uw {rd:x},{rs1:x},{imm:h}', '000010 imm:6 rs1:5 001 rd:5 0011011', 'Zba'],
  sh1add: ['sh1add {rd:x},{rs1:x},{rs2:x}', '0010000 rs2:5 rs1:5 010 rd:5 0110011', 'Zba'],
  sh2add: ['sh2add {rd:x},{rs1:x},{rs2:x}', '0010000 rs2:5 rs1:5 100 rd:5 0110011', 'Zba'],
  sh3add: ['sh3add {rd:x},{rs1:x},{rs2:x}', '0010000 rs2:5 rs1:5 110 rd:5 0110011', 'Zba'],
  rev8: ['rev8 {rd:x},{rs1:x}', '011010111000 rs1:5 101 rd:5 0010011', 'Zbb'],
  sext_b: ['sext.b {rd:x},{rs1:x}', '011000000100 rs1:5 001 rd:5 0010011', 'Zbb'],
  sext_h: ['sext.h {rd:x},{rs1:x}', '011000000101 rs1:5 001 rd:5 0010011', 'Zbb'],
  zext_h: ['zext.h {rd:x},{rs1:x}', '000010000000 rs1:5 100 rd:5 0111011', 'Zbb'],

  // Branches and jumps
  jal: ['jal {rd:x},{label:label}', 'label:s20*2[19:19] label:s20*2[9:0] label:s20*2[10:10] label:s20*2[18:11] rd:5 1101111', 'RV32I, unconditional jumps'],
  jalr: ['jalr {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 000 rd:5 1100111', 'RV32I, unconditional jumps'],
  beq: ['beq {rs1:x},{rs2:x},{label:label}', 'label:s12*2[11:11] label:s12*2[9:4] rs2:5 rs1:5 000 label:s12*2[3:0] label:s12*2[10:10] 1100011', 'RV32I, conditional branches', ''],
  bne: ['bne {rs1:x},{rs2:x},{label:label}', 'label:s12*2[11:11] label:s12*2[9:4] rs2:5 rs1:5 001 label:s12*2[3:0] label:s12*2[10:10] 1100011', 'RV32I, conditional branches', ''],
  blt: ['blt {rs1:x},{rs2:x},{label:label}', 'label:s12*2[11:11] label:s12*2[9:4] rs2:5 rs1:5 100 label:s12*2[3:0] label:s12*2[10:10] 1100011', 'RV32I, conditional branches', ''],
  bge: ['bge {rs1:x},{rs2:x},{label:label}', 'label:s12*2[11:11] label:s12*2[9:4] rs2:5 rs1:5 101 label:s12*2[3:0] label:s12*2[10:10] 1100011', 'RV32I, conditional branches', ''],
  bltu: ['bltu {rs1:x},{rs2:x},{label:label}', 'label:s12*2[11:11] label:s12*2[9:4] rs2:5 rs1:5 110 label:s12*2[3:0] label:s12*2[10:10] 1100011', 'RV32I, conditional branches', ''],
  bgeu: ['bgeu {rs1:x},{rs2:x},{label:label}', 'label:s12*2[11:11] label:s12*2[9:4] rs2:5 rs1:5 111 label:s12*2[3:0] label:s12*2[10:10] 1100011', 'RV32I, conditional branches', ''],

  // Loads and stores
  lb: ['lb {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 000 rd:5 0000011', 'RV32I, load and store'],
  lh: ['lh {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 001 rd:5 0000011', 'RV32I, load and store'],
  lw: ['lw {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 010 rd:5 0000011', 'RV32I, load and store'],
  ld: ['ld {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 011 rd:5 0000011', 'RV64I, load and store'],
  lbu: ['lbu {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 100 rd:5 0000011', 'RV32I, load and store'],
  lhu: ['lhu {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 101 rd:5 0000011', 'RV32I, load and store'],
  lwu: ['lwu {rd:x},{imm:d}({rs1:x})', 'imm:s12 rs1:5 110 rd:5 0000011', 'RV64I, load and store'],
  sb: ['sb {rs2:x},{imm:d}({rs1:x})', 'imm:s12[11:5] rs2:5 rs1:5 000 imm:s12[4:0] 0100011', 'RV32I, load and store', ''],
  sh: ['sh {rs2:x},{imm:d}({rs1:x})', 'imm:s12[11:5] rs2:5 rs1:5 001 imm:s12[4:0] 0100011', 'RV32I, load and store', ''],
  sw: ['sw {rs2:x},{imm:d}({rs1:x})', 'imm:s12[11:5] rs2:5 rs1:5 010 imm:s12[4:0] 0100011', 'RV32I, load and store', ''],
  sd: ['sd {rs2:x},{imm:d}({rs1:x})', 'imm:s12[11:5] rs2:5 rs1:5 011 imm:s12[4:0] 0100011', 'RV64I, load and store', ''],

  // Atomics
  amoadd_w: ['amoadd.w.aqrl {rd:x},{rs2:x},({rs1:x})', '00000 1 1 rs2:5 rs1:5 010 rd:5 0101111', 'A extension, Zaamo'],
  amoadd_d: ['amoadd.d.aqrl {rd:x},{rs2:x},({rs1:x})', '00000 1 1 rs2:5 rs1:5 011 rd:5 0101111', 'A extension, Zaamo'],
  amoswap_w: ['amoswap.w.aqrl {rd:x},{rs2:x},({rs1:x})', '00001 1 1 rs2:5 rs1:5 010 rd:5 0101111', 'A extension, Zaamo'],
  amoswap_d: ['amoswap.d.aqrl {rd:x},{rs2:x},({rs1:x})', '00001 1 1 rs2:5 rs1:5 011 rd:5 0101111', 'A extension, Zaamo'],
  amoxor_w: ['amoxor.w.aqrl {rd:x},{rs2:x},({rs1:x})', '00100 1 1 rs2:5 rs1:5 010 rd:5 0101111', 'A extension, Zaamo'],
  amoxor_d: ['amoxor.d.aqrl {rd:x},{rs2:x},({rs1:x})', '00100 1 1 rs2:5 rs1:5 011 rd:5 0101111', 'A extension, Zaamo'],
  amoor_w: ['amoor.w.aqrl {rd:x},{rs2:x},({rs1:x})', '01000 1 1 rs2:5 rs1:5 010 rd:5 0101111', 'A extension, Zaamo'],
  amoor_d: ['amoor.d.aqrl {rd:x},{rs2:x},({rs1:x})', '01000 1 1 rs2:5 rs1:5 011 rd:5 0101111', 'A extension, Zaamo'],
  amoand_w: ['amoand.w.aqrl {rd:x},{rs2:x},({rs1:x})', '01100 1 1 rs2:5 rs1:5 010 rd:5 0101111', 'A extension, Zaamo'],
  amoand_d: ['amoand.d.aqrl {rd:x},{rs2:x},({rs1:x})', '01100 1 1 rs2:5 rs1:5 011 rd:5 0101111', 'A extension, Zaamo'],
  lr_w: ['lr.w.aqrl {rd:x},({rs1:x})', '00010 1 1 00000 rs1:5 010 rd:5 0101111', 'A extension, Zalrsc'],
  lr_d: ['lr.d.aqrl {rd:x},({rs1:x})', '00010 1 1 00000 rs1:5 011 rd:5 0101111', 'A extension, Zalrsc'],
  sc_w: ['sc.w.rl {rd:x},{rs2:x},({rs1:x})', '00011 0 1 rs2:5 rs1:5 010 rd:5 0101111', 'A extension, Zalrsc'],
  sc_d: ['sc.d.rl {rd:x},{rs2:x},({rs1:x})', '00011 0 1 rs2:5 rs1:5 011 rd:5 0101111', 'A extension, Zalrsc'],
  fence_r_rw: ['fence r,rw', '0000 0010 0011 00000 000 00000 0001111', 'RV32I, memory ordering'],
  fence_rw_w: ['fence rw,w', '0000 0011 0001 00000 000 00000 0001111', 'RV32I, memory ordering'],

  // System: what a runner without a C library needs
  fence_i: ['fence.i', '000000000000 00000 001 00000 0001111', 'Zifencei'],
  ecall: ['ecall', '000000000000 00000 000 00000 1110011', 'RV32I, environment call'],
  ebreak: ['ebreak', '000000000001 00000 000 00000 1110011', 'RV32I, environment call'],

  // Compressed: constants, moves, arithmetic
  c_li: ['c.li {rd:x},{imm:d}', '010 imm:s6[5:5] rd:5 imm:s6[4:0] 01', 'C extension, integer constant generation'],
  c_lui: ['c.lui {rd:x},{imm:u20}', '011 imm:s6[5:5] rd:5 imm:s6[4:0] 01', 'C extension, integer constant generation'],
  c_addi: ['c.addi {rd:x},{imm:d}', '000 imm:s6[5:5] rd:5 imm:s6[4:0] 01', 'C extension, register-immediate'],
  c_addiw: ['c.addiw {rd:x},{imm:d}', '001 imm:s6[5:5] rd:5 imm:s6[4:0] 01', 'C extension, register-immediate'],
  c_addi16sp: ['c.addi16sp sp,{imm:d}', '011 imm:s6*16[5:5] 00010 imm:s6*16[0:0] imm:s6*16[2:2] imm:s6*16[4:3] imm:s6*16[1:1] 01', 'C extension, register-immediate', ''],
  c_addi4spn: ['c.addi4spn {rd:x},sp,{imm:d}', '000 imm:u8*4[3:2] imm:u8*4[7:4] imm:u8*4[0:0] imm:u8*4[1:1] rd:3+8 00', 'C extension, register-immediate'],
  c_slli: ['c.slli {rd:x},{imm:h}', '000 imm:6[5:5] rd:5 imm:6[4:0] 10', 'C extension, register-immediate'],
  c_srli: ['c.srli {rd:x},{imm:h}', '100 imm:6[5:5] 00 rd:3+8 imm:6[4:0] 01', 'C extension, register-immediate'],
  c_srai: ['c.srai {rd:x},{imm:h}', '100 imm:6[5:5] 01 rd:3+8 imm:6[4:0] 01', 'C extension, register-immediate'],
  c_andi: ['c.andi {rd:x},{imm:d}', '100 imm:s6[5:5] 10 rd:3+8 imm:s6[4:0] 01', 'C extension, register-immediate'],
  c_mv: ['c.mv {rd:x},{rs2:x}', '100 0 rd:5 rs2:5 10', 'C extension, register-register'],
  c_add: ['c.add {rd:x},{rs2:x}', '100 1 rd:5 rs2:5 10', 'C extension, register-register'],
  c_sub: ['c.sub {rd:x},{rs2:x}', '100 0 11 rd:3+8 00 rs2:3+8 01', 'C extension, register-register'],
  c_xor: ['c.xor {rd:x},{rs2:x}', '100 0 11 rd:3+8 01 rs2:3+8 01', 'C extension, register-register'],
  c_or: ['c.or {rd:x},{rs2:x}', '100 0 11 rd:3+8 10 rs2:3+8 01', 'C extension, register-register'],
  c_and: ['c.and {rd:x},{rs2:x}', '100 0 11 rd:3+8 11 rs2:3+8 01', 'C extension, register-register'],
  c_subw: ['c.subw {rd:x},{rs2:x}', '100 1 11 rd:3+8 00 rs2:3+8 01', 'C extension, register-register'],
  c_addw: ['c.addw {rd:x},{rs2:x}', '100 1 11 rd:3+8 01 rs2:3+8 01', 'C extension, register-register'],
  c_nop: ['c.nop', '000 0 00000 00000 01', 'C extension, no operation'],
  c_ebreak: ['c.ebreak', '100 1 00000 00000 10', 'C extension, breakpoint'],

  // Compressed: jumps
  c_j: ['c.j {label:label}', '101 label:s11*2[10:10] label:s11*2[3:3] label:s11*2[8:7] label:s11*2[9:9] label:s11*2[5:5] label:s11*2[6:6] label:s11*2[2:0] label:s11*2[4:4] 01', 'C extension, control transfer'],
  c_beqz: ['c.beqz {rs1:x},{label:label}', '110 label:s8*2[7:7] label:s8*2[3:2] rs1:3+8 label:s8*2[6:5] label:s8*2[1:0] label:s8*2[4:4] 01', 'C extension, control transfer', ''],
  c_bnez: ['c.bnez {rs1:x},{label:label}', '111 label:s8*2[7:7] label:s8*2[3:2] rs1:3+8 label:s8*2[6:5] label:s8*2[1:0] label:s8*2[4:4] 01', 'C extension, control transfer', ''],
  c_jr: ['c.jr {rs1:x}', '100 0 rs1:5 00000 10', 'C extension, control transfer', ''],
  c_jalr: ['c.jalr {rs1:x}', '100 1 rs1:5 00000 10', 'C extension, control transfer', ''],

  // Compressed: loads and stores
  c_lw: ['c.lw {rd:x},{imm:d}({rs1:x})', '010 imm:u5*4[3:1] rs1:3+8 imm:u5*4[0:0] imm:u5*4[4:4] rd:3+8 00', 'C extension, load and store'],
  c_ld: ['c.ld {rd:x},{imm:d}({rs1:x})', '011 imm:u5*8[2:0] rs1:3+8 imm:u5*8[4:3] rd:3+8 00', 'C extension, load and store'],
  c_sw: ['c.sw {rs2:x},{imm:d}({rs1:x})', '110 imm:u5*4[3:1] rs1:3+8 imm:u5*4[0:0] imm:u5*4[4:4] rs2:3+8 00', 'C extension, load and store', ''],
  c_sd: ['c.sd {rs2:x},{imm:d}({rs1:x})', '111 imm:u5*8[2:0] rs1:3+8 imm:u5*8[4:3] rs2:3+8 00', 'C extension, load and store', ''],
  c_lwsp: ['c.lwsp {rd:x},{imm:d}(sp)', '010 imm:u6*4[3:3] rd:5 imm:u6*4[2:0] imm:u6*4[5:4] 10', 'C extension, load and store'],
  c_ldsp: ['c.ldsp {rd:x},{imm:d}(sp)', '011 imm:u6*8[2:2] rd:5 imm:u6*8[1:0] imm:u6*8[5:3] 10', 'C extension, load and store'],
  c_swsp: ['c.swsp {rs2:x},{imm:d}(sp)', '110 imm:u6*4[3:0] imm:u6*4[5:4] rs2:5 10', 'C extension, load and store', ''],
  c_sdsp: ['c.sdsp {rs2:x},{imm:d}(sp)', '111 imm:u6*8[2:0] imm:u6*8[5:3] rs2:5 10', 'C extension, load and store', ''],

  // Two instructions each: see the head of this file
  call_symbol: ['call symbol', '', 'assembler, call'],
  call_far: ['call {label:label}', '', 'assembler, call'],
  jump_far: ['jump {label:label},t1', '', 'assembler, jump', ''],
  lla: ['lla {rd:x},{label:label}', '', 'assembler, lla'],
  ld_literal: ['ld {rd:x},{label:label}', '', 'assembler, ld'],
} as const;

export type InstructionName = keyof typeof ROWS;

/** A row with what the encoder, the printer and the passes need. */
export type Riscv64Form = RowForm<InstructionName>;

/** All rows, compiled. Load-time proof: each layout has 16 or 32 bits and a field for each operand of its syntax. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, Riscv64Form>> =
  /* @__PURE__ */ compileRows<InstructionName>({
    rows: ROWS,
    result: 'rd',
    branchUse,
    relocations: {
      call_symbol: 'R_RISCV_CALL_PLT',
      auipc_symbol: 'R_RISCV_PCREL_HI20',
      addi_symbol: 'R_RISCV_PCREL_LO12_I',
    },
  });
