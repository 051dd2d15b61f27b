/**
 * LoongArch registers and their roles (LoongArch ELF psABI, "Register Convention").
 *
 * BPF r1..r5 live where the C ABI passes arguments, so that a call moves nothing. r0 wants a0 as well; the driver gives it
 * a5 where r1 is in its way. r2 is the thread pointer and r21 reserved: neither is ever touched.
 */
import type { RegisterRoles } from '@polybpf/jit';

/** Reads as zero, swallows writes. */
export const ZERO = 0;
/** Link register: a call writes its return address here. */
export const RA = 1;
export const SP = 3;
/** First argument and result of a call. */
export const A0 = 4;
/** Third scratch register, private to lowerings. */
export const T0 = 12;
/** First scratch register. */
export const T1 = 13;
/** Second scratch register. */
export const T2 = 14;
/** Fourth scratch register, private to lowerings. */
export const T3 = 15;

/** ABI names, which LLVM prints. */
export const NAMES: readonly string[] = [
  '$zero', '$ra', '$tp', '$sp', '$a0', '$a1', '$a2', '$a3', '$a4', '$a5', '$a6', '$a7', '$t0', '$t1', '$t2', '$t3',
  '$t4', '$t5', '$t6', '$t7', '$t8', '$r21', '$fp', '$s0', '$s1', '$s2', '$s3', '$s4', '$s5', '$s6', '$s7', '$s8',
]; // prettier-ignore

export const REGISTERS: RegisterRoles = {
  names: NAMES,
  args: [4, 5, 6, 7, 8],
  result: A0,
  callerSaved: [9, 10, 11, 16, 17, 18, 19, 20],
  calleeSaved: [23, 24, 25, 26, 27, 28, 29, 30, 31, 22],
  scratch: [T1, T2],
  stackPointer: SP,
};
