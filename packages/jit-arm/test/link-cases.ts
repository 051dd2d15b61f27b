/** The programs for C callers, with two more of what this CPU passes on the stack and has no instruction for. */
import { HELPER, LINK_CASES as SHARED, type LinkCase } from '@polybpf-tools/target-tests/link-cases';

/** Programs by name, and what they return for the arguments 1, 2, 3, 4, 5. */
export const LINK_CASES: Readonly<Record<string, LinkCase>> = {
  ...SHARED,
  divide: {
    text: 'r0 = -1000007\nr0 s/= r3\nr1 = r5\nr1 *= r4\nr1 %= 7\nr0 += r1\nw2 = -9\nw2 s%= w5\nr0 += r2\nexit',
    expected: 2n ** 32n - 333335n + 6n - 4n,
  },
  argument_stack_passed_on: { text: 'r5 += 1\ncall 7\nexit', expected: HELPER + 10000n },
};
