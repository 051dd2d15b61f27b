import { expect, it } from 'vitest';
import { DYNPTR_BTF } from './dynptr-btf.ts';
import { verify } from '../src/index.ts';
import { EXIT, program, type Row } from './program.ts';

// Ids of functions in that BTF.
const MAIN = 4;
const CALLBACK = 11;
const SUB = 14;
const RETURN: readonly Row[] = [[0xb7, 0], EXIT];

/** Takes the address of the function at `address` and calls the one at `called`. */
function addressAndCall(address: number, called: number): Row[] {
  return [[0x18, 2, 4, 0, address - 1], [0], [0xb7, 1], [0x85, 0, 1, 0, called - 4], ...RETURN];
}

it('refuses the address of a function that nothing calls, when no function follows it', () => {
  const insns = program(...addressAndCall(8, 6), ...RETURN, ...RETURN);
  const functions = [
    { insn: 0, type: MAIN },
    { insn: 6, type: SUB },
    { insn: 8, type: CALLBACK },
  ];
  const report = verify({ insns, functions, btf: DYNPTR_BTF, type: 'kprobe' });
  expect(report).toMatchObject({
    verdict: 'reject',
    errno: 14,
    message: 'verifier bug: No program to jit at insn 8 (subprog < 0)',
  });
});

it('takes the address of the next function for that of one that is removed, as Linux does', () => {
  const insns = program(...addressAndCall(6, 8), ...RETURN, ...RETURN);
  const functions = [
    { insn: 0, type: MAIN },
    { insn: 6, type: CALLBACK },
    { insn: 8, type: SUB },
  ];
  expect(verify({ insns, functions, btf: DYNPTR_BTF, type: 'kprobe' })).toMatchObject({ verdict: 'accept' });
});
