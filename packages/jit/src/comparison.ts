/** Comparisons with constants, said in the way that is shortest on most CPUs. */
import { powerOf } from './lowering/immediates.ts';
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

export const isEquality = (cond: Cond): cond is 'eq' | 'ne' => cond === 'eq' || cond === 'ne';
export const isBitTest = (cond: Cond): cond is 'set' | 'nset' => cond === 'set' || cond === 'nset';
export const isSignedOrder = (cond: Cond): boolean => cond.startsWith('s') && cond !== 'set';
export const isUnsignedOrder = (cond: Cond): boolean => cond.startsWith('u');

/** n when `cond imm` asks whether bits n and above are zero (`ult 2^n`, `ule 2^n - 1`) or not; else -1. */
export function unsignedPower(cond: Cond, imm: number): number {
  if (imm <= 0) return -1;
  if (cond === 'ult' || cond === 'uge') return powerOf(imm);
  return cond === 'ule' || cond === 'ugt' ? powerOf(imm + 1) : -1;
}

/** A comparison as `a < imm` or its opposite: what CPUs have that put its truth into a register. */
export interface LessThan {
  readonly isSigned: boolean;
  /** Whether `cond` holds when a < imm does; else it holds when a < imm does not. */
  readonly holds: boolean;
  /** Beyond 32 bits where the bound is the end of the range. */
  readonly imm: number;
}

/** {@link LessThan} for an order; undefined for equality and tests of bits. */
export function asLessThan(cond: Cond, imm: number): LessThan | undefined {
  if (isEquality(cond) || isBitTest(cond)) return undefined;
  const isBelow = cond === 'ult' || cond === 'slt' || cond === 'ule' || cond === 'sle';
  const isExact = cond === 'ult' || cond === 'slt' || cond === 'uge' || cond === 'sge';
  return { isSigned: isSignedOrder(cond), holds: isBelow, imm: isExact ? imm : imm + 1 };
}
