/** What instructions say of the upper halves of their results. */
import { BOTH, followHalves, halfOf, halfOfAnd, halfOfShift, type KnownHalves, type MachineNode, SIGN, type UpperHalves, ZEROS } from '@polybpf/jit'; // prettier-ignore
import type { InstructionName } from './instructions.ts';
import { REGISTERS, ZERO } from './registers.ts';

const HALVES = /* @__PURE__ */ followHalves({
  preserved: REGISTERS.calleeSaved,
  flow: ({ form, operands }) => {
    const name = form.name as InstructionName;
    if (name === 'bl' || name === 'bl_symbol') return 'call';
    if (name === 'jirl') return operands[0] === ZERO ? 'jump' : 'call';
    return name === 'b' ? 'jump' : undefined;
  },
  result: resultOf,
});

export const upperHalf: UpperHalves['upperHalf'] = (cx, register) => HALVES.upperHalf(cx, register);
export const isWritten: UpperHalves['isWritten'] = (cx, register) => HALVES.isWritten(cx, register);

/** Result in 32 bits, sign-extended. */
const SIGNED: ReadonlySet<InstructionName> = /* @__PURE__ */ new Set<InstructionName>([
  'addi_w', 'slli_w', 'srai_w', 'add_w', 'sub_w', 'sll_w', 'srl_w', 'sra_w', 'mul_w', 'div_wu', 'mod_wu', 'ext_w_b',
  'ext_w_h', 'revb_2h', 'ld_b', 'ld_h', 'ld_w', 'ldx_b', 'ldx_h', 'ldx_w', 'ldptr_w', 'amswap_db_w', 'amadd_db_w',
  'amand_db_w', 'amor_db_w', 'amxor_db_w', 'll_w',
]); // prettier-ignore

function resultOf({ form, operands }: MachineNode, before: KnownHalves): number {
  const name = form.name as InstructionName;
  const [, a, b] = operands as [number, number, number];
  // The narrow additions are how small constants are made.
  if (name === 'addi_w') return a === ZERO && b >= 0 ? BOTH : SIGN;
  if (SIGNED.has(name)) return SIGN;
  switch (name) {
    case 'ld_bu':
    case 'ld_hu':
    case 'ldx_bu':
    case 'ldx_hu':
    case 'slti':
    case 'sltui':
    case 'sltu':
    case 'andi':
      return BOTH;
    case 'ld_wu':
    case 'ldx_wu':
      return ZEROS;
    case 'lu12i_w':
      return a >= 0 ? BOTH : SIGN;
    case 'ori':
    case 'xori':
      return halfOf(before, a);
    case 'srli_w':
      return b > 0 ? BOTH : SIGN;
    case 'srli_d':
      return halfOfShift(halfOf(before, a), b);
    case 'srai_d':
      return b >= 32 ? SIGN : halfOf(before, a);
    case 'bstrpick_d': {
      const bits = b - operands[3]! + 1;
      return bits < 32 ? BOTH : bits === 32 ? ZEROS : 0;
    }
    case 'bstrins_d':
      // Zeros into the lower half: rd is an operand as well.
      return a === ZERO && b < 31
        ? halfOf(before, operands[0]!)
        : a === ZERO && b === 31
          ? halfOf(before, operands[0]!) & ZEROS
          : 0;
    case 'and':
      return halfOfAnd(halfOf(before, a), halfOf(before, b));
    case 'or':
    case 'xor':
      return halfOf(before, a) & halfOf(before, b);
    case 'nor':
      return halfOf(before, a) & halfOf(before, b) & SIGN;
    // What a divisor of zero would give never gets beyond the instructions of the division.
    case 'div_du':
    case 'mod_du':
      return halfOf(before, a) & ZEROS;
    case 'maskeqz':
      return halfOf(before, a);
    default:
      return 0;
  }
}
