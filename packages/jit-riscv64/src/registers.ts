/**
 * RISC-V registers and their roles (RISC-V ELF psABI, "Integer Register Convention").
 *
 * BPF r1..r5 live where the C ABI passes arguments, so that a call moves nothing; a0 to a5, s0 and s1 are moreover the
 * registers that compressed instructions can name in three bits. r0 wants a0 as well; the driver gives it a5 where r1 is
 * in its way. t0 is the alternate link register of the return-address predictor and never the target of a jump here.
 */
import type { RegisterRoles } from '@polybpf/jit';

/** Reads as zero, swallows writes. */
export const ZERO = 0;
/** Link register: a call writes its return address here. */
export const RA = 1;
export const SP = 2;
/** Third scratch register, private to lowerings. */
export const T0 = 5;
/** First scratch register. */
export const T1 = 6;
/** Second scratch register. */
export const T2 = 7;
/** First argument and result of a call. */
export const A0 = 10;

/** ABI names, which binutils prints. */
export const NAMES: readonly string[] = [
  'zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5',
  'a6', 'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6',
]; // prettier-ignore

export const REGISTERS: RegisterRoles = {
  names: NAMES,
  args: [10, 11, 12, 13, 14],
  result: A0,
  callerSaved: [15, 16, 17, 28, 29, 30, 31],
  calleeSaved: [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27],
  scratch: [T1, T2],
  stackPointer: SP,
  prefersArgs: true,
};

/** Whether the three-bit fields of compressed instructions can name a register: s0, s1, a0 to a5. */
export function isCompressible(register: number): boolean {
  return (register & 0x18) === 8;
}
