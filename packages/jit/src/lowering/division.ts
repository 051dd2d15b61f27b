/** Divisions by constants that are none. */
import type { Op } from '../op.ts';

/**
 * What division by the constants 0, 1 and -1 comes to: x / 0 = 0 and x % 0 = x (RFC 9669 sec. 4.1). Undefined for any
 * other, and for unsigned ones by the largest number.
 */
export function trivialDivision({ kind, imm }: Op): 'zero' | 'dividend' | 'negation' | undefined {
  const isSigned = kind === 'sdiv' || kind === 'smod';
  const isModulo = kind === 'umod' || kind === 'smod';
  if (imm === 0) return isModulo ? 'dividend' : 'zero';
  if (imm !== 1 && !(imm === -1 && isSigned)) return undefined;
  return isModulo ? 'zero' : imm === 1 ? 'dividend' : 'negation';
}
