/** Comparisons with constants, said in the way that is shortest on most CPUs. */
import type { Cond } from './op.ts';

/** A condition and the constant that it is about. */
export interface Comparison {
  readonly cond: Cond;
  readonly imm: number;
}

/** Conditions that order or equate, not tests of bits. */
export type OrderCond = Exclude<Cond, 'set' | 'nset'>;

/** The same comparison as one with 0 for equality or sign, where it is with 1, 0 or -1; any other as it is. */
export function simplifyComparison(cond: Cond, imm: number): Comparison {
  if (imm === 1) {
    if (cond === 'ult') return { cond: 'eq', imm: 0 };
    if (cond === 'uge') return { cond: 'ne', imm: 0 };
    if (cond === 'slt') return { cond: 'sle', imm: 0 };
    if (cond === 'sge') return { cond: 'sgt', imm: 0 };
  } else if (imm === 0) {
    if (cond === 'ugt') return { cond: 'ne', imm };
    if (cond === 'ule') return { cond: 'eq', imm };
  } else if (imm === -1) {
    if (cond === 'sgt') return { cond: 'sge', imm: 0 };
    if (cond === 'sle') return { cond: 'slt', imm: 0 };
    // Any bit of all ones.
    if (cond === 'set') return { cond: 'ne', imm: 0 };
    if (cond === 'nset') return { cond: 'eq', imm: 0 };
  }
  return { cond, imm };
}

/**
 * By condition: the one that says the same of a constant that is `step` higher. Not where that constant wraps around:
 * unsigned, none is above -1.
 */
export const NEIGHBOURS: Readonly<Partial<Record<Cond, readonly [cond: OrderCond, step: 1 | -1]>>> = {
  ugt: ['uge', 1], ule: ['ult', 1], uge: ['ugt', -1], ult: ['ule', -1],
  sgt: ['sge', 1], sle: ['slt', 1], sge: ['sgt', -1], slt: ['sle', -1],
}; // prettier-ignore
