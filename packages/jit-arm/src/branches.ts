/**
 * How far branches reach: `b` and `bl` 32 MiB either way (DDI 0406C, A8.8.18), the pair of `movw` and `movt` everywhere. A
 * program of a million instructions is less than that, so nothing has a longer form.
 */
import type { BranchUse } from '@polybpf/jit';

/** Reach of a row that has a label, from its first byte. The program counter reads two instructions ahead. */
export function branchUse(name: string): BranchUse | undefined {
  if (name === 'b' || name === 'bl') return { min: -(2 ** 25) + 8, max: 2 ** 25 - 4 + 8 };
  if (name === 'movw_label' || name === 'movt_label') return { min: -(2 ** 31), max: 2 ** 31 - 1 };
  return undefined;
}

/** Conditions as the field of an instruction has them (DDI 0406C, A8.3). The opposite of each differs in bit 0. */
export const CC = {
  eq: 0, ne: 1, cs: 2, cc: 3, mi: 4, pl: 5, hi: 8, ls: 9, ge: 10, lt: 11, gt: 12, le: 13, al: 14,
} as const; // prettier-ignore
