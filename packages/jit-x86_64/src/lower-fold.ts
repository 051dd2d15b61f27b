/**
 * Folding of nodes that an op has just before it: a load into the operand of an addition, a scaled or unscaled sum into
 * an address, two shifts and an `or` into a rotate. Only the very last nodes are looked at, so nothing (no label either)
 * stands between them and the op; and only registers that nothing reads after the op are left out.
 */
import { isHwLiveAfter, type LowerContext, type MachineNode } from '@polybpf/jit';
import { INSTRUCTIONS as I } from './instructions.ts';
import { RSP } from './registers.ts';

/** [base + index * scale + disp]. */
export interface IndexedAddress {
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  readonly disp: number;
}

function lastNode(cx: LowerContext, back = 1): MachineNode | undefined {
  return cx.nodes[cx.nodes.length - back];
}

/**
 * Takes back the load of `register` when nothing reads it after the op.
 *
 * @returns [base, disp] of a memory operand with the value
 */
export function takeLoad(cx: LowerContext, register: number, wide: boolean): readonly number[] | undefined {
  const node = lastNode(cx);
  // the low half of 64 bits lies at the same address
  if (node === undefined || (node.form !== I.mov_r64_m && (wide || node.form !== I.mov_r32_m))) return undefined;
  if (node.operands[0] !== register || isHwLiveAfter(cx, register)) return undefined;
  cx.nodes.pop();
  return [node.operands[1]!, node.operands[2]!];
}

/** Width in bits of the zero-extending load of `register` right before the op, 0 when there is none or it is read later. */
export function loadedWidth(cx: LowerContext, register: number): number {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== register) return 0;
  const { form } = node;
  const width = form === I.mov_r64_m ? 64 : form === I.mov_r32_m ? 32 : form === I.movzx_r32_m16 ? 16 : form === I.movzx_r32_m8 ? 8 : 0;
  return width === 0 || isHwLiveAfter(cx, register) ? 0 : width;
}

/** Takes back the load that {@link loadedWidth} has found: [base, disp]. */
export function takeLoaded(cx: LowerContext): readonly number[] {
  const { operands } = cx.nodes.pop()!;
  return [operands[1]!, operands[2]!];
}

/**
 * Takes back `register = base + index * scale + disp` when `register` is dead after the op or written by it.
 */
export function takeAddress(cx: LowerContext, register: number, overwritten: boolean): IndexedAddress | undefined {
  const node = lastNode(cx);
  if (node === undefined) return undefined;
  const { form, operands } = node;
  const isLea = form === I.lea_r64_index;
  if ((!isLea && form !== I.add_rm_r64) || operands[0] !== register) return undefined;
  if (!isLea && operands[1] === register) return undefined;
  if (!overwritten && isHwLiveAfter(cx, register)) return undefined;
  cx.nodes.pop();
  if (!isLea) return { base: register, index: operands[1]!, scale: 1, disp: 0 };
  return { base: operands[1]!, index: operands[2]!, scale: operands[3]!, disp: operands[4]! };
}

/**
 * Takes back `register <<= 1, 2 or 3` when `register` is dead after the op, together with the copy in front of it.
 *
 * @returns the register to scale, and by what
 */
export function takeScale(cx: LowerContext, register: number): { index: number; scale: number } | undefined {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== register || isHwLiveAfter(cx, register)) return undefined;
  let scale: number;
  if (node.form === I.add_rm_r64 && node.operands[1] === register) scale = 2;
  else if (node.form === I.shl_rm64_imm8 && node.operands[1]! <= 3) scale = 1 << node.operands[1]!;
  else return undefined;
  cx.nodes.pop();
  const copy = lastNode(cx);
  if (copy?.form === I.mov_rm_r64 && copy.operands[0] === register && copy.operands[1] !== RSP) {
    cx.nodes.pop();
    return { index: copy.operands[1]!, scale };
  }
  return { index: register, scale };
}

/**
 * Takes back `t = x; t >>= k; x <<= width - k` in front of `x |= t` (or `+=`, `^=`: the halves do not overlap), in any
 * of its orders, when t is dead after the op.
 *
 * @returns the count by which x is to be rotated left
 */
export function takeRotate(cx: LowerContext, x: number, t: number, wide: boolean): number | undefined {
  const second = lastNode(cx);
  const first = lastNode(cx, 2);
  const copy = lastNode(cx, 3);
  if (second === undefined || first === undefined || copy === undefined || x === t || isHwLiveAfter(cx, t)) return undefined;
  if (copy.form !== (wide ? I.mov_rm_r64 : I.mov_r_rm32) && (wide || copy.form !== I.mov_rm_r32)) return undefined;
  if (copy.operands[0] !== t || copy.operands[1] !== x) return undefined;
  const left = leftShift(first, wide) === undefined ? second : first;
  const right = left === first ? second : first;
  const count = leftShift(left, wide);
  if (count === undefined || right.form !== (wide ? I.shr_rm64_imm8 : I.shr_rm32_imm8) && right.form !== (wide ? I.shr_rm64_1 : I.shr_rm32_1)) return undefined;
  const rightCount = right.operands.length === 1 ? 1 : right.operands[1]!;
  if (count + rightCount !== (wide ? 64 : 32)) return undefined;
  const [l, r] = [left.operands[0], right.operands[0]];
  if (!((l === x && r === t) || (l === t && r === x))) return undefined;
  cx.nodes.length -= 3;
  return count;
}

/** Count of a left shift by a constant. */
function leftShift({ form, operands }: MachineNode, wide: boolean): number | undefined {
  if (form === (wide ? I.shl_rm64_imm8 : I.shl_rm32_imm8)) return operands[1];
  if (form === (wide ? I.add_rm_r64 : I.add_rm_r32) && operands[0] === operands[1]) return 1;
  return undefined;
}
