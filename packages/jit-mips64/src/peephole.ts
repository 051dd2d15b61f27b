/**
 * The passes over the nodes of a function: calls of symbols get their code, a branch around a move becomes a conditional
 * move and one around a jump its opposite, constants that $at still holds are not made again, and delay slots are filled.
 */
import { dropHeldConstants, type HeldConstantRules, isLabelAt, LABEL, type MachineForm, type MachineNode, makeNode, type Straight, straighten } from '@polybpf/jit'; // prettier-ignore
import { CALL_SYMBOL, invertBranch, isConditional, LA_SYMBOL } from './branches.ts';
import { fillDelaySlots } from './delay-slots.ts';
import { INSTRUCTIONS as I, type MipsForm } from './instructions.ts';
import { AT, RA, T9, V1 } from './registers.ts';

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return fillDelaySlots(dropHeldConstants(straighten(expandCalls(nodes), replaceBranch), CONSTANTS));
}

/** The same for release 6, which has no conditional moves. */
export function peephole6(nodes: MachineNode[]): MachineNode[] {
  return fillDelaySlots(dropHeldConstants(straighten(expandCalls(nodes), skipJump), CONSTANTS));
}

/**
 * A symbol that is called once: its address to $t9, then jalr. One that is called more often: bal to code behind the
 * function that does so, and jumps.
 */
function expandCalls(nodes: MachineNode[]): MachineNode[] {
  let counts: Map<number, number> | undefined;
  for (const { form, label } of nodes) {
    if (form === CALL_SYMBOL) (counts ??= new Map<number, number>()).set(label, (counts.get(label) ?? 0) + 1);
  }
  if (counts === undefined) return nodes;
  const out: MachineNode[] = [];
  const shared = new Map<number, MachineNode>();
  for (const node of nodes) {
    if (node.form !== CALL_SYMBOL) out.push(node);
    else if (counts.get(node.label) === 1) {
      out.push({ ...node, form: LA_SYMBOL, operands: [T9], label: -1 }, makeNode(I.jalr, [T9], -1, node.insn));
    } else {
      out.push(makeNode(I.bal, [], node.label, node.insn));
      shared.set(node.label, node);
    }
  }
  for (const [label, node] of shared) {
    out.push(
      makeNode(LABEL, [], label),
      makeNode(I.move, [V1, RA]),
      { ...node, form: LA_SYMBOL, operands: [T9], label: -1, insn: -1 },
      makeNode(I.jr, [T9]),
      makeNode(I.move, [RA, V1]),
    );
  }
  return out;
}

/** Moves that are worth executing always instead of branching around them. */
const MAX_MOVES = 3;

/** `beqz c, L; nop; move d, s; L:` is `movn d, s, c`. */
function replaceBranch(nodes: readonly MachineNode[], i: number): Straight | undefined {
  const branch = nodes[i]!;
  const isZeroTest = branch.form === I.beqz || branch.form === I.bnez;
  const moves = isZeroTest ? movesBeforeLabel(nodes, i, branch) : 0;
  if (moves === 0) return skipJump(nodes, i);
  const form = branch.form === I.beqz ? I.movn : I.movz;
  const conditional = nodes
    .slice(i + 2, i + 2 + moves)
    .map(({ operands: [d, s], insn }) => makeNode(form, [d!, s!, branch.operands[0]!], -1, insn));
  return { nodes: conditional, length: 2 + moves };
}

/** `beq L; nop; b M; nop; L:` is the opposite branch to M. */
function skipJump(nodes: readonly MachineNode[], i: number): Straight | undefined {
  const branch = nodes[i]!;
  if (nodes[i + 2]?.form !== I.b || nodes[i + 1]!.form !== I.nop || nodes[i + 3]!.form !== I.nop) return undefined;
  if (!isConditional(branch.form.name) || !isLabelAt(nodes, i + 4, branch.label)) return undefined;
  return { nodes: [invertBranch(branch, nodes[i + 2]!.label, (name) => I[name]), nodes[i + 3]!], length: 4 };
}

/** How many moves, 1 to {@link MAX_MOVES}, lie between the branch `i` and its label; 0 when there is anything else. */
function movesBeforeLabel(nodes: readonly MachineNode[], i: number, { operands, label }: MachineNode): number {
  if (nodes[i + 1]?.form !== I.nop) return 0;
  let end = i + 2;
  for (; end < nodes.length && end - i - 2 <= MAX_MOVES; end++) {
    const move = nodes[end]!;
    if (move.form !== I.move) break;
    // The next move asks the register again.
    if (move.operands[0] === operands[0] && nodes[end + 1]?.form === I.move) return 0;
  }
  const moves = end - i - 2;
  return moves >= 1 && moves <= MAX_MOVES && isLabelAt(nodes, end, label) ? moves : 0;
}

/** What a constant may begin with, and what may follow to complete it. */
const STARTS: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([I.li, I.li_unsigned, I.lui]);
const CONTINUES: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([
  I.ori, I.dsll, I.dsll32, I.dsrl, I.dsrl32,
]); // prettier-ignore

const CONSTANTS: HeldConstantRules = {
  scratch: [AT],
  starts: ({ form }) => STARTS.has(form),
  continues: ({ form, operands }, register) =>
    CONTINUES.has(form) && operands[0] === register && operands[1] === register,
  isCall: (form) => form === I.bal || form === I.jalr,
  hasSlot: (form) => (form as MipsForm).effect === 'branch',
};
