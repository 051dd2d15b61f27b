/** Seeded bugs of what the lowerings of several targets share. Each is seen on one CPU at least. */
import type { Mutant } from './mutant.ts';

const folder = 'packages/jit/src/lowering';
const on = (engine: Extract<Mutant['killedBy'], { engine: string }>['engine'], vector: string): Mutant['killedBy'] => ({ engine, vector }); // prettier-ignore
const unit = (name: string): Mutant['killedBy'] => ({ test: `${folder}/upper-halves.test.ts`, name });

export const LOWERING_MUTANTS: readonly Mutant[] = [
  {
    id: 'jit/made-operand-read-again',
    file: `${folder}/look-back.ts`,
    find: 'return register === d || !isHwLiveAfter(cx, register);',
    replace: 'return true;',
    what: 'an instruction is taken into the next operation though its result is read again',
    killedBy: on('arm64', 'fusion/lsh64-8-then-alive'),
  },
  {
    id: 'jit/store-zero-alive',
    file: `${folder}/look-back.ts`,
    find: 'if (node.operands[soleResult(node.form)] !== value || !isSpent(cx, value, -1)) return value;',
    replace: 'if (node.operands[soleResult(node.form)] !== value) return value;',
    what: 'a zero is taken into a store though its register is read again',
    killedBy: on('arm64', 'address/store-zero-register-alive'),
  },
  {
    id: 'jit/frame-slots',
    file: `${folder}/frames.ts`,
    find: 'return cx.frame.mayGotoOffset + (cx.fn.hasMayGoto ? 8 : 0);',
    replace: 'return cx.frame.mayGotoOffset;',
    what: 'the context of a tail call lies where the may_goto counter is',
    killedBy: { test: 'packages/jit/src/lowering/frames.test.ts', name: 'keeps apart' },
  },
  {
    id: 'jit/division-by-one',
    file: `${folder}/division.ts`,
    find: "return isModulo ? 'zero' : imm === 1 ? 'dividend' : 'negation';",
    replace: "return isModulo ? 'zero' : 'dividend';",
    what: 'x / -1 is x',
    killedBy: { test: 'packages/jit/src/lowering/immediates.test.ts', name: 'are a move, a negation or nothing' },
  },
  {
    id: 'jit/call-result-register',
    file: `${folder}/calls.ts`,
    find: 'if (r0 !== result && isLiveAfter(cx, 0)) move(cx, r0, result);',
    replace: '',
    what: 'the result of a call stays where the ABI has it though r0 lives elsewhere',
    killedBy: on('arm64', 'call-local/frames-are-apart'),
  },
  {
    id: 'jit/compare-high-bits',
    file: 'packages/jit/src/comparison.ts',
    find: "return cond === 'ule' || cond === 'ugt' ? powerOf(imm + 1) : -1;",
    replace: "return cond === 'ule' || cond === 'ugt' ? powerOf(imm + 1) + 1 : -1;",
    what: 'a comparison with 2^n - 1 does not look at bit n',
    killedBy: on('arm64', 'jump-boundary/jgt64-imm-around-limits'),
  },
  {
    id: 'jit/delay-slot-reads-condition',
    file: `${folder}/delay-slots.ts`,
    find: 'if ((a.writes & (b.reads | b.writes)) !== 0 || (a.reads & b.writes) !== 0) return false;',
    replace: 'if ((a.writes & b.writes) !== 0 || (a.reads & b.writes) !== 0) return false;',
    what: 'what a branch compares is computed in its delay slot',
    killedBy: on('mips64', 'jump-range/backward-over-20'),
  },
  {
    id: 'jit/delay-slot-of-slot',
    file: `${folder}/delay-slots.ts`,
    find: 'if (own === undefined || (at > 0 && hasSlot(out[at - 1]!))) return -1;',
    replace: 'if (own === undefined) return -1;',
    what: 'an instruction is taken out of the delay slot of an earlier branch',
    killedBy: on('sparc64', 'call-local/result-feeds-argument'),
  },
  {
    id: 'jit/held-constant-across-label',
    file: `${folder}/held-constants.ts`,
    find: 'if (form === LABEL || writes === undefined || isCall(form)) {',
    replace: 'if (form === LABEL) {} else if (writes === undefined || isCall(form)) {',
    what: 'a constant counts as held where control comes from elsewhere',
    killedBy: on('mips64', 'address/constant-across-label'),
  },
  {
    id: 'jit/halves-across-loop',
    file: `${folder}/upper-halves.ts`,
    find: 'if (operands[0] === 1) return START;',
    replace: '',
    what: 'what is known of upper halves in front of a loop holds in it',
    killedBy: unit('are unknown where a loop comes back'),
  },
  {
    id: 'jit/halves-across-call',
    file: `${folder}/upper-halves.ts`,
    find: 'written: before.written & preserved };',
    replace: 'written: before.written };',
    what: 'a constant that a call has destroyed is not loaded again',
    killedBy: unit('are loaded once, and again behind a call'),
  },
];
