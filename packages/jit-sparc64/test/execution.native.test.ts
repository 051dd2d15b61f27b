import { describeExecution } from '../../conformance/test/target-execution.native.ts';
import { sparc64 } from '../src/index.ts';

/** Around each boundary of the 13-bit immediates and of sethi, masks, powers of two and their neighbours. */
const IMMEDIATES = [
  0, 1, -1, 2, -2, 3, 5, 7, -8, 10, 31, 32, 33, 63, 64, 127, -128, 255, 0x3ff, 0x400, 4094, 4095, 4096, 4097, -4095, -4096,
  -4097, -4098, 8190, 8191, 8192, -8192, -8193, -8191, 0x7fff, 0xffff, 0x10000, 0x1fc00, -0x10000, -0x10400, 0xff00ff,
  0x12345678, 0x7ffffc00, 0x7ffffbff, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff, -0x7ffffc00, -0x12345678,
]; // prettier-ignore

describeExecution({
  targets: [sparc64],
  immediatesOf: () => IMMEDIATES,
  // Each register meets a part of the immediates, and all of them together each one several times.
  tries: (index, dst, src) => (index + dst + src) % 3 === 0,
  repetitions: 1,
  trialMemories: 3,
  stackDistances: [8, -8, 4096, 0x7ff8, 0x7fff8000, 0x7fffffff, -0x80000000],
  fusions: { programs: 150, memories: 4 },
  random: { programs: 300, memories: 3 },
});
