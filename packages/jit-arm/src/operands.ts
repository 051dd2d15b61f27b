/** What all lowerings share: emitting with a condition, and halves of operands in registers or memory. */
import { emit, emitTo, type LowerContext, type MachineForm, type MachineNode, SCRATCH_A } from '@polybpf/jit';
import { isMemory, isRegister, lo, wordOffset, ZERO } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { AL, SP } from './registers.ts';

const { ldr, mov_imm, mov_reg, str } = INSTRUCTIONS;

/** Appends an instruction that is always executed. */
export function ins(cx: LowerContext, form: MachineForm, ...operands: readonly number[]): MachineNode {
  return emit(cx, form, conditional(AL, operands));
}

/** Appends an instruction that is executed under a condition. */
export function insIf(
  cx: LowerContext,
  condition: number,
  form: MachineForm,
  ...operands: readonly number[]
): MachineNode {
  return emit(cx, form, conditional(condition, operands));
}

/**
 * The operands behind a condition, as signed numbers: see bit-layout.ts. Most are few, and a literal is made faster than
 * a spread.
 */
function conditional(condition: number, operands: readonly number[]): readonly number[] {
  switch (operands.length) {
    case 1:
      return [condition, operands[0]! | 0];
    case 2:
      return [condition, operands[0]! | 0, operands[1]! | 0];
    case 3:
      return [condition, operands[0]! | 0, operands[1]! | 0, operands[2]! | 0];
    default:
      return [condition, ...operands.map((operand) => operand | 0)];
  }
}

/** Branches under a condition. */
export function branchTo(cx: LowerContext, condition: number, label: number): void {
  emitTo(cx, INSTRUCTIONS.b, [condition], label);
}

/** rd = rm, nothing when they are one. */
export function move(cx: LowerContext, rd: number, rm: number): void {
  if (rd !== rm) ins(cx, mov_reg, rd, rm);
}

/** The second scratch register of this function; ip is the first. */
export function secondScratch(cx: LowerContext): number {
  return lo(cx, SCRATCH_A);
}

/**
 * The register that holds a half, after a load into `temp` when it is in memory.
 *
 * @param pushed - bytes that have been taken off sp since the prologue
 */
export function readHalf(cx: LowerContext, half: number, temp: number, pushed = 0): number {
  if (isRegister(half)) return half;
  if (isMemory(half)) ins(cx, ldr, temp, SP, wordOffset(cx, half) + pushed);
  else ins(cx, mov_imm, temp, 0);
  return temp;
}

/** The register to make the new value of a half in. */
export function resultRegister(half: number, temp: number): number {
  return isRegister(half) ? half : temp;
}

/** Puts a register's value into a half, unless it is there or nobody wants it. */
export function writeHalf(cx: LowerContext, half: number, register: number, pushed = 0): void {
  if (isRegister(half)) move(cx, half, register);
  else if (isMemory(half)) ins(cx, str, register, SP, wordOffset(cx, half) + pushed);
}

/** Whether a half is kept at all. */
export function isKept(half: number): boolean {
  return isRegister(half) || isMemory(half);
}

/** half = 0; `temp` may be destroyed. */
export function clearHalf(cx: LowerContext, half: number, temp: number): void {
  if (!isKept(half)) return;
  const register = resultRegister(half, temp);
  ins(cx, mov_imm, register, 0);
  writeHalf(cx, half, register);
}

/** Whether a half is known to be 0. */
export function isZero(half: number): boolean {
  return half === ZERO;
}
