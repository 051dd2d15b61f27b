/**
 * The AArch64 instructions that compiled programs and the runner use, one row each.
 *
 * A row is syntax, bit layout and title of the section in chapter C6.2 of the Arm Architecture Reference Manual for
 * A-profile (DDI 0487; its section numbers differ between issues, the titles do not), in the manual's names: Rd is
 * written, Rn and Rm are read, Rt is what a load writes or a store reads. A fourth entry says which operands an
 * instruction writes when that is not just Rd. `_x` works on 64 bits, `_w` on 32 (and zeroes the upper half of its
 * result).
 *
 * Operand types: `x` `w` register with 31 = zero register, `xsp` `wsp` with 31 = stack pointer, `h` hexadecimal, `d`
 * decimal, `mask64` `mask32` encoded logical immediate, `disp` displacement that is not printed when 0, `shift` (0 lsl,
 * 1 lsr, 2 asr, 3 ror), `extend` (0 uxtw, 1 uxtx or lsl, 2 sxtw, 3 sxtx), `cond`.
 */
import { compileRows, type RowForm } from '@polybpf/jit';
import { branchUse } from './branches.ts';

/** Name -> [syntax, layout, title in the manual, written operands]. */
// prettier-ignore
export const ROWS = {
  // Add and subtract immediate
  add_imm_x: ['add {Rd:xsp}, {Rn:xsp}, #{imm:h}', '1 0 0 100010 0 imm:12 Rn:5 Rd:5', 'ADD (immediate)'],
  add_imm_w: ['add {Rd:wsp}, {Rn:wsp}, #{imm:h}', '0 0 0 100010 0 imm:12 Rn:5 Rd:5', 'ADD (immediate)'],
  add_imm12_x: ['add {Rd:xsp}, {Rn:xsp}, #{imm:h}, lsl #12', '1 0 0 100010 1 imm:12 Rn:5 Rd:5', 'ADD (immediate)'],
  add_imm12_w: ['add {Rd:wsp}, {Rn:wsp}, #{imm:h}, lsl #12', '0 0 0 100010 1 imm:12 Rn:5 Rd:5', 'ADD (immediate)'],
  sub_imm_x: ['sub {Rd:xsp}, {Rn:xsp}, #{imm:h}', '1 1 0 100010 0 imm:12 Rn:5 Rd:5', 'SUB (immediate)'],
  sub_imm_w: ['sub {Rd:wsp}, {Rn:wsp}, #{imm:h}', '0 1 0 100010 0 imm:12 Rn:5 Rd:5', 'SUB (immediate)'],
  sub_imm12_x: ['sub {Rd:xsp}, {Rn:xsp}, #{imm:h}, lsl #12', '1 1 0 100010 1 imm:12 Rn:5 Rd:5', 'SUB (immediate)'],
  sub_imm12_w: ['sub {Rd:wsp}, {Rn:wsp}, #{imm:h}, lsl #12', '0 1 0 100010 1 imm:12 Rn:5 Rd:5', 'SUB (immediate)'],
  cmp_imm_x: ['cmp {Rn:xsp}, #{imm:h}', '1 1 1 100010 0 imm:12 Rn:5 11111', 'CMP (immediate)'],
  cmp_imm_w: ['cmp {Rn:wsp}, #{imm:h}', '0 1 1 100010 0 imm:12 Rn:5 11111', 'CMP (immediate)'],
  cmp_imm12_x: ['cmp {Rn:xsp}, #{imm:h}, lsl #12', '1 1 1 100010 1 imm:12 Rn:5 11111', 'CMP (immediate)'],
  cmp_imm12_w: ['cmp {Rn:wsp}, #{imm:h}, lsl #12', '0 1 1 100010 1 imm:12 Rn:5 11111', 'CMP (immediate)'],
  cmn_imm_x: ['cmn {Rn:xsp}, #{imm:h}', '1 0 1 100010 0 imm:12 Rn:5 11111', 'CMN (immediate)'],
  cmn_imm_w: ['cmn {Rn:wsp}, #{imm:h}', '0 0 1 100010 0 imm:12 Rn:5 11111', 'CMN (immediate)'],
  cmn_imm12_x: ['cmn {Rn:xsp}, #{imm:h}, lsl #12', '1 0 1 100010 1 imm:12 Rn:5 11111', 'CMN (immediate)'],
  cmn_imm12_w: ['cmn {Rn:wsp}, #{imm:h}, lsl #12', '0 0 1 100010 1 imm:12 Rn:5 11111', 'CMN (immediate)'],

  // Logical immediate: N, immr and imms as one number, see encodeMask
  and_imm_x: ['and {Rd:xsp}, {Rn:x}, #{mask:mask64}', '1 00 100100 mask:13 Rn:5 Rd:5', 'AND (immediate)'],
  and_imm_w: ['and {Rd:wsp}, {Rn:w}, #{mask:mask32}', '0 00 100100 0 mask:12 Rn:5 Rd:5', 'AND (immediate)'],
  orr_imm_x: ['orr {Rd:xsp}, {Rn:x}, #{mask:mask64}', '1 01 100100 mask:13 Rn:5 Rd:5', 'ORR (immediate)'],
  orr_imm_w: ['orr {Rd:wsp}, {Rn:w}, #{mask:mask32}', '0 01 100100 0 mask:12 Rn:5 Rd:5', 'ORR (immediate)'],
  eor_imm_x: ['eor {Rd:xsp}, {Rn:x}, #{mask:mask64}', '1 10 100100 mask:13 Rn:5 Rd:5', 'EOR (immediate)'],
  eor_imm_w: ['eor {Rd:wsp}, {Rn:w}, #{mask:mask32}', '0 10 100100 0 mask:12 Rn:5 Rd:5', 'EOR (immediate)'],
  tst_imm_x: ['tst {Rn:x}, #{mask:mask64}', '1 11 100100 mask:13 Rn:5 11111', 'TST (immediate)'],
  tst_imm_w: ['tst {Rn:w}, #{mask:mask32}', '0 11 100100 0 mask:12 Rn:5 11111', 'TST (immediate)'],

  // Move wide immediate
  movz_x: ['movz {Rd:x}, #{imm:h}, lsl #{hw:d}', '1 10 100101 hw:u2*16 imm:16 Rd:5', 'MOVZ'],
  movz_w: ['movz {Rd:w}, #{imm:h}, lsl #{hw:d}', '0 10 100101 0 hw:u1*16 imm:16 Rd:5', 'MOVZ'],
  movn_x: ['movn {Rd:x}, #{imm:h}, lsl #{hw:d}', '1 00 100101 hw:u2*16 imm:16 Rd:5', 'MOVN'],
  movn_w: ['movn {Rd:w}, #{imm:h}, lsl #{hw:d}', '0 00 100101 0 hw:u1*16 imm:16 Rd:5', 'MOVN'],
  movk_x: ['movk {Rd:x}, #{imm:h}, lsl #{hw:d}', '1 11 100101 hw:u2*16 imm:16 Rd:5', 'MOVK'],
  movk_w: ['movk {Rd:w}, #{imm:h}, lsl #{hw:d}', '0 11 100101 0 hw:u1*16 imm:16 Rd:5', 'MOVK'],

  // Bit fields and extract; shifts by a constant are bit fields
  ubfm_x: ['ubfm {Rd:x}, {Rn:x}, #{immr:d}, #{imms:d}', '1 10 100110 1 immr:6 imms:6 Rn:5 Rd:5', 'UBFM'],
  ubfm_w: ['ubfm {Rd:w}, {Rn:w}, #{immr:d}, #{imms:d}', '0 10 100110 0 0 immr:5 0 imms:5 Rn:5 Rd:5', 'UBFM'],
  sbfm_x: ['sbfm {Rd:x}, {Rn:x}, #{immr:d}, #{imms:d}', '1 00 100110 1 immr:6 imms:6 Rn:5 Rd:5', 'SBFM'],
  sbfm_w: ['sbfm {Rd:w}, {Rn:w}, #{immr:d}, #{imms:d}', '0 00 100110 0 0 immr:5 0 imms:5 Rn:5 Rd:5', 'SBFM'],
  extr_x: ['extr {Rd:x}, {Rn:x}, {Rm:x}, #{lsb:d}', '1 00 100111 1 0 Rm:5 lsb:6 Rn:5 Rd:5', 'EXTR'],
  extr_w: ['extr {Rd:w}, {Rn:w}, {Rm:w}, #{lsb:d}', '0 00 100111 0 0 Rm:5 0 lsb:5 Rn:5 Rd:5', 'EXTR'],

  // Addresses
  adr: ['adr {Rd:x}, {label:label}', '0 label:s21[1:0] 10000 label:s21[20:2] Rd:5', 'ADR'],
  adrp_symbol: ['adrp {Rd:x}, symbol', '1 00 10000 0000000000000000000 Rd:5', 'ADRP'],
  add_lo12_symbol: ['add {Rd:xsp}, {Rn:xsp}, :lo12:symbol', '1 0 0 100010 0 000000000000 Rn:5 Rd:5', 'ADD (immediate)'],

  // Add, subtract, compare registers
  add_x: ['add {Rd:x}, {Rn:x}, {Rm:x}', '1 0 0 01011 00 0 Rm:5 000000 Rn:5 Rd:5', 'ADD (shifted register)'],
  add_w: ['add {Rd:w}, {Rn:w}, {Rm:w}', '0 0 0 01011 00 0 Rm:5 000000 Rn:5 Rd:5', 'ADD (shifted register)'],
  sub_x: ['sub {Rd:x}, {Rn:x}, {Rm:x}', '1 1 0 01011 00 0 Rm:5 000000 Rn:5 Rd:5', 'SUB (shifted register)'],
  sub_w: ['sub {Rd:w}, {Rn:w}, {Rm:w}', '0 1 0 01011 00 0 Rm:5 000000 Rn:5 Rd:5', 'SUB (shifted register)'],
  cmp_x: ['cmp {Rn:x}, {Rm:x}', '1 1 1 01011 00 0 Rm:5 000000 Rn:5 11111', 'CMP (shifted register)'],
  cmp_w: ['cmp {Rn:w}, {Rm:w}', '0 1 1 01011 00 0 Rm:5 000000 Rn:5 11111', 'CMP (shifted register)'],
  add_shift_x: ['add {Rd:x}, {Rn:x}, {Rm:x}, {shift:shift} #{amount:d}', '1 0 0 01011 shift:2 0 Rm:5 amount:6 Rn:5 Rd:5', 'ADD (shifted register)'],
  add_shift_w: ['add {Rd:w}, {Rn:w}, {Rm:w}, {shift:shift} #{amount:d}', '0 0 0 01011 shift:2 0 Rm:5 0 amount:5 Rn:5 Rd:5', 'ADD (shifted register)'],
  sub_shift_x: ['sub {Rd:x}, {Rn:x}, {Rm:x}, {shift:shift} #{amount:d}', '1 1 0 01011 shift:2 0 Rm:5 amount:6 Rn:5 Rd:5', 'SUB (shifted register)'],
  sub_shift_w: ['sub {Rd:w}, {Rn:w}, {Rm:w}, {shift:shift} #{amount:d}', '0 1 0 01011 shift:2 0 Rm:5 0 amount:5 Rn:5 Rd:5', 'SUB (shifted register)'],
  cmp_shift_x: ['cmp {Rn:x}, {Rm:x}, {shift:shift} #{amount:d}', '1 1 1 01011 shift:2 0 Rm:5 amount:6 Rn:5 11111', 'CMP (shifted register)'],
  cmp_shift_w: ['cmp {Rn:w}, {Rm:w}, {shift:shift} #{amount:d}', '0 1 1 01011 shift:2 0 Rm:5 0 amount:5 Rn:5 11111', 'CMP (shifted register)'],
  add_ext_x: ['add {Rd:xsp}, {Rn:xsp}, {Rm:w}, {extend:extend}', '1 0 0 01011 00 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] 000 Rn:5 Rd:5', 'ADD (extended register)'],
  sub_ext_x: ['sub {Rd:xsp}, {Rn:xsp}, {Rm:w}, {extend:extend}', '1 1 0 01011 00 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] 000 Rn:5 Rd:5', 'SUB (extended register)'],

  // Logical registers
  and_x: ['and {Rd:x}, {Rn:x}, {Rm:x}', '1 00 01010 00 0 Rm:5 000000 Rn:5 Rd:5', 'AND (shifted register)'],
  and_w: ['and {Rd:w}, {Rn:w}, {Rm:w}', '0 00 01010 00 0 Rm:5 000000 Rn:5 Rd:5', 'AND (shifted register)'],
  orr_x: ['orr {Rd:x}, {Rn:x}, {Rm:x}', '1 01 01010 00 0 Rm:5 000000 Rn:5 Rd:5', 'ORR (shifted register)'],
  orr_w: ['orr {Rd:w}, {Rn:w}, {Rm:w}', '0 01 01010 00 0 Rm:5 000000 Rn:5 Rd:5', 'ORR (shifted register)'],
  eor_x: ['eor {Rd:x}, {Rn:x}, {Rm:x}', '1 10 01010 00 0 Rm:5 000000 Rn:5 Rd:5', 'EOR (shifted register)'],
  eor_w: ['eor {Rd:w}, {Rn:w}, {Rm:w}', '0 10 01010 00 0 Rm:5 000000 Rn:5 Rd:5', 'EOR (shifted register)'],
  mvn_x: ['mvn {Rd:x}, {Rm:x}', '1 01 01010 00 1 Rm:5 000000 11111 Rd:5', 'MVN'],
  mvn_w: ['mvn {Rd:w}, {Rm:w}', '0 01 01010 00 1 Rm:5 000000 11111 Rd:5', 'MVN'],
  tst_x: ['tst {Rn:x}, {Rm:x}', '1 11 01010 00 0 Rm:5 000000 Rn:5 11111', 'TST (shifted register)'],
  tst_w: ['tst {Rn:w}, {Rm:w}', '0 11 01010 00 0 Rm:5 000000 Rn:5 11111', 'TST (shifted register)'],
  and_shift_x: ['and {Rd:x}, {Rn:x}, {Rm:x}, {shift:shift} #{amount:d}', '1 00 01010 shift:2 0 Rm:5 amount:6 Rn:5 Rd:5', 'AND (shifted register)'],
  and_shift_w: ['and {Rd:w}, {Rn:w}, {Rm:w}, {shift:shift} #{amount:d}', '0 00 01010 shift:2 0 Rm:5 0 amount:5 Rn:5 Rd:5', 'AND (shifted register)'],
  orr_shift_x: ['orr {Rd:x}, {Rn:x}, {Rm:x}, {shift:shift} #{amount:d}', '1 01 01010 shift:2 0 Rm:5 amount:6 Rn:5 Rd:5', 'ORR (shifted register)'],
  orr_shift_w: ['orr {Rd:w}, {Rn:w}, {Rm:w}, {shift:shift} #{amount:d}', '0 01 01010 shift:2 0 Rm:5 0 amount:5 Rn:5 Rd:5', 'ORR (shifted register)'],
  eor_shift_x: ['eor {Rd:x}, {Rn:x}, {Rm:x}, {shift:shift} #{amount:d}', '1 10 01010 shift:2 0 Rm:5 amount:6 Rn:5 Rd:5', 'EOR (shifted register)'],
  eor_shift_w: ['eor {Rd:w}, {Rn:w}, {Rm:w}, {shift:shift} #{amount:d}', '0 10 01010 shift:2 0 Rm:5 0 amount:5 Rn:5 Rd:5', 'EOR (shifted register)'],

  // Moves
  mov_x: ['mov {Rd:x}, {Rm:x}', '1 01 01010 00 0 Rm:5 000000 11111 Rd:5', 'MOV (register)'],
  mov_w: ['mov {Rd:w}, {Rm:w}', '0 01 01010 00 0 Rm:5 000000 11111 Rd:5', 'MOV (register)'],
  neg_x: ['neg {Rd:x}, {Rm:x}', '1 1 0 01011 00 0 Rm:5 000000 11111 Rd:5', 'NEG (shifted register)'],
  neg_w: ['neg {Rd:w}, {Rm:w}', '0 1 0 01011 00 0 Rm:5 000000 11111 Rd:5', 'NEG (shifted register)'],

  // Multiply, divide, shift by register, reverse bytes
  mul_x: ['mul {Rd:x}, {Rn:x}, {Rm:x}', '1 00 11011 000 Rm:5 0 11111 Rn:5 Rd:5', 'MUL'],
  mul_w: ['mul {Rd:w}, {Rn:w}, {Rm:w}', '0 00 11011 000 Rm:5 0 11111 Rn:5 Rd:5', 'MUL'],
  madd_x: ['madd {Rd:x}, {Rn:x}, {Rm:x}, {Ra:x}', '1 00 11011 000 Rm:5 0 Ra:5 Rn:5 Rd:5', 'MADD'],
  madd_w: ['madd {Rd:w}, {Rn:w}, {Rm:w}, {Ra:w}', '0 00 11011 000 Rm:5 0 Ra:5 Rn:5 Rd:5', 'MADD'],
  msub_x: ['msub {Rd:x}, {Rn:x}, {Rm:x}, {Ra:x}', '1 00 11011 000 Rm:5 1 Ra:5 Rn:5 Rd:5', 'MSUB'],
  msub_w: ['msub {Rd:w}, {Rn:w}, {Rm:w}, {Ra:w}', '0 00 11011 000 Rm:5 1 Ra:5 Rn:5 Rd:5', 'MSUB'],
  udiv_x: ['udiv {Rd:x}, {Rn:x}, {Rm:x}', '1 0 0 11010110 Rm:5 000010 Rn:5 Rd:5', 'UDIV'],
  udiv_w: ['udiv {Rd:w}, {Rn:w}, {Rm:w}', '0 0 0 11010110 Rm:5 000010 Rn:5 Rd:5', 'UDIV'],
  sdiv_x: ['sdiv {Rd:x}, {Rn:x}, {Rm:x}', '1 0 0 11010110 Rm:5 000011 Rn:5 Rd:5', 'SDIV'],
  sdiv_w: ['sdiv {Rd:w}, {Rn:w}, {Rm:w}', '0 0 0 11010110 Rm:5 000011 Rn:5 Rd:5', 'SDIV'],
  lslv_x: ['lsl {Rd:x}, {Rn:x}, {Rm:x}', '1 0 0 11010110 Rm:5 001000 Rn:5 Rd:5', 'LSL (register)'],
  lslv_w: ['lsl {Rd:w}, {Rn:w}, {Rm:w}', '0 0 0 11010110 Rm:5 001000 Rn:5 Rd:5', 'LSL (register)'],
  lsrv_x: ['lsr {Rd:x}, {Rn:x}, {Rm:x}', '1 0 0 11010110 Rm:5 001001 Rn:5 Rd:5', 'LSR (register)'],
  lsrv_w: ['lsr {Rd:w}, {Rn:w}, {Rm:w}', '0 0 0 11010110 Rm:5 001001 Rn:5 Rd:5', 'LSR (register)'],
  asrv_x: ['asr {Rd:x}, {Rn:x}, {Rm:x}', '1 0 0 11010110 Rm:5 001010 Rn:5 Rd:5', 'ASR (register)'],
  asrv_w: ['asr {Rd:w}, {Rn:w}, {Rm:w}', '0 0 0 11010110 Rm:5 001010 Rn:5 Rd:5', 'ASR (register)'],
  rev_x: ['rev {Rd:x}, {Rn:x}', '1 1 0 11010110 00000 000011 Rn:5 Rd:5', 'REV'],
  rev_w: ['rev {Rd:w}, {Rn:w}', '0 1 0 11010110 00000 000010 Rn:5 Rd:5', 'REV'],
  rev16_w: ['rev16 {Rd:w}, {Rn:w}', '0 1 0 11010110 00000 000001 Rn:5 Rd:5', 'REV16'],

  // Conditional select
  csel_x: ['csel {Rd:x}, {Rn:x}, {Rm:x}, {cond:cond}', '1 0 0 11010100 Rm:5 cond:4 00 Rn:5 Rd:5', 'CSEL'],
  csinc_x: ['csinc {Rd:x}, {Rn:x}, {Rm:x}, {cond:cond}', '1 0 0 11010100 Rm:5 cond:4 01 Rn:5 Rd:5', 'CSINC'],
  csinv_x: ['csinv {Rd:x}, {Rn:x}, {Rm:x}, {cond:cond}', '1 1 0 11010100 Rm:5 cond:4 00 Rn:5 Rd:5', 'CSINV'],

  // Branches
  b: ['b {label:label}', '0 00101 label:s26*4', 'B'],
  bl: ['bl {label:label}', '1 00101 label:s26*4', 'BL'],
  bl_symbol: ['bl symbol', '1 00101 00000000000000000000000000', 'BL'],
  b_cond: ['b.{cond:cond} {label:label}', '0101010 0 label:s19*4 0 cond:4', 'B.cond'],
  cbz_x: ['cbz {Rt:x}, {label:label}', '1 011010 0 label:s19*4 Rt:5', 'CBZ', ''],
  cbz_w: ['cbz {Rt:w}, {label:label}', '0 011010 0 label:s19*4 Rt:5', 'CBZ', ''],
  cbnz_x: ['cbnz {Rt:x}, {label:label}', '1 011010 1 label:s19*4 Rt:5', 'CBNZ', ''],
  cbnz_w: ['cbnz {Rt:w}, {label:label}', '0 011010 1 label:s19*4 Rt:5', 'CBNZ', ''],
  tbz: ['tbz {Rt:x}, #{bit:d}, {label:label}', 'bit:6[5:5] 011011 0 bit:6[4:0] label:s14*4 Rt:5', 'TBZ', ''],
  tbnz: ['tbnz {Rt:x}, #{bit:d}, {label:label}', 'bit:6[5:5] 011011 1 bit:6[4:0] label:s14*4 Rt:5', 'TBNZ', ''],
  br: ['br {Rn:x}', '1101011 0 0 00 11111 0000 0 0 Rn:5 00000', 'BR'],
  blr: ['blr {Rn:x}', '1101011 0 0 01 11111 0000 0 0 Rn:5 00000', 'BLR'],
  ret: ['ret', '1101011 0 0 10 11111 0000 0 0 11110 00000', 'RET'],

  // Loads and stores, unsigned scaled displacement
  ldr_x: ['ldr {Rt:x}, [{Rn:xsp}{imm:disp}]', '11 111 0 01 01 imm:u12*8 Rn:5 Rt:5', 'LDR (immediate)', 'Rt'],
  ldr_w: ['ldr {Rt:w}, [{Rn:xsp}{imm:disp}]', '10 111 0 01 01 imm:u12*4 Rn:5 Rt:5', 'LDR (immediate)', 'Rt'],
  ldrh: ['ldrh {Rt:w}, [{Rn:xsp}{imm:disp}]', '01 111 0 01 01 imm:u12*2 Rn:5 Rt:5', 'LDRH (immediate)', 'Rt'],
  ldrb: ['ldrb {Rt:w}, [{Rn:xsp}{imm:disp}]', '00 111 0 01 01 imm:12 Rn:5 Rt:5', 'LDRB (immediate)', 'Rt'],
  ldrsw: ['ldrsw {Rt:x}, [{Rn:xsp}{imm:disp}]', '10 111 0 01 10 imm:u12*4 Rn:5 Rt:5', 'LDRSW (immediate)', 'Rt'],
  ldrsh: ['ldrsh {Rt:x}, [{Rn:xsp}{imm:disp}]', '01 111 0 01 10 imm:u12*2 Rn:5 Rt:5', 'LDRSH (immediate)', 'Rt'],
  ldrsb: ['ldrsb {Rt:x}, [{Rn:xsp}{imm:disp}]', '00 111 0 01 10 imm:12 Rn:5 Rt:5', 'LDRSB (immediate)', 'Rt'],
  str_x: ['str {Rt:x}, [{Rn:xsp}{imm:disp}]', '11 111 0 01 00 imm:u12*8 Rn:5 Rt:5', 'STR (immediate)', ''],
  str_w: ['str {Rt:w}, [{Rn:xsp}{imm:disp}]', '10 111 0 01 00 imm:u12*4 Rn:5 Rt:5', 'STR (immediate)', ''],
  strh: ['strh {Rt:w}, [{Rn:xsp}{imm:disp}]', '01 111 0 01 00 imm:u12*2 Rn:5 Rt:5', 'STRH (immediate)', ''],
  strb: ['strb {Rt:w}, [{Rn:xsp}{imm:disp}]', '00 111 0 01 00 imm:12 Rn:5 Rt:5', 'STRB (immediate)', ''],

  // The same, signed unscaled displacement
  ldur_x: ['ldur {Rt:x}, [{Rn:xsp}{imm:disp}]', '11 111 0 00 01 0 imm:s9 00 Rn:5 Rt:5', 'LDUR', 'Rt'],
  ldur_w: ['ldur {Rt:w}, [{Rn:xsp}{imm:disp}]', '10 111 0 00 01 0 imm:s9 00 Rn:5 Rt:5', 'LDUR', 'Rt'],
  ldurh: ['ldurh {Rt:w}, [{Rn:xsp}{imm:disp}]', '01 111 0 00 01 0 imm:s9 00 Rn:5 Rt:5', 'LDURH', 'Rt'],
  ldurb: ['ldurb {Rt:w}, [{Rn:xsp}{imm:disp}]', '00 111 0 00 01 0 imm:s9 00 Rn:5 Rt:5', 'LDURB', 'Rt'],
  ldursw: ['ldursw {Rt:x}, [{Rn:xsp}{imm:disp}]', '10 111 0 00 10 0 imm:s9 00 Rn:5 Rt:5', 'LDURSW', 'Rt'],
  ldursh: ['ldursh {Rt:x}, [{Rn:xsp}{imm:disp}]', '01 111 0 00 10 0 imm:s9 00 Rn:5 Rt:5', 'LDURSH', 'Rt'],
  ldursb: ['ldursb {Rt:x}, [{Rn:xsp}{imm:disp}]', '00 111 0 00 10 0 imm:s9 00 Rn:5 Rt:5', 'LDURSB', 'Rt'],
  stur_x: ['stur {Rt:x}, [{Rn:xsp}{imm:disp}]', '11 111 0 00 00 0 imm:s9 00 Rn:5 Rt:5', 'STUR', ''],
  stur_w: ['stur {Rt:w}, [{Rn:xsp}{imm:disp}]', '10 111 0 00 00 0 imm:s9 00 Rn:5 Rt:5', 'STUR', ''],
  sturh: ['sturh {Rt:w}, [{Rn:xsp}{imm:disp}]', '01 111 0 00 00 0 imm:s9 00 Rn:5 Rt:5', 'STURH', ''],
  sturb: ['sturb {Rt:w}, [{Rn:xsp}{imm:disp}]', '00 111 0 00 00 0 imm:s9 00 Rn:5 Rt:5', 'STURB', ''],

  // The same, register displacement: S = 1 shifts it left by the size of the access
  ldr_reg_x: ['ldr {Rt:x}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index3}]', '11 111 0 00 01 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'LDR (register)', 'Rt'],
  ldr_reg_w: ['ldr {Rt:w}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index2}]', '10 111 0 00 01 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'LDR (register)', 'Rt'],
  ldrh_reg: ['ldrh {Rt:w}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index1}]', '01 111 0 00 01 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'LDRH (register)', 'Rt'],
  ldrb_reg: ['ldrb {Rt:w}, [{Rn:xsp}, {Rm:x}, {extend:extend}]', '00 111 0 00 01 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] 0 10 Rn:5 Rt:5', 'LDRB (register)', 'Rt'],
  ldrsw_reg: ['ldrsw {Rt:x}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index2}]', '10 111 0 00 10 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'LDRSW (register)', 'Rt'],
  ldrsh_reg: ['ldrsh {Rt:x}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index1}]', '01 111 0 00 10 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'LDRSH (register)', 'Rt'],
  ldrsb_reg: ['ldrsb {Rt:x}, [{Rn:xsp}, {Rm:x}, {extend:extend}]', '00 111 0 00 10 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] 0 10 Rn:5 Rt:5', 'LDRSB (register)', 'Rt'],
  str_reg_x: ['str {Rt:x}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index3}]', '11 111 0 00 00 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'STR (register)', ''],
  str_reg_w: ['str {Rt:w}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index2}]', '10 111 0 00 00 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'STR (register)', ''],
  strh_reg: ['strh {Rt:w}, [{Rn:xsp}, {Rm:x}, {extend:extend} #{S:index1}]', '01 111 0 00 00 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] S:1 10 Rn:5 Rt:5', 'STRH (register)', ''],
  strb_reg: ['strb {Rt:w}, [{Rn:xsp}, {Rm:x}, {extend:extend}]', '00 111 0 00 00 1 Rm:5 extend:2[1:1] 1 extend:2[0:0] 0 10 Rn:5 Rt:5', 'STRB (register)', ''],

  // Writeback of the base, for the frame
  str_pre_x: ['str {Rt:x}, [{Rn:xsp}, #{imm:d}]!', '11 111 0 00 00 0 imm:s9 11 Rn:5 Rt:5', 'STR (immediate)', 'Rn'],
  ldr_post_x: ['ldr {Rt:x}, [{Rn:xsp}], #{imm:d}', '11 111 0 00 01 0 imm:s9 01 Rn:5 Rt:5', 'LDR (immediate)', 'Rt Rn'],
  stp_pre_x: ['stp {Rt:x}, {Rt2:x}, [{Rn:xsp}, #{imm:d}]!', '10 101 0 011 0 imm:s7*8 Rt2:5 Rn:5 Rt:5', 'STP', 'Rn'],
  ldp_post_x: ['ldp {Rt:x}, {Rt2:x}, [{Rn:xsp}], #{imm:d}', '10 101 0 001 1 imm:s7*8 Rt2:5 Rn:5 Rt:5', 'LDP', 'Rt Rt2 Rn'],

  // Pairs and literals
  stp_x: ['stp {Rt:x}, {Rt2:x}, [{Rn:xsp}{imm:disp}]', '10 101 0 010 0 imm:s7*8 Rt2:5 Rn:5 Rt:5', 'STP', ''],
  stp_w: ['stp {Rt:w}, {Rt2:w}, [{Rn:xsp}{imm:disp}]', '00 101 0 010 0 imm:s7*4 Rt2:5 Rn:5 Rt:5', 'STP', ''],
  ldp_x: ['ldp {Rt:x}, {Rt2:x}, [{Rn:xsp}{imm:disp}]', '10 101 0 010 1 imm:s7*8 Rt2:5 Rn:5 Rt:5', 'LDP', 'Rt Rt2'],
  ldp_w: ['ldp {Rt:w}, {Rt2:w}, [{Rn:xsp}{imm:disp}]', '00 101 0 010 1 imm:s7*4 Rt2:5 Rn:5 Rt:5', 'LDP', 'Rt Rt2'],
  ldr_literal: ['ldr {Rt:x}, {label:label}', '01 011 0 00 label:s19*4 Rt:5', 'LDR (literal)', 'Rt'],

  // Atomics of FEAT_LSE with acquire and release semantics, and load-acquire, store-release
  ldaddal_x: ['ldaddal {Rs:x}, {Rt:x}, [{Rn:xsp}]', '11 111 0 00 1 1 1 Rs:5 0 000 00 Rn:5 Rt:5', 'LDADD', 'Rt'],
  ldaddal_w: ['ldaddal {Rs:w}, {Rt:w}, [{Rn:xsp}]', '10 111 0 00 1 1 1 Rs:5 0 000 00 Rn:5 Rt:5', 'LDADD', 'Rt'],
  ldclral_x: ['ldclral {Rs:x}, {Rt:x}, [{Rn:xsp}]', '11 111 0 00 1 1 1 Rs:5 0 001 00 Rn:5 Rt:5', 'LDCLR', 'Rt'],
  ldclral_w: ['ldclral {Rs:w}, {Rt:w}, [{Rn:xsp}]', '10 111 0 00 1 1 1 Rs:5 0 001 00 Rn:5 Rt:5', 'LDCLR', 'Rt'],
  ldeoral_x: ['ldeoral {Rs:x}, {Rt:x}, [{Rn:xsp}]', '11 111 0 00 1 1 1 Rs:5 0 010 00 Rn:5 Rt:5', 'LDEOR', 'Rt'],
  ldeoral_w: ['ldeoral {Rs:w}, {Rt:w}, [{Rn:xsp}]', '10 111 0 00 1 1 1 Rs:5 0 010 00 Rn:5 Rt:5', 'LDEOR', 'Rt'],
  ldsetal_x: ['ldsetal {Rs:x}, {Rt:x}, [{Rn:xsp}]', '11 111 0 00 1 1 1 Rs:5 0 011 00 Rn:5 Rt:5', 'LDSET', 'Rt'],
  ldsetal_w: ['ldsetal {Rs:w}, {Rt:w}, [{Rn:xsp}]', '10 111 0 00 1 1 1 Rs:5 0 011 00 Rn:5 Rt:5', 'LDSET', 'Rt'],
  swpal_x: ['swpal {Rs:x}, {Rt:x}, [{Rn:xsp}]', '11 111 0 00 1 1 1 Rs:5 1 000 00 Rn:5 Rt:5', 'SWP', 'Rt'],
  swpal_w: ['swpal {Rs:w}, {Rt:w}, [{Rn:xsp}]', '10 111 0 00 1 1 1 Rs:5 1 000 00 Rn:5 Rt:5', 'SWP', 'Rt'],
  casal_x: ['casal {Rs:x}, {Rt:x}, [{Rn:xsp}]', '11 001000 1 1 1 Rs:5 1 11111 Rn:5 Rt:5', 'CAS', 'Rs'],
  casal_w: ['casal {Rs:w}, {Rt:w}, [{Rn:xsp}]', '10 001000 1 1 1 Rs:5 1 11111 Rn:5 Rt:5', 'CAS', 'Rs'],
  ldar_x: ['ldar {Rt:x}, [{Rn:xsp}]', '11 001000 1 1 0 11111 1 11111 Rn:5 Rt:5', 'LDAR', 'Rt'],
  ldar_w: ['ldar {Rt:w}, [{Rn:xsp}]', '10 001000 1 1 0 11111 1 11111 Rn:5 Rt:5', 'LDAR', 'Rt'],
  ldarh: ['ldarh {Rt:w}, [{Rn:xsp}]', '01 001000 1 1 0 11111 1 11111 Rn:5 Rt:5', 'LDARH', 'Rt'],
  ldarb: ['ldarb {Rt:w}, [{Rn:xsp}]', '00 001000 1 1 0 11111 1 11111 Rn:5 Rt:5', 'LDARB', 'Rt'],
  stlr_x: ['stlr {Rt:x}, [{Rn:xsp}]', '11 001000 1 0 0 11111 1 11111 Rn:5 Rt:5', 'STLR', ''],
  stlr_w: ['stlr {Rt:w}, [{Rn:xsp}]', '10 001000 1 0 0 11111 1 11111 Rn:5 Rt:5', 'STLR', ''],
  stlrh: ['stlrh {Rt:w}, [{Rn:xsp}]', '01 001000 1 0 0 11111 1 11111 Rn:5 Rt:5', 'STLRH', ''],
  stlrb: ['stlrb {Rt:w}, [{Rn:xsp}]', '00 001000 1 0 0 11111 1 11111 Rn:5 Rt:5', 'STLRB', ''],

  // System: what a runner without a C library needs
  svc: ['svc #{imm:h}', '11010100 000 imm:16 000 01', 'SVC'],
  brk: ['brk #{imm:h}', '11010100 001 imm:16 000 00', 'BRK'],
  nop: ['nop', '1101010100 0 00 011 0010 0000 000 11111', 'NOP'],
  isb: ['isb', '1101010100 0 00 011 0011 1111 110 11111', 'ISB'],
  dsb_ish: ['dsb ish', '1101010100 0 00 011 0011 1011 100 11111', 'DSB'],
  dmb_ish: ['dmb ish', '1101010100 0 00 011 0011 1011 101 11111', 'DMB'],
  dc_cvau: ['dc cvau, {Rt:x}', '1101010100 0 01 011 0111 1011 001 Rt:5', 'DC CVAU', ''],
  ic_ivau: ['ic ivau, {Rt:x}', '1101010100 0 01 011 0111 0101 001 Rt:5', 'IC IVAU', ''],
  mrs_ctr_el0: ['mrs {Rt:x}, ctr_el0', '1101010100 1 1 1 011 0000 0000 001 Rt:5', 'MRS', 'Rt'],
} as const;

export type InstructionName = keyof typeof ROWS;

/** A row with what the encoder, the printer and the passes need. */
export type Arm64Form = RowForm<InstructionName>;

/** All rows, compiled. Load-time proof: each layout has 32 bits and a field for each operand of its syntax. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, Arm64Form>> = /* @__PURE__ */ compileRows<InstructionName>({
  rows: ROWS,
  result: 'Rd',
  branchUse,
  relocations: {
    bl_symbol: 'R_AARCH64_CALL26',
    adrp_symbol: 'R_AARCH64_ADR_PREL_PG_HI21',
    add_lo12_symbol: 'R_AARCH64_ADD_ABS_LO12_NC',
  },
});
