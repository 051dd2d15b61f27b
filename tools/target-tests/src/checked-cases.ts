/**
 * Programs that a target's `call_checked` calls with the arguments 1, 2, 3, 4, 5, and what they return: it tells whether
 * saved registers and the stack pointer were kept.
 */
import { KEEP, type LinkCase, MIX } from './link-cases.ts';

/** Programs by name. */
export const CHECKED_CASES: Readonly<Record<string, LinkCase>> = {
  leaf: { text: 'r0 = r1\nr0 += r5\nexit', expected: 6n },
  leaf_stack8: { text: '*(u64 *)(r10 - 8) = r5\nr0 = *(u8 *)(r10 - 8)\nexit', expected: 5n },
  leaf_stack512: { text: '*(u64 *)(r10 - 512) = r5\nr0 = *(u64 *)(r10 - 512)\nexit', expected: 5n },
  call: { text: 'call 7\nexit', expected: 54321n },
  call_stack8: { text: '*(u64 *)(r10 - 8) = r2\ncall 7\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit', expected: 54323n },
  call_stack240: {
    text: '*(u64 *)(r10 - 240) = r2\ncall 7\nr1 = *(u64 *)(r10 - 240)\nr0 += r1\nexit',
    expected: 54323n,
  },
  call_stack512: {
    text: '*(u64 *)(r10 - 512) = r2\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\nexit',
    expected: 54323n,
  },
  call_one_saved: { text: 'r6 = r5\ncall 7\nr0 += r6\nexit', expected: 54326n },
  call_all_saved: { text: `${KEEP}\ncall 7\n${MIX}`, expected: 54321n + 4003002001n },
  call_all_stack512: {
    text: `${KEEP}\n*(u64 *)(r10 - 512) = r5\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\n${MIX}`,
    expected: 54326n + 4003002001n,
  },
  call_two_saved_stack496: {
    text: 'r6 = r1\nr7 = r2\n*(u64 *)(r10 - 496) = r5\ncall 7\nr1 = *(u64 *)(r10 - 496)\nr0 += r1\nr0 += r6\nr0 += r7\nexit',
    expected: 54329n,
  },
  nested: {
    text: `${KEEP}\ncall callee\n${MIX}\n.function callee\nr6 = r5\nr7 = 7\n*(u64 *)(r10 - 8) = r6\ncall 7\nr0 += r6\nr0 += r7\nexit`,
    expected: 54321n + 12n + 4003002001n,
  },
  may_goto_frame: {
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
  callback: {
    text: 'r6 = func callee ll\nr1 = 40\ncallx r6\nexit\n.function callee\nr0 = r1\nr0 += 2\nexit',
    expected: 42n,
  },
  kfunc: {
    text: 'r1 = 41\ncall kfunc -1\nexit',
    expected: 42n,
    relocations: [{ insn: 1, kind: 'kfunc', symbol: 'known', addend: 0 }],
  },
};

/** With a frame and an address just beyond what 12 bits or aligned offsets reach. */
export const CHECKED_CASES_OF_SHORT_OFFSETS: Readonly<Record<string, LinkCase>> = {
  ...CHECKED_CASES,
  call_stack520: {
    text: '*(u64 *)(r10 - 512) = r2\nr6 = r3\nr7 = r4\nr8 = r5\nr9 = r1\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\nr0 += r9\nexit',
    expected: 54324n,
  },
  odd_address: {
    text: 'r1 = 5 ll\nr0 = *(u8 *)(r1 + 0)\nexit',
    expected: 0n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'table', addend: 17 }],
  },
};
