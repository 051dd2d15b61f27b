/** arm branches: how far each form reaches, and the longer form to take instead. */
import type { BranchUse } from '@polybpf/jit';

/**
 * Reach of a branch whose field is a signed number of `bits` bits that counts units of `unit` bytes, from the first byte
 * of the branch.
 *
 * @param widen - the same effect with a longer reach; absent for the longest form
 */
export function reach(bits: number, unit: number, widen?: NonNullable<BranchUse['widen']>): BranchUse {
  const half = 2 ** (bits - 1);
  const range = { min: -half * unit, max: (half - 1) * unit };
  return widen === undefined ? range : { ...range, widen };
}
