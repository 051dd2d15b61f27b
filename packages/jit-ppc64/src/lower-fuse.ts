/**
 * Looking back while lowering: the last nodes, and whether the next instruction can take them in.
 *
 * A node may be taken back when its result is read by nobody but the op being lowered: its register is dead afterwards,
 * or is the one that the op writes. Labels are nodes, so that nothing is fused across a place where control may come
 * from elsewhere; and no lowering but that of branches and selections reads a condition.
 */
import { composeExtracts, emit, type Extract, isSpent, lastNode, type LowerContext, type MachineForm, type MachineNode, makeNode, retargetLast } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS, type Ppc64Form } from './instructions.ts';

const {
  add, add_rc, addi, addic_rc, and, and_rc, andc, andc_rc, andi_rc, andis_rc, extsb, extsb_rc, extsh, extsh_rc, extsw, extsw_rc, neg,
  neg_rc, nor, nor_rc, or, or_rc, rldic, rldic_rc, rldicl, rldicl_rc, rldicr, rldicr_rc, rlwinm, rlwinm_rc, sradi,
  sradi_rc, subf, subf_rc, xor, xor_rc,
} = INSTRUCTIONS; // prettier-ignore

/** The last node when it is of a form, its result is in `register`, and only the op that writes `d` reads that. */
export function fusibleNode(cx: LowerContext, form: MachineForm, register: number, d: number): MachineNode | undefined {
  const node = lastNode(cx);
  return node?.form === form && node.operands[0] === register && isSpent(cx, register, d) ? node : undefined;
}

/** Lets the last instruction write `to` instead of `from`, which is dead; see `retargetLast`. */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  return retargetLast(cx, from, to, resultOf);
}

/** Position of the operand that a form writes without reading it. */
export function resultOf(form: MachineForm): number {
  return (form as Partial<Ppc64Form>).uses?.indexOf('write') ?? -1;
}

/** The extract that a node computes, if it does. */
function extractOf({ form, operands }: MachineNode): Extract | undefined {
  const [, source, rotate, third, fourth] = operands as [number, number, number, number, number];
  if (form === rldicl) return { source, first: third, last: 63, rotate };
  if (form === rldicr) return { source, first: 0, last: third, rotate };
  if (form === rldic && third <= 63 - rotate) return { source, first: third, last: 63 - rotate, rotate };
  if (form !== rlwinm || third > fourth) return undefined;
  // A word that is rotated moves all its selected bits either left or right, or it is no rotation of 64 bits.
  if (fourth + rotate <= 31) return { source, first: 32 + third, last: 32 + fourth, rotate };
  return third + rotate > 31 ? { source, first: 32 + third, last: 32 + fourth, rotate: rotate + 32 } : undefined;
}

/** The instruction that computes an extract into `d`, or undefined when it takes more than one. */
function nodeFor(cx: LowerContext, d: number, { source, first, last, rotate }: Extract): MachineNode | undefined {
  if (first > last) return undefined;
  const node = (form: MachineForm, ...operands: number[]): MachineNode => makeNode(form, [d, source, ...operands], -1, cx.insn); // prettier-ignore
  if (last === 63) return node(rldicl, rotate, first);
  if (first === 0) return node(rldicr, rotate, last);
  if (last === 63 - rotate) return node(rldic, rotate, first);
  const from = (first + rotate) & 63;
  const to = (last + rotate) & 63;
  if (first < 32 || from < 32 || to < from) return undefined;
  return node(rlwinm, rotate & 31, first - 32, last - 32);
}

/**
 * Appends `d` = extract, in one instruction together with the last node where possible.
 *
 * @returns whether the extract is one instruction; when not, nothing is appended
 */
