/** Registers that are free while an op is lowered, and extensions that are left out where nothing is to extend. */
import { emit, type LowerContext, NO_REG, type Op, R10, SIGN, ZEROS } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';
import { upperHalf } from './known.ts';
import { T0, T1, ZERO } from './registers.ts';

const { add_uw, addi, addiw, slli, srli } = INSTRUCTIONS;

/** Whether the target has an extension that is an option of it. */
export function has({ target }: LowerContext, extension: 'zba' | 'zbb'): boolean {
  return target.features?.has(extension) === true;
}

/** Registers that compressed instructions can name, those that calls destroy first. */
const COMPRESSIBLE = [15, 14, 13, 12, 11, 10, 9, 8];

/** Registers that never hold BPF registers; the first may be an operand, r10. */
const SCRATCH = [T1, T0];

/**
 * A register that an op may destroy: one with short instructions when there is one that holds nothing, else a scratch
 * register. Neither an operand nor the result of the op, and never t2.
 *
 * @param taken - a register that is not to be chosen either
 */
export function freeRegister(cx: LowerContext, op: Op, taken: number = NO_REG): number {
  const { registers, usedCalleeSaved } = cx.fn;
  let busy = 0;
  const note = (register: number): void => {
    if (register !== NO_REG && register !== R10) busy |= 1 << registers[register]!;
  };
  note(op.a);
  note(op.b);
  note(op.d);
  if (op.kind === 'cmpxchg') note(0);
  if (taken !== NO_REG) busy |= 1 << taken;
  for (let i = 0; i < registers.length; i++) if ((cx.liveAfter & (1 << i)) !== 0) busy |= 1 << registers[i]!;
  for (const register of COMPRESSIBLE) {
    if ((busy & (1 << register)) !== 0) continue;
    if (register >= 10 || usedCalleeSaved.includes(register)) return register;
  }
  const scratch = SCRATCH.find((register) => (busy & (1 << register)) === 0);
  if (scratch === undefined) throw new Error(`BUG: ${op.kind} needs more registers than there are`);
  return scratch;
}

/** rd = zero-extended low half of rs1, when that is not known to be so already. */
export function zext32(cx: LowerContext, rd: number, rs1: number): void {
  if ((upperHalf(cx, rs1) & ZEROS) !== 0) {
    if (rd !== rs1) emit(cx, addi, [rd, rs1, 0]);
    return;
  }
  if (has(cx, 'zba')) return void emit(cx, add_uw, [rd, rs1, ZERO]);
  emit(cx, slli, [rd, rs1, 32]);
  emit(cx, srli, [rd, rd, 32]);
}

/** A register with the low half of `register` sign-extended: itself when it is so already, else `temp`. */
export function signExtended(cx: LowerContext, register: number, temp: number): number {
  if ((upperHalf(cx, register) & SIGN) !== 0) return register;
  emit(cx, addiw, [temp, register, 0]);
  return temp;
}
