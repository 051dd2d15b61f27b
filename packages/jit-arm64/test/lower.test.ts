import { type Insn, makeProgram } from '@polybpf/isa';
import { compile, type CompileOptions, listCode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { arm64 } from '../src/index.ts';
import { imm64, insn } from '@polybpf-tools/target-tests/insn';

/** Text of the machine code. */
function code(insns: readonly Insn[], options: CompileOptions = {}): string[] {
  return listCode(compile(makeProgram(insns), arm64, options)).map((line) => line.text.replace(/ {3};.*/, ''));
}
const EXIT = insn('exit');

/** Code of instructions whose result is in r2 (x1), up to the return; r0 = r2 at the end is part of it. */
function body(...insns: Insn[]): string[] {
  const text = code([...insns, insn('mov64_reg', 0, 2), EXIT]);
  expect(text.pop()).toBe('ret');
  return text;
}

describe('constants', () => {
  it.each([
    [0, 0, ['mov x0, #0x0']],
    [0, 0xffff, ['mov x0, #0xffff']],
    [0, 0x10000, ['mov x0, #0x10000']],
    [0, 0x12345678, ['mov w0, #0x5678', 'movk w0, #0x1234, lsl #16']],
    [0, -1, ['mov w0, #0xffffffff']],
    [0, 0xffff1234 | 0, ['mov w0, #0xffff1234']],
    [0, 0x1234ffff, ['mov w0, #0x1234ffff']],
    [0, 0x55555555, ['mov w0, #0x55555555']],
    [-1, -1, ['mov x0, #0xffffffffffffffff']],
    [-1, -0x12345678, ['mov x0, #0xffffffffffffa988', 'movk x0, #0xedcb, lsl #16']],
    [-1, 0x7fffffff, ['mov x0, #0xffffffff7fffffff']],
    [0x12340000, 0, ['mov x0, #0x1234000000000000']],
    [0x7fffffff, -1, ['mov x0, #0x7fffffffffffffff']],
    [0x55555555, 0x55555555, ['mov x0, #0x5555555555555555']],
    [0x0f0f0f0f, 0x0f0f0f0f, ['mov x0, #0xf0f0f0f0f0f0f0f']],
    [0x55555555, 0x55551234, ['mov x0, #0x5555555555555555', 'movk x0, #0x1234']],
    [
      0xffff8881 | 0,
      0x12345678,
      ['mov x0, #0xffffffffffff5678', 'movk x0, #0x1234, lsl #16', 'movk x0, #0x8881, lsl #32'],
    ],
  ])('%i:%i', (high, low, expected) => {
    expect(code([...imm64(0, high, low), EXIT])).toEqual([...expected, 'ret']);
  });

  it('of four different halfwords come from the literal pool, equal ones once', () => {
    const pair = [...imm64(0, 0x12345678, 0x1abcdef1), ...imm64(2, 0x12345678, 0x1abcdef1)];
    expect(code([...pair, insn('mul64_reg', 0, 2), EXIT])).toEqual(
      ['ldr x0, 0x10', 'ldr x1, 0x10', 'mul x0, x0, x1', 'ret', '.quad 0x123456781abcdef1'], // prettier-ignore
    );
  });

  const load = ['mov w16, #0x5678', 'movk w16, #0x1234, lsl #16'];
  const [add, xor] = [insn('add64_imm', 2, 0, 0, 0x12345678), insn('xor64_imm', 2, 0, 0, 0x12345678)];

  it('that x16 holds are not loaded again', () => {
    expect(body(add, xor)).toEqual([...load, 'add x1, x1, x16', 'eor x0, x1, x16']);
  });

  it('are loaded again after a label, a call, or another use of x16', () => {
    const label = body(add, insn('jeq64_imm', 3, 0, 1, 9), insn('mul64_reg', 2, 4), xor);
    const call = body(add, insn('call_helper', 0, 0, 0, 5), insn('mov64_reg', 2, 0), xor);
    const remainder = body(add, insn('mod64_reg', 2, 3), xor);
    for (const text of [label, call, remainder]) expect(text.filter((line) => line === load[1])).toHaveLength(2);
  });
});

describe('arithmetic', () => {
  it.each([
    ['add64', 4095, ['add x0, x1, #0xfff']],
    ['add64', 4096, ['add x0, x1, #0x1, lsl #12']],
    ['add64', 0x123456, ['add x1, x1, #0x123, lsl #12', 'add x0, x1, #0x456']],
    ['add64', -0xffffff, ['sub x1, x1, #0xfff, lsl #12', 'sub x0, x1, #0xfff']],
    ['add64', 0x1000000, ['mov x16, #0x1000000', 'add x0, x1, x16']],
    ['add32', -4096, ['sub w0, w1, #0x1, lsl #12']],
    ['sub64', 5, ['sub x0, x1, #0x5']],
    ['and64', 0xff, ['and x0, x1, #0xff']],
    ['and32', -256, ['and w0, w1, #0xffffff00']],
    ['and64', 0x12345, ['mov w16, #0x2345', 'movk w16, #0x1, lsl #16', 'and x0, x1, x16']],
    ['or64', -1, ['mov x0, #0xffffffffffffffff']],
    ['xor64', -1, ['mvn x0, x1']],
    ['xor32', -0x80000000, ['eor w0, w1, #0x80000000']],
    ['mul64', 3, ['add x0, x1, x1, lsl #1']],
    ['mul64', 7, ['lsl x16, x1, #3', 'sub x0, x16, x1']],
    ['mul64', -8, ['neg x0, x1, lsl #3']],
    ['mul64', -3, ['sub x0, x1, x1, lsl #2']],
    ['mul64', 100, ['mov x16, #0x64', 'mul x0, x1, x16']],
    ['mul32', -1, ['neg w0, w1']],
    ['div64', 10, ['mov x16, #0xa', 'udiv x0, x1, x16']],
    ['div32', -0x80000000, ['lsr w0, w1, #31']],
    ['mod64', 8, ['and x0, x1, #0x7']],
    ['mod64', 10, ['mov x16, #0xa', 'udiv x17, x1, x16', 'msub x0, x17, x16, x1']],
    ['sdiv64', -1, ['neg x0, x1']],
    ['smod64', -1, ['mov x0, xzr']],
    ['lsh64', 63, ['lsl x0, x1, #63']],
    ['arsh32', 31, ['asr w0, w1, #31']],
  ] as const)('%s by %i', (name, imm, expected) => {
    expect(body(insn(`${name}_imm`, 2, 0, 0, imm))).toEqual(expected);
  });

  it.each([
    ['div64', ['udiv x0, x1, x2']],
    ['mod64', ['udiv x16, x1, x2', 'msub x0, x16, x2, x1']],
    ['sdiv32', ['sdiv w0, w1, w2']],
    ['smod32', ['sdiv w16, w1, w2', 'msub w0, w16, w2, w1']],
    ['lsh64', ['lsl x0, x1, x2']],
    ['arsh32', ['asr w0, w1, w2']],
  ] as const)('%s by a register', (name, expected) => {
    expect(body(insn(`${name}_reg`, 2, 3))).toEqual(expected);
  });

  it.each([
    ['be16', ['rev16 w1, w1', 'uxth w0, w1']],
    ['be32', ['rev w0, w1']],
    ['be64', ['rev x0, x1']],
    ['le16', ['uxth w0, w1']],
    ['le32', ['mov w0, w1']],
    ['neg32', ['neg w0, w1']],
  ] as const)('%s', (name, expected) => {
    expect(body(insn(name, 2))).toEqual(expected);
  });
});

describe('fusions', () => {
  const [right, left] = [insn('rsh64_imm', 3, 0, 0, 51), insn('lsh64_imm', 2, 0, 0, 13)];
  const copy = insn('mov64_reg', 3, 2);

  it('two shifts and an or are a rotation', () => {
    expect(body(copy, right, left, insn('or64_reg', 2, 3))).toEqual(['ror x0, x1, #51']);
  });

  it('a shifted value that is read again is kept', () => {
    expect(body(insn('lsh64_imm', 3, 0, 0, 2), insn('add64_reg', 2, 3), insn('xor64_reg', 2, 3))).toEqual(
      ['lsl x2, x2, #2', 'add x1, x1, x2', 'eor x0, x1, x2'], // prettier-ignore
    );
  });

  it('shifted, extended and multiplied operands', () => {
    expect(body(insn('rsh64_imm', 3, 0, 0, 2), insn('sub64_reg', 2, 3))).toEqual(['sub x0, x1, x2, lsr #2']);
    expect(body(insn('mov32_reg', 3, 3), insn('add64_reg', 2, 3))).toEqual(['add x0, x1, w2, uxtw']);
    expect(body(insn('movsx64_32', 3, 3), insn('sub64_reg', 2, 3))).toEqual(['sub x0, x1, w2, sxtw']);
    expect(body(insn('mul64_reg', 3, 4), insn('add64_reg', 2, 3))).toEqual(['madd x0, x2, x3, x1']);
    expect(body(insn('mul32_reg', 3, 4), insn('sub32_reg', 2, 3))).toEqual(['msub w0, w2, w3, w1']);
  });

  it('bit fields', () => {
    expect(body(insn('rsh64_imm', 2, 0, 0, 7), insn('and64_imm', 2, 0, 0, 0xff))).toEqual(['ubfx x0, x1, #7, #8']);
    expect(body(insn('rsh64_imm', 2, 0, 0, 60), insn('and64_imm', 2, 0, 0, 0xff))).toEqual(['lsr x0, x1, #60']);
    expect(body(insn('lsh64_imm', 2, 0, 0, 10), insn('arsh64_imm', 2, 0, 0, 20))).toEqual(['sbfx x0, x1, #10, #44']);
    expect(body(insn('mov32_reg', 2, 2), insn('lsh64_imm', 2, 0, 0, 3))).toEqual(['ubfiz x0, x1, #3, #32']);
    expect(body(insn('mov32_reg', 2, 2), insn('lsh64_imm', 2, 0, 0, 40))).toEqual(['lsl x0, x1, #40']);
    expect(body(insn('movsx64_32', 2, 2), insn('lsh64_imm', 2, 0, 0, 3))).toEqual(['sbfiz x0, x1, #3, #32']);
  });

  it('computed addresses', () => {
    const add = insn('add64_reg', 3, 4);
    expect(body(insn('lsh64_imm', 3, 0, 0, 3), add, insn('ldxdw', 2, 3))).toEqual(['ldr x0, [x3, x2, lsl #3]']);
    // A word is not shifted by 3.
    expect(body(insn('lsh64_imm', 3, 0, 0, 3), add, insn('ldxw', 2, 3))).toEqual(['add x2, x3, x2, lsl #3', 'ldr w0, [x2]']); // prettier-ignore
    expect(body(insn('mov32_reg', 4, 4), add, insn('ldxb', 2, 3))).toEqual(['ldrb w0, [x2, w3, uxtw]']);
    expect(body(add, insn('stxh', 3, 5))).toEqual(['strh w4, [x2, x3]', 'mov x0, x1']);
    // The address is what is stored.
    expect(body(add, insn('stxdw', 3, 3))).toEqual(['add x2, x2, x3', 'str x2, [x2]', 'mov x0, x1']);
  });

  it('branches around moves are conditional selects', () => {
    const jump = (over: number): Insn => insn('jgt64_reg', 3, 4, over);
    expect(body(jump(2), insn('mov64_reg', 2, 3), insn('mov64_imm', 3, 0, 0, 1), insn('add64_reg', 2, 3))).toEqual(
      ['cmp x2, x3', 'csel x1, x1, x2, hi', 'csinc x2, x2, xzr, hi', 'add x0, x1, x2'], // prettier-ignore
    );
    expect(body(jump(1), insn('mov64_imm', 2, 0, 0, -1))).toEqual(['cmp x2, x3', 'csinv x1, x1, xzr, hi', 'mov x0, x1']); // prettier-ignore
    expect(body(jump(1), insn('mov64_imm', 2, 0, 0, 2))).toContain('b.hi 0xc');
    // The upper half must become zero only when the move is done.
    expect(body(jump(1), insn('mov32_reg', 2, 3))).toContain('b.hi 0xc');
    expect(
      body(
        insn('jgt64_imm', 3, 0, 1, 5),
        insn('mov64_reg', 2, 3),
        insn('jgt64_imm', 3, 0, 1, 5),
        insn('mov64_reg', 2, 4),
      ),
    ).toEqual(
      ['cmp x2, #0x5', 'csel x1, x1, x2, hi', 'csel x1, x1, x3, hi', 'mov x0, x1'], // prettier-ignore
    );
  });

  it('a comparison is made again when its operand has changed', () => {
    const text = body(insn('jgt64_imm', 2, 0, 1, 5), insn('mov64_reg', 2, 3), insn('jgt64_imm', 2, 0, 1, 5), insn('mov64_reg', 2, 4)); // prettier-ignore
    expect(text.filter((line) => line === 'cmp x1, #0x5')).toHaveLength(2);
  });
});

describe('memory', () => {
  it.each([
    [0, ['ldr x0, [x2]']],
    [-1, ['ldur x0, [x2, #-1]']],
    [-256, ['ldur x0, [x2, #-256]']],
    [-257, ['mov x17, #0xfffffffffffffeff', 'ldr x0, [x2, x17]']],
    [255, ['ldur x0, [x2, #255]']],
    [256, ['ldr x0, [x2, #256]']],
    [257, ['mov x17, #0x101', 'ldr x0, [x2, x17]']],
    [4096, ['ldr x0, [x2, #4096]']],
    [32760, ['ldr x0, [x2, #32760]']],
    [32767, ['mov x17, #0x7fff', 'ldr x0, [x2, x17]']],
    [-32768, ['mov x17, #0xffffffffffff8000', 'ldr x0, [x2, x17]']],
  ] as const)('a load at %i', (offset, expected) => {
    expect(body(insn('ldxdw', 2, 3, offset))).toEqual(expected);
  });

  it('neighbours are loaded and stored as pairs', () => {
    expect(body(insn('ldxdw', 2, 3, 8), insn('ldxdw', 4, 3, 0), insn('add64_reg', 2, 4))).toEqual(['ldp x3, x1, [x2]', 'add x0, x1, x3']); // prettier-ignore
    expect(body(insn('stxw', 3, 4, 504 / 2 - 4), insn('stxw', 3, 5, 504 / 2))).toEqual(['stp w3, w4, [x2, #248]', 'mov x0, x1']); // prettier-ignore
    expect(body(insn('stdw', 10, 0, -8, 0), insn('stdw', 10, 0, -16, 0))).toEqual(
      ['sub sp, sp, #0x10', 'stp xzr, xzr, [sp]', 'mov x0, x1', 'add sp, sp, #0x10'], // prettier-ignore
    );
  });

  it('but not when the first load changes the base, both have one register, or they lie too far', () => {
    expect(body(insn('ldxdw', 3, 3, 0), insn('ldxdw', 2, 3, 8))).toEqual(['ldr x2, [x2]', 'ldr x0, [x2, #8]']);
    expect(body(insn('ldxdw', 2, 3, 0), insn('ldxdw', 2, 3, 8), insn('add64_imm', 2, 0, 0, 1))).toHaveLength(3);
    expect(body(insn('stxdw', 3, 4, 504), insn('stxdw', 3, 5, 512))).toEqual(['stp x3, x4, [x2, #504]', 'mov x0, x1']);
    expect(body(insn('stxdw', 3, 4, 512), insn('stxdw', 3, 5, 520))).toHaveLength(3);
    expect(body(insn('stxdw', 3, 4, 1), insn('stxdw', 3, 5, 9))).toHaveLength(3);
  });

  it('zero is stored from the zero register unless it is the address as well', () => {
    expect(body(insn('mov64_imm', 4), insn('stxw', 3, 4, 4))).toEqual(['str wzr, [x2, #4]', 'mov x0, x1']);
    expect(body(insn('mov64_imm', 3), insn('stxw', 3, 3, 4))).toEqual([
      'mov x2, #0x0',
      'str w2, [x2, #4]',
      'mov x0, x1',
    ]);
    expect(body(insn('mov64_imm', 4), insn('stxw', 3, 4, 4), insn('add64_reg', 2, 4))[0]).toBe('mov x3, #0x0');
  });

  it('atomics take a register as address and have full order', () => {
    expect(body(insn('atomic_add64', 2, 3, 8))).toEqual(['add x17, x1, #0x8', 'ldaddal x2, x16, [x17]', 'mov x0, x1']);
    expect(body(insn('atomic_and32', 2, 3))).toEqual(['mvn w16, w2', 'ldclral w16, w16, [x1]', 'mov x0, x1']);
    expect(body(insn('atomic_fetch_and64', 3, 2))).toEqual(['mvn x16, x1', 'ldclral x16, x1, [x2]', 'mov x0, x1']);
    expect(body(insn('atomic_xchg64', 3, 2, -8))).toEqual(['sub x17, x2, #0x8', 'swpal x1, x1, [x17]', 'mov x0, x1']);
    expect(code([insn('atomic_cmpxchg32', 2, 3), EXIT])).toContain('casal w0, w2, [x1]');
    expect(body(insn('load_acquire16', 2, 3))).toEqual(['ldarh w0, [x2]']);
    expect(body(insn('store_release8', 3, 4))).toEqual(['stlrb w3, [x2]', 'mov x0, x1']);
  });
});

describe('branches', () => {
  it.each([
    ['jeq64', 0, ['cbz x2, 0x8']],
    ['jne32', 0, ['cbnz w2, 0x8']],
    ['jlt64', 1, ['cbz x2, 0x8']],
    ['jgt64', 4095, ['cmp x2, #0xfff', 'b.hi 0xc']],
    ['jgt64', 4096 - 1, ['cmp x2, #0xfff', 'b.hi 0xc']],
    ['jsge64', 4097, ['cmp x2, #0x1, lsl #12', 'b.gt 0xc']],
    ['jsle32', -4097, ['cmn w2, #0x1, lsl #12', 'b.lt 0xc']],
    ['jgt64', 0x7fffffff, ['lsr x17, x2, #31', 'cbnz x17, 0xc']],
    ['jle32', 0x7fffffff, ['lsr w17, w2, #31', 'cbz x17, 0xc']],
    ['jsgt64', 0x7fffffff, ['mov w16, #0x7fffffff', 'cmp x2, x16', 'b.gt 0x10']],
    ['jsge32', -0x80000000, ['mov x16, #0xffffffff80000000', 'cmp w2, w16', 'b.ge 0x10']],
    ['jgt64', -1, ['cmn x2, #0x1', 'b.hi 0xc']],
    ['jlt64', 4097, ['cmp x2, #0x1, lsl #12', 'b.ls 0xc']],
    ['jge64', 0x1000000, ['lsr x17, x2, #24', 'cbnz x17, 0xc']],
    ['jle64', 0xffffff, ['lsr x17, x2, #24', 'cbz x17, 0xc']],
    ['jsgt64', -1, ['tbz x2, #63, 0x8']],
    ['jslt32', 0, ['tbnz w2, #31, 0x8']],
    ['jsge32', 1, ['cmp w2, #0x0', 'b.gt 0xc']],
    ['jset64', 8, ['tbnz w2, #3, 0x8']],
    ['jset64', -1, ['cbnz x2, 0x8']],
    ['jset32', -0x80000000, ['tbnz w2, #31, 0x8']],
    ['jset64', -0x80000000, ['tst x2, #0xffffffff80000000', 'b.ne 0xc']],
    ['jset64', 0xff, ['tst x2, #0xff', 'b.ne 0xc']],
    ['jset64', 5, ['mov x16, #0x5', 'tst x2, x16', 'b.ne 0x10']],
    ['jeq64', -4096, ['cmn x2, #0x1, lsl #12', 'b.eq 0xc']],
    ['jeq64', 0xff00, ['eor x17, x2, #0xff00', 'cbz x17, 0xc']],
    ['jeq32', 0x12345678, ['mov w16, #0x5678', 'movk w16, #0x1234, lsl #16', 'cmp w2, w16', 'b.eq 0x14']],
  ] as const)('%s %i', (name, imm, expected) => {
    const text = body(insn(`${name}_imm`, 3, 0, 1, imm), insn('add64_imm', 2, 0, 0, 3));
    expect(text).toEqual([...expected, 'add x1, x1, #0x3', 'mov x0, x1']);
  });

  it('a branch around a jump or an exit is the opposite branch', () => {
    expect(
      code([
        insn('jeq64_imm', 1, 0, 1, 0),
        insn('ja', 0, 0, 1),
        insn('add64_imm', 2, 0, 0, 1),
        insn('mov64_reg', 0, 2),
        EXIT,
      ]),
    ).toEqual(
      ['cbnz x0, 0x8', 'add x1, x1, #0x1', 'mov x0, x1', 'ret'], // prettier-ignore
    );
    const loop = code([
      insn('add64_imm', 2, 0, 0, 1),
      insn('jsgt64_reg', 2, 1, 1),
      insn('ja', 0, 0, -3),
      insn('mov64_reg', 0, 2),
      EXIT,
    ]);
    expect(loop).toEqual(['add x1, x1, #0x1', 'cmp x1, x0', 'b.le 0x0', 'mov x0, x1', 'ret']);
    const exits = code([insn('stdw', 10, 0, -8, 0), insn('mov64_imm'), insn('jset64_imm', 2, 0, 1, 4), EXIT, insn('mov64_imm', 0, 0, 0, 3), EXIT]); // prettier-ignore
    expect(exits).toContain('tbz w1, #2, 0x14');
  });

  it('an and that only a test reads becomes the test', () => {
    const add = insn('add64_imm', 2, 0, 0, 3);
    expect(body(insn('and64_reg', 3, 4), insn('jeq64_imm', 3, 0, 1, 0), add)[0]).toBe('tst x2, x3');
    expect(body(insn('and64_reg', 3, 4), insn('jeq32_imm', 3, 0, 1, 0), add).slice(0, 2)).toEqual(['and x2, x2, x3', 'cbz w2, 0xc']); // prettier-ignore
    expect(body(insn('and64_imm', 3, 0, 0, 0xff), insn('jne64_imm', 3, 0, 1, 0), insn('add64_reg', 2, 3))[0]).toBe('and x2, x2, #0xff'); // prettier-ignore
  });
});

describe('symbols', () => {
  it('are named in the listing', () => {
    expect(code([insn('call_helper', 0, 0, 0, 5), EXIT])[1]).toBe('bl bpf_helper_5');
  });
});

describe('calls through a table', () => {
  const table = (address: bigint, count = 512): CompileOptions => ({ helperCalls: { kind: 'table', address, count } });
  const call = (id: number): Insn[] => [insn('call_helper', 0, 0, 0, id), EXIT];

  it('load the address from its slot', () => {
    expect(code(call(5), table(0x20000000n)).slice(1, 4)).toEqual([
      'mov x16, #0x20000000',
      'ldr x16, [x16, #40]',
      'blr x16',
    ]);
    // The slot's place within 32 KiB is the displacement.
    expect(code(call(5), table(0x7f0012345000n)).slice(1, 4)).toEqual(['mov x16, #0x12340000', 'movk x16, #0x7f00, lsl #32', 'ldr x16, [x16, #20520]']); // prettier-ignore
    expect(code(call(4999), table(0x20000000n, 5000)).slice(1, 4)).toEqual(['mov w16, #0x8000', 'movk w16, #0x2000, lsl #16', 'ldr x16, [x16, #7224]']); // prettier-ignore
    // Three halfwords: one literal for all calls.
    expect(code(call(5), table(0x7f1234568000n))[1]).toBe('ldr x16, 0x18');
    // A table that is not aligned is still right.
    expect(code(call(5), table(0x20000003n)).slice(1, 4)).toEqual(['mov w16, #0x2b', 'movk w16, #0x2000, lsl #16', 'ldr x16, [x16]']); // prettier-ignore
  });

  it('refuse ids beyond the table', () => {
    expect(() => code(call(512), table(0x20000000n))).toThrow(expect.objectContaining({ code: 'E_JIT_PROGRAM', expected: 'less than 512' })); // prettier-ignore
    expect(() => code(call(-1), table(0x20000000n))).toThrow(expect.objectContaining({ code: 'E_JIT_PROGRAM' }));
  });

  it('by register take ids below the count from the table and anything else as address', () => {
    const program = [insn('callx', 6), EXIT];
    expect(code(program, table(0x20000000n)).slice(1, 7)).toEqual(
      ['mov x16, x19', 'cmp x19, #0x200', 'b.hs 0x18', 'mov x17, #0x20000000', 'ldr x16, [x17, x19, lsl #3]', 'blr x16'], // prettier-ignore
    );
    expect(code(program, table(0x20000000n, 4097)).slice(2, 4)).toEqual(['mov x17, #0x1001', 'cmp x19, x17']);
    expect(code(program)[1]).toBe('blr x19');
  });
});

describe('frames', () => {
  const store = (offset: number): Insn => insn('stxdw', 10, 1, offset);
  const uses = (...registers: number[]): Insn[] => [
    ...registers.map((register) => insn('mov64_reg', register, 1)),
    insn('call_helper', 0, 0, 0, 5),
    ...registers.map((register) => insn('add64_reg', 0, register)),
    EXIT,
  ];

  it('are none where nothing needs one', () => {
    expect(code([insn('mov64_imm'), EXIT])).toEqual(['mov x0, #0x0', 'ret']);
    // r6 to r9 take registers that need no saving where nothing is called.
    expect(code([insn('ldxdw', 6, 1), insn('mov64_reg', 0, 6), EXIT])).toEqual(['ldr x0, [x0]', 'ret']);
  });

  it('have only the stack that is used', () => {
    expect(code([store(-8), insn('mov64_imm'), EXIT])[0]).toBe('sub sp, sp, #0x10');
    expect(code([store(-40), insn('mov64_imm'), EXIT])[0]).toBe('sub sp, sp, #0x30');
    expect(code([store(-512), insn('mov64_imm'), EXIT])[0]).toBe('sub sp, sp, #0x200');
  });

  it('save what is used, in pairs, while sp moves', () => {
    expect(code(uses())[0]).toBe('str x30, [sp, #-16]!');
    expect(code(uses(6))[0]).toBe('stp x30, x19, [sp, #-16]!');
    expect(code(uses(6, 7)).slice(0, 2)).toEqual(['stp x30, x19, [sp, #-32]!', 'str x20, [sp, #16]']);
    expect(code(uses(6, 7, 8, 9)).slice(0, 3)).toEqual(['stp x30, x19, [sp, #-48]!', 'stp x20, x21, [sp, #16]', 'str x22, [sp, #32]']); // prettier-ignore
    expect(code(uses(6, 7, 8, 9)).slice(-4)).toEqual(['ldp x20, x21, [sp, #16]', 'ldr x22, [sp, #32]', 'ldp x30, x19, [sp], #48', 'ret']); // prettier-ignore
  });

  it('use a pair, or move sp apart, where the writeback does not reach', () => {
    const first = (depth: number, ...rest: Insn[]): string => code([store(-depth), ...rest, ...uses()])[0]!;
    expect(first(224)).toBe('str x30, [sp, #-240]!');
    expect(first(240)).toBe('stp x30, x29, [sp, #-256]!');
    expect(first(480)).toBe('stp x30, x29, [sp, #-496]!');
    expect(first(488)).toBe('sub sp, sp, #0x200');
    expect(code([store(-512), ...uses()]).slice(-3)).toEqual(['ldp x30, x29, [sp]', 'add sp, sp, #0x210', 'ret']);
  });
});
