/** Seeded bugs of the sparc64 target. */
import type { Mutant } from './mutant.ts';

const folder = 'packages/jit-sparc64/src';
const vector = (name: string): Mutant['killedBy'] => ({ engine: 'sparc64', vector: name });

export const SPARC64_MUTANTS: readonly Mutant[] = [
  {
    id: 'sparc64/division-by-zero',
    file: `${folder}/lower-divide.ts`,
    find: 'emitTo(cx, bpr_a_pn, [REGISTER_CONDITIONS.z, b], done);\n  emit(cx, mov, [G0, d]);',
    replace: 'emitTo(cx, bpr_a_pn, [REGISTER_CONDITIONS.z, b], done);\n  emit(cx, mov, [b, G5]);',
    what: 'x / 0 leaves the result as it was',
    killedBy: vector('alu-division/div64-reg-7-0'),
  },
  {
    id: 'sparc64/division-32-sign',
    file: `${folder}/lower-divide.ts`,
    find: 'if (op.width === 32) emit(cx, extension(isSigned), [a, 0, dividend]);',
    replace: 'if (op.width === 32) emit(cx, extension(false), [a, 0, dividend]);',
    what: 'the dividend of a signed 32-bit division is zero-extended',
    killedBy: vector('alu-division/sdiv32-reg-fffffffffffffff9-2'),
  },
  {
    id: 'sparc64/remainder-product',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, mulx, [G5, b, G5]);',
    replace: 'emit(cx, mulx, [G5, a, G5]);',
    what: 'a remainder subtracts the wrong product',
    killedBy: vector('alu-division/mod64-reg-7-2'),
  },
  {
    id: 'sparc64/signed-zero-extension',
    file: `${folder}/lower-divide.ts`,
    find: '// Unsigned results of zero-extended operands are zero-extended.\n  if (isSigned) zeroExtend(cx, op);',
    replace: '',
    what: 'signed 32-bit quotients keep their sign in the upper half',
    killedBy: vector('alu-division/sdiv32-reg-fffffffffffffff9-2'),
  },
  {
    id: 'sparc64/cmpxchg-result',
    file: `${folder}/lower-atomic.ts`,
    find: 'emit(cx, mov, [swapped, r0]);',
    replace: '',
    what: 'compare and exchange returns nothing',
    killedBy: vector('atomic/cmpxchg64-differs'),
  },
  {
    id: 'sparc64/fetch32-condition',
    file: `${folder}/lower-atomic.ts`,
    find: 'emit(cx, wide ? casxa : casa, [address, G1, G4]);',
    replace: 'emit(cx, casxa, [address, G1, G4]);',
    what: 'a 32-bit update swaps 64 bits',
    killedBy: vector('atomic/fetch-add32-0'),
  },
  {
    id: 'sparc64/cmpxchg-operand-alive',
    file: `${folder}/lower-atomic.ts`,
    find: 'value !== r0 && value !== address && !isHwLiveAfter(cx, value) ? value : G4',
    replace: 'value !== r0 && value !== address ? value : G4',
    what: 'compare and exchange destroys the new value',
    killedBy: vector('atomic/cmpxchg64-equal'),
  },
];
