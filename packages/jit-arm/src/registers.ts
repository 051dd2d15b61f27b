/**
 * Registers of ARM in A32 state and their roles (ARM ARM DDI 0406C, A2.3; Procedure Call Standard, AAPCS32).
 *
 * A BPF register has two of them, one, or words of the frame: `assign.ts` says which. The roles here name the words that
 * hold arguments; `args` beyond r2 are on the stack.
 */
import type { RegisterRoles } from '@polybpf/jit';

export const R0 = 0;
export const R1 = 1;
export const R2 = 2;
export const R3 = 3;
export const R4 = 4;
export const R7 = 7;
export const R11 = 11;
/** Intra-procedure-call scratch register: linkers may destroy it between call and callee. */
export const IP = 12;
export const SP = 13;
export const LR = 14;
export const PC = 15;

export const NAMES: readonly string[] = [
  'r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11', 'ip', 'sp', 'lr', 'pc',
]; // prettier-ignore

/** Condition of every instruction that is always executed. */
export const AL = 14;

/** Conditions by their bits (DDI 0406C, A8.3). */
export const CONDITIONS: readonly string[] = [
  'eq', 'ne', 'cs', 'cc', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', '',
]; // prettier-ignore

/** Registers that a function saves before it writes them (AAPCS32, 6.1.1). */
export const CALLEE_SAVED: readonly number[] = [4, 5, 6, 7, 8, 9, 10, 11];

export const REGISTERS: RegisterRoles = {
  names: NAMES,
  args: [R0, R1, R2, R3, R3],
  result: R0,
  callerSaved: [],
  calleeSaved: CALLEE_SAVED,
  scratch: [LR, IP],
  stackPointer: SP,
};
