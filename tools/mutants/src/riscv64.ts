/** Seeded bugs of the riscv64 target. */
import type { Mutant } from './mutant.ts';

const folder = 'packages/jit-riscv64/src';
const vector = (name: string): Mutant['killedBy'] => ({ engine: 'riscv64', vector: name });

export const RISCV64_MUTANTS: readonly Mutant[] = [
  {
    id: 'riscv64/division-by-zero',
    file: `${folder}/lower-divide.ts`,
    find: 'emitTo(cx, bne, [test, ZERO], done);',
    replace: 'emitTo(cx, beq, [ZERO, ZERO], done);',
    what: 'x / 0 is all ones, as the hardware has it',
    killedBy: vector('alu-division/div64-reg-7-0'),
  },
  {
    id: 'riscv64/division-32-extension',
    file: `${folder}/lower-divide.ts`,
    find: 'if (!isWide && op.zext) zext32(cx, d, d);',
    replace: '',
    what: '32-bit quotients are sign-extended, as the hardware has them',
    killedBy: vector('alu-dirty-upper/kept32-sdiv-reg'),
  },
  {
    id: 'riscv64/small-quotient',
    file: `${folder}/lower-divide.ts`,
    find: "(kind === 'umod' && imm > 0)",
    replace: "kind === 'umod'",
    what: 'a 32-bit remainder by a divisor above 2^31 is sign-extended',
    killedBy: vector('alu-division/mod32-imm-ffffffffffffffff'),
  },
  {
    id: 'riscv64/compare-32-dirty',
    file: `${folder}/lower-branch.ts`,
    find: 'const left = signExtended(cx, a, temp);',
    replace: 'const left = a;',
    what: 'a signed 32-bit comparison looks at the upper half of its first operand',
    killedBy: vector('jump-conditional/jsgt32-kept'),
  },
  {
    id: 'riscv64/jset-32-dirty',
    file: `${folder}/lower-branch.ts`,
    find: 'if (op.width === 32 && upperHalf(cx, temp) === 0) emit(cx, addiw, [temp, temp, 0]);',
    replace: '',
    what: 'a 32-bit jset looks at the upper halves',
    killedBy: vector('jump-conditional/jset32-kept'),
  },
  {
    id: 'riscv64/swapped-comparison',
    file: `${folder}/lower-branch.ts`,
    find: 'sgt: [blt, true]',
    replace: 'sgt: [bge, true]',
    what: 'signed greater than is less or equal with its operands exchanged',
    killedBy: vector('jump-conditional/jsgt64-reg'),
  },
  {
    id: 'riscv64/upper-immediate',
    file: `${folder}/lower-memory.ts`,
    find: 'emit(cx, lui, [temp, ((offset - low) >> 12) & 0xfffff]);',
    replace: 'emit(cx, lui, [temp, (offset >> 12) & 0xfffff]);',
    what: 'the upper part of a displacement forgets that the lower one is signed',
    killedBy: vector('address/load8-base-alive'),
  },
  {
    id: 'riscv64/load-32-extension',
    file: `${folder}/lower-memory.ts`,
    find: 'op.zext ? lwu : lw;',
    replace: 'lw;',
    what: '32-bit loads are sign-extended',
    killedBy: vector('memory/ldxw-at-0'),
  },
];
