/**
 * Looking back while lowering: whether the last instruction can take the next one in.
 *
 * Labels are nodes, so that nothing is ever concluded across a place where control may come from elsewhere.
 */
import { isHwLiveAfter, type LowerContext } from '../lower-context.ts';
import type { MachineForm, MachineNode } from '../node.ts';

/** The node before the place where the next one goes. */
export function lastNode(cx: LowerContext): MachineNode | undefined {
  return cx.nodes[cx.nodes.length - 1];
}

/** Whether hardware register `register` need not keep its value once the op that writes `d` is done. */
export function isSpent(cx: LowerContext, register: number, d: number): boolean {
  return register === d || !isHwLiveAfter(cx, register);
}

/** Whether `node` is the plain instruction `form` whose result, in `register`, only the op that writes `d` reads. */
export function isFusible(
  cx: LowerContext,
  node: MachineNode | undefined,
  form: MachineForm,
  register: number,
  d: number,
): node is MachineNode {
  return node !== undefined && node.form === form && node.operands[0] === register && isSpent(cx, register, d);
}

/** A form that says at which positions in `operands` the registers stand that it writes. */
export interface WritingForm extends MachineForm {
  readonly writes: readonly number[];
}

/** Position of the only register that a {@link WritingForm} writes, -1 when there is none or not just one. */
export function soleResult(form: MachineForm): number {
  const { writes } = form as Partial<WritingForm>;
  return writes?.length === 1 ? writes[0]! : -1;
}

/**
 * Lets the last instruction write `to` instead of `from`, in place of a move. The caller knows that `from` is dead.
 *
 * @param resultOf - which operand is all that a form writes and does not read as well, -1 where there is none such
 * @returns false when the last node is something else
 */
export function retargetLast(
  cx: LowerContext,
  from: number,
  to: number,
  resultOf: (form: MachineForm) => number = soleResult,
): boolean {
  const node = lastNode(cx);
  if (node === undefined) return false;
  const position = resultOf(node.form);
  if (position < 0 || node.operands[position] !== from) return false;
  node.operands = node.operands.with(position, to);
  return true;
}

/**
 * The register that a store reads: `zero`, which reads as 0, in place of one into which a zero was loaded right before it
 * and for it only.
 *
 * @param isZero - whether a node loads 0 into its result
 */
export function storedValue(
  cx: LowerContext,
  value: number,
  base: number,
  zero: number,
  isZero: (node: MachineNode) => boolean,
): number {
  const node = lastNode(cx);
  if (value === base || node === undefined || !isZero(node)) return value;
  if (node.operands[soleResult(node.form)] !== value || !isSpent(cx, value, -1)) return value;
  cx.nodes.pop();
  return zero;
}
