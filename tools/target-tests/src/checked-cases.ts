/**
 * Programs that a target's `call_checked` calls with the arguments 1, 2, 3, 4, 5, and what they return: it tells whether
 * saved registers and the stack pointer were kept.
 */
import { HELPER, LINK_CASES, type LinkCase } from './link-cases.ts';

/** Those that C callers have too. */
const SHARED = [
  'leaf',
  'call',
  'call_stack8',
  'call_stack512',
  'call_one_saved',
  'call_all_saved',
  'call_all_stack512',
  'nested',
  'tail_hits',
  'tail_misses',
  'tail_dead_result',
  'map_address',
  'weak_missing',
  'extern_address',
  'callback',
  'kfunc',
];

/** Programs by name. */
export const CHECKED_CASES: Readonly<Record<string, LinkCase>> = {
  ...Object.fromEntries(SHARED.map((name) => [name, LINK_CASES[name]!])),
  leaf_stack8: { text: '*(u64 *)(r10 - 8) = r5\nr0 = *(u8 *)(r10 - 8)\nexit', expected: 5n },
  leaf_stack512: { text: '*(u64 *)(r10 - 512) = r5\nr0 = *(u64 *)(r10 - 512)\nexit', expected: 5n },
  call_stack240: {
    text: '*(u64 *)(r10 - 240) = r2\ncall 7\nr1 = *(u64 *)(r10 - 240)\nr0 += r1\nexit',
    expected: HELPER + 2n,
  },
  call_two_saved_stack496: {
    text: 'r6 = r1\nr7 = r2\n*(u64 *)(r10 - 496) = r5\ncall 7\nr1 = *(u64 *)(r10 - 496)\nr0 += r1\nr0 += r6\nr0 += r7\nexit',
    expected: HELPER + 8n,
  },
  may_goto_frame: LINK_CASES['may_goto']!,
};

/** With a frame and an address just beyond what 12 bits or aligned offsets reach. */
export const CHECKED_CASES_OF_SHORT_OFFSETS: Readonly<Record<string, LinkCase>> = {
  ...CHECKED_CASES,
  call_stack520: {
    text: '*(u64 *)(r10 - 512) = r2\nr6 = r3\nr7 = r4\nr8 = r5\nr9 = r1\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\nr0 += r9\nexit',
    expected: HELPER + 3n,
  },
  odd_address: {
    text: 'r1 = 5 ll\nr0 = *(u8 *)(r1 + 0)\nexit',
    expected: 0n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'table', addend: 17 }],
  },
};
