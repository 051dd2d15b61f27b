/** The table of lowerings, from a target's functions: most ops of a kind share one. */
import { hw, type LowerContext } from '../lower-context.ts';
import { lowerCheck } from '../lower-sandbox.ts';
import { NO_REG, type Op, type OpKind } from '../op.ts';
import type { Fits, LowerFn } from '../target.ts';

type Arithmetic = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor';
type Shift = 'lsh' | 'rsh' | 'arsh';
type Division = 'udiv' | 'umod' | 'sdiv' | 'smod';
type Atomic = 'atomic_add' | 'atomic_or' | 'atomic_and' | 'atomic_xor';
type Fetch = 'fetch_add' | 'fetch_or' | 'fetch_and' | 'fetch_xor';
type Grouped = Arithmetic | Shift | Division | Atomic | Fetch;

/** One function for all ops of a group, or one for each. */
type OneOrEach<Kind extends OpKind> = LowerFn | Readonly<Record<Kind, LowerFn>>;

/** What {@link lowerTable} takes. */
export interface Lowerings extends Readonly<Record<Exclude<OpKind, Grouped | 'addr_space_cast' | 'check'>, LowerFn>> {
  readonly arithmetic: OneOrEach<Arithmetic>;
  readonly shift: OneOrEach<Shift>;
  readonly division: OneOrEach<Division>;
  /** Updates that return nothing. */
  readonly atomic: OneOrEach<Atomic>;
  /** Updates that return the old value. */
  readonly fetch: OneOrEach<Fetch>;
  /** In place of the comparison of the shifted address, as every 64-bit CPU can do it. */
  readonly check?: LowerFn;
}

/** Lowers an operation on an immediate: hardware registers of result and operand (-1 for r10), and the immediate. */
export type LowerImmediate = (cx: LowerContext, op: Op, d: number, a: number, imm: number) => void;

/** Arithmetic and shifts, from the lowering between registers and, by kind, that on an immediate. */
export function operandLowerings(
  registers: LowerFn,
  immediates: Readonly<Record<Arithmetic | Shift, LowerImmediate>>,
): Pick<Lowerings, 'arithmetic' | 'shift'> {
  const of = (kind: Arithmetic | Shift): LowerFn => {
    const immediate = immediates[kind];
    return (cx, op) => {
      if (op.b !== NO_REG) registers(cx, op);
      else immediate(cx, op, hw(cx, op.d), hw(cx, op.a), op.imm);
    };
  };
  return {
    arithmetic: { add: of('add'), sub: of('sub'), mul: of('mul'), and: of('and'), or: of('or'), xor: of('xor') },
    shift: { lsh: of('lsh'), rsh: of('rsh'), arsh: of('arsh') },
  };
}

/** `Target.lower`. */
export function lowerTable(lowerings: Lowerings): Readonly<Record<OpKind, LowerFn>> {
  const { arithmetic, shift, division, atomic, fetch, ...others } = lowerings;
  return {
    ...each(arithmetic, ['add', 'sub', 'mul', 'and', 'or', 'xor']),
    ...each(shift, ['lsh', 'rsh', 'arsh']),
    ...each(division, ['udiv', 'umod', 'sdiv', 'smod']),
    ...each(atomic, ['atomic_add', 'atomic_or', 'atomic_and', 'atomic_xor']),
    ...each(fetch, ['fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor']),
    // User space has one address space: the cast is a copy.
    addr_space_cast: lowerings.mov,
    check: lowerCheck,
    ...others,
  };
}

function each<Kind extends OpKind>(lower: OneOrEach<Kind>, kinds: readonly Kind[]): Readonly<Record<Kind, LowerFn>> {
  if (typeof lower !== 'function') return lower;
  return Object.fromEntries(kinds.map((kind) => [kind, lower])) as Record<Kind, LowerFn>;
}

const always = (): boolean => true;

/** Every operand is taken: what does not fit an instruction goes into a register that is free where it is used. */
export const FITS_ALL: Fits = {
  add: always, sub: always, mul: always, udiv: always, umod: always, sdiv: always, smod: always,
  and: always, or: always, xor: always, lsh: always, rsh: always, arsh: always,
  store_imm: always, branch: always, displacement: always,
}; // prettier-ignore
