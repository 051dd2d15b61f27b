/**
 * Registers that keep constants: an immediate that takes six or eight bytes to load gets a register of its own for the
 * whole function, as long as there are registers that calls destroy and that hold no BPF register. Where it is still there
 * it is not loaded again.
 */
import type { FunctionInfo, LowerContext } from '@polybpf/jit';
import { isWritten } from './known.ts';
import { constantBytes, loadImm32 } from './lower-constant.ts';

interface Homes {
  readonly registers: Map<number, number>;
  readonly free: number[];
  /** Constants that were used once where a home would not have paid yet. */
  readonly once: Set<number>;
}

/** t6 to t3, a7, a6: none has compressed instructions but moves and additions. */
const CANDIDATES = [31, 30, 29, 28, 17, 16];
/** Shorter constants are loaded as often as they are needed. */
const MIN_BYTES = 6;

const HOMES = new WeakMap<FunctionInfo, Homes>();

/**
 * A register that holds `value`, sign-extended from 32 bits: its home, or else `temp`. Nothing may write to it.
 *
 * @param isShortIn - whether the instruction is shorter with `temp` than with another register: a constant then gets a
 *   home with its second use only
 */
export function constantRegister(cx: LowerContext, value: number, temp: number, isShortIn = false): number {
  const home = constantBytes(value) < MIN_BYTES ? -1 : homeOf(cx.fn, value, isShortIn);
  if (home < 0) {
    loadImm32(cx, temp, value);
    return temp;
  }
  if (!isWritten(cx, home)) loadImm32(cx, home, value);
  return home;
}

function homeOf(fn: FunctionInfo, value: number, waits: boolean): number {
  let homes = HOMES.get(fn);
  if (homes === undefined) {
    homes = { registers: new Map(), free: CANDIDATES.filter((register) => !fn.registers.includes(register)), once: new Set() }; // prettier-ignore
    HOMES.set(fn, homes);
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
