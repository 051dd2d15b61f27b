/** Seeded bugs of the ppc64 target, both byte orders. */
import type { Mutant } from './mutant.ts';

const folder = 'packages/jit-ppc64/src';
const vector = (name: string): Mutant['killedBy'] => ({ engine: 'ppc64', vector: name });
const little = (name: string): Mutant['killedBy'] => ({ engine: 'ppc64le', vector: name });

export const PPC64_MUTANTS: readonly Mutant[] = [
  {
    id: 'ppc64/division-by-zero',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, isel, [EQ, d, NO_BASE, d]);',
    replace: '',
    what: 'x / 0 is whatever the hardware leaves',
    killedBy: vector('alu-division/div64-reg-7-0'),
  },
  {
    id: 'ppc64/division-by-minus-one',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, wide ? cmpldi : cmplwi, [d, 1]);',
    replace: 'emit(cx, wide ? cmpldi : cmplwi, [d, 0]);',
    what: 'x / 0 is whatever the hardware leaves in signed divisions',
    killedBy: vector('alu-division/sdiv64-reg-7-0'),
  },
  {
    id: 'ppc64/remainder-magnitude',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, isel, [GT, magnitude, b, R0]);',
    replace: 'emit(cx, isel, [GT, magnitude, R0, b]);',
    what: 'a signed remainder divides by minus the magnitude, and so by -1',
    killedBy: vector('alu-division/smod64-reg-7-2'),
  },
  {
    id: 'ppc64/signed-shift-rounds-down',
    file: `${folder}/lower-divide.ts`,
    find: 'emit(cx, addze, [result, result]);',
    replace: '',
    what: 'a signed division by a power of two rounds down',
    killedBy: vector('alu-division/sdiv64-constant-8'),
  },
  {
    id: 'ppc64/compare-unsigned',
    file: `${folder}/lower-branch.ts`,
    find: 'if (isUnsignedOrder(cond)) emit(cx, wide ? cmpld : cmplw, [a, second]);\n  else emit(cx, wide ? cmpd : cmpw, [a, second]);',
    replace: 'emit(cx, wide ? cmpd : cmpw, [a, second]);',
    what: 'unsigned comparisons of registers are signed',
    killedBy: vector('jump-conditional/jgt64-reg'),
  },
  {
    id: 'ppc64/jset-32',
    file: `${folder}/lower-branch.ts`,
    find: 'emit(cx, wide ? and_rc : and, [R0, a, second]);\n    if (!wide)',
    replace: 'emit(cx, and_rc, [R0, a, second]);\n    if (cx.insn < 0)',
    what: 'a 32-bit jset looks at the upper halves',
    killedBy: vector('jump-conditional/jset32-kept'),
  },
  {
    id: 'ppc64/difference-high',
    file: `${folder}/lower-branch.ts`,
    find: 'if (wide && (high > 0x7fff || high === -0x8000)) return false;',
    replace: 'if (high > 0x8000) return false;',
    what: 'a 64-bit comparison by difference loses a carry',
    killedBy: vector('jump-boundary/jeq64-imm-around-limits'),
  },
  {
    id: 'ppc64/byte-sign-extension',
    file: `${folder}/lower-memory.ts`,
    find: 'if (op.width === 8) emit(cx, extsb, [d, d]);',
    replace: '',
    what: 'a signed load of a byte zero-extends',
    killedBy: vector('memory/ldxsb-at-0'),
  },
  {
    id: 'ppc64/aligned-displacement',
    file: `${folder}/lower-memory.ts`,
    find: 'isSigned16(offset) && offset % forms.unit === 0',
    replace: 'isSigned16(offset)',
    what: 'a 64-bit access at a displacement that is no multiple of 4 is given to an instruction that has none',
    killedBy: little('memory/ldxdw-at-17'),
  },
  {
    id: 'ppc64/fetch-operand',
    file: `${folder}/lower-memory.ts`,
    find: "emit(cx, OPERATIONS[op.kind.slice('fetch_'.length)]!, [R11, R0, b]);",
    replace: "emit(cx, OPERATIONS[op.kind.slice('fetch_'.length)]!, [R11, R0, R0]);",
    what: 'a fetch combines the memory with itself',
    killedBy: little('atomic/fetch-add64-0'),
  },
  {
    id: 'ppc64/cmpxchg-width',
    file: `${folder}/lower-memory.ts`,
    find: 'emit(cx, op.width === 64 ? cmpd : cmpw, [R0, r0]);',
    replace: 'emit(cx, cmpd, [R0, r0]);',
    what: 'a 32-bit compare and exchange looks at the upper half of r0',
    killedBy: little('atomic/cmpxchg32-kept-equal'),
  },
];
