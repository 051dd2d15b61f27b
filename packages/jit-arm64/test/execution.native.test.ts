import { describeExecution } from '../../conformance/test/target-execution.native.ts';
import { arm64 } from '../src/index.ts';

/** Around each boundary of cmp, add, movz, movn and the logical immediates. */
const IMMEDIATES = [0, 1, -1, 2, -2, 3, 5, 7, 8, -8, 10, 31, 32, 33, 63, 64, 127, -128, 255, 256, 1000, 4095, 4096, 4097, -4095, -4096, 0x8000, 0xffff, 0x10000, 0x10001, 0xfff000, 0xffffff, 0x1000000, -0xffffff, -0x1000000, 0xff00ff, 0x55555555, 0x12345678, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff, -0x12345678]; // prettier-ignore

describeExecution({
  targets: [arm64],
  immediatesOf: () => IMMEDIATES,
  repetitions: 3,
  trialMemories: 6,
  stackDistances: [8, -8, 4096, 0xffe000, 0xffffff, -0xffffff, 0x1000000, 0x7fffffff, -0x80000000],
  fusions: { programs: 300, memories: 6 },
  random: { programs: 1500, memories: 4 },
});
