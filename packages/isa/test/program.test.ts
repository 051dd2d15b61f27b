import { findSubprograms, imm64, INSN_TABLE, jumpTarget, makeInsn, makeProgram, rowByName, rowOf } from '@polybpf/isa';
import { describe, expect, test } from 'vitest';

const EXIT = makeInsn(0x95, 0, 0, 0, 0);
const SLOT = makeInsn(0, 0, 0, 0, 0);

describe('jumpTarget', () => {
  test('counts slots from the next instruction', () => {
    expect(jumpTarget(rowByName('ja')!, makeInsn(0x05, 0, 0, -3, 0), 10)).toBe(8);
    expect(jumpTarget(rowByName('ja32')!, makeInsn(0x06, 0, 0, 0, 70000), 10)).toBe(70011);
    expect(jumpTarget(rowByName('call_local')!, makeInsn(0x85, 0, 1, 0, 4), 0)).toBe(5);
    expect(jumpTarget(rowByName('ld_imm64_func')!, makeInsn(0x18, 1, 4, 0, -1), 7)).toBe(7);
  });

  test('is undefined for every row that goes nowhere', () => {
    const going = INSN_TABLE.filter((row) => jumpTarget(row, makeInsn(row.opcode, 0, 0, 0, 0), 0) !== undefined);
    const kinds = new Set(going.map((row) => row.kind));
    expect([...kinds].sort()).toEqual(['call_local', 'ja', 'jmp', 'ld_imm64', 'may_goto']);
    expect(going.filter((row) => row.kind === 'ld_imm64').map((row) => row.op)).toEqual(['func']);
  });
});

describe('imm64', () => {
  test.each([
    [0, 0, 0n],
    [-1, 0, 0xffffffffn],
    [0, -1, 0xffffffff00000000n],
    [-2147483648, 2147483647, 0x7fffffff80000000n],
    [-1, -1, 0xffffffffffffffffn],
  ])('%i and %i', (low, high, value) => {
    expect(imm64([makeInsn(0x18, 0, 0, 0, low), makeInsn(0, 0, 0, 0, high)], 0)).toBe(value);
  });

  test('reads a missing slot as 0', () => {
    expect(imm64([makeInsn(0x18, 0, 0, 0, -1)], 0)).toBe(0xffffffffn);
    expect(imm64([], 3)).toBe(0n);
  });
});

describe('findSubprograms', () => {
  test('finds the targets of local calls and of function addresses', () => {
    const insns = [
      makeInsn(0x85, 0, 1, 0, 4),
      makeInsn(0x18, 2, 4, 0, 4),
      SLOT,
      makeInsn(0x85, 0, 0, 0, 1),
      EXIT,
      EXIT,
      EXIT,
    ];
    expect(findSubprograms(insns, 'prog')).toEqual([
      { name: 'prog', start: 0, end: 5 },
      { name: 'func_5', start: 5, end: 6 },
      { name: 'func_6', start: 6, end: 7 },
    ]);
  });

  test('takes neither second slots for calls nor unresolved calls for functions', () => {
    const data = makeInsn(0x85, 0, 1, 0, 0);
    expect(rowOf(data)?.name).toBe('call_local');
    expect(findSubprograms([makeInsn(0x18, 1, 0, 0, 0), data, EXIT, EXIT])).toHaveLength(1);
    const missing = makeInsn(0x85, 0, 1, 0, -1);
    const program = makeProgram([EXIT, missing, EXIT], {
      relocations: [{ insn: 1, kind: 'subprogram', symbol: 'f', addend: 0 }],
    });
    expect(program.subprograms).toEqual([{ name: 'main', start: 0, end: 3 }]);
    expect(makeProgram([EXIT, missing, EXIT]).subprograms).toHaveLength(2);
  });

  test('ignores targets outside the program', () => {
    expect(findSubprograms([makeInsn(0x85, 0, 1, 0, 100), makeInsn(0x85, 0, 1, 0, -100), EXIT])).toHaveLength(1);
  });
});

describe('makeProgram', () => {
  test('fills in what is not given', () => {
    expect(makeProgram([EXIT])).toEqual({
      name: 'main',
      endian: 'little',
      insns: [EXIT],
      subprograms: [{ name: 'main', start: 0, end: 1 }],
      maps: [],
      relocations: [],
      lines: [],
    });
    expect(makeProgram([EXIT], { name: 'x', endian: 'big', license: 'GPL' })).toMatchObject({
      name: 'x',
      endian: 'big',
      license: 'GPL',
      subprograms: [{ name: 'x' }],
    });
  });
});
