/**
 * Registers that keep constants: an immediate that takes long to load gets a register of its own for the whole function,
 * as long as there are registers that calls destroy and that hold no BPF register. Where it is still there it is not
 * loaded again.
 */
import { type LowerContext, noteOf } from '../lower-context.ts';

/** What a target says of its constants, all sign-extended from 32 bits. */
export interface HomeRules {
  /** Registers that may be homes, best first; those that hold BPF registers are left out. */
  readonly candidates: readonly number[];
  /** Whether a constant is worth a home; shorter ones are loaded as often as they are needed. */
  readonly isLong: (value: number) => boolean;
  readonly load: (cx: LowerContext, register: number, value: number) => void;
  /** See {@link UpperHalves}. */
  readonly isWritten: (cx: LowerContext, register: number) => boolean;
}

interface Homes {
  readonly registers: Map<number, number>;
  readonly free: number[];
  /** Constants that were used once where a home would not have paid yet. */
  readonly once: Set<number>;
}

/**
 * A register that holds `value`: its home, or else `temp`. Nothing may write to it.
 *
 * @param waits - a home pays with the second use only: the instruction is shorter with `temp` than with another register
 */
export type ConstantRegister = (cx: LowerContext, value: number, temp: number, waits?: boolean) => number;

/** Makes {@link ConstantRegister} for a target. */
export function constantHomes(rules: HomeRules): ConstantRegister {
  const { candidates, isLong, load, isWritten } = rules;

  function homeOf(cx: LowerContext, value: number, waits: boolean): number {
    const { registers, free, once } = noteOf(cx, rules, (): Homes => ({
      registers: new Map(),
      free: candidates.filter((register) => !cx.fn.registers.includes(register)),
      once: new Set(),
    }));
    const known = registers.get(value);
    if (known !== undefined) return known;
    if (waits && !once.has(value)) {
      once.add(value);
      return -1;
    }
    const home = free.shift() ?? -1;
    if (home >= 0) registers.set(value, home);
    return home;
  }

  return (cx, value, temp, waits = false) => {
    const home = isLong(value) ? homeOf(cx, value, waits) : -1;
    if (home < 0) {
      load(cx, temp, value);
      return temp;
    }
    if (!isWritten(cx, home)) load(cx, home, value);
    return home;
  };
}
