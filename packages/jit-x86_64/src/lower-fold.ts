/**
 * Folding of nodes that an op has just before it: a load into the operand of an addition, load, operation and store into
 * one, a scaled or unscaled sum into an address, two shifts and an `or` into a rotate. Only the very last nodes are looked at, so nothing (no label either)
 * stands between them and the op; and only registers that nothing reads after the op are left out.
 */
import { isHwLiveAfter, type LowerContext, type MachineForm, type MachineNode } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';
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
  if (node === undefined || node.operands[0] !== register || isHwLiveAfter(cx, register)) return 0;
  return LOAD_WIDTHS.get(node.form) ?? 0;
}

const LOAD_WIDTHS: ReadonlyMap<MachineForm, number> = /* @__PURE__ */ new Map<MachineForm, number>([
  [I.mov_r64_m, 64],
  [I.mov_r32_m, 32],
  [I.movzx_r32_m16, 16],
  [I.movzx_r32_m8, 8],
]);

/**
 * Takes back the load of `register` when its low `width` bits are all that the op needs of it.
 *
 * @param overwritten - whether the op writes `register`; otherwise it must be dead after the op
 * @returns [base, disp]
 */
export function takeNarrower(
  cx: LowerContext,
  register: number,
  width: number,
  overwritten: boolean,
): readonly number[] | undefined {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== register || (LOAD_WIDTHS.get(node.form) ?? 0) < width)
    return undefined;
  return overwritten || !isHwLiveAfter(cx, register) ? takeLoaded(cx) : undefined;
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

const OPERATIONS = ['add', 'sub', 'and', 'or', 'xor'] as const;
/** The memory form of an operation on a register, [32-bit, 64-bit]; the first operand becomes [base, disp]. */
const IN_MEMORY: ReadonlyMap<MachineForm, MachineForm> = /* @__PURE__ */ new Map<MachineForm, MachineForm>([
  ...OPERATIONS.flatMap((name): [MachineForm, MachineForm][] => [
    [I[`${name}_rm_r64`], I[`${name}_m_r64`]],
    [I[`${name}_rm64_imm8`], I[`${name}_m64_imm8`]],
    [I[`${name}_rm64_imm32`], I[`${name}_m64_imm32`]],
    [I[`${name}_rm_r32`], I[`${name}_m_r32`]],
    [I[`${name}_rm32_imm8`], I[`${name}_m32_imm8`]],
    [I[`${name}_rm32_imm32`], I[`${name}_m32_imm32`]],
  ]),
  [I.inc_rm64, I.inc_m64],
  [I.dec_rm64, I.dec_m64],
  [I.inc_rm32, I.inc_m32],
  [I.dec_rm32, I.dec_m32],
]);

/**
 * Takes back `register = [base + disp]; register = register op x` in front of `[base + disp] = register` when nothing
 * reads the register after that: the operation is done in memory.
 *
 * @returns form and operands of that
 */
export function takeUpdate(
  cx: LowerContext,
  register: number,
  base: number,
  disp: number,
  wide: boolean,
): { form: MachineForm; operands: readonly number[] } | undefined {
  const operation = lastNode(cx);
  const load = lastNode(cx, 2);
  if (operation === undefined || load === undefined || operation.operands[0] !== register) return undefined;
  const form = IN_MEMORY.get(operation.form);
  if (form === undefined || isHwLiveAfter(cx, register) || base === register) return undefined;
  // all of what is stored must have been loaded and computed
  if (load.form !== (wide ? I.mov_r64_m : I.mov_r32_m) || isWideForm(operation.form) !== wide) return undefined;
  const { operands } = load;
  if (operands[0] !== register || operands[1] !== base || operands[2] !== disp) return undefined;
  if (operation.operands.length === 2 && isRegisterForm(operation.form) && operation.operands[1] === register)
    return undefined;
  cx.nodes.length -= 2;
  return { form, operands: [base, disp, ...operation.operands.slice(1)] };
}

function isWideForm(form: MachineForm): boolean {
  return (form as X64Form).code.rex !== 0;
}

