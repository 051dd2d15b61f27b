/**
 * Bytes of code beside those of the Linux JIT (shared facts, kernel 6.1): no instruction class and no program larger, but
 * for atomics that return a value, which have a barrier on either side here and none there. 32-bit classes have no reader
 * of the upper half, since the figures of the kernel have no zero-extension in them.
 */
import { makeProgram } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { describeSizes } from '@polybpf-tools/target-tests/sizes';
import { mips64le } from '../src/index.ts';

/** Bytes of barriers that do not stand in a delay slot which the kernel leaves empty. */
const BARRIERS: Readonly<Record<string, number>> = { cmpxchg64: 8, fetch_add64: 4, fetch_and64: 4, fetch_or64: 4, xchg64: 4, cmpxchg32: 4 }; // prettier-ignore

describeSizes({
  target: 'mips64le',
  bytesOf: (insns) => compile(makeProgram(insns), mips64le).code.length,
  readsLowHalves: true,
  limit: (key, kernel) => kernel + (BARRIERS[key] ?? 0),
  meanRatio: 0.64,
  bytes: {
    w_ret0: 8,
    w_ret42_w: 8,
    w_stack8: 20,
    w_stack512: 20,
    w_r6: 8,
    w_call: 48,
    w_subprog: 40,
    w_far3000: 12020,
  },
  // Local calls.
  refusedByKernel: ['w_subprog'],
});
