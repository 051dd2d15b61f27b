/** A helper of one's own in the interpreter: `defineHelper` and its `HelperRegistry` know each other by shape alone. */
import { assemble } from '@polybpf/asm';
import { createHelperRegistry, type HelperContext, runProgram } from '@polybpf/interpreter';
import { expect, it } from 'vitest';
import { defineHelper } from '../src/define-helper.ts';

it('runs in the interpreter', () => {
  const scale = defineHelper({
    id: 700,
    name: 'scale',
    args: ['s32', 'u64'],
    ret: 's64',
    impl: (a, b) => BigInt(a) * b,
  });
  const where = defineHelper({ id: 701, name: 'where', args: [], ret: 'u32', impl: (cx: HelperContext) => cx.insn });
  const program = assemble('r1 = -3\nr2 = 14\ncall 700\nr6 = r0\ncall 701\nr0 += r6\nexit', { endian: 'little' });
  const { r0 } = runProgram(program, { helpers: createHelperRegistry([scale, where]) });
  expect(BigInt.asIntN(64, r0)).toBe(-42n + 4n);
});
