/** What instructions say of the upper halves of their results. */
import { BOTH, followHalves, halfOf, halfOfAnd, halfOfShift, type KnownHalves, type MachineNode, SIGN, type UpperHalves, ZEROS } from '@polybpf/jit'; // prettier-ignore
import type { InstructionName } from './instructions.ts';
import { REGISTERS, ZERO } from './registers.ts';

const HALVES = /* @__PURE__ */ followHalves({
  preserved: REGISTERS.calleeSaved,
  flow: ({ form, operands }) => {
    const name = form.name as InstructionName;
    if (name !== 'jal' && name !== 'jalr') return name === 'call_symbol' ? 'call' : undefined;
    return operands[0] === ZERO ? 'jump' : 'call';
  },
  result: resultOf,
});

export const upperHalf: UpperHalves['upperHalf'] = (cx, register) => HALVES.upperHalf(cx, register);
export const isWritten: UpperHalves['isWritten'] = (cx, register) => HALVES.isWritten(cx, register);

/** Result in 32 bits, sign-extended. */
const SIGNED: ReadonlySet<InstructionName> = /* @__PURE__ */ new Set<InstructionName>([
  'addiw', 'slliw', 'sraiw', 'addw', 'subw', 'sllw', 'srlw', 'sraw', 'mulw', 'divw', 'divuw', 'remw', 'remuw', 'lb', 'lh',
  'lw', 'sext_b', 'sext_h', 'amoadd_w', 'amoswap_w', 'amoxor_w', 'amoor_w', 'amoand_w', 'lr_w',
]); // prettier-ignore

function resultOf({ form, operands }: MachineNode, before: KnownHalves): number {
  const name = form.name as InstructionName;
  if (SIGNED.has(name)) return SIGN;
  const a = operands[1]!;
  const b = operands[2]!;
  switch (name) {
    case 'lbu':
    case 'lhu':
    case 'slti':
    case 'sltiu':
    case 'slt':
    case 'sltu':
    case 'sc_w':
    case 'sc_d':
    case 'zext_h':
      return BOTH;
    case 'add_uw':
      return b === ZERO ? ZEROS : 0;
    case 'lwu':
      return ZEROS;
    case 'lui':
      return a < 0x80000 ? BOTH : SIGN;
    case 'addi':
      if (a === ZERO) return b >= 0 ? BOTH : SIGN;
      return b === 0 ? halfOf(before, a) : 0;
    case 'andi':
      return b >= 0 ? BOTH : halfOf(before, a);
    case 'ori':
    case 'xori':
      return b >= 0 ? halfOf(before, a) : halfOf(before, a) & SIGN;
    case 'srliw':
      return b > 0 ? BOTH : SIGN;
    case 'srli':
      return halfOfShift(halfOf(before, a), b);
    case 'srai':
      return b >= 32 ? SIGN : halfOf(before, a);
    case 'and':
      return halfOfAnd(halfOf(before, a), halfOf(before, b));
    case 'or':
    case 'xor':
      return halfOf(before, a) & halfOf(before, b);
    case 'remu':
      return halfOf(before, a) & ZEROS;
    default:
      return 0;
  }
}
