/**
 * Rewrites the nodes of one function before layout:
 *
 * - a branch over one copy becomes LOAD ON CONDITION, which is shorter and cannot be mispredicted;
 * - a comparison that repeats the last one, with only loads on condition between, is left out;
 * - a scratch register that holds a constant, a literal or a masked shift count is not given the same value again.
 *
 * Labels that no branch goes to any more do not count as places where control comes from elsewhere.
 */
import { countUses, isLabelAt, isSameNode, LABEL, type MachineForm, type MachineNode, makeNode } from '@polybpf/jit';
import { BRANCHES as B, branchMask } from './branches.ts';
import { FORMS as F, type S390xForm } from './instructions.ts';
import { R0, R1 } from './registers.ts';

/** Comparison that each fused branch begins with. */
const COMPARISONS: ReadonlyMap<MachineForm, S390xForm> = /* @__PURE__ */ new Map<MachineForm, S390xForm>([
  [B.crj, F.cr],
  [B.cgrj, F.cgr],
  [B.clrj, F.clr],
  [B.clgrj, F.clgr],
  [B.cij, F.chi],
  [B.cgij, F.cghi],
  [B.clij, F.clfi],
  [B.clgij, F.clgfi],
]);

/** Instructions that give a scratch register a value that depends on nothing but their operands. */
const PURE: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([
  F.lghi, F.lgfi, F.llill, F.llilh, F.llihl, F.llihh, F.llilf, F.llihf, F.risbg, B.lgrl,
]); // prettier-ignore

interface PeepholeState {
  readonly out: MachineNode[];
  /** Branches to each label. */
  readonly uses: Map<number, number>;
  /** The pure instruction whose value %r0, and %r1, holds. */
  readonly held: [MachineNode | undefined, MachineNode | undefined];
  /** The comparison whose condition code is still there, and whose operands are unchanged. */
  compared: MachineNode | undefined;
}

/** The target's peephole pass. */
export function peephole(nodes: readonly MachineNode[]): MachineNode[] {
  const state: PeepholeState = { out: [], uses: countUses(nodes), held: [undefined, undefined], compared: undefined };
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    if (node.form === LABEL) {
      if ((state.uses.get(node.label) ?? 0) > 0) forget(state);
      state.out.push(node);
      continue;
    }
    if (isBranchOverCopy(nodes, i)) {
      loadOnCondition(state, node, nodes[i + 1]!);
      i++;
      continue;
    }
    if (isHeld(state, node) && !readsConditionCode(nodes[i + 1])) continue;
    state.out.push(node);
    follow(state, node);
  }
  return state.out;
}

function forget(state: PeepholeState): void {
  state.held[0] = undefined;
  state.held[1] = undefined;
  state.compared = undefined;
}

/** Whether node i branches to right behind the next node, and that one copies a register. */
function isBranchOverCopy(nodes: readonly MachineNode[], i: number): boolean {
  const { form, label, operands } = nodes[i]!;
  if (label < 0) return false;
  const isConditional = COMPARISONS.has(form) || (form === B.brc && operands[0]! > 0 && operands[0]! < 15);
  if (!isConditional) return false;
  const copy = nodes[i + 1];
  if (copy === undefined || (copy.form !== F.lr && copy.form !== F.lgr)) return false;
  return isLabelAt(nodes, i + 2, label);
}

/** The comparison of a branch, then the copy on the opposite condition. */
function loadOnCondition(state: PeepholeState, branch: MachineNode, copy: MachineNode): void {
  const { operands, label, insn } = branch;
  state.uses.set(label, state.uses.get(label)! - 1);
  const comparison = COMPARISONS.get(branch.form);
  if (comparison !== undefined) {
    const node = makeNode(comparison, [operands[1]!, operands[2]!], -1, insn);
    if (state.compared === undefined || !isSameNode(state.compared, node)) state.out.push(node);
    state.compared = node;
  }
  const mask = comparison === undefined ? 15 - operands[0]! : branchMask(14 - operands[0]!);
  const load = makeNode(copy.form === F.lr ? F.locr : F.locgr, [mask, ...copy.operands], -1, copy.insn);
  state.out.push(load);
  forgetRegister(state, copy.operands[0]!);
}

/** Whether a scratch register holds what the node would put there. */
function isHeld(state: PeepholeState, node: MachineNode): boolean {
  const register = node.operands[0];
  if ((register !== R0 && register !== R1) || !PURE.has(node.form)) return false;
  const held = state.held[register];
  return held !== undefined && isSameNode(held, node);
}

/** ROTATE THEN INSERT SELECTED BITS sets the condition code, and the branch after it may be there for that. */
function readsConditionCode(next: MachineNode | undefined): boolean {
  return next !== undefined && (next.form === B.brc || next.form === F.locr || next.form === F.locgr);
}

/** Keeps the state true across a node. */
function follow(state: PeepholeState, node: MachineNode): void {
  const form = node.form as S390xForm;
  const { operands } = node;
  state.compared = undefined;
  if (form === B.brasl || form === F.basr || form === F.lmg || form === F.svc) return forget(state);
  const { uses } = form;
  for (let i = 0; i < uses.length; i++) {
    const use = uses[i];
    if (use === 'write' || use === 'readwrite') forgetRegister(state, operands[i]!);
    else if (use === 'pair') {
      forgetRegister(state, operands[i]!);
      forgetRegister(state, operands[i]! + 1);
    }
  }
  const register = operands[0];
  if ((register !== R0 && register !== R1) || !PURE.has(form)) return;
  // The rotated register must not be the result, nor keep bits of what was in it.
  const isWhole = form !== F.risbg || (operands[1] !== register && operands[3]! >= 128);
  if (isWhole) state.held[register] = node;
}

function isRotationOf({ form, operands }: MachineNode, register: number): boolean {
  return form === F.risbg && operands[1] === register;
}

/** A register has a new value. */
function forgetRegister(state: PeepholeState, register: number): void {
  const { held } = state;
  if (held[R0] !== undefined && (register === R0 || isRotationOf(held[R0], register))) held[R0] = undefined;
  if (held[R1] !== undefined && (register === R1 || isRotationOf(held[R1], register))) held[R1] = undefined;
  const { compared } = state;
  if (compared === undefined) return;
  const isRegisterComparison = compared.form !== F.chi && compared.form !== F.cghi && compared.form !== F.clfi && compared.form !== F.clgfi; // prettier-ignore
  if (compared.operands[0] === register || (isRegisterComparison && compared.operands[1] === register)) state.compared = undefined; // prettier-ignore
}
