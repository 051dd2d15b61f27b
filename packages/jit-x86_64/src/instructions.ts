/**
 * The instructions of x86-64 that the target and runners of `@polybpf/machine` use, one row each: syntax as the GNU
 * assembler takes it (`-msyntax=intel -mnaked-reg`), encoding in the notation of the Intel SDM vol. 2 sec. 3.1.1.1; see
 * encoder.ts for the names of operands. Encoder, printer and the tests against GNU as come from these rows.
 *
 * Naming: mnemonic, then operands; `rm` is a register in ModRM.rm, `m` memory [base + disp], `index` memory with a
 * scaled index, `label` memory [rip + label]; a number is the width in bits where the operand does not say it.
 */
import { branchUse } from './branches.ts';
import { compileForm, type X64Form } from './encoder.ts';
import { flagRole } from './flag-roles.ts';

/** A row as written here. */
interface Row {
  readonly syntax: string;
  readonly encoding: string;
}

// prettier-ignore
const ROWS = {
  // arithmetic and logic, two operands
  add_rm_r64: { syntax: 'add {rm:r64}, {reg:r64}', encoding: 'REX.W + 01 /r' },
  add_rm64_imm8: { syntax: 'add {rm:r64}, {imm:i8}', encoding: 'REX.W + 83 /0 ib' },
  add_rm64_imm32: { syntax: 'add {rm:r64}, {imm:i32}', encoding: 'REX.W + 81 /0 id' },
  add_rax_imm32: { syntax: 'add rax, {imm:i32}', encoding: 'REX.W + 05 id' },
  add_r_m64: { syntax: 'add {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 03 /r' },
  add_rm_r32: { syntax: 'add {rm:r32}, {reg:r32}', encoding: '01 /r' },
  add_rm32_imm8: { syntax: 'add {rm:r32}, {imm:i8}', encoding: '83 /0 ib' },
  add_rm32_imm32: { syntax: 'add {rm:r32}, {imm:i32}', encoding: '81 /0 id' },
  add_eax_imm32: { syntax: 'add eax, {imm:i32}', encoding: '05 id' },
  add_r_m32: { syntax: 'add {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '03 /r' },
  or_rm_r64: { syntax: 'or {rm:r64}, {reg:r64}', encoding: 'REX.W + 09 /r' },
  or_rm64_imm8: { syntax: 'or {rm:r64}, {imm:i8}', encoding: 'REX.W + 83 /1 ib' },
  or_rm64_imm32: { syntax: 'or {rm:r64}, {imm:i32}', encoding: 'REX.W + 81 /1 id' },
  or_rax_imm32: { syntax: 'or rax, {imm:i32}', encoding: 'REX.W + 0D id' },
  or_r_m64: { syntax: 'or {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 0B /r' },
  or_rm_r32: { syntax: 'or {rm:r32}, {reg:r32}', encoding: '09 /r' },
  or_rm32_imm8: { syntax: 'or {rm:r32}, {imm:i8}', encoding: '83 /1 ib' },
  or_rm32_imm32: { syntax: 'or {rm:r32}, {imm:i32}', encoding: '81 /1 id' },
  or_eax_imm32: { syntax: 'or eax, {imm:i32}', encoding: '0D id' },
  or_r_m32: { syntax: 'or {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '0B /r' },
  and_rm_r64: { syntax: 'and {rm:r64}, {reg:r64}', encoding: 'REX.W + 21 /r' },
  and_rm64_imm8: { syntax: 'and {rm:r64}, {imm:i8}', encoding: 'REX.W + 83 /4 ib' },
  and_rm64_imm32: { syntax: 'and {rm:r64}, {imm:i32}', encoding: 'REX.W + 81 /4 id' },
  and_rax_imm32: { syntax: 'and rax, {imm:i32}', encoding: 'REX.W + 25 id' },
  and_r_m64: { syntax: 'and {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 23 /r' },
  and_rm_r32: { syntax: 'and {rm:r32}, {reg:r32}', encoding: '21 /r' },
  and_rm32_imm8: { syntax: 'and {rm:r32}, {imm:i8}', encoding: '83 /4 ib' },
  and_rm32_imm32: { syntax: 'and {rm:r32}, {imm:i32}', encoding: '81 /4 id' },
  and_eax_imm32: { syntax: 'and eax, {imm:i32}', encoding: '25 id' },
  and_r_m32: { syntax: 'and {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '23 /r' },
  sub_rm_r64: { syntax: 'sub {rm:r64}, {reg:r64}', encoding: 'REX.W + 29 /r' },
  sub_rm64_imm8: { syntax: 'sub {rm:r64}, {imm:i8}', encoding: 'REX.W + 83 /5 ib' },
  sub_rm64_imm32: { syntax: 'sub {rm:r64}, {imm:i32}', encoding: 'REX.W + 81 /5 id' },
  sub_rax_imm32: { syntax: 'sub rax, {imm:i32}', encoding: 'REX.W + 2D id' },
  sub_r_m64: { syntax: 'sub {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 2B /r' },
  sub_rm_r32: { syntax: 'sub {rm:r32}, {reg:r32}', encoding: '29 /r' },
  sub_rm32_imm8: { syntax: 'sub {rm:r32}, {imm:i8}', encoding: '83 /5 ib' },
  sub_rm32_imm32: { syntax: 'sub {rm:r32}, {imm:i32}', encoding: '81 /5 id' },
  sub_eax_imm32: { syntax: 'sub eax, {imm:i32}', encoding: '2D id' },
  sub_r_m32: { syntax: 'sub {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '2B /r' },
  xor_rm_r64: { syntax: 'xor {rm:r64}, {reg:r64}', encoding: 'REX.W + 31 /r' },
  xor_rm64_imm8: { syntax: 'xor {rm:r64}, {imm:i8}', encoding: 'REX.W + 83 /6 ib' },
  xor_rm64_imm32: { syntax: 'xor {rm:r64}, {imm:i32}', encoding: 'REX.W + 81 /6 id' },
  xor_rax_imm32: { syntax: 'xor rax, {imm:i32}', encoding: 'REX.W + 35 id' },
  xor_r_m64: { syntax: 'xor {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 33 /r' },
  xor_rm_r32: { syntax: 'xor {rm:r32}, {reg:r32}', encoding: '31 /r' },
  xor_rm32_imm8: { syntax: 'xor {rm:r32}, {imm:i8}', encoding: '83 /6 ib' },
  xor_rm32_imm32: { syntax: 'xor {rm:r32}, {imm:i32}', encoding: '81 /6 id' },
  xor_eax_imm32: { syntax: 'xor eax, {imm:i32}', encoding: '35 id' },
  xor_r_m32: { syntax: 'xor {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '33 /r' },
  cmp_rm_r64: { syntax: 'cmp {rm:r64}, {reg:r64}', encoding: 'REX.W + 39 /r' },
  cmp_rm64_imm8: { syntax: 'cmp {rm:r64}, {imm:i8}', encoding: 'REX.W + 83 /7 ib' },
  cmp_rm64_imm32: { syntax: 'cmp {rm:r64}, {imm:i32}', encoding: 'REX.W + 81 /7 id' },
  cmp_rax_imm32: { syntax: 'cmp rax, {imm:i32}', encoding: 'REX.W + 3D id' },
  cmp_r_m64: { syntax: 'cmp {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 3B /r' },
  cmp_rm_r32: { syntax: 'cmp {rm:r32}, {reg:r32}', encoding: '39 /r' },
  cmp_rm32_imm8: { syntax: 'cmp {rm:r32}, {imm:i8}', encoding: '83 /7 ib' },
  cmp_rm32_imm32: { syntax: 'cmp {rm:r32}, {imm:i32}', encoding: '81 /7 id' },
  cmp_eax_imm32: { syntax: 'cmp eax, {imm:i32}', encoding: '3D id' },
  cmp_r_m32: { syntax: 'cmp {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '3B /r' },

  // arithmetic on memory
  add_m_r64: { syntax: 'add qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 01 /r' },
  add_m64_imm8: { syntax: 'add qword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: 'REX.W + 83 /0 ib' },
  add_m64_imm32: { syntax: 'add qword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'REX.W + 81 /0 id' },
  or_m_r64: { syntax: 'or qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 09 /r' },
  or_m64_imm8: { syntax: 'or qword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: 'REX.W + 83 /1 ib' },
  or_m64_imm32: { syntax: 'or qword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'REX.W + 81 /1 id' },
  and_m_r64: { syntax: 'and qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 21 /r' },
  and_m64_imm8: { syntax: 'and qword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: 'REX.W + 83 /4 ib' },
  and_m64_imm32: { syntax: 'and qword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'REX.W + 81 /4 id' },
  sub_m_r64: { syntax: 'sub qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 29 /r' },
  sub_m64_imm8: { syntax: 'sub qword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: 'REX.W + 83 /5 ib' },
  sub_m64_imm32: { syntax: 'sub qword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'REX.W + 81 /5 id' },
  xor_m_r64: { syntax: 'xor qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 31 /r' },
  xor_m64_imm8: { syntax: 'xor qword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: 'REX.W + 83 /6 ib' },
  xor_m64_imm32: { syntax: 'xor qword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'REX.W + 81 /6 id' },
  cmp_m_r64: { syntax: 'cmp qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 39 /r' },
  cmp_m64_imm8: { syntax: 'cmp qword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: 'REX.W + 83 /7 ib' },
  cmp_m64_imm32: { syntax: 'cmp qword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'REX.W + 81 /7 id' },
  inc_m64: { syntax: 'inc qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + FF /0' },
  dec_m64: { syntax: 'dec qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + FF /1' },
  add_m_r32: { syntax: 'add dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '01 /r' },
  add_m32_imm8: { syntax: 'add dword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '83 /0 ib' },
  add_m32_imm32: { syntax: 'add dword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: '81 /0 id' },
  or_m_r32: { syntax: 'or dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '09 /r' },
  or_m32_imm8: { syntax: 'or dword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '83 /1 ib' },
  or_m32_imm32: { syntax: 'or dword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: '81 /1 id' },
  and_m_r32: { syntax: 'and dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '21 /r' },
  and_m32_imm8: { syntax: 'and dword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '83 /4 ib' },
  and_m32_imm32: { syntax: 'and dword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: '81 /4 id' },
  sub_m_r32: { syntax: 'sub dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '29 /r' },
  sub_m32_imm8: { syntax: 'sub dword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '83 /5 ib' },
  sub_m32_imm32: { syntax: 'sub dword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: '81 /5 id' },
  xor_m_r32: { syntax: 'xor dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '31 /r' },
  xor_m32_imm8: { syntax: 'xor dword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '83 /6 ib' },
  xor_m32_imm32: { syntax: 'xor dword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: '81 /6 id' },
  cmp_m_r32: { syntax: 'cmp dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '39 /r' },
  cmp_m32_imm8: { syntax: 'cmp dword ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '83 /7 ib' },
  cmp_m32_imm32: { syntax: 'cmp dword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: '81 /7 id' },
  inc_m32: { syntax: 'inc dword ptr [{base:r64}{disp:disp}]', encoding: 'FF /0' },
  dec_m32: { syntax: 'dec dword ptr [{base:r64}{disp:disp}]', encoding: 'FF /1' },
  cmp_m16_imm8: { syntax: 'cmp word ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '66 83 /7 ib' },
  test_m8_imm8: { syntax: 'test byte ptr [{base:r64}{disp:disp}], {imm:u8}', encoding: 'F6 /0 ib' },
  cmp_m8_imm8: { syntax: 'cmp byte ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: '80 /7 ib' },

  // arithmetic, one operand
  inc_rm64: { syntax: 'inc {rm:r64}', encoding: 'REX.W + FF /0' },
  dec_rm64: { syntax: 'dec {rm:r64}', encoding: 'REX.W + FF /1' },
  not_rm64: { syntax: 'not {rm:r64}', encoding: 'REX.W + F7 /2' },
  neg_rm64: { syntax: 'neg {rm:r64}', encoding: 'REX.W + F7 /3' },
  mul_rm64: { syntax: 'mul {rm:r64}', encoding: 'REX.W + F7 /4' },
  div_rm64: { syntax: 'div {rm:r64}', encoding: 'REX.W + F7 /6' },
  idiv_rm64: { syntax: 'idiv {rm:r64}', encoding: 'REX.W + F7 /7' },
  inc_rm32: { syntax: 'inc {rm:r32}', encoding: 'FF /0' },
  dec_rm32: { syntax: 'dec {rm:r32}', encoding: 'FF /1' },
  not_rm32: { syntax: 'not {rm:r32}', encoding: 'F7 /2' },
  neg_rm32: { syntax: 'neg {rm:r32}', encoding: 'F7 /3' },
  mul_rm32: { syntax: 'mul {rm:r32}', encoding: 'F7 /4' },
  div_rm32: { syntax: 'div {rm:r32}', encoding: 'F7 /6' },
  idiv_rm32: { syntax: 'idiv {rm:r32}', encoding: 'F7 /7' },
  cdq: { syntax: 'cdq', encoding: '99' },
  cqo: { syntax: 'cqo', encoding: 'REX.W + 99' },
  cwde: { syntax: 'cwde', encoding: '98' },
  cdqe: { syntax: 'cdqe', encoding: 'REX.W + 98' },

  // signed multiplication, truncating
  imul_r_rm64: { syntax: 'imul {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F AF /r' },
  imul_r_m64: { syntax: 'imul {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 0F AF /r' },
  imul_r_rm64_imm8: { syntax: 'imul {reg:r64}, {rm:r64}, {imm:i8}', encoding: 'REX.W + 6B /r ib' },
  imul_r_rm64_imm32: { syntax: 'imul {reg:r64}, {rm:r64}, {imm:i32}', encoding: 'REX.W + 69 /r id' },
  imul_r_rm32: { syntax: 'imul {reg:r32}, {rm:r32}', encoding: '0F AF /r' },
  imul_r_m32: { syntax: 'imul {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '0F AF /r' },
  imul_r_rm32_imm8: { syntax: 'imul {reg:r32}, {rm:r32}, {imm:i8}', encoding: '6B /r ib' },
  imul_r_rm32_imm32: { syntax: 'imul {reg:r32}, {rm:r32}, {imm:i32}', encoding: '69 /r id' },

  // shifts and rotates; counts are masked to the operand width
  shl_rm64_1: { syntax: 'shl {rm:r64}, 1', encoding: 'REX.W + D1 /4' },
  shl_rm64_imm8: { syntax: 'shl {rm:r64}, {imm:u8}', encoding: 'REX.W + C1 /4 ib' },
  shl_rm64_cl: { syntax: 'shl {rm:r64}, cl', encoding: 'REX.W + D3 /4' },
  shl_rm32_1: { syntax: 'shl {rm:r32}, 1', encoding: 'D1 /4' },
  shl_rm32_imm8: { syntax: 'shl {rm:r32}, {imm:u8}', encoding: 'C1 /4 ib' },
  shl_rm32_cl: { syntax: 'shl {rm:r32}, cl', encoding: 'D3 /4' },
  shr_rm64_1: { syntax: 'shr {rm:r64}, 1', encoding: 'REX.W + D1 /5' },
  shr_rm64_imm8: { syntax: 'shr {rm:r64}, {imm:u8}', encoding: 'REX.W + C1 /5 ib' },
  shr_rm64_cl: { syntax: 'shr {rm:r64}, cl', encoding: 'REX.W + D3 /5' },
  shr_rm32_1: { syntax: 'shr {rm:r32}, 1', encoding: 'D1 /5' },
  shr_rm32_imm8: { syntax: 'shr {rm:r32}, {imm:u8}', encoding: 'C1 /5 ib' },
  shr_rm32_cl: { syntax: 'shr {rm:r32}, cl', encoding: 'D3 /5' },
  sar_rm64_1: { syntax: 'sar {rm:r64}, 1', encoding: 'REX.W + D1 /7' },
  sar_rm64_imm8: { syntax: 'sar {rm:r64}, {imm:u8}', encoding: 'REX.W + C1 /7 ib' },
  sar_rm64_cl: { syntax: 'sar {rm:r64}, cl', encoding: 'REX.W + D3 /7' },
  sar_rm32_1: { syntax: 'sar {rm:r32}, 1', encoding: 'D1 /7' },
  sar_rm32_imm8: { syntax: 'sar {rm:r32}, {imm:u8}', encoding: 'C1 /7 ib' },
  sar_rm32_cl: { syntax: 'sar {rm:r32}, cl', encoding: 'D3 /7' },
  rol_rm64_1: { syntax: 'rol {rm:r64}, 1', encoding: 'REX.W + D1 /0' },
  rol_rm64_imm8: { syntax: 'rol {rm:r64}, {imm:u8}', encoding: 'REX.W + C1 /0 ib' },
  rol_rm64_cl: { syntax: 'rol {rm:r64}, cl', encoding: 'REX.W + D3 /0' },
  rol_rm32_1: { syntax: 'rol {rm:r32}, 1', encoding: 'D1 /0' },
  rol_rm32_imm8: { syntax: 'rol {rm:r32}, {imm:u8}', encoding: 'C1 /0 ib' },
  rol_rm32_cl: { syntax: 'rol {rm:r32}, cl', encoding: 'D3 /0' },
  ror_rm64_1: { syntax: 'ror {rm:r64}, 1', encoding: 'REX.W + D1 /1' },
  ror_rm64_imm8: { syntax: 'ror {rm:r64}, {imm:u8}', encoding: 'REX.W + C1 /1 ib' },
  ror_rm64_cl: { syntax: 'ror {rm:r64}, cl', encoding: 'REX.W + D3 /1' },
  ror_rm32_1: { syntax: 'ror {rm:r32}, 1', encoding: 'D1 /1' },
  ror_rm32_imm8: { syntax: 'ror {rm:r32}, {imm:u8}', encoding: 'C1 /1 ib' },
  ror_rm32_cl: { syntax: 'ror {rm:r32}, cl', encoding: 'D3 /1' },
  rol_rm16_imm8: { syntax: 'rol {rm:r16}, {imm:u8}', encoding: '66 C1 /0 ib' },
  bswap_r64: { syntax: 'bswap {rd:r64}', encoding: 'REX.W + 0F C8 +rd' },
  bswap_r32: { syntax: 'bswap {rd:r32}', encoding: '0F C8 +rd' },

  // tests
  test_rm_r64: { syntax: 'test {rm:r64}, {reg:r64}', encoding: 'REX.W + 85 /r' },
  test_rm64_imm32: { syntax: 'test {rm:r64}, {imm:i32}', encoding: 'REX.W + F7 /0 id' },
  test_rax_imm32: { syntax: 'test rax, {imm:i32}', encoding: 'REX.W + A9 id' },
  test_rm_r32: { syntax: 'test {rm:r32}, {reg:r32}', encoding: '85 /r' },
  test_rm32_imm32: { syntax: 'test {rm:r32}, {imm:i32}', encoding: 'F7 /0 id' },
  test_eax_imm32: { syntax: 'test eax, {imm:i32}', encoding: 'A9 id' },
  test_rm_r8: { syntax: 'test {rm:r8}, {reg:r8}', encoding: '84 /r' },
  test_rm8_imm8: { syntax: 'test {rm:r8}, {imm:u8}', encoding: 'F6 /0 ib' },
  test_al_imm8: { syntax: 'test al, {imm:u8}', encoding: 'A8 ib' },
  bt_rm32_imm8: { syntax: 'bt {rm:r32}, {imm:u8}', encoding: '0F BA /4 ib' },

  // moves between registers
  mov_rm_r64: { syntax: 'mov {rm:r64}, {reg:r64}', encoding: 'REX.W + 89 /r' },
  mov_rm_r32: { syntax: 'mov {rm:r32}, {reg:r32}', encoding: '89 /r' },
  // the same as mov_rm_r32 for the CPU; here it means that nothing reads the upper half of the result
  mov_r_rm32: { syntax: 'mov {reg:r32}, {rm:r32}', encoding: '8B /r' },
  movzx_r32_rm8: { syntax: 'movzx {reg:r32}, {rm:r8}', encoding: '0F B6 /r' },
  movzx_r32_rm16: { syntax: 'movzx {reg:r32}, {rm:r16}', encoding: '0F B7 /r' },
  movsx_r64_rm8: { syntax: 'movsx {reg:r64}, {rm:r8}', encoding: 'REX.W + 0F BE /r' },
  movsx_r64_rm16: { syntax: 'movsx {reg:r64}, {rm:r16}', encoding: 'REX.W + 0F BF /r' },
  movsx_r32_rm8: { syntax: 'movsx {reg:r32}, {rm:r8}', encoding: '0F BE /r' },
  movsx_r32_rm16: { syntax: 'movsx {reg:r32}, {rm:r16}', encoding: '0F BF /r' },
  movsxd_r64_rm32: { syntax: 'movsxd {reg:r64}, {rm:r32}', encoding: 'REX.W + 63 /r' },
  cmovb_r_rm64: { syntax: 'cmovb {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 42 /r' },
  cmovae_r_rm64: { syntax: 'cmovae {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 43 /r' },
  cmove_r_rm64: { syntax: 'cmove {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 44 /r' },
  cmovne_r_rm64: { syntax: 'cmovne {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 45 /r' },
  cmovbe_r_rm64: { syntax: 'cmovbe {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 46 /r' },
  cmova_r_rm64: { syntax: 'cmova {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 47 /r' },
  cmovs_r_rm64: { syntax: 'cmovs {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 48 /r' },
  cmovns_r_rm64: { syntax: 'cmovns {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 49 /r' },
  cmovl_r_rm64: { syntax: 'cmovl {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 4C /r' },
  cmovge_r_rm64: { syntax: 'cmovge {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 4D /r' },
  cmovle_r_rm64: { syntax: 'cmovle {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 4E /r' },
  cmovg_r_rm64: { syntax: 'cmovg {reg:r64}, {rm:r64}', encoding: 'REX.W + 0F 4F /r' },
  cmovb_r_rm32: { syntax: 'cmovb {reg:r32}, {rm:r32}', encoding: '0F 42 /r' },
  cmovae_r_rm32: { syntax: 'cmovae {reg:r32}, {rm:r32}', encoding: '0F 43 /r' },
  cmove_r_rm32: { syntax: 'cmove {reg:r32}, {rm:r32}', encoding: '0F 44 /r' },
  cmovne_r_rm32: { syntax: 'cmovne {reg:r32}, {rm:r32}', encoding: '0F 45 /r' },
  cmovbe_r_rm32: { syntax: 'cmovbe {reg:r32}, {rm:r32}', encoding: '0F 46 /r' },
  cmova_r_rm32: { syntax: 'cmova {reg:r32}, {rm:r32}', encoding: '0F 47 /r' },
  cmovs_r_rm32: { syntax: 'cmovs {reg:r32}, {rm:r32}', encoding: '0F 48 /r' },
  cmovns_r_rm32: { syntax: 'cmovns {reg:r32}, {rm:r32}', encoding: '0F 49 /r' },
  cmovl_r_rm32: { syntax: 'cmovl {reg:r32}, {rm:r32}', encoding: '0F 4C /r' },
  cmovge_r_rm32: { syntax: 'cmovge {reg:r32}, {rm:r32}', encoding: '0F 4D /r' },
  cmovle_r_rm32: { syntax: 'cmovle {reg:r32}, {rm:r32}', encoding: '0F 4E /r' },
  cmovg_r_rm32: { syntax: 'cmovg {reg:r32}, {rm:r32}', encoding: '0F 4F /r' },
  xchg_rax_r64: { syntax: 'xchg rax, {rd:r64}', encoding: 'REX.W + 90 +rd' },
  xchg_rm_r64: { syntax: 'xchg {rm:r64}, {reg:r64}', encoding: 'REX.W + 87 /r' },

  // constants
  mov_r32_imm32: { syntax: 'mov {rd:r32}, {imm:u32}', encoding: 'B8 +rd id' },
  mov_rm64_imm32: { syntax: 'mov {rm:r64}, {imm:i32}', encoding: 'REX.W + C7 /0 id' },
  movabs_r64_imm64: { syntax: 'movabs {rd:r64}, 0x{high:half}{low:half}', encoding: 'REX.W + B8 +rd io' },

  // addresses
  lea_r64: { syntax: 'lea {reg:r64}, [{base:r64}{disp:disp}]', encoding: 'REX.W + 8D /r' },
  lea_r32: { syntax: 'lea {reg:r32}, [{base:r64}{disp:disp}]', encoding: '8D /r' },
  lea_r64_index: { syntax: 'lea {reg:r64}, [{base:r64}+{index:r64}*{scale:scale}{disp:disp}]', encoding: 'REX.W + 8D /r' },
  lea_r32_index: { syntax: 'lea {reg:r32}, [{base:r64}+{index:r64}*{scale:scale}{disp:disp}]', encoding: '8D /r' },
  lea_r64_label: { syntax: 'lea {reg:r64}, [rip+{label:rip}]', encoding: 'REX.W + 8D /r' },
  lea_r64_symbol: { syntax: 'lea {reg:r64}, [rip+{symbol:rip}]', encoding: 'REX.W + 8D /r' },

  // loads
  mov_r64_m: { syntax: 'mov {reg:r64}, qword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 8B /r' },
  mov_r32_m: { syntax: 'mov {reg:r32}, dword ptr [{base:r64}{disp:disp}]', encoding: '8B /r' },
  mov_r64_index: { syntax: 'mov {reg:r64}, qword ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}]', encoding: 'REX.W + 8B /r' },
  mov_r32_index: { syntax: 'mov {reg:r32}, dword ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}]', encoding: '8B /r' },
  movzx_r32_index8: { syntax: 'movzx {reg:r32}, byte ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}]', encoding: '0F B6 /r' },
  movzx_r32_index16: { syntax: 'movzx {reg:r32}, word ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}]', encoding: '0F B7 /r' },
  mov_r64_label: { syntax: 'mov {reg:r64}, qword ptr [rip+{label:rip}]', encoding: 'REX.W + 8B /r' },
  movzx_r32_m8: { syntax: 'movzx {reg:r32}, byte ptr [{base:r64}{disp:disp}]', encoding: '0F B6 /r' },
  movzx_r32_m16: { syntax: 'movzx {reg:r32}, word ptr [{base:r64}{disp:disp}]', encoding: '0F B7 /r' },
  movsx_r64_m8: { syntax: 'movsx {reg:r64}, byte ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 0F BE /r' },
  movsx_r64_m16: { syntax: 'movsx {reg:r64}, word ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 0F BF /r' },
  movsx_r32_m8: { syntax: 'movsx {reg:r32}, byte ptr [{base:r64}{disp:disp}]', encoding: '0F BE /r' },
  movsx_r32_m16: { syntax: 'movsx {reg:r32}, word ptr [{base:r64}{disp:disp}]', encoding: '0F BF /r' },
  movsxd_r64_m32: { syntax: 'movsxd {reg:r64}, dword ptr [{base:r64}{disp:disp}]', encoding: 'REX.W + 63 /r' },

  // stores
  mov_m_r64: { syntax: 'mov qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 89 /r' },
  mov_m_r32: { syntax: 'mov dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '89 /r' },
  mov_m_r16: { syntax: 'mov word ptr [{base:r64}{disp:disp}], {reg:r16}', encoding: '66 89 /r' },
  mov_m_r8: { syntax: 'mov byte ptr [{base:r64}{disp:disp}], {reg:r8}', encoding: '88 /r' },
  mov_m64_imm32: { syntax: 'mov qword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'REX.W + C7 /0 id' },
  mov_m32_imm32: { syntax: 'mov dword ptr [{base:r64}{disp:disp}], {imm:i32}', encoding: 'C7 /0 id' },
  mov_m16_imm16: { syntax: 'mov word ptr [{base:r64}{disp:disp}], {imm:i16}', encoding: '66 C7 /0 iw' },
  mov_m8_imm8: { syntax: 'mov byte ptr [{base:r64}{disp:disp}], {imm:i8}', encoding: 'C6 /0 ib' },
  mov_index_r64: { syntax: 'mov qword ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}], {reg:r64}', encoding: 'REX.W + 89 /r' },
  mov_index_r32: { syntax: 'mov dword ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}], {reg:r32}', encoding: '89 /r' },
  mov_index_r16: { syntax: 'mov word ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}], {reg:r16}', encoding: '66 89 /r' },
  mov_index_r8: { syntax: 'mov byte ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}], {reg:r8}', encoding: '88 /r' },

  // atomic read-modify-write; xchg with memory locks by itself
  lock_add_m_r64: { syntax: 'lock add qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'F0 REX.W 01 /r' },
  lock_or_m_r64: { syntax: 'lock or qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'F0 REX.W 09 /r' },
  lock_and_m_r64: { syntax: 'lock and qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'F0 REX.W 21 /r' },
  lock_xor_m_r64: { syntax: 'lock xor qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'F0 REX.W 31 /r' },
  lock_xadd_m_r64: { syntax: 'lock xadd qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'F0 REX.W 0F C1 /r' },
  lock_cmpxchg_m_r64: { syntax: 'lock cmpxchg qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'F0 REX.W 0F B1 /r' },
  xchg_m_r64: { syntax: 'xchg qword ptr [{base:r64}{disp:disp}], {reg:r64}', encoding: 'REX.W + 87 /r' },
  lock_add_m_r32: { syntax: 'lock add dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: 'F0 01 /r' },
  lock_or_m_r32: { syntax: 'lock or dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: 'F0 09 /r' },
  lock_and_m_r32: { syntax: 'lock and dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: 'F0 21 /r' },
  lock_xor_m_r32: { syntax: 'lock xor dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: 'F0 31 /r' },
  lock_xadd_m_r32: { syntax: 'lock xadd dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: 'F0 0F C1 /r' },
  lock_cmpxchg_m_r32: { syntax: 'lock cmpxchg dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: 'F0 0F B1 /r' },
  xchg_m_r32: { syntax: 'xchg dword ptr [{base:r64}{disp:disp}], {reg:r32}', encoding: '87 /r' },

  // stack
  push_r64: { syntax: 'push {rd:r64}', encoding: '50 +rd' },
  pop_r64: { syntax: 'pop {rd:r64}', encoding: '58 +rd' },
  leave: { syntax: 'leave', encoding: 'C9' },

  // branches and calls
  jo_rel8: { syntax: 'jo {label:rel}', encoding: '70 cb' },
  jo_rel32: { syntax: 'jo {label:rel}', encoding: '0F 80 cd' },
  jno_rel8: { syntax: 'jno {label:rel}', encoding: '71 cb' },
  jno_rel32: { syntax: 'jno {label:rel}', encoding: '0F 81 cd' },
  jb_rel8: { syntax: 'jb {label:rel}', encoding: '72 cb' },
  jb_rel32: { syntax: 'jb {label:rel}', encoding: '0F 82 cd' },
  jae_rel8: { syntax: 'jae {label:rel}', encoding: '73 cb' },
  jae_rel32: { syntax: 'jae {label:rel}', encoding: '0F 83 cd' },
  je_rel8: { syntax: 'je {label:rel}', encoding: '74 cb' },
  je_rel32: { syntax: 'je {label:rel}', encoding: '0F 84 cd' },
  jne_rel8: { syntax: 'jne {label:rel}', encoding: '75 cb' },
  jne_rel32: { syntax: 'jne {label:rel}', encoding: '0F 85 cd' },
  jbe_rel8: { syntax: 'jbe {label:rel}', encoding: '76 cb' },
  jbe_rel32: { syntax: 'jbe {label:rel}', encoding: '0F 86 cd' },
  ja_rel8: { syntax: 'ja {label:rel}', encoding: '77 cb' },
  ja_rel32: { syntax: 'ja {label:rel}', encoding: '0F 87 cd' },
  js_rel8: { syntax: 'js {label:rel}', encoding: '78 cb' },
  js_rel32: { syntax: 'js {label:rel}', encoding: '0F 88 cd' },
  jns_rel8: { syntax: 'jns {label:rel}', encoding: '79 cb' },
  jns_rel32: { syntax: 'jns {label:rel}', encoding: '0F 89 cd' },
  jl_rel8: { syntax: 'jl {label:rel}', encoding: '7C cb' },
  jl_rel32: { syntax: 'jl {label:rel}', encoding: '0F 8C cd' },
  jge_rel8: { syntax: 'jge {label:rel}', encoding: '7D cb' },
  jge_rel32: { syntax: 'jge {label:rel}', encoding: '0F 8D cd' },
  jle_rel8: { syntax: 'jle {label:rel}', encoding: '7E cb' },
  jle_rel32: { syntax: 'jle {label:rel}', encoding: '0F 8E cd' },
  jg_rel8: { syntax: 'jg {label:rel}', encoding: '7F cb' },
  jg_rel32: { syntax: 'jg {label:rel}', encoding: '0F 8F cd' },
  jmp_rel8: { syntax: 'jmp {label:rel}', encoding: 'EB cb' },
  jmp_rel32: { syntax: 'jmp {label:rel}', encoding: 'E9 cd' },
  jmp_rm64: { syntax: 'jmp {rm:r64}', encoding: 'FF /4' },
  jmp_m64: { syntax: 'jmp qword ptr [{base:r64}{disp:disp}]', encoding: 'FF /4' },
  call_rel32: { syntax: 'call {label:rel}', encoding: 'E8 cd' },
  call_symbol: { syntax: 'call {symbol:rel}', encoding: 'E8 cd' },
  call_rm64: { syntax: 'call {rm:r64}', encoding: 'FF /2' },
  call_m64: { syntax: 'call qword ptr [{base:r64}{disp:disp}]', encoding: 'FF /2' },
  call_index: { syntax: 'call qword ptr [{base:r64}+{index:r64}*{scale:scale}{disp:disp}]', encoding: 'FF /2' },
  call_address: { syntax: 'call qword ptr ds:{address:i32}', encoding: 'FF /2' },
  ret: { syntax: 'ret', encoding: 'C3' },

  // system and others
  syscall: { syntax: 'syscall', encoding: '0F 05' },
  ud2: { syntax: 'ud2', encoding: '0F 0B' },
  int3: { syntax: 'int3', encoding: 'CC' },
  nop: { syntax: 'nop', encoding: '90' },
  pause: { syntax: 'pause', encoding: 'F3 90' },
  mfence: { syntax: 'mfence', encoding: '0F AE F0' },
  cld: { syntax: 'cld', encoding: 'FC' },
  rep_movsb: { syntax: 'rep movsb', encoding: 'F3 A4' },
  rep_movsq: { syntax: 'rep movsq', encoding: 'F3 REX.W A5' },
  rep_stosb: { syntax: 'rep stosb', encoding: 'F3 AA' },
  rep_stosq: { syntax: 'rep stosq', encoding: 'F3 REX.W AB' },
  endbr64: { syntax: 'endbr64', encoding: 'F3 0F 1E FA' },
} as const;

/** Name of a row. */
export type InstructionName = keyof typeof ROWS;

function compileRow(name: InstructionName, { syntax, encoding }: Row): X64Form {
  const code = compileForm(name, syntax, encoding);
  const hasSymbol = syntax.includes('{symbol');
  let far: X64Form | undefined;
  // S + A - P counts from the field, the CPU from the end of the instruction four bytes on
  const kind = syntax.startsWith('call') ? 'PLT32' : 'PC32';
  return {
    name,
    syntax,
    encoding,
    manual: manualSection(syntax),
    code,
    role: flagRole(name),
    branch: code.relSize === 0 || hasSymbol ? undefined : branchUse(code, () => (far ??= widened(name))),
    relocation: hasSymbol ? { kind, offset: code.fixedSize - 4, addend: -4 } : undefined,
  };
}

function widened(name: string): X64Form {
  return INSTRUCTIONS[name.replace('rel8', 'rel32') as InstructionName];
}

function manualSection(syntax: string): string {
  const mnemonic = syntax.replace(/^(lock|rep) /, '').split(' ')[0]!;
  const title = mnemonic.startsWith('cmov')
    ? 'CMOVcc'
    : mnemonic.startsWith('j') && mnemonic !== 'jmp'
      ? 'Jcc'
      : mnemonic.toUpperCase();
  return `Intel SDM vol. 2, ${title === 'MOVABS' ? 'MOV' : title}`;
}

/** Every row, compiled. */
export const INSTRUCTIONS: Readonly<Record<InstructionName, X64Form>> = /* @__PURE__ */ Object.fromEntries(
  Object.entries<Row>(ROWS).map(([name, row]) => [name, compileRow(name as InstructionName, row)]),
) as Record<InstructionName, X64Form>;
