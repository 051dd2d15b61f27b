/**
 * SPARC V9 registers and their roles (SPARC Compliance Definition 2.4, "Low-Level System Information", 64-bit).
 *
 * BPF r1..r5 live in %o0 to %o4, where the C ABI passes arguments, so that a call moves nothing; r0 wants %o0 as well, and
 * the driver gives it another register where r1 is in its way. A function that makes calls, or needs more registers than
 * calls destroy, takes a register window of its own: then r6 to r9 live in %l registers, which need no saving. %g1 and %g5
 * are what linkers destroy in procedure linkage tables, so nothing can live there across a call anyway. %g6 and %g7 belong
 * to the system (%g7 is the thread pointer) and are never touched.
 */
import type { RegisterRoles } from '@polybpf/jit';

/** Reads as zero, swallows writes. */
export const G0 = 0;
/** SCRATCH_A: immediates that did not fit. */
export const G1 = 1;
/** A temporary of lowerings. */
export const G4 = 4;
/** SCRATCH_B: addresses. */
export const G5 = 5;
/** First argument and result of a call. */
export const O0 = 8;
export const SP = 14;
/** Return address of a function without a window of its own. */
export const O7 = 15;
/** Keeps the context during the helper call of a tail call. */
export const I5 = 29;
/** The caller's stack pointer, in a window of one's own. */
export const FP = 30;
/** First of the eight registers in which a window gets its arguments: %o0 becomes %i0. */
export const I0 = 24;

/** Names as GNU as and objdump know them. */
export const NAMES: readonly string[] = [
  '%g0', '%g1', '%g2', '%g3', '%g4', '%g5', '%g6', '%g7', '%o0', '%o1', '%o2', '%o3', '%o4', '%o5', '%sp', '%o7',
  '%l0', '%l1', '%l2', '%l3', '%l4', '%l5', '%l6', '%l7', '%i0', '%i1', '%i2', '%i3', '%i4', '%i5', '%fp', '%i7',
]; // prettier-ignore

export const REGISTERS: RegisterRoles = {
  names: NAMES,
  args: [8, 9, 10, 11, 12],
  result: O0,
  callerSaved: [13, 2, 3],
  calleeSaved: [16, 17, 18, 19, 20, 21, 22, 23],
  scratch: [G1, G5],
  stackPointer: SP,
};
