/**
 * The passes over the nodes of a function: a branch around a move or two becomes conditional selects, one around a jump
 * its opposite, adjacent loads and stores become pairs, and neither a comparison that the flags still hold nor a
 * constant that x16 still holds is made again.
 */
import { isLabelAt, isSameNode, LABEL, type MachineForm, type MachineNode, makeNode, skipJump, type Straight, straighten } from '@polybpf/jit'; // prettier-ignore
import { invertBranch, isConditional } from './branches.ts';
import { type Arm64Form, INSTRUCTIONS } from './instructions.ts';
import { X16, ZR } from './registers.ts';

const {
  b, b_cond, bl, bl_symbol, blr, cmn_imm12_w, cmn_imm12_x, cmn_imm_w, cmn_imm_x, cmp_imm12_w, cmp_imm12_x, cmp_imm_w,
  cmp_imm_x, cmp_w, cmp_x, csel_x, csinc_x, csinv_x, ldp_w, ldp_x, ldr_w, ldr_x, mov_x, movk_w, movk_x, movn_w, movn_x,
  movz_w, movz_x, orr_imm_w, orr_imm_x, stp_w, stp_x, str_w, str_x, tst_imm_w, tst_imm_x, tst_w, tst_x,
} = INSTRUCTIONS; // prettier-ignore

/** Single access -> pair, and bytes of one register. */
const PAIRS: ReadonlyMap<MachineForm, readonly [pair: MachineForm, size: 4 | 8]> = /* @__PURE__ */ new Map<
  MachineForm,
  readonly [MachineForm, 4 | 8]
>([
  [ldr_x, [ldp_x, 8]],
  [ldr_w, [ldp_w, 4]],
  [str_x, [stp_x, 8]],
  [str_w, [stp_w, 4]],
]);

/** What sets the flags and nothing else. */
const COMPARES: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([
  cmp_x, cmp_w, cmp_imm_x, cmp_imm_w, cmp_imm12_x, cmp_imm12_w, cmn_imm_x, cmn_imm_w, cmn_imm12_x, cmn_imm12_w,
  tst_x, tst_w, tst_imm_x, tst_imm_w,
]); // prettier-ignore

const CONSTANT_STARTS: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([
  movz_x,
  movz_w,
  movn_x,
  movn_w,
]);

/** Moves that are worth executing always instead of branching around them: as many as save an instruction. */
const MAX_SELECTS = 2;

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  return reuseAndPair(straighten(nodes, replaceBranch));
}

/** `b.cond L; mov d, s; L:` is `csel d, d, s, cond`, and `b.cond L; b M; L:` is the opposite branch to M. */
function replaceBranch(nodes: readonly MachineNode[], i: number): Straight | undefined {
  const { form, label, operands } = nodes[i]!;
  const moves = form === b_cond ? movesBeforeLabel(nodes, i + 1, label) : 0;
  if (moves === 0) return skipJump(nodes, i, (node) => node.form === b, invert);
  const selects = nodes.slice(i + 1, i + 1 + moves).map((move) => selectFor(move, operands[0]!));
  return { nodes: selects, length: 1 + moves };
}

function invert(node: MachineNode, label: number): MachineNode | undefined {
  return isConditional(node.form.name) ? invertBranch(node, label, (name) => INSTRUCTIONS[name]) : undefined;
}

/** How many moves, 1 to {@link MAX_SELECTS}, lie between `start` and the label; 0 when there is anything else. */
function movesBeforeLabel(nodes: readonly MachineNode[], start: number, label: number): number {
  let end = start;
  while (end < nodes.length && end - start <= MAX_SELECTS && isSelectable(nodes[end]!)) end++;
  const moves = end - start;
  if (moves === 0 || moves > MAX_SELECTS) return 0;
  return isLabelAt(nodes, end, label) ? moves : 0;
}

/** Moves of a register, 0, 1 and -1 into all 64 bits. */
function isSelectable({ form, operands }: MachineNode): boolean {
  if (form === mov_x) return true;
  if (form === movz_x) return operands[1]! <= 1 && operands[2] === 0;
  return form === movn_x && operands[1] === 0 && operands[2] === 0;
}

