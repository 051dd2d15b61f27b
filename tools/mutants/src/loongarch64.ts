/** Seeded bugs of the loongarch64 target. */
import type { Mutant } from './mutant.ts';

const folder = 'packages/jit-loongarch64/src';
const vector = (name: string): Mutant['killedBy'] => ({ engine: 'loongarch64', vector: name });

export const LOONGARCH64_MUTANTS: readonly Mutant[] = [
  {
    id: 'loongarch64/division-by-zero',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, maskeqz, [d, d, b]);',
    replace: '',
    what: 'x / 0 is whatever the hardware leaves',
    killedBy: vector('alu-division/div64-reg-7-0'),
  },
  {
    id: 'loongarch64/signed-special',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, sltui, [special, special, 2]);',
    replace: 'emit(cx, sltui, [special, special, 1]);',
    what: 'a signed division by zero is given to the hardware',
    killedBy: vector('alu-division/sdiv64-reg-7-0'),
  },
  {
    id: 'loongarch64/signed-remainder-special',
    file: `${folder}/lower-divide.ts`,
    find: "op.kind === 'sdiv' ? mul_d : andn, [d, a, b]",
    replace: 'mul_d, [d, a, b]',
    what: 'a signed x % 0 is 0',
    killedBy: vector('alu-division/smod64-reg-7-0'),
  },
  {
    id: 'loongarch64/division-32-extension',
    file: `${folder}/lower-divide.ts`,
    find: 'if (narrow && op.zext && isSigned) zext32(cx, d, d);',
    replace: '',
    what: 'signed 32-bit quotients keep their sign in the upper half',
    killedBy: vector('alu-division/sdiv32-reg-fffffffffffffff9-2'),
  },
  {
    id: 'loongarch64/scaled-displacement',
    file: `${folder}/lower-memory.ts`,
    find: 'offset >= -32768 && offset <= 32764 && (offset & 3) === 0',
    replace: 'offset >= -32768 && offset <= 32767',
    what: 'a displacement that is no multiple of 4 is given to an instruction that counts words',
    killedBy: vector('memory-offset/unaligned-64-4097'),
  },
  {
    id: 'loongarch64/load-32-extension',
    file: `${folder}/lower-memory.ts`,
    find: 'op.zext ? ld_wu : ld_w;',
    replace: 'ld_w;',
    what: '32-bit loads are sign-extended',
    killedBy: vector('memory/ldxw-at-0'),
  },
  {
    id: 'loongarch64/half-displacement',
    file: `${folder}/lower-memory.ts`,
    find: 'return void emit(cx, form, [value, temp, offset - half]);',
    replace: 'return void emit(cx, form, [value, temp, half]);',
    what: 'a displacement in two halves has twice the first',
    killedBy: vector('memory-offset/displacement-w-4088'),
  },
];
