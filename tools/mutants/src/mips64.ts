/** Seeded bugs of the mips64 target, both byte orders. */
import type { Mutant } from './mutant.ts';

const folder = 'packages/jit-mips64/src';
const vector = (name: string): Mutant['killedBy'] => ({ engine: 'mips64', vector: name });
const little = (name: string): Mutant['killedBy'] => ({ engine: 'mips64le', vector: name });

export const MIPS64_MUTANTS: readonly Mutant[] = [
  {
    id: 'mips64/shift-by-32',
    file: `${folder}/lower-shift.ts`,
    find: 'const near = amount < 32;',
    replace: 'const near = amount <= 32;',
    what: 'a shift by 32 is one by 0',
    killedBy: vector('alu-shift/lsh64-imm-by-32'),
  },
  {
    id: 'mips64/shift-of-dirty-word',
    file: `${folder}/lower-shift.ts`,
    find: '[d, signedWord(cx, a, T8), b]',
    replace: '[d, a, b]',
    what: 'a 32-bit right shift is given a word that is not sign-extended',
    killedBy: vector('alu-dirty-upper/kept32-arsh-reg'),
  },
  {
    id: 'mips64/division-by-zero',
    file: `${folder}/lower-divide.ts`,
    find: 'else emit(cx, movz, [d, ZERO, b]);',
    replace: '',
    what: 'x / 0 is whatever the hardware leaves',
    killedBy: vector('alu-division/div64-reg-7-0'),
  },
  {
    id: 'mips64/remainder-by-zero',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, movn, [d, taken, b]);\n    return;',
    replace: 'emit(cx, move, [d, taken]);\n    return;',
    what: 'x % 0 is whatever the hardware leaves',
    killedBy: vector('alu-division/mod64-reg-7-0'),
  },
  {
    id: 'mips64/division-32-sign',
    file: `${folder}/lower-divide.ts`,
    find: 'a = isSigned ? signedWord(cx, a, T8) : unsignedWord(cx, a, T8);',
    replace: 'a = unsignedWord(cx, a, T8);',
    what: 'the dividend of a signed 32-bit division is zero-extended',
    killedBy: vector('alu-division/sdiv32-reg-fffffffffffffff9-2'),
  },
  {
    id: 'mips64/fetch32-zero-extension',
    file: `${folder}/lower-memory.ts`,
    find: 'if (op.width === 32 && op.zext) emitZext32(cx, b, OLD);\n  else emitMove(cx, b, OLD);',
    replace: 'emitMove(cx, b, OLD);',
    what: 'the old value that a 32-bit fetch returns is sign-extended',
    killedBy: little('address/fetch-or32-base-dead'),
  },
  {
    id: 'mips64/cmpxchg32-comparison',
    file: `${folder}/lower-memory.ts`,
    find: 'if (!wide) emit(cx, sll, [expected, r0, 0]);',
    replace: 'if (!wide) emit(cx, move, [expected, r0]);',
    what: 'a 32-bit compare and exchange looks at the upper half of r0',
    killedBy: little('atomic/cmpxchg32-kept-equal'),
  },
];
