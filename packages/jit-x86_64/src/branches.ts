/**
 * Labels: how far each kind of use reaches and what takes its place when that is not enough; conditions.
 */
import { type BranchUse, type Cond, makeNode } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';

/**
 * Reach of a form with `label`, counted from its first byte: rel8 becomes rel32, and rel32 is the farthest there is.
 */
export function branchUse(code: X64Form['code'], wide: () => X64Form): BranchUse {
  const limit = code.relSize === 1 ? 2 ** 7 : 2 ** 31;
  // the CPU counts from the end of the instruction; a REX prefix (lea, mov with [rip + label]) is part of fixedSize
  const reach = { min: code.fixedSize - limit, max: code.fixedSize + limit - 1 };
  if (code.relSize !== 1) return reach;
  return { ...reach, widen: (node) => [makeNode(wide(), [], node.label, node.insn)] };
}

/** Condition code suffix after `cmp a, b`; `set` and `nset` after `test a, b` (Intel SDM vol. 1 app. B). */
export const CONDITION_CODES: Readonly<Record<Cond, string>> = {
  eq: 'e', ne: 'ne', ult: 'b', ule: 'be', ugt: 'a', uge: 'ae',
  slt: 'l', sle: 'le', sgt: 'g', sge: 'ge', set: 'ne', nset: 'e',
}; // prettier-ignore
