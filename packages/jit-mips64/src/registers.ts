/**
 * MIPS64 registers and their roles in the n64 ABI (MIPSpro N32 ABI Handbook, table 2-1).
 *
 * BPF r1..r5 live where the C ABI passes arguments and r0 where it returns results, so that calls move nothing. $k0 and
 * $k1 belong to the kernel. $gp belongs to the function's caller and is left alone: addresses come from the program
 * counter. $t9 holds the address of a called function; it and $v1 never hold BPF registers, because a jump that is
 * widened destroys them.
 */
import type { RegisterRoles } from '@polybpf/jit';

/** Reads as zero, swallows writes. */
export const ZERO = 0;
/** SCRATCH_A: immediates that did not fit. */
export const AT = 1;
/** Result of a call. */
export const V0 = 2;
/** A temporary of lowerings; keeps $ra while a far jump computes its address. */
export const V1 = 3;
/** First argument of a call. */
export const A0 = 4;
/** SCRATCH_B: addresses that did not fit. */
export const T8 = 24;
/** Address of the called function, or of where a far jump goes. */
export const T9 = 25;
export const SP = 29;
/** Return address: what calls write. */
export const RA = 31;

/** Names of the n64 ABI, as GNU as takes them. */
export const NAMES: readonly string[] = [
  '$zero', '$at', '$v0', '$v1', '$a0', '$a1', '$a2', '$a3', '$a4', '$a5', '$a6', '$a7', '$t0', '$t1', '$t2', '$t3',
  '$s0', '$s1', '$s2', '$s3', '$s4', '$s5', '$s6', '$s7', '$t8', '$t9', '$k0', '$k1', '$gp', '$sp', '$s8', '$ra',
]; // prettier-ignore

export const REGISTERS: RegisterRoles = {
  names: NAMES,
  args: [4, 5, 6, 7, 8],
  result: V0,
  callerSaved: [9, 10, 11, 12, 13, 14, 15],
  calleeSaved: [16, 17, 18, 19, 20, 21, 22, 23, 30],
  scratch: [AT, T8],
  stackPointer: SP,
};
