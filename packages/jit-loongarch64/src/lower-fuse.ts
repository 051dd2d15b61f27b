/** Registers that are free while an op is lowered, and extensions that are left out where nothing is to extend. */
import { emit, hw, type LowerContext, type MachineForm, NO_REG, type Op, R10, retargetLast, SIGN, soleResult, ZEROS } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { T0, T1, T3, ZERO } from './registers.ts';

const { addi_w, bstrpick_d, or } = INSTRUCTIONS;

/** Lets the last instruction write `to` instead of `from`, which is dead; see `retargetLast`. */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  return retargetLast(cx, from, to, resultOf);
}

/** These also read their result, or may not write a register that they read. */
function resultOf(form: MachineForm): number {
  const { name } = form;
  const isBound = name === 'bstrins_d' || name === 'lu32i_d' || name.startsWith('am') || name.startsWith('sc_');
  return isBound ? -1 : soleResult(form);
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
