/**
 * The pass over the nodes of a function: a branch around a jump becomes the opposite branch; a return address that was saved
 * for a scratch register that nothing used stays where it is.
 */
import { LABEL, type MachineNode, makeNode, skipJump, straighten } from '@polybpf/jit';
import { type ArmForm, INSTRUCTIONS } from './instructions.ts';
import { AL, LR, PC, SP } from './registers.ts';

const { b, bl, bl_symbol, blx, bx, pop, push } = INSTRUCTIONS;

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(input: MachineNode[]): MachineNode[] {
  return straighten(keepReturnAddress(input), (nodes, i) => skipJump(nodes, i, isJump, invert));
}

function isJump({ form, operands }: MachineNode): boolean {
  return form === b && operands[0] === AL;
}

function invert(node: MachineNode, label: number): MachineNode | undefined {
  return node.form === b && node.operands[0] !== AL ? { ...node, operands: [node.operands[0]! ^ 1], label } : undefined;
}

const SAVED = 1 << LR;
const RESTORED = 1 << PC;

/** Without the push of lr alone, when nothing but returns has to do with lr or the stack. */
function keepReturnAddress(nodes: MachineNode[]): MachineNode[] {
  const at = nodes.findIndex(({ form }) => form !== LABEL);
  if (nodes[at]?.form !== push || nodes[at].operands[1] !== SAVED) return nodes;
  const isReturn = ({ form, operands }: MachineNode): boolean => form === pop && operands[1] === RESTORED;
  if (nodes.some((node, i) => i !== at && !isReturn(node) && touchesReturnAddress(node))) return nodes;
  return nodes.flatMap((node, i) => {
    if (i === at) return [];
    return isReturn(node) ? [makeNode(bx, [AL, LR], -1, node.insn)] : [node];
  });
}

function touchesReturnAddress({ form, operands }: MachineNode): boolean {
  if (form === LABEL) return false;
  if (form === bl || form === bl_symbol || form === blx || form === bx || form === push || form === pop) return true;
  return (form as ArmForm).registersAt.some((at) => operands[at] === LR || operands[at] === SP);
}
