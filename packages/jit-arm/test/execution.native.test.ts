import { type Target, withOptions } from '@polybpf/jit';
import { describeExecution } from '../../conformance/test/target-execution.native.ts';
import { triableRows } from '../../jit-x86_64/test/program-generator.ts';
import { arm, armeb } from '../src/index.ts';

/** Around each boundary of 16-bit immediates, their halves, masks and word rotations. */
const IMMEDIATES = [
  0, 1, -1, 2, -2, 3, 5, 7, 8, -8, 10, 31, 32, 33, 63, 64, 127, -128, 255, 256, 1000, 0x7fff, 0x8000, -0x8000, -0x8001,
  0xfffe, 0xffff, 0x10000, 0x10001, -0xffff, -0x10000, -0x10001, 0xff0000, 0xfffff, 0x100000, 0xff00ff, 0x12345678, -0xff01,
  0x7fff0000, 0x7fff7fff, 0x7fff8000, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff, -0x7fff8000, -0x7fff8001, -0x12345678,
]; // prettier-ignore

/** The targets share all lowerings but for what they differ in. */
function rowsOf(target: Target): ReturnType<typeof triableRows> {
  if (target.features?.has('idiv') === true) return triableRows().filter(({ op }) => /^s?(div|mod)$/.test(op));
  return target.endian === 'little'
    ? triableRows()
    : triableRows().filter(({ kind }) => kind !== 'alu' && kind !== 'jmp');
}

describeExecution({
  targets: [arm, armeb, withOptions(arm, ['idiv'])],
  rowsOf,
  // The byte orders share all lowerings, so that the second one has fewer immediates to try.
  immediatesOf: ({ endian }) => (endian === 'little' ? IMMEDIATES : IMMEDIATES.filter((_, k) => k % 6 === 0)),
  repetitions: 2,
  trialMemories: 3,
  stackDistances: [8, -8, 4096, 0x7ff8, 0x7fff8000, 0x7fffffff, -0x80000000],
  fusions: { programs: 75, memories: 4 },
  random: { programs: 150, memories: 3 },
});
