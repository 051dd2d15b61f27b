/**
 * Power general purpose registers and their roles (64-Bit ELF V2 ABI Specification 1.5, 2.2.1 "Register usage").
 *
 * BPF r1..r5 live where the C ABI passes arguments, so that a call moves nothing. r0 shares %r3 with r1 unless both are
 * alive at once. Registers 0, 11 and 12 are volatile and what linkers use in call stubs: nothing lives there. Register
 * 0 reads as zero where an address or an addition wants a register, so it only ever holds values that lowerings need
 * for a moment; r12 holds the entry address where an indirect call enters a function. r1 is the stack pointer, r2 the
 * table of contents, which compiled code does not use, and r13 belongs to the thread.
 */
import type { RegisterRoles } from '@polybpf/jit';

/** Values of a moment; 0 in the place of a base. */
export const R0 = 0;
/** In the place of a base register: none. */
export const NO_BASE = 0;
/** Stack pointer. */
export const R1 = 1;
/** First argument and result of a call. */
export const R3 = 3;
/** First scratch register. */
export const R11 = 11;
/** Second scratch register; the entry address of a function that is called through a pointer. */
export const R12 = 12;

export const REGISTERS: RegisterRoles = {
  names: Array.from({ length: 32 }, (_, i) => `r${i}`),
  args: [R3, 4, 5, 6, 7],
  result: R3,
  callerSaved: [8, 9, 10],
  calleeSaved: [31, 30, 29, 28, 27, 26, 25, 24],
  scratch: [R11, R12],
  stackPointer: R1,
};
