/**
 * arm registers and their roles.
 *
 * A neutral start: sixteen registers with roles that no two share. Put in the names, numbers and roles of the manual and
 * of the C calling convention, and cite both here. BPF r1..r5 belong where C passes arguments, so that a call moves
 * nothing; a scratch register holds nothing across an op.
 */
import type { RegisterRoles } from '@polybpf/jit';

export const SP = 15;

export const REGISTERS: RegisterRoles = {
  names: Array.from({ length: 16 }, (_, i) => (i === SP ? 'sp' : `r${i}`)),
  args: [1, 2, 3, 4, 5],
  result: 0,
  callerSaved: [6, 7],
  calleeSaved: [8, 9, 10, 11, 12],
  scratch: [13, 14],
  stackPointer: SP,
};