export function emitExtract(cx: LowerContext, d: number, extract: Extract): boolean {
  const node = lastNode(cx);
  const inner = node === undefined || node.operands[0] !== extract.source || !isSpent(cx, extract.source, d) ? undefined : extractOf(node); // prettier-ignore
  const composed = inner === undefined ? undefined : composeExtracts(inner, extract);
  const both = composed === undefined ? undefined : nodeFor(cx, d, composed);
  if (both !== undefined) {
    cx.nodes[cx.nodes.length - 1] = both;
    return true;
  }
  const alone = nodeFor(cx, d, extract);
  if (alone === undefined) return false;
  cx.nodes.push(alone);
  return true;
}

/**
 * `d = a | b` (or plus, or exclusive or) where the last two nodes made `a` and `b` of neighbouring bits of one register,
 * rotated alike: a rotation, when they are all its bits.
 */
export function fuseUnion(cx: LowerContext, d: number, a: number, b: number): boolean {
  const { nodes } = cx;
  const [one, other] = [nodes[nodes.length - 2], nodes[nodes.length - 1]];
  if (one === undefined || other === undefined || a === b) return false;
  const [made, madeNext] = [one.operands[0]!, other.operands[0]!];
  if (!((made === a && madeNext === b) || (made === b && madeNext === a))) return false;
  const [x, y] = [extractOf(one), extractOf(other)];
  if (x === undefined || y === undefined || x.source !== y.source || x.source === made) return false;
  if (!isSpent(cx, a, d) || !isSpent(cx, b, d)) return false;
  const [high, low] = x.first < y.first ? [x, y] : [y, x];
  if (high.last + 1 !== low.first) return false;
  const isWord = high.first >= 32 && ((high.rotate ^ low.rotate) & 31) === 0;
  if (high.rotate !== low.rotate && !isWord) return false;
  const { source } = x;
  const union = high.rotate === low.rotate ? nodeFor(cx, d, { source, first: high.first, last: low.last, rotate: high.rotate }) : undefined; // prettier-ignore
  if (union === undefined && !isWord) return false;
  nodes.length -= 2;
  if (union !== undefined) nodes.push(union);
  else emit(cx, rlwinm, [d, source, high.rotate & 31, high.first - 32, low.last - 32]);
  return true;
}

/** Forms with a second one that also compares its 64-bit result with 0, as signed numbers. */
const RECORDING: ReadonlyMap<MachineForm, Ppc64Form> = /* @__PURE__ */ new Map<MachineForm, Ppc64Form>([
  [add, add_rc], [addi, addic_rc], [subf, subf_rc], [neg, neg_rc], [and, and_rc], [andc, andc_rc], [or, or_rc], [xor, xor_rc],
  [nor, nor_rc], [extsb, extsb_rc], [extsh, extsh_rc], [extsw, extsw_rc], [rldicl, rldicl_rc], [rldicr, rldicr_rc],
  [rldic, rldic_rc], [rlwinm, rlwinm_rc], [sradi, sradi_rc],
]); // prettier-ignore

/**
 * Makes the last node compare its result, in `register`, with 0.
 *
 * @param word - the comparison looks at the low word only, so the upper one must be zero
 * @returns false when the last node is something else or cannot
 */
export function recordResult(cx: LowerContext, register: number, word: boolean): boolean {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== register) return false;
  const { form, operands } = node;
  const recorded = form === andi_rc || form === andis_rc;
  const recording = RECORDING.get(form);
  if (!recorded && recording === undefined) return false;
  const [, , , third, fourth] = operands as [number, number, number, number, number];
  const isWordResult = recorded || ((form === rldicl || form === rldic) && third >= 32) || (form === rlwinm && third <= fourth); // prettier-ignore
  if (word && !isWordResult) return false;
  if (!recorded) cx.nodes[cx.nodes.length - 1] = { ...node, form: recording! };
  return true;
}

/** Whether the last node leaves a number below 2^`bits` in `register`. */
export function isBelow(cx: LowerContext, register: number, bits: 5 | 6): boolean {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== register) return false;
  if (node.form === andi_rc) return node.operands[2]! < 1 << bits;
  const extract = extractOf(node);
  return extract !== undefined && extract.first >= 64 - bits;
}
