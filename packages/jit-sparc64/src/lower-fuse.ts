/**
 * Looking back while lowering: the last node and whether the next one can take it in.
 *
 * An instruction may be taken back when its result is read by nobody but the op being lowered: its register is dead
 * afterwards, or is the register that the op writes. Labels are nodes, so that nothing is ever fused across a place
 * where control may come from elsewhere; delay slots hold `nop` while lowering, which is never fused.
 */
import { lastNode, type LowerContext, type MachineForm, type MachineNode, retargetLast, soleResult } from '@polybpf/jit'; // prettier-ignore
import { type InstructionName, INSTRUCTIONS, type SparcForm } from './instructions.ts';
import { G0, O0 } from './registers.ts';

const { add, add_imm, mov, mov_imm, restore, restore_imm, sra_imm, srl_imm } = INSTRUCTIONS;

/** The register that a node writes, -1 when there is none or not just one. */
export function writtenBy({ form, operands }: MachineNode): number {
  return operands[soleResult(form)] ?? -1;
}

/** Lets the last instruction write `to` instead of `from`, which is dead; see `retargetLast`. */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  return retargetLast(cx, from, to, (form) => {
    const position = soleResult(form);
    const { effect, reads } = form as SparcForm;
    return effect === 'fixed' || reads?.includes(position) ? -1 : position;
  });
}

/** The `restore` that computes into the caller's %o0 what `node` computes into `r0`, when it is an addition or a move. */
export function restoreOf(
  node: MachineNode,
  r0: number,
): { form: MachineForm; operands: readonly number[] } | undefined {
  const { form, operands } = node;
  const [first, second] = operands as [number, number];
  if (form !== add && form !== add_imm && form !== mov && form !== mov_imm) return undefined;
  if (writtenBy(node) !== r0) return undefined;
  if (form === mov) return { form: restore, operands: [first, G0, O0] };
  if (form === mov_imm) return { form: restore_imm, operands: [G0, first, O0] };
  return { form: form === add ? restore : restore_imm, operands: [first, second, O0] };
}

/** Whether a node is `srl x, 0, d` (zero-extension of 32 bits). */
export function isZeroExtension(node: MachineNode | undefined): node is MachineNode {
  return node !== undefined && node.form === srl_imm && node.operands[1] === 0;
}

/** Whether a node is `sra x, 0, d` (sign extension of 32 bits). */
export function isSignExtension(node: MachineNode | undefined): node is MachineNode {
  return node !== undefined && node.form === sra_imm && node.operands[1] === 0;
}

/** Instructions whose result has zeros in its upper half whatever their operands are. */
const ZERO_EXTENDING: ReadonlySet<InstructionName> = /* @__PURE__ */ new Set<InstructionName>([
  'srl', 'srl_imm', 'ldub', 'ldub_reg', 'lduh', 'lduh_reg', 'lduw', 'lduw_reg', 'lduha_little', 'lduwa_little', 'sethi',
  'casa', 'swap', 'swap_reg',
]); // prettier-ignore

/** Whether the last node leaves a value in `register` whose upper half is zero. */
export function isUpperZero(cx: LowerContext, register: number): boolean {
  const node = lastNode(cx);
  if (node === undefined || writtenBy(node) !== register) return false;
  const name = node.form.name as InstructionName;
  return ZERO_EXTENDING.has(name) || (name === 'and_imm' && node.operands[1]! >= 0);
}
