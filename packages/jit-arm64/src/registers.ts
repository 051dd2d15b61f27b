/**
 * AArch64 registers and their roles (AAPCS64, "Parameter passing" and "General-purpose registers").
 *
 * BPF r1..r5 live where the C ABI passes arguments, so that a call moves nothing. r0 wants x0 as well; the driver gives
 * it another register where r1 is in its way. x16 and x17 are the ABI's own scratch registers: linkers may destroy them
 * in call veneers, so nothing can live there across a call anyway. x18 belongs to the platform and x29 to the frame
 * records of the caller: neither is touched.
 */
import type { RegisterRoles } from '@polybpf/jit';

/** First and second scratch register: IP0 and IP1 of the ABI. */
export const X16 = 16;
export const X17 = 17;
/** Frame record pointer of the caller; saved only to fill a register pair. */
export const X29 = 29;
/** Link register: a call writes its return address here. */
export const LR = 30;
/** Register number 31 as base of an access and in add/sub immediate. */
export const SP = 31;
/** Register number 31 everywhere else: reads as zero, swallows writes. */
export const ZR = 31;
/** First argument and result of a call. */
export const X0 = 0;

/** 64-bit names; 31 is named by the operand type. */
export const X_NAMES: readonly string[] = Array.from({ length: 32 }, (_, i) => (i === 31 ? 'xzr' : `x${i}`));
/** 32-bit names. */
export const W_NAMES: readonly string[] = Array.from({ length: 32 }, (_, i) => (i === 31 ? 'wzr' : `w${i}`));

export const REGISTERS: RegisterRoles = {
  names: X_NAMES.with(31, 'sp'),
  args: [0, 1, 2, 3, 4],
  result: X0,
  callerSaved: [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  calleeSaved: [19, 20, 21, 22, 23, 24, 25, 26, 27, 28],
  scratch: [X16, X17],
  stackPointer: SP,
};
