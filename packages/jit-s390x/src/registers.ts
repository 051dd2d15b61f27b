/**
 * z/Architecture general registers and their roles (ELF ABI s390x Supplement, "Registers").
 *
 * BPF r1..r5 live where the C ABI passes arguments, so that a call moves nothing; the fifth of these, %r6, is preserved
 * by callees and so must be saved by a function that writes it. r0 shares %r2 with r1 unless both are alive at once.
 * %r0 and %r1 are the even/odd pair of division and widening multiplication and hold whatever else a lowering needs;
 * %r0 cannot be a base or an index (the number 0 there means none), so addresses are made in %r1. %r14 holds the
 * return address and %r15 is the stack pointer; neither holds a BPF register, and no frame pointer exists.
 */
import type { RegisterRoles } from '@polybpf/jit';

/** First scratch register, even half of the pair; reads as 0 in the place of a base or index register. */
export const R0 = 0;
/** Second scratch register, odd half of the pair, and base of addresses that must be computed. */
export const R1 = 1;
/** First argument and result of a call. */
export const R2 = 2;
/** Fifth argument, which callees preserve. */
export const R6 = 6;
/** Return address: every call writes it. */
export const R14 = 14;
/** Stack pointer. */
export const R15 = 15;
/** In the place of a base or index register: none. */
export const NO_BASE = 0;

export const REGISTERS: RegisterRoles = {
  names: ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
  args: [2, 3, 4, 5, R6],
  result: R2,
  callerSaved: [],
  calleeSaved: [7, 8, 9, 10, 11, 12, 13],
  calleeSavedArgs: [R6],
  scratch: [R0, R1],
  stackPointer: R15,
};