function isRegisterForm(form: MachineForm): boolean {
  return (form as X64Form).code.regAt >= 0;
}

/** `r = source << left` or `r = source >> right`, by constants. */
interface ConstantShift {
  readonly register: number;
  readonly source: number;
  readonly left: boolean;
  readonly count: number;
  /** How many nodes it takes, copy included. */
  readonly nodes: number;
}

/**
 * Takes back two opposite shifts of x by counts that add up to the width, in front of `d |= t` (or `+=`, `^=`: the parts
 * do not overlap), when t is dead after the op:
 *
 * ```text
 *   t = x; t >>= 32 - k; d <<= k              x is d
 *   t = x; t >>= 32 - k; d = x; d <<= k       and both in the other order
 *   d = x; d <<= k; t >>= 32 - k              x is t
 * ```
 *
 * @returns x, and the count by which d is x rotated to the left
 */
export function takeRotate(
  cx: LowerContext,
  d: number,
  t: number,
  wide: boolean,
): { x: number; count: number } | undefined {
  const second = shiftAt(cx, 0, wide);
  if (second === undefined || (second.register !== d && second.register !== t)) return undefined;
  if (d === t || isHwLiveAfter(cx, t)) return undefined;
  const first = shiftAt(cx, second.nodes, wide);
  if (first === undefined || first.left === second.left || first.count + second.count !== (wide ? 64 : 32))
    return undefined;
  if (first.register + second.register !== d + t || first.register === second.register) return undefined;
  let taken = first.nodes + second.nodes;
  const x = first.source;
  if (first.nodes === 1 && first.source === first.register) {
    // the copy is in front of both: it made one of the registers from the other
    const copy = copyAt(cx, taken, wide);
    if (
      second.source !== second.register ||
      copy?.operands[0] !== second.register ||
      copy.operands[1] !== first.register
    )
      return undefined;
    taken++;
  } else if (second.source !== x) return undefined;
  cx.nodes.length -= taken;
  return { x, count: first.left ? first.count : second.count };
}

/** The shift whose last node is `back` nodes before the op. */
function shiftAt(cx: LowerContext, back: number, wide: boolean): ConstantShift | undefined {
  const node = lastNode(cx, back + 1);
  if (node === undefined) return undefined;
  const { form, operands } = node;
  if (form === (wide ? I.lea_r64_index : I.lea_r32_index)) {
    const register = operands[0]!;
    const isDouble = operands[1] === operands[2] && operands[3] === 1 && operands[4] === 0;
    return isDouble ? { register, source: operands[1]!, left: true, count: 1, nodes: 1 } : undefined;
  }
  const count = shiftCount(node, wide);
  if (count === 0) return undefined;
  const register = operands[0]!;
  const copy = copyAt(cx, back + 1, wide);
  const copied = copy !== undefined && copy.operands[0] === register;
  return {
    register,
    source: copied ? copy.operands[1]! : register,
    left: count > 0,
    count: Math.abs(count),
    nodes: copied ? 2 : 1,
  };
}

/** The move between registers that stands `back` nodes before the op. */
function copyAt(cx: LowerContext, back: number, wide: boolean): MachineNode | undefined {
  const node = lastNode(cx, back + 1);
  if (node === undefined) return undefined;
  const { form } = node;
  return form === I.mov_rm_r64 || (!wide && (form === I.mov_r_rm32 || form === I.mov_rm_r32)) ? node : undefined;
}

/** Count of a shift in place by a constant, negative to the right; 0 for other nodes. */
function shiftCount({ form, operands }: MachineNode, wide: boolean): number {
  if (form === (wide ? I.shl_rm64_imm8 : I.shl_rm32_imm8)) return operands[1]!;
  if (form === (wide ? I.shr_rm64_imm8 : I.shr_rm32_imm8)) return -operands[1]!;
  if (form === (wide ? I.shr_rm64_1 : I.shr_rm32_1)) return -1;
  return form === (wide ? I.add_rm_r64 : I.add_rm_r32) && operands[0] === operands[1] ? 1 : 0;
}
