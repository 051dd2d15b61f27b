/**
 * Looking back while lowering: what the last nodes left in a register, and whether a move can be saved.
 *
 * 32-bit instructions but shifts to the left want operands that are sign-extended words; anything else makes their
 * result unpredictable (MD00087, "NotWordValue"). Which registers hold such words, and which hold words whose upper half
 * is zero, is found in the nodes since the last place where control may come from elsewhere.
 */
import { LABEL, type LowerContext, type MachineForm, type MachineNode, retargetLast } from '@polybpf/jit';
import { type InstructionName, INSTRUCTIONS as I, type MipsForm } from './instructions.ts';
import { ZERO } from './registers.ts';

/** The value is the sign extension of its low word. */
export const SIGNED = 1;
/** The upper half is zero. */
export const UNSIGNED = 2;
const BOTH = SIGNED | UNSIGNED;

/** How many nodes are looked at. */
const WINDOW = 16;

/** What each instruction says of its result, when that does not depend on its operands. */
const RESULTS: Readonly<Partial<Record<InstructionName, number>>> = {
  addu: SIGNED, subu: SIGNED, mul: SIGNED, negu: SIGNED, sll: SIGNED, srl: SIGNED, sra: SIGNED, rotr: SIGNED,
  sllv: SIGNED, srlv: SIGNED, srav: SIGNED, addiu: SIGNED, lui: SIGNED, lw: SIGNED, ll: SIGNED, wsbh: SIGNED,
  lb: SIGNED, lh: SIGNED, seb: SIGNED, seh: SIGNED, dsra32: SIGNED,
  lwu: UNSIGNED, lbu: BOTH, lhu: BOTH, andi: BOTH, li_unsigned: BOTH, slt: BOTH, sltu: BOTH, slti: BOTH, sltiu: BOTH,
}; // prettier-ignore

/** {@link SIGNED} and {@link UNSIGNED} bits that are known of hardware register `register`. */
export function knownExtension(cx: LowerContext, register: number): number {
  return extensionBefore(cx.nodes, cx.nodes.length, register, WINDOW);
}

function extensionBefore(nodes: readonly MachineNode[], end: number, register: number, window: number): number {
  if (register === ZERO) return BOTH;
  const stop = Math.max(0, end - window);
  for (let i = end - 1; i >= stop; i--) {
    const node = nodes[i]!;
    const { form, operands } = node;
    if (form === LABEL) return 0;
    const { writes } = form as MipsForm;
    // Sequences and calls: whatever they write is not worth knowing.
    if (writes === undefined || form === I.jalr || form === I.bal) return 0;
    if (writes.length === 0 || operands[writes[0]!] !== register) continue;
    return extensionOf(nodes, i, window - (end - i));
  }
  return 0;
}

/** What is known of the result of node `i`. */
function extensionOf(nodes: readonly MachineNode[], i: number, window: number): number {
  const { form, operands } = nodes[i]!;
  const result = RESULTS[form.name as InstructionName];
  if (result !== undefined) return form === I.lui && operands[1]! < 0x8000 ? BOTH : result;
  const before = (operand: number): number => extensionBefore(nodes, i, operands[operand]!, window);
  switch (form) {
    case I.li:
      return operands[1]! >= 0 ? BOTH : SIGNED;
    case I.dext:
      return operands[3] === 31 ? UNSIGNED : BOTH;
    case I.dextu:
      return operands[3] === 31 ? UNSIGNED : BOTH;
    case I.dsrl32:
      return operands[2] === 0 ? UNSIGNED : BOTH;
    case I.move:
    case I.ori:
    case I.xori:
      return before(1);
    case I.and: {
      const [a, b] = [before(1), before(2)];
      // A zero upper half on either side is one of the result; so is a clear bit 31 with it.
      return (a & b) | ((a | b) & UNSIGNED) | (a === BOTH || b === BOTH ? BOTH : 0);
    }
    case I.or:
    case I.xor:
      return before(1) & before(2);
    default:
      return 0;
  }
}

/**
 * Lets the last instruction write `to` instead of `from`, in place of a move. The caller knows that `from` is dead.
 *
 * @returns false when the last node is something else, stands in a delay slot, or needs its result register as an input
 */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  const before = cx.nodes[cx.nodes.length - 2]?.form as MipsForm | undefined;
  return before?.effect !== 'branch' && retargetLast(cx, from, to, resultOf);
}

function resultOf(form: MachineForm): number {
  const { effect, reads, writes } = form as MipsForm;
  return writes === undefined || writes[0] !== 0 || reads.includes(0) || effect === 'fixed' ? -1 : 0;
}
