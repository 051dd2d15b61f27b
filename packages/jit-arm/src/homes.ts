/**
 * Homes: where the two halves of a BPF register live.
 *
 * A half is a hardware register, a word of the frame, nowhere (an upper half that nothing reads), or the number 0. A home is
 * both as one number, so that the driver can keep it where other targets keep a register.
 */
import { hw, type LowerContext } from '@polybpf/jit';
import type { ArmFrame } from './abi.ts';
import { NAMES } from './registers.ts';

/** An upper half that nothing reads. */
export const NOWHERE = 62;
/** An upper half that is always zero: of addresses. */
export const ZERO = 63;
/** Words from here on are in memory: see {@link WORDS}. */
export const MEMORY = 64;

/** Words in memory: arguments 3 to 5 of calls, those that the function got, then its own. */
export const WORDS: { readonly outgoing: number; readonly incoming: number; readonly own: number } = {
  outgoing: MEMORY,
  incoming: MEMORY + 6,
  own: MEMORY + 12,
};

const SHIFT = 8;

export function makeHome(lo: number, hi: number): number {
  return lo | (hi << SHIFT);
}

export function loOf(home: number): number {
  return home & ((1 << SHIFT) - 1);
}

export function hiOf(home: number): number {
  return home >> SHIFT;
}

export function isMemory(half: number): boolean {
  return half >= MEMORY;
}

export function isRegister(half: number): boolean {
  return half < NOWHERE;
}

/** What people call a home: `r1:r0`, the upper half first, which is left out where nothing reads it. */
export function nameHome(home: number): string {
  const low = nameHalf(loOf(home));
  return hiOf(home) === NOWHERE ? low : `${nameHalf(hiOf(home))}:${low}`;
}

function nameHalf(half: number): string {
  if (half === ZERO) return '0';
  return isMemory(half) ? 'frame' : (NAMES[half] ?? '-');
}

/** The half of a BPF or scratch register. */
export function lo(cx: LowerContext, register: number): number {
  return loOf(hw(cx, register));
}

export function hi(cx: LowerContext, register: number): number {
  return hiOf(hw(cx, register));
}

/** Offset from sp of a half in memory. */
export function wordOffset(cx: LowerContext, half: number): number {
  const frame = cx.frame as ArmFrame;
  if (half >= WORDS.own) return frame.slots + 4 * (half - WORDS.own);
  if (half >= WORDS.incoming) return frame.size + 4 * (half - WORDS.incoming);
  return 4 * (half - WORDS.outgoing);
}

/** The two registers of a doubleword in memory, lower address first, as an aligned pair; undefined when they are none. */
export function alignedPair(low: number, high: number, isBig: boolean): number | undefined {
  const [first, second] = isBig ? [high, low] : [low, high];
  return first < 14 && first % 2 === 0 && second === first + 1 && first !== 12 ? first : undefined;
}

/** Further scratch registers of functions with ops that want them, by place in `FunctionInfo.registers`. */
export const TEMPS: readonly number[] = [15, 16, 17, 18];

/** Register of the `i`th of {@link TEMPS}. */
export function temp(cx: LowerContext, i: number): number {
  const register = cx.fn.registers[TEMPS[i]!];
  if (register === undefined || register < 0) throw new Error(`BUG: ${cx.fn.name}: temporary ${i} is not reserved`);
  return register;
}
