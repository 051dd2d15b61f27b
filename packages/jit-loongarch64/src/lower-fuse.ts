/**
 * Looking back while lowering: whether the last instruction can take the next one in, and which registers are free.
 *
 * Labels are nodes, so that nothing is ever concluded across a place where control may come from elsewhere.
 */
import {
  emit,
  hw,
  isHwLiveAfter,
  type LowerContext,
  type MachineForm,
  type MachineNode,
  NO_REG,
  type Op,
  R10,
} from '@polybpf/jit';
import { INSTRUCTIONS, type Loongarch64Form } from './instructions.ts';
import { SIGN, upperHalf, ZEROS } from './known.ts';
import { T0, T1, T3, ZERO } from './registers.ts';

const { addi_w, bstrpick_d, or } = INSTRUCTIONS;

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

/**
 * Lets the last instruction write `to` instead of `from`, in place of a move. The caller knows that `from` is dead.
 *
 * @returns false when the last node is something else, or one of several that make the value
 */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== from) return false;
  const { name, writes } = node.form as Loongarch64Form;
  if (writes === undefined || writes.length !== 1 || writes[0] !== 0) return false;
  // These also read their result, or may not write a register that they read.
  if (name === 'bstrins_d' || name === 'lu32i_d' || name.startsWith('am') || name.startsWith('sc_')) return false;
  node.operands = node.operands.with(0, to);
  return true;
}

/** Registers that hold nothing beyond an op. t2 is not among them: it holds addresses. */
const TEMPORARIES = [T1, T0, T3];

/**
 * A register that an op may destroy: neither an operand nor the result of the op.
 *
 * @param taken - a register that is not to be chosen either
 */
export function freeRegister(cx: LowerContext, op: Op, taken: number = NO_REG): number {
  for (const register of TEMPORARIES) {
    if (register !== taken && !isOperand(cx, op.a, register) && !isOperand(cx, op.b, register)) return register;
  }
  throw new Error('BUG: no free register');
}

function isOperand(cx: LowerContext, operand: number, register: number): boolean {
  return operand !== NO_REG && operand !== R10 && hw(cx, operand) === register;
}

/** rd = rj. */
export function move(cx: LowerContext, rd: number, rj: number): void {
  if (rd !== rj) emit(cx, or, [rd, rj, ZERO]);
}

/** rd = zero-extended low half of rj, when that is not known to be so already. */
export function zext32(cx: LowerContext, rd: number, rj: number): void {
  if ((upperHalf(cx, rj) & ZEROS) !== 0) move(cx, rd, rj);
  else emit(cx, bstrpick_d, [rd, rj, 31, 0]);
}

/** A register with the low half of `register` sign-extended: itself when it is so already, else `temp`. */
export function signExtended(cx: LowerContext, register: number, temp: number): number {
  if ((upperHalf(cx, register) & SIGN) !== 0) return register;
  emit(cx, addi_w, [temp, register, 0]);
  return temp;
}

/** A register with the low half of `register` zero-extended: itself when it is so already, else `temp`. */
export function zeroExtended(cx: LowerContext, register: number, temp: number): number {
  if ((upperHalf(cx, register) & ZEROS) !== 0) return register;
  emit(cx, bstrpick_d, [temp, register, 31, 0]);
  return temp;
}
