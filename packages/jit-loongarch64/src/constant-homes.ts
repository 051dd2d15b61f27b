/**
 * Registers that keep constants: an immediate that takes two instructions to load gets a register of its own for the
 * whole function, as long as there are registers that calls destroy and that hold no BPF register. Where it is still there
 * it is not loaded again.
 */
import type { FunctionInfo, LowerContext } from '@polybpf/jit';
import { isWritten } from './known.ts';
import { constantLength, loadImm32 } from './lower-constant.ts';

interface Homes {
  readonly registers: Map<number, number>;
  readonly free: number[];
}

/** t8 to t4, a7, a6, a5. */
const CANDIDATES = [20, 19, 18, 17, 16, 11, 10, 9];

const HOMES = new WeakMap<FunctionInfo, Homes>();

/**
 * A register that holds `value`, sign-extended from 32 bits: its home, or else `temp`. Nothing may write to it.
 */
export function constantRegister(cx: LowerContext, value: number, temp: number): number {
  const home = constantLength(value) < 2 ? -1 : homeOf(cx.fn, value);
  if (home < 0) {
    loadImm32(cx, temp, value);
    return temp;
  }
  if (!isWritten(cx, home)) loadImm32(cx, home, value);
  return home;
}

function homeOf(fn: FunctionInfo, value: number): number {
  let homes = HOMES.get(fn);
  if (homes === undefined) {
    homes = { registers: new Map(), free: CANDIDATES.filter((register) => !fn.registers.includes(register))}; // prettier-ignore
    HOMES.set(fn, homes);
  }
  const { registers, free } = homes;
  const known = registers.get(value);
  if (known !== undefined) return known;
  const home = free.shift() ?? -1;
  if (home >= 0) registers.set(value, home);
  return home;
}
