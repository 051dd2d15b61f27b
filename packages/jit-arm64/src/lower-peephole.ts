/**
 * The pass over the nodes of a function: adjacent loads and stores become pairs, and a constant that x16 holds already
 * is not loaded again.
 */
import { LABEL, makeNode, type MachineForm, type MachineNode } from '@polybpf/jit';
import { A64, type Arm64Form } from './instructions.ts';
import { X16, ZR } from './registers.ts';

const { bl, bl_symbol, blr, ldp_w, ldp_x, ldr_w, ldr_x, movk_x, movk_w, movn_w, movn_x, movz_w, movz_x, orr_imm_w, orr_imm_x, stp_w, stp_x, str_w, str_x } = A64; // prettier-ignore

/** Single access -> pair, and bytes of one register. */
const PAIRS: ReadonlyMap<MachineForm, readonly [pair: MachineForm, size: 4 | 8]> = /* @__PURE__ */ new Map<MachineForm, readonly [MachineForm, 4 | 8]>([
  [ldr_x, [ldp_x, 8]],
  [ldr_w, [ldp_w, 4]],
  [str_x, [stp_x, 8]],
  [str_w, [stp_w, 4]],
]); // prettier-ignore

const CONSTANT_STARTS: ReadonlySet<MachineForm> = /* @__PURE__ */ new Set<MachineForm>([
  movz_x,
  movz_w,
  movn_x,
  movn_w,
]);

/** Rewrites the nodes of one function; the result is never longer. */
export function peephole(nodes: MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  // Where in `out` the instructions lie that made the constant in x16; empty when it is unknown.
  let knownFrom = 0;
  let knownTo = 0;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { form } = node;
    if (form === LABEL || form === bl || form === bl_symbol || form === blr) {
      knownFrom = knownTo = 0;
      out.push(node);
      continue;
    }
    if (startsConstant(node)) {
      const end = constantEnd(nodes, i);
      if (isSame(nodes, i, end, out, knownFrom, knownTo)) {
        i = end - 1;
        continue;
      }
      knownFrom = out.length;
      for (; i < end; i++) out.push(nodes[i]!);
      knownTo = out.length;
      i = end - 1;
      continue;
    }
    if (writesX16(node)) knownFrom = knownTo = 0;
    const pair = out.length > knownTo ? pairOf(out[out.length - 1]!, node) : undefined;
    if (pair === undefined) out.push(node);
    else out[out.length - 1] = pair;
  }
  return out;
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
    const [a, b] = [nodes[from + k]!, known[knownFrom + k]!];
    if (a.form !== b.form || a.operands.some((operand, i) => operand !== b.operands[i])) return false;
  }
  return true;
}

function writesX16({ form, operands }: MachineNode): boolean {
  const { writes } = form as Arm64Form;
  if (writes === undefined) return true;
  for (const position of writes) if (operands[position] === X16) return true;
  return false;
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
