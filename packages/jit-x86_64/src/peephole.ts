/**
 * Rewrites on the node list of one function, in one pass:
 *
 * - a branch around one move between registers becomes a conditional move;
 * - a branch around a jump becomes the opposite branch to where the jump goes;
 * - a comparison whose flags are there already is left out: because the same one stands before it, with only branches
 *   and moves to other registers between, or because it is a test for zero of what the last instruction has computed;
 * - a jump to the next instruction is left out.
 *
 * Flags are dead at labels: lowering never keeps them across ops, and what is left out here is again a comparison in
 * front of its own branch. A label that nothing uses is none.
 */
import { countUses, isLabelAt, LABEL, type MachineForm, type MachineNode } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';
import { CONDITIONS } from './flag-roles.ts';
import { INSTRUCTIONS as I } from './instructions.ts';

/** Each condition's opposite differs in the lowest bit of its code (SDM vol. 1 app. B). */
const OPPOSITE = ['ae', 'b', 'ne', 'e', 'a', 'be', 'ns', 's', 'ge', 'l', 'g', 'le'] as const;

/** Conditional moves [32-bit, 64-bit] that act when the branch is not taken. */
const CMOV_UNLESS: ReadonlyMap<MachineForm, readonly [MachineForm, MachineForm]> = /* @__PURE__ */ new Map(
  CONDITIONS.map((condition, i) => [
    I[`j${condition}_rel8`] as MachineForm,
    [I[`cmov${OPPOSITE[i]!}_r_rm32`], I[`cmov${OPPOSITE[i]!}_r_rm64`]] as const,
  ]),
);

/** The branch that is taken when the given one is not. */
const OPPOSITE_BRANCH: ReadonlyMap<MachineForm, MachineForm> = /* @__PURE__ */ new Map(
  CONDITIONS.map((condition, i) => [I[`j${condition}_rel8`] as MachineForm, I[`j${OPPOSITE[i]!}_rel8`] as MachineForm]),
);

/** Branches that look at the zero and sign flags only. */
const ZERO_OR_SIGN: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set([I.je_rel8, I.jne_rel8, I.js_rel8, I.jns_rel8]);
const ZERO_ONLY: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set([I.je_rel8, I.jne_rel8]);

/** Runs all rewrites, in place: no node moves towards the end. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  const uses = countUses(nodes);
  /** The comparison whose result is in the flags. */
  let compared: MachineNode | undefined;
  /** The instruction whose result the zero and sign flags describe. */
  let computed: MachineNode | undefined;
  let length = 0;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { form } = node;
    if (form === LABEL) {
      if ((uses.get(node.label) ?? 0) > 0) compared = computed = undefined;
      nodes[length++] = node;
      continue;
    }
    const { role } = form as X64Form;
    if (role === 'branch') {
      const move = conditionalMove(nodes, i);
      if (move === undefined) {
        const jump = nodes[i + 1];
        if (jump?.form === I.jmp_rel8 && isLabelAt(nodes, i + 2, node.label)) {
          uses.set(node.label, uses.get(node.label)! - 1);
          nodes[length++] = { ...node, form: OPPOSITE_BRANCH.get(form)!, label: jump.label };
          i++;
        } else nodes[length++] = node;
        continue;
      }
      uses.set(node.label, uses.get(node.label)! - 1);
      if (writesOperand(move, compared)) compared = undefined;
      if (computed !== undefined && computed.operands[0] === move.operands[0]) computed = undefined;
      nodes[length++] = move;
      i++;
    } else if (role === 'comparison') {
      if (compared !== undefined && isSame(node, compared)) continue;
      if (computed !== undefined && isZeroTest(node, nodes[i + 1], computed)) continue;
      compared = node;
      computed = undefined;
      nodes[length++] = node;
    } else {
      if (role === 'move') {
        if (writesOperand(node, compared)) compared = undefined;
        if (computed !== undefined && computed.operands[0] === node.operands[0]) computed = undefined;
      } else if (role !== 'store') {
        compared = undefined;
        computed = role === 'none' ? undefined : node;
      }
      if (form === I.jmp_rel8 && isLabelAt(nodes, i + 1, node.label)) uses.set(node.label, uses.get(node.label)! - 1);
      else nodes[length++] = node;
    }
  }
  nodes.length = length;
  return nodes;
}

/** The conditional move for the branch at `i` when it skips just one move. */
function conditionalMove(nodes: readonly MachineNode[], i: number): MachineNode | undefined {
  const branch = nodes[i]!;
  const move = nodes[i + 1];
  // mov_rm_r32 zero-extends, which a 32-bit cmov would also do to the old value: only mov_r_rm32 says that it is dead
  const isWide = move?.form === I.mov_rm_r64;
  if (move === undefined || (!isWide && move.form !== I.mov_r_rm32) || !isLabelAt(nodes, i + 2, branch.label))
    return undefined;
  return { ...move, form: CMOV_UNLESS.get(branch.form)![isWide ? 1 : 0] };
}

/** Whether a move changes an operand of the comparison. All operands of comparisons but immediates are registers. */
function writesOperand(move: MachineNode, comparison: MachineNode | undefined): boolean {
  if (comparison === undefined) return false;
  const { form, operands } = comparison;
  const d = move.operands[0]!;
  if (form === I.cmp_rax_imm32 || form === I.cmp_eax_imm32) return d === 0;
  const isRegister = form === I.cmp_rm_r64 || form === I.cmp_rm_r32 || form === I.test_rm_r64 || form === I.test_rm_r32;
  return operands[0] === d || (isRegister && operands[1] === d);
}

function isSame(a: MachineNode, b: MachineNode): boolean {
  return a.form === b.form && a.operands[0] === b.operands[0] && a.operands[1] === b.operands[1];
}

/** Whether `test` asks whether `computed` is zero or negative, and `branch` looks at nothing else. */
function isZeroTest(test: MachineNode, branch: MachineNode | undefined, computed: MachineNode): boolean {
  const isWide = test.form === I.test_rm_r64;
  if ((!isWide && test.form !== I.test_rm_r32) || branch === undefined) return false;
  const [a, b] = test.operands;
  if (a !== b || computed.operands[0] !== a) return false;
  const computesWide = (computed.form as X64Form).role === 'result64';
  if (computesWide === isWide) return ZERO_OR_SIGN.has(branch.form);
  // a 32-bit result is zero-extended, so it is zero in both widths; its sign is another matter
  return isWide && ZERO_ONLY.has(branch.form);
}
