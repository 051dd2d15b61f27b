/** Seeded bugs of the comparison of vectors itself, which no vector can see: a comparison that is blind passes all. */
import type { Mutant } from './mutant.ts';

const RUN = 'packages/conformance/src/run-suite.ts';
const TESTS = 'packages/conformance/test/run-suite.test.ts';

export const CONFORMANCE_MUTANTS: readonly Mutant[] = [
  {
    id: 'conformance/r0-low-half-only',
    file: RUN,
    find: 'expectation.r0 !== r0) return got;',
    replace: '(expectation.r0 & 0xffffffffn) !== (r0 & 0xffffffffn)) return got;',
    what: 'only 32 bits of r0 are compared',
    killedBy: { test: TESTS, name: 'compares all 64 bits of r0' },
  },
  {
    id: 'conformance/memory-not-compared',
    file: RUN,
    find: 'if (expectation.mem !== undefined && formatHex(expectation.mem) !== formatHex(mem)) return got;',
    replace: '',
    what: 'the memory is not compared',
    killedBy: { test: TESTS, name: 'compares memory' },
  },
  {
    id: 'conformance/any-error',
    file: RUN,
    find: "if (expectation.error === '' || expectation.error === code) return undefined;",
    replace: 'if (expectation.error !== undefined) return undefined;',
    what: 'any error passes for the expected one',
    killedBy: { test: TESTS, name: 'takes an error only where one is expected' },
  },
  {
    id: 'conformance/error-forgotten',
    file: RUN,
    find: 'if (expectation.error !== undefined) return got;',
    replace: '',
    what: 'a program that should have failed passes when it ends',
    killedBy: { test: TESTS, name: 'takes an error only where one is expected' },
  },
  {
    id: 'conformance/unsupported-hides-failure',
    file: RUN,
    find: 'isSkip(outcome.error) && expectation.error === undefined',
    replace: 'isSkip(outcome.error)',
    what: 'what an engine does not support is skipped where an error is expected',
    killedBy: { test: TESTS, name: 'skips what an engine says it does not support' },
  },
  {
    id: 'conformance/byte-order-forgives-all',
    file: RUN,
    find: 'return away!.r0 === outcome.r0 && formatHex(away!.mem) === formatHex(outcome.mem);',
    replace: 'return true;',
    what: 'any result on a big-endian machine passes for a difference of byte order',
    killedBy: { test: TESTS, name: 'accepts a difference on a big-endian machine only when' },
  },
  {
    id: 'conformance/memory-unchanged-forgotten',
    file: 'packages/conformance/src/read-vector-file.ts',
    find: '(given.error === undefined ? { mem } : {})',
    replace: '{}',
    what: 'a vector that names no memory accepts any',
    killedBy: { test: 'packages/conformance/test/readers.test.ts', name: 'expect memory to stay as it is' },
  },
];
