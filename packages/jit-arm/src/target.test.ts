import { BpfError } from '@polybpf/errors';
import { decodeProgram, makeProgram } from '@polybpf/isa';
import {
  CodeBuffer,
  compile,
  type FunctionInfo,
  type LowerContext,
  makeNode,
  makeOp,
  OP_KINDS,
  type OpKind,
} from '@polybpf/jit';
import { describe, expect, test } from 'vitest';
import { ABSOLUTE64, planFrame, RELOCATIONS, STACK_ALIGNMENT } from './abi.ts';
import { reach } from './branches.ts';
import { encode, print, sizeOf } from './encoder.ts';
import { arm } from './index.ts';
import { row } from './instructions.ts';
import { LOWER, missing } from './lower.ts';

/** What is left to do. An op that gets its lowering leaves this list, and gets vectors. */
const MISSING: readonly OpKind[] = [
  'mov',
  'sext',
  'const',
  'add',
  'sub',
  'mul',
  'udiv',
  'umod',
  'sdiv',
  'smod',
  'and',
  'or',
  'xor',
  'lsh',
  'rsh',
  'arsh',
  'neg',
  'bswap',
  'load',
  'load_sext',
  'load_bswap',
  'store',
  'store_imm',
  'atomic_add',
  'atomic_or',
  'atomic_and',
  'atomic_xor',
  'fetch_add',
  'fetch_or',
  'fetch_and',
  'fetch_xor',
  'xchg',
  'cmpxchg',
  'load_acquire',
  'store_release',
  'branch',
  'jump',
  'may_goto',
  'call_helper',
  'call_local',
  'call_symbol',
  'call_register',
  'tail_call',
  'address',
  'function_address',
  'addr_space_cast',
];

describe('lowering', () => {
  test('the ops without one are exactly those listed', () => {
    expect(OP_KINDS.filter((kind) => LOWER[kind] === missing)).toEqual(MISSING);
  });

  test.each(MISSING)('%s is refused by name and insn', (kind) => {
    const cx = { target: arm } as LowerContext;
    expect(() => LOWER[kind](cx, makeOp(kind, 7))).toThrow(
      expect.objectContaining({
        code: 'E_UNSUPPORTED',
        at: { insn: 7 },
        message: expect.stringContaining(`arm: ${kind}`),
      }),
    );
  });

  test('a program that needs what is missing is refused as unsupported', () => {
    const exit = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    const program = makeProgram(decodeProgram(exit, 'little'), { endian: 'little' });
    expect(() => compile(program, arm)).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }));
    expect(() => compile(program, arm)).toThrow(BpfError);
  });
});

test('every register of a role has a name', () => {
  const { names, args, result, callerSaved, calleeSaved, scratch, stackPointer } = arm.registers;
  for (const register of [...args, result, ...callerSaved, ...calleeSaved, ...scratch, stackPointer]) {
    expect(names[register], `register ${register}`).toMatch(/^[a-z]/);
  }
});

test.each([
  [0, false, []],
  [8, true, [8]],
  [512, false, [8, 9, 10]],
])(
  'a frame with %i bytes of stack, may_goto %s and saved %j has room for all of it',
  (stackDepth, hasMayGoto, saved) => {
    const frame = planFrame({ stackDepth, hasMayGoto, usedCalleeSaved: saved } as unknown as FunctionInfo);
    expect(frame.size % STACK_ALIGNMENT).toBe(0);
    expect(frame.bias).toBe(stackDepth);
    const counterEnd = hasMayGoto ? frame.mayGotoOffset + 8 : stackDepth;
    expect(frame.mayGotoOffset).toBeGreaterThanOrEqual(stackDepth);
    expect(frame.size).toBeGreaterThanOrEqual(counterEnd + 8 * saved.length);
  },
);

test('instructions are written in the byte order of the CPU and printed in the syntax of their row', () => {
  const form = row('probe', 'probe {Rd:reg}, {n:imm}', '00010010 Rd:8 n:16', 'none: a row of this test');
  const node = makeNode(form, [arm.registers.stackPointer, 0x3456]);
  const out = new CodeBuffer();
  encode(node, 0, out);
  const stackPointer = arm.registers.stackPointer;
  const bytes = [0x12, stackPointer, 0x34, 0x56];
  expect([...out.toUint8Array()]).toEqual(arm.endian === 'big' ? bytes : bytes.reverse());
  expect(sizeOf(node)).toBe(4);
  expect(print(node, 0)).toBe(`probe ${arm.registers.names[stackPointer]}, ${0x3456}`);
});

test('a branch field of n bits reaches from -2^(n-1) to 2^(n-1)-1 units', () => {
  expect(reach(8, 4)).toEqual({ min: -512, max: 508 });
  expect(reach(24, 2)).toEqual({ min: -(2 ** 24), max: 2 ** 24 - 2 });
});

test('an absolute address is written in the byte order of the CPU', () => {
  const code = new Uint8Array(16);
  RELOCATIONS[ABSOLUTE64]?.apply(code, 4, 0x0102030405060708n, 0n);
  const bytes = [1, 2, 3, 4, 5, 6, 7, 8];
  expect([...code.subarray(4, 12)]).toEqual(arm.endian === 'big' ? bytes : bytes.reverse());
  expect(code.subarray(0, 4)).toEqual(new Uint8Array(4));
});
