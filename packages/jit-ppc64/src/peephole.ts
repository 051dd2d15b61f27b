/**
 * Rewrites the nodes of one function before layout:
 *
 * - a branch around a jump or a return becomes its opposite, one around a copy or two `isel`;
 * - a comparison that repeats the last one is left out;
 * - what is copied into the result only to be returned is computed there;
 * - a scratch register that holds a constant, or a masked shift count, is not given the same value again.
 *
 * Labels that no branch goes to any more do not count as places where control comes from elsewhere.
 */
import { isLabelAt, isSameNode, LABEL, type MachineForm, type MachineNode, makeNode, skipJump, type Straight, straighten } from '@polybpf/jit'; // prettier-ignore
import { invertBranch, IS_SET } from './branches.ts';
import { INSTRUCTIONS, type Ppc64Form } from './instructions.ts';
import { resultOf } from './lower-fuse.ts';
import { NO_BASE, R0, R11, R12, R3 } from './registers.ts';

const {
  b, bc, bclr, bctrl, bl, bl_symbol, bl_symbol_v1, blr, cmpd, cmpdi, cmpld, cmpldi, cmplw, cmplwi, cmpw, cmpwi, isel, li, lis, or, ori,
  oris, rldicl, rldicr, rldimi,
} = INSTRUCTIONS; // prettier-ignore

/** What writes condition field 0 and nothing else. */
const COMPARISONS: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([
  cmpd, cmpw, cmpld, cmplw, cmpdi, cmpwi, cmpldi, cmplwi,
]); // prettier-ignore

/** What continues a constant in the register that it reads and writes. */
const CONTINUATIONS: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([
  ori,
  oris,
  rldicl,
  rldicr,
  rldimi,
]);

/** Copies that are worth executing always instead of branching around them: as many as save an instruction. */
const MAX_SELECTS = 2;

/** The target's peephole pass; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return dropRepeated(straighten(nodes, replaceBranch));
}

/** Inverts branches around jumps and returns, and selects instead of branching around copies. */
function replaceBranch(nodes: readonly MachineNode[], i: number): Straight | undefined {
  const branch = nodes[i]!;
  const next = nodes[i + 1];
  if (branch.form !== bc || next === undefined) return undefined;
  if (next.form === b) return skipJump(nodes, i, () => true, invertBranch);
  if (next.form === blr) {
    if (!isLabelAt(nodes, i + 2, branch.label)) return undefined;
    return { nodes: [makeNode(bclr, [branch.operands[0]! ^ IS_SET], -1, next.insn)], length: 2 };
  }
  const selects: MachineNode[] = [];
  for (let k = i + 1; k < nodes.length && selects.length <= MAX_SELECTS; k++) {
    const select = selectFor(nodes[k]!, branch.operands[0]!);
    if (select === undefined) break;
    selects.push(select);
  }
  const { length } = selects;
  if (length === 0 || length > MAX_SELECTS || !isLabelAt(nodes, i + 1 + length, branch.label)) return undefined;
  return { nodes: selects, length: length + 1 };
}

/** The select that keeps the register when the condition holds, and copies when it does not. */
function selectFor({ form, operands, insn }: MachineNode, condition: number): MachineNode | undefined {
  const [d, source, second] = operands as [number, number, number];
  const bit = condition & 3;
  if (bit > 2) return undefined;
  const keepsWhenSet = (condition & IS_SET) !== 0;
  if (form === or && source === second && source !== R0) {
    return makeNode(isel, keepsWhenSet ? [bit, d, d, source] : [bit, d, source, d], -1, insn);
  }
  // Zero comes without a register, but only where the bit is set.
  if (form === li && source === 0 && !keepsWhenSet && d !== R0) return makeNode(isel, [bit, d, NO_BASE, d], -1, insn);
  return undefined;
}

interface Known {
  /** The instructions whose result r0, r11 and r12 hold; empty when unknown. */
  readonly held: Map<number, readonly MachineNode[]>;
  /** The comparison whose result is in condition field 0, while its operands keep their values. */
  compared: MachineNode | undefined;
}

function dropRepeated(nodes: MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  const known: Known = { held: new Map(), compared: undefined };
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { form } = node;
    if (form === LABEL || form === bl || form === bl_symbol || form === bl_symbol_v1 || form === bctrl) {
      known.held.clear();
      known.compared = undefined;
      out.push(node);
      continue;
    }
    const end = constantEnd(nodes, i);
    if (end > i) {
      const sequence = nodes.slice(i, end);
      const register = node.operands[0]!;
      i = end - 1;
      if (isSameSequence(known.held.get(register), sequence)) continue;
      out.push(...sequence);
      forgetRegister(known, register);
      if (!(form === rldicl && node.operands[1] === register)) known.held.set(register, sequence);
      continue;
    }
    if (COMPARISONS.has(form)) {
      if (known.compared !== undefined && isSameNode(known.compared, node)) continue;
      known.compared = node;
      out.push(node);
      continue;
    }
    if (isReturnedCopy(node, nodes[i + 1]) && retargetResult(out, node)) continue;
    const { uses, setsCondition } = form as Ppc64Form;
    if (setsCondition) known.compared = undefined;
    for (let k = 0; k < uses.length; k++) {
      if (uses[k] === 'write' || uses[k] === 'readwrite') forgetRegister(known, node.operands[k]!);
    }
    out.push(node);
  }
  return out;
}

/** Whether `node` copies a register that dies in the return behind it into the result. */
function isReturnedCopy({ form, operands }: MachineNode, next: MachineNode | undefined): boolean {
  const [d, source, second] = operands;
  return form === or && d === R3 && source === second && source !== R3 && next?.form === blr;
}

/** Lets the last node write the result of a copy instead of its source, where it writes that and does not read it as such. */
function retargetResult(out: MachineNode[], { operands: [d, source] }: MachineNode): boolean {
  const last = out[out.length - 1];
  if (last === undefined) return false;
  const position = resultOf(last.form);
  if (position < 0 || last.operands[position] !== source) return false;
  out[out.length - 1] = { ...last, operands: last.operands.with(position, d!) };
  return true;
}

/** End of the instructions from `start` on that put a value of their own into a scratch register; `start` if none do. */
function constantEnd(nodes: readonly MachineNode[], start: number): number {
  const { form, operands } = nodes[start]!;
  const register = operands[0];
  if (register !== R0 && register !== R11 && register !== R12) return start;
  if (form !== li && form !== lis && !(form === rldicl && operands[2] === 0)) return start;
  let end = start + 1;
  for (; end < nodes.length; end++) {
    const next = nodes[end]!;
    if (!CONTINUATIONS.has(next.form) || next.operands[0] !== register || next.operands[1] !== register) break;
  }
  return end;
}

function isSameSequence(held: readonly MachineNode[] | undefined, sequence: readonly MachineNode[]): boolean {
  if (held?.length !== sequence.length) return false;
  for (let i = 0; i < sequence.length; i++) if (!isSameNode(held[i]!, sequence[i]!)) return false;
  return true;
}

/** A register has a new value. */
function forgetRegister(known: Known, register: number): void {
  known.held.delete(register);
  for (const [holder, [first]] of known.held) {
    if (first!.form === rldicl && first!.operands[1] === register) known.held.delete(holder);
  }
  if (known.compared !== undefined && readsRegister(known.compared, register)) known.compared = undefined;
}

function readsRegister({ form, operands }: MachineNode, register: number): boolean {
  const { uses } = form as Ppc64Form;
  return operands.some((operand, k) => operand === register && uses[k] !== 'none');
}