/** The select that keeps the register when the condition holds, and moves when it does not. */
function selectFor({ form, operands, insn }: MachineNode, cond: number): MachineNode {
  const d = operands[0]!;
  if (form === mov_x) return makeNode(csel_x, [d, d, operands[1]!, cond], -1, insn);
  const select = form === movn_x ? csinv_x : operands[1] === 0 ? csel_x : csinc_x;
  return makeNode(select, [d, d, ZR, cond], -1, insn);
}

function reuseAndPair(nodes: MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  // Where in `out` the instructions lie that made the constant in x16; empty when it is unknown.
  let knownFrom = 0;
  let knownTo = 0;
  // The comparison whose result is in the flags, while its operands keep their values.
  let flags: MachineNode | undefined;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { form } = node;
    if (form === LABEL || form === bl || form === bl_symbol || form === blr) {
      knownFrom = knownTo = 0;
      flags = undefined;
      out.push(node);
      continue;
    }
    if (startsConstant(node)) {
      const end = constantEnd(nodes, i);
      const known = isSame(nodes, i, end, out, knownFrom, knownTo);
      if (!known) {
        knownFrom = out.length;
        for (let k = i; k < end; k++) out.push(nodes[k]!);
        knownTo = out.length;
        if (flags !== undefined && readsRegister(flags, X16)) flags = undefined;
      }
      i = end - 1;
      continue;
    }
    if (COMPARES.has(form)) {
      if (flags !== undefined && isSameNode(flags, node)) continue;
      flags = node;
      out.push(node);
      continue;
    }
    const { writes } = form as Arm64Form;
    for (const position of writes) {
      const register = node.operands[position]!;
      if (register === X16) knownFrom = knownTo = 0;
      if (flags !== undefined && readsRegister(flags, register)) flags = undefined;
    }
    const pair = out.length > knownTo ? pairOf(out[out.length - 1]!, node) : undefined;
    if (pair === undefined) out.push(node);
    else out[out.length - 1] = pair;
  }
  return out;
}

/** Whether a comparison may read `register`: an immediate of that number counts as well, which only costs a chance. */
function readsRegister(compare: MachineNode, register: number): boolean {
  return compare.operands[0] === register || compare.operands[1] === register;
}

function startsConstant({ form, operands }: MachineNode): boolean {
  if (operands[0] !== X16) return false;
  return CONSTANT_STARTS.has(form) || ((form === orr_imm_x || form === orr_imm_w) && operands[1] === ZR);
}

function constantEnd(nodes: readonly MachineNode[], start: number): number {
  let end = start + 1;
  for (; end < nodes.length; end++) {
    const { form, operands } = nodes[end]!;
    if ((form !== movk_x && form !== movk_w) || operands[0] !== X16) break;
  }
  return end;
}

function isSame(
  nodes: readonly MachineNode[],
  from: number,
  to: number,
  known: readonly MachineNode[],
  knownFrom: number,
  knownTo: number,
): boolean {
  if (to - from !== knownTo - knownFrom) return false;
  for (let k = 0; k < to - from; k++) {
    if (!isSameNode(nodes[from + k]!, known[knownFrom + k]!)) return false;
  }
  return true;
}

/** ldp or stp for two accesses to neighbouring words, in either order. */
function pairOf(first: MachineNode, second: MachineNode): MachineNode | undefined {
  if (first.form !== second.form) return undefined;
  const entry = PAIRS.get(first.form);
  if (entry === undefined) return undefined;
  const [form, size] = entry;
  const [rt, rn, offset] = first.operands as [number, number, number];
  const [rt2, rn2, offset2] = second.operands as [number, number, number];
  const lower = Math.min(offset, offset2);
  if (rn !== rn2 || Math.abs(offset - offset2) !== size || lower > 63 * size) return undefined;
  const isLoad = form === ldp_x || form === ldp_w;
  // The second access would use another base, or the pair one register twice.
  if (isLoad && (rt === rn || rt === rt2)) return undefined;
  const operands = offset < offset2 ? [rt, rt2, rn, lower] : [rt2, rt, rn, lower];
  return makeNode(form, operands, -1, second.insn);
}
