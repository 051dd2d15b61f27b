/** Programs for C callers, and what they return for the arguments 1, 2, 3, 4, 5. */
import type { ProgramRelocation } from '@polybpf/isa';

/** A program and its result; its relocations where the text has none. */
export interface LinkCase {
  readonly text: string;
  readonly expected: bigint;
  readonly relocations?: readonly ProgramRelocation[];
}

/** Takes the first four arguments into registers that calls keep. */
export const KEEP = 'r6 = r1\nr7 = r2\nr8 = r3\nr9 = r4';
/** Adds them to r0, each at its place of the sum. */
export const MIX = 'r0 += r6\nr7 *= 1000\nr0 += r7\nr8 *= 1000000\nr0 += r8\nr9 *= 1000000000\nr0 += r9\nexit';

/** Helper 7 of link-main.c of 1..5; helper 12 goes to a function that returns ctx * 1000 for index 1. */
export const HELPER = 54321n;
const MIXED = 4003002001n;

const stack = (depth: number, call: string): string =>
  `*(u64 *)(r10 - ${depth}) = r2\n${call}\nr1 = *(u64 *)(r10 - ${depth})\nr0 += r1\nexit`;

/** Programs by name; link-main.c of a target calls each of them. */
export const LINK_CASES: Readonly<Record<string, LinkCase>> = {
  leaf: { text: 'r0 = r1\nr0 += r5\nexit', expected: 6n },
  leaf_stack8: { text: stack(8, 'r0 = 40'), expected: 42n },
  leaf_stack288: { text: stack(288, 'r0 = 40'), expected: 42n },
  leaf_stack296: { text: stack(296, 'r0 = 40'), expected: 42n },
  leaf_stack512: { text: stack(512, 'r0 = 40'), expected: 42n },
  leaf_saved: {
    text: `${KEEP}\nr0 = r5\nr1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr0 += r1\nr0 += r2\nr0 += r3\nr0 += r4\n${MIX}`,
    expected: 15n + MIXED,
  },
  call: { text: 'call 7\nexit', expected: HELPER },
  call_stack8: { text: stack(8, 'call 7'), expected: HELPER + 2n },
  call_stack512: { text: stack(512, 'call 7'), expected: HELPER + 2n },
  call_one_saved: { text: 'r6 = r5\ncall 7\nr0 += r6\nexit', expected: HELPER + 5n },
  call_all_saved: { text: `${KEEP}\ncall 7\n${MIX}`, expected: HELPER + MIXED },
  call_all_stack512: {
    text: `${KEEP}\n*(u64 *)(r10 - 512) = r5\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\n${MIX}`,
    expected: HELPER + 5n + MIXED,
  },
  nested: {
    text: `${KEEP}\ncall callee\n${MIX}\n.function callee\nr6 = r5\nr7 = 7\n*(u64 *)(r10 - 8) = r6\ncall 7\nr0 += r6\nr0 += r7\nexit`,
    expected: HELPER + 12n + MIXED,
  },
  bswap_between_calls: {
    text: 'r6 = r5\ncall 7\nr6 = bswap64 r6\nr6 = bswap64 r6\nr0 += r6\nexit',
    expected: HELPER + 5n,
  },
  may_goto: {
    text: 'r0 = 0\nloop:\nr0 += 1\nif r0 == 5 goto done\nmay_goto done\ngoto loop\ndone:\nexit',
    expected: 5n,
  },
  tail_hits: { text: `${KEEP}\n*(u64 *)(r10 - 64) = 1\nr3 = 1\ncall 12\nr0 = 5\nexit`, expected: 1000n },
  tail_misses: { text: 'r3 = 2\ncall 12\nexit', expected: 2n ** 64n - 2n },
  tail_dead_result: { text: 'r6 = r2\nr3 = 2\ncall 12\nr0 = r6\nexit', expected: 2n },
  map_address: {
    text: '.map "table" type=array key=4 value=8 entries=4\nr1 = map table ll\nr0 = *(u64 *)(r1 + 16)\nexit',
    expected: 33n,
  },
  weak_missing: {
    text: 'r0 = 5 ll\nexit',
    expected: 0n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'nobody', addend: 0, weak: true }],
  },
  extern_address: {
    text: 'r1 = 5 ll\nr0 = *(u64 *)(r1 + 0)\nexit',
    expected: 44n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'table', addend: 24 }],
  },
  extern_address_after_call: {
    text: 'call 7\nr1 = 5 ll\nr1 = *(u64 *)(r1 + 0)\nr0 += r1\nexit',
    expected: HELPER + 22n,
    relocations: [{ insn: 1, kind: 'extern', symbol: 'table', addend: 8 }],
  },
  callback: {
    text: 'r6 = func callee ll\nr1 = 40\ncallx r6\nexit\n.function callee\nr0 = r1\nr0 += 2\nexit',
    expected: 42n,
  },
  function_pointer: {
    text: 'r6 = 5 ll\nr1 = 41\ncallx r6\nexit',
    expected: 42n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'known', addend: 0 }],
  },
  kfunc: {
    text: 'r1 = 41\ncall kfunc -1\nexit',
    expected: 42n,
    relocations: [{ insn: 1, kind: 'kfunc', symbol: 'known', addend: 0 }],
  },
};
