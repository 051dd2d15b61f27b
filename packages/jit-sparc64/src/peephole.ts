/**
 * Rewrites the nodes of one function before layout:
 *
 * - a branch around one or two moves becomes conditional moves, a branch around a jump the opposite branch;
 * - a scratch register that holds a constant is not given the same value again;
 * - jumps to the return become returns where that costs nothing, and delay slots are filled, see delay-slots.ts.
 *
 * Labels that no branch goes to any more do not count as places where control comes from elsewhere.
 */
import { countUses, dropHeldConstants, type HeldConstantRules, isLabelAt, LABEL, type MachineForm, type MachineNode, makeNode, type Straight, straighten } from '@polybpf/jit'; // prettier-ignore
import { invertBranch } from './branches.ts';
import { fillSlots } from './delay-slots.ts';
import { INSTRUCTIONS, type SparcForm } from './instructions.ts';
import { G1, G4 } from './registers.ts';

const { add_imm, add_label, ba_a, bpcc, bpr, call, call_register, call_symbol, ldx_literal, mov, mov_imm, movcc, movcc_imm, movr, movr_imm, nop, or_imm, sethi, sllx_imm, xor_imm } = INSTRUCTIONS; // prettier-ignore

/** Moves that are worth executing always instead of branching around them. */
const MAX_MOVES = 2;

/** The target's peephole pass. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return fillSlots(dropHeldConstants(dropUnusedLabels(straighten(nodes, replaceBranch)), CONSTANTS));
}

/** All but the first, which is the function's: others call it. */
function dropUnusedLabels(nodes: readonly MachineNode[]): MachineNode[] {
  const uses = countUses(nodes);
  return nodes.filter(({ form, label }, i) => form !== LABEL || i === 0 || uses.has(label));
}

/** A branch around moves is those moves under the opposite condition, one around a jump the opposite branch. */
function replaceBranch(nodes: readonly MachineNode[], i: number): Straight | undefined {
  const branch = nodes[i]!;
  if ((branch.form !== bpcc && branch.form !== bpr) || nodes[i + 1]?.form !== nop) return undefined;
  const moves = movesBeforeLabel(nodes, i + 2, branch);
  if (moves > 0) {
    const conditional = nodes.slice(i + 2, i + 2 + moves).map((move) => conditionalMove(branch, move));
    return { nodes: conditional, length: 2 + moves };
  }
  if (nodes[i + 2]?.form !== ba_a || !isLabelAt(nodes, i + 3, branch.label)) return undefined;
  return { nodes: [invertBranch(branch, nodes[i + 2]!.label), nodes[i + 1]!], length: 3 };
}

/** How many moves lie between `start` and the branch's label, 0 when there is anything else or too many of them. */
function movesBeforeLabel(nodes: readonly MachineNode[], start: number, branch: MachineNode): number {
  const isRegister = branch.form === bpr;
  let end = start;
  for (; end - start < MAX_MOVES; end++) {
    const node = nodes[end];
    if (node === undefined || !isConditionalMove(node, isRegister)) break;
    // Both conditions must be of the register's value before the branch.
    if (isRegister && end > start && nodes[end - 1]!.operands[1] === branch.operands[1]) return 0;
  }
  const moves = end - start;
  return moves > 0 && isLabelAt(nodes, end, branch.label) ? moves : 0;
}

function isConditionalMove({ form, operands }: MachineNode, isRegister: boolean): boolean {
  if (form === mov) return true;
  const limit = isRegister ? 512 : 1024;
  return form === mov_imm && operands[0]! >= -limit && operands[0]! < limit;
}

/** The move, executed when the branch is not taken. */
function conditionalMove(branch: MachineNode, { form, operands, insn }: MachineNode): MachineNode {
  const [condition, tested] = branch.operands as [number, number];
  const isImmediate = form === mov_imm;
  if (branch.form === bpr) {
    return makeNode(isImmediate ? movr_imm : movr, [condition ^ 4, tested, ...operands], -1, insn);
  }
  return makeNode(isImmediate ? movcc_imm : movcc, [condition ^ 8, tested, ...operands], -1, insn);
}

/** Rows that begin a constant, and those that go on with it in the same register. */
const STARTS: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([sethi, mov_imm]);
const CONTINUES: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([or_imm, xor_imm, sllx_imm, add_imm]);

const CONSTANTS: HeldConstantRules = {
  scratch: [G1, G4],
  starts: ({ form }) => STARTS.has(form),
  continues: ({ form, operands }, register) =>
    CONTINUES.has(form) && operands[0] === register && operands[2] === register,
  isCall: (form) => form === call || form === call_symbol || form === call_register,
  hasSlot: (form) => (form as SparcForm).effect === 'delayed',
  // Layout may have to go farther for their label, and does so through %g4.
  alsoWrites: (form) => (form === ldx_literal || form === add_label ? G4 : undefined),
};
