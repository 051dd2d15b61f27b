/**
 * The pass over the nodes of a function: a branch around a jump becomes the opposite branch; a return address that was saved
 * for a scratch register that nothing used stays where it is.
 */
import { LABEL, makeNode, type MachineNode } from '@polybpf/jit';
import { type ArmForm, INSTRUCTIONS } from './instructions.ts';
import { AL, LR, PC, SP } from './registers.ts';

const { b, bl, bl_symbol, blx, bx, pop, push } = INSTRUCTIONS;

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(input: MachineNode[]): MachineNode[] {
  const nodes = keepReturnAddress(input);
  const out: MachineNode[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    if (isBranchOverJump(nodes, i)) {
      out.push({ ...node, operands: [node.operands[0]! ^ 1], label: nodes[++i]!.label });
    } else out.push(node);
  }
  return out;
}

/** Whether node `i` is a conditional branch around nothing but a jump. */
function isBranchOverJump(nodes: readonly MachineNode[], i: number): boolean {
  const [branch, jump] = [nodes[i]!, nodes[i + 1]];
  if (branch.form !== b || branch.operands[0] === AL || jump?.form !== b || jump.operands[0] !== AL) return false;
  return isLabelAt(nodes, i + 2, branch.label);
}

/** Whether `label` is bound at `at`, maybe among others. */
function isLabelAt(nodes: readonly MachineNode[], at: number, label: number): boolean {
  for (let i = at; i < nodes.length && nodes[i]!.form === LABEL; i++) if (nodes[i]!.label === label) return true;
  return false;
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
