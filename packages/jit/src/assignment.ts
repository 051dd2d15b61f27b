/** Where the registers of one function live: what allocation answers. */
export interface Assignment {
  /** Hardware register of r0..r9, NO_REG for r10, then the two scratch registers, then ARENA and FRAME where wanted. */
  readonly registers: readonly number[];
  readonly usedCalleeSaved: readonly number[];
  /** Whether r0 and r1 have the same register. */
  readonly sharesR0R1: boolean;
}
