/**
 * Bytes of code beside those of the Linux JIT (shared facts, kernel 7.2): no instruction class and no program larger.
 * Of 32-bit results the low half is used.
 *
 * The kernel ran on a CPU with Zbb and used it: its byte swaps and sign extensions of bytes and halfwords are instructions
 * that RV64GC does not have. Those classes have their own limits here.
 */
import { makeProgram } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { describeSizes } from '@polybpf-tools/target-tests/sizes';
import { riscv64 } from '../src/index.ts';

/** Classes that the kernel compiled to instructions of Zbb (rev8, sext.b, sext.h, zext.h), with what they take here. */
const ZBB: Readonly<Record<string, number>> = {
  le16: 6, be16: 16, bswap16: 16, be32: 38, bswap32: 38, be64: 70, bswap64: 70,
  movsx8_64: 8, movsx16_64: 8, movsx8_32: 8, movsx16_32: 8,
}; // prettier-ignore

describeSizes({
  target: 'riscv64',
  bytesOf: (insns) => compile(makeProgram(insns), riscv64).code.length,
  readsLowHalves: true,
  // The kernel reads the CPU's number inline instead of calling the helper.
  limit: (key, kernel) => (key === 'call_smpid' ? Infinity : (ZBB[key] ?? kernel)),
  meanRatio: 0.66,
  bytes: {
    w_ret0: 4,
    w_ret42_w: 6,
    w_stack8: 10,
    w_stack512: 12,
    w_r6: 6,
    w_call: 20,
    w_subprog: 20,
    w_far3000: 6014,
  },
});
