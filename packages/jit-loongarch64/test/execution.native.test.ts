import { describeExecution } from '../../conformance/test/target-execution.native.ts';
import { loongarch64 } from '../src/index.ts';

/** Around each boundary of the 12- and 16-bit immediates and of lu12i.w, powers of two and their neighbours. */
const IMMEDIATES = [0, 1, -1, 2, -2, 3, 5, 7, -8, 9, 10, 17, 30, 31, 32, 33, -31, -32, -33, 63, 64, 127, -128, 255, 1000, 2046, 2047, 2048, 2049, -2047, -2048, -2049, 4094, 4095, 4096, -4096, -4097, 0xffff, 0x10000, 0x10001, 0x1f000, 0x20000, -0x20000, -0x21000, 0xff00, 0x8000, 0x7800, -0x8000, -0x10000, 0x30000, 0x10800, 0x107ff, 0x7ff000, -0xff01, 0xff00ff, 0x12345678, 0x7ffff7ff, 0x7ffff800, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff, -0x12345678]; // prettier-ignore

describeExecution({
  targets: [loongarch64],
  immediatesOf: () => IMMEDIATES,
  repetitions: 3,
  trialMemories: 3,
  stackDistances: [8, -8, 2040, 2048, 4096, -4096, 0xffe000, -0x1000000, 0x7ffff800, 0x7fffffff, -0x80000000],
  hasStackOperands: true,
  fusions: { programs: 200, memories: 6 },
  random: { programs: 600, memories: 4 },
});
