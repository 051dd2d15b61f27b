/**
 * Registers that keep constants: an immediate that takes long to load gets a register of its own for the whole function,
 * as long as there are registers that calls destroy and that hold no BPF register. Where it is still there it is not
 * loaded again.
 */
import type { LowerContext } from '../lower-context.ts';
import type { FunctionInfo } from '../target.ts';

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
export function constantHomes({ candidates, isLong, load, isWritten }: HomeRules): ConstantRegister {
  const homesOf = new WeakMap<FunctionInfo, Homes>();

  function homeOf(fn: FunctionInfo, value: number, waits: boolean): number {
    let homes = homesOf.get(fn);
    if (homes === undefined) {
      homes = { registers: new Map(), free: candidates.filter((register) => !fn.registers.includes(register)), once: new Set() }; // prettier-ignore
      homesOf.set(fn, homes);
    }
    const { registers, free, once } = homes;
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
    const home = isLong(value) ? homeOf(cx.fn, value, waits) : -1;
    if (home < 0) {
      load(cx, temp, value);
      return temp;
    }
    if (!isWritten(cx, home)) load(cx, home, value);
    return home;
  };
}
