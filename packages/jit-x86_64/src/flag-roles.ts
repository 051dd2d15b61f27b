/** What rows are to a pass that keeps track of the flags, by their names. */

/** What an instruction is to the flags. */
export type FlagRole =
  /** Changes flags, or registers that are not its first operand, or control. */
  | 'none'
  /** Goes on elsewhere or not, by the flags. */
  | 'branch'
  /** Comparison of registers and immediates: its operands are all that the flags depend on. */
  | 'comparison'
  /** Leaves the flags alone and writes only its first operand, a register. */
  | 'move'
  /** Changes neither flags nor registers. */
  | 'store'
  /** Zero and sign flag are those of its first operand, of 64 or 32 bits. */
  | 'result64'
  | 'result32';

/** Condition codes of which there are branches and conditional moves. */
export const CONDITIONS = ['b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'l', 'ge', 'le', 'g'] as const;

const ROLES: ReadonlyMap<string, FlagRole> = /* @__PURE__ */ new Map<string, FlagRole>([
  ...CONDITIONS.flatMap((condition) => [
    ...enumerated('branch', `j${condition}_rel8`),
    ...enumerated('move', `cmov${condition}_r_rm32`, `cmov${condition}_r_rm64`),
  ]),
  ...enumerated('comparison',
    'cmp_rm_r64', 'cmp_rm_r32', 'cmp_rm64_imm8', 'cmp_rm32_imm8', 'cmp_rm64_imm32', 'cmp_rm32_imm32',
    'cmp_rax_imm32', 'cmp_eax_imm32', 'test_rm_r64', 'test_rm_r32'),
  ...enumerated('move',
    'mov_rm_r64', 'mov_rm_r32', 'mov_r_rm32', 'movzx_r32_rm8', 'movzx_r32_rm16', 'movsx_r64_rm8', 'movsx_r64_rm16',
    'movsx_r32_rm8', 'movsx_r32_rm16', 'movsxd_r64_rm32', 'mov_r32_imm32', 'mov_rm64_imm32', 'movabs_r64_imm64',
    'lea_r64', 'lea_r32', 'lea_r64_index', 'lea_r32_index', 'mov_r64_m', 'mov_r32_m', 'movzx_r32_m8', 'movzx_r32_m16',
    'movsx_r64_m8', 'movsx_r64_m16', 'movsxd_r64_m32', 'mov_r64_index', 'mov_r32_index', 'movzx_r32_index8', 'movzx_r32_index16'),
  ...enumerated('store',
    'mov_m_r64', 'mov_m_r32', 'mov_m_r16', 'mov_m_r8', 'mov_m64_imm32', 'mov_m32_imm32', 'mov_m16_imm16', 'mov_m8_imm8',
    'mov_index_r64', 'mov_index_r32', 'mov_index_r16', 'mov_index_r8'),
  ...(['add', 'sub', 'and', 'or', 'xor'] as const).flatMap((name) => [
    ...enumerated('result64', `${name}_rm_r64`, `${name}_rm64_imm8`, `${name}_rm64_imm32`, `${name}_r_m64`),
    ...enumerated('result32', `${name}_rm_r32`, `${name}_rm32_imm8`, `${name}_rm32_imm32`, `${name}_r_m32`),
  ]),
  ...enumerated('result64', 'inc_rm64', 'dec_rm64', 'neg_rm64'),
  ...enumerated('result32', 'inc_rm32', 'dec_rm32', 'neg_rm32'),
]); // prettier-ignore

function enumerated(role: FlagRole, ...names: readonly string[]): [string, FlagRole][] {
  return names.map((name) => [name, role]);
}

/** The role of the row called `name`. */
export function flagRole(name: string): FlagRole {
  return ROLES.get(name) ?? 'none';
}
