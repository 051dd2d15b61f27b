/** Bytes of code beside those of the Linux JIT (shared facts, kernel 7.2): no instruction class and no program larger. */
import { makeProgram } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { describeSizes } from '@polybpf-tools/target-tests/sizes';
import { arm64 } from '../src/index.ts';

describeSizes({
  target: 'arm64',
  bytesOf: (insns) => compile(makeProgram(insns), arm64).code.length,
  readsLowHalves: false,
  meanRatio: 0.65,
  bytes: {
    w_ret0: 8,
    w_ret42_w: 8,
    w_stack8: 20,
    w_stack512: 20,
    w_r6: 8,
    w_call: 20,
    w_subprog: 28,
    w_far3000: 12012,
  },
});
