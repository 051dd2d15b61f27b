import { readFileSync, writeFileSync } from 'node:fs';
import { type Insn, makeProgram } from '@polybpf/isa';
import { compile, type CompileOptions, listCode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { riscv64 } from '../src/index.ts';
import { imm64, insn } from '@polybpf-tools/target-tests/insn';

const GOLDEN = new URL('./lower.txt', import.meta.url);
const EXIT = insn('exit');

/** Text of the machine code. */
function code(insns: readonly Insn[], options: CompileOptions = {}): string[] {
  return listCode(compile(makeProgram(insns), riscv64, options)).map((line) => line.text.replace(/ {3};.*/, ''));
}

/** Code of instructions whose result is in r2 (a1); r0 = r2 at the end is part of it. */
function body(...insns: Insn[]): string[] {
  return code([...insns, insn('mov64_reg', 0, 2), EXIT]);
}

const CONSTANTS = [
  [0, 0], [0, 31], [0, 32], [0, 2047], [0, 2048], [0, 0x1f000], [0, 0x20000], [0, 0x12345678], [0, 0x7fffffff], [-1, -1],
  [-1, -2049], [-1, -0x12345678], [0, -1], [0, 0xf2345678 | 0], [0x12340000, 0], [0x7fffffff, -1], [0, 0x80000000 | 0],
  [1, 0], [0x12345, 0x67800000], [0xffff8881 | 0, 0x12345678], [0x00ff00ff, 0x00ff00ff], [-1, 0x7fffffff], [0x7fffffff, 0],
] as const; // prettier-ignore
const IMMEDIATES = [
  ['add64', 31], ['add64', 2047], ['add64', 4000], ['add64', 0x12345678], ['add32', 5], ['and64', 0xff], ['and64', 0xffff],
  ['and64', -4096], ['and32', -16], ['and64', 0x12345678], ['or64', 0x12345678], ['xor64', -1], ['mul64', 3], ['mul64', 7],
  ['mul64', 63], ['mul64', 100], ['mul32', 100], ['lsh32', 3], ['rsh32', 3], ['arsh32', 3], ['lsh64', 63], ['div64', 10],
  ['mod64', 10], ['div32', 10], ['div32', 0], ['mod32', 0], ['sdiv64', -1], ['smod64', -1], ['sdiv32', 3],
  ['sub64', -0x80000000],
] as const; // prettier-ignore
const REGISTERS = ['div64', 'mod64', 'sdiv64', 'div32', 'mod32', 'smod32', 'lsh64', 'lsh32', 'arsh32', 'add32', 'mul32', 'xor32']; // prettier-ignore
const JUMPS = [
  ['jeq64', 0], ['jeq64', 5], ['jeq64', 100], ['jeq64', 5000], ['jeq64', 0x12345678], ['jgt64', 5], ['jgt64', 31], ['jgt64', 100],
  ['jlt64', 4096], ['jge64', 1], ['jsgt64', -1], ['jslt64', 0], ['jset64', 1], ['jset64', 0x1000], ['jset64', 0xffff],
  ['jset64', -65536], ['jset64', 0x12345678], ['jset32', -1], ['jeq32', 0], ['jeq32', 5], ['jeq32', -5000], ['jgt32', 5],
  ['jsgt32', 5], ['jle32', -2],
] as const; // prettier-ignore

/** Each lowering by name. */
function lowerings(): string[] {
  const lines: string[] = [];
  const show = (name: string, ...insns: Insn[]): void => void lines.push(`${name}: ${body(...insns).join('; ')}`);
  const tail = [insn('mov64_imm', 2, 0, 0, 1), insn('add64_reg', 2, 3)];
  for (const [high, low] of CONSTANTS) show(`r2 = ${(BigInt(high) << 32n) + BigInt(low >>> 0)} ll`, ...imm64(2, high, low)); // prettier-ignore
  for (const [name, imm] of IMMEDIATES) show(`${name} ${imm}`, insn(`${name}_imm`, 2, 0, 0, imm));
  for (const name of REGISTERS) show(`${name} r3`, insn(`${name}_reg`, 2, 3));
  show('div64 by itself', insn('div64_reg', 2, 2));
  for (const name of ['be16', 'be32', 'be64', 'le16', 'le32', 'neg32', 'neg64']) show(name, insn(name, 2));
  for (const name of ['movsx64_8', 'movsx64_32', 'movsx32_16', 'mov32_reg']) show(name, insn(name, 2, 3));
  for (const [name, imm] of JUMPS) show(`${name} ${imm}`, insn(`${name}_imm`, 3, 0, 1, imm), ...tail);
  for (const name of ['jeq64', 'jgt64', 'jsle64', 'jset64', 'jeq32', 'jgt32', 'jset32']) show(`${name} r4`, insn(`${name}_reg`, 3, 4, 1), ...tail); // prettier-ignore
  for (const name of ['ldxb', 'ldxh', 'ldxw', 'ldxdw', 'ldxsw', 'load_acquire64']) show(name, insn(name, 2, 3, 8));
  show('ldxdw far', insn('ldxdw', 2, 3, 5000));
  for (const name of ['stxb', 'stxw', 'stxdw', 'store_release64']) show(name, insn(name, 2, 3, 8));
  for (const name of ['stb', 'stw', 'stdw']) show(`${name} 5`, insn(name, 2, 0, 8, 5));
  show('stdw 0', insn('stdw', 2, 0, 8, 0));
  show('stdw far', insn('stdw', 2, 0, -30000, 0x12345678));
  for (const name of ['atomic_add64', 'atomic_fetch_or32', 'atomic_xchg64', 'atomic_cmpxchg64', 'atomic_cmpxchg32']) {
    lines.push(`${name}: ${code([insn(name, 2, 3, 8), insn('xor64_reg', 0, 3), EXIT]).join('; ')}`);
  }
  for (const name of ['be16', 'be32', 'be64']) {
    const width = { be16: 'ldxh', be32: 'ldxw', be64: 'ldxdw' }[name]!;
    show(`${width} and ${name}`, insn(width, 2, 3, 8), insn(name, 2));
  }
  return lines;
}

describe('lowerings', () => {
  it('are those of the golden file, which execution.native.test.ts proves', () => {
    const lines = lowerings();
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(GOLDEN, `${lines.join('\n')}\n`);
    expect(lines).toEqual(readFileSync(GOLDEN, 'utf8').trimEnd().split('\n'));
  });
});

describe('constants', () => {
  const K = 0x41c64e6d;
  const [multiply, add] = [insn('mul64_imm', 2, 0, 0, K), insn('add64_imm', 2, 0, 0, 0x3039)];
  const loads = (text: readonly string[], register: string): number =>
    text.filter((line) => line.startsWith(`addiw ${register},`)).length;

  it('keep their register', () => {
    const text = body(multiply, add, multiply, add);
    expect([loads(text, 't6'), loads(text, 't5')]).toEqual([1, 1]);
    expect(text.slice(4)).toEqual(['c.lui t5,0x3', 'addiw t5,t5,57', 'c.add a1,t5', 'mul a1,a1,t6', 'add a0,a1,t5', 'c.jr ra'].slice(1)); // prettier-ignore
  });

  it('keep it where branches join, when all have it', () => {
    const both = body(multiply, insn('jeq64_imm', 3, 0, 1, 0), insn('add64_reg', 2, 4), multiply);
    expect(loads(both, 't6')).toBe(1);
    const one = body(insn('jeq64_imm', 3, 0, 1, 0), multiply, multiply);
    expect(loads(one, 't6')).toBe(2);
  });

  it('are loaded again in a loop and after a call', () => {
    const loop = body(multiply, insn('sub64_imm', 3, 0, 0, 1), multiply, insn('jne64_imm', 3, 0, -3, 0));
    expect(loads(loop, 't6')).toBe(2);
    const call = body(multiply, insn('mov64_reg', 6, 2), insn('call_helper', 0, 0, 0, 5), insn('mov64_reg', 2, 6), multiply); // prettier-ignore
    expect(loads(call, 't6')).toBe(2);
  });

  it('of logical instructions wait for their second use', () => {
    const mask = insn('and64_imm', 2, 0, 0, 0x12345678);
    expect(body(mask).join()).not.toContain('t6');
    expect(loads(body(mask, insn('add64_reg', 2, 3), mask, insn('add64_reg', 2, 3), mask), 't6')).toBe(1);
  });
});

describe('upper halves', () => {
  const compare = insn('jgt32_reg', 2, 3, 1);
  const extensions = (text: readonly string[]): number => text.filter((line) => /^(c\.)?addiw .*,0$/.test(line)).length;
  // The branch skips one of them; what comes last reads low halves only.
  const tail = [insn('add32_imm', 2, 0, 0, 1), insn('xor32_imm', 2, 0, 0, 7)];

  it('that are signs already need no extension, also behind a join', () => {
    const [load2, load3] = [insn('ldxw', 2, 1, 0), insn('ldxw', 3, 1, 4)];
    expect(extensions(body(load2, load3, compare, ...tail))).toBe(0);
    expect(extensions(body(load2, load3, compare, insn('mov32_reg', 2, 3), compare, ...tail))).toBe(0);
    expect(extensions(body(load2, compare, ...tail))).toBe(1);
    expect(extensions(body(compare, ...tail))).toBe(2);
  });

  it('are unknown where a loop comes back, and after a call', () => {
    const [load2, load3] = [insn('ldxw', 2, 1, 0), insn('ldxw', 3, 1, 4)];
    const loop = body(load2, load3, compare, insn('lsh64_imm', 2, 0, 0, 1), insn('jne64_imm', 1, 0, -3, 0));
    expect(extensions(loop)).toBe(2);
    const call = body(insn('ldxw', 6, 1, 0), insn('call_helper', 0, 0, 0, 5), insn('mov64_imm', 2, 0, 0, 3), insn('jgt32_reg', 6, 0, 1), ...tail); // prettier-ignore
    // r6 keeps what is known of it, r0 is whatever the helper says.
    expect(extensions(call)).toBe(1);
  });

  it('of zero-extended operands divide in 64 bits', () => {
    const text = body(insn('ldxh', 2, 1, 0), insn('ldxh', 3, 1, 2), insn('div32_reg', 2, 3));
    expect(text).toContain('divu a1,a1,a2');
    expect(text.join()).not.toContain('0x20');
  });

  it('of a comparison with zeros above do for unsigned conditions only', () => {
    const wide = [insn('ldxw', 2, 1, 0), insn('stxdw', 1, 2, 8)];
    expect(extensions(body(...wide, insn('jgt32_imm', 2, 0, 1, 5), ...tail))).toBe(0);
    expect(extensions(body(...wide, insn('jsgt32_imm', 2, 0, 1, 5), ...tail))).toBe(1);
  });
});

describe('calls and frames', () => {
  const table = { helperCalls: { kind: 'table', address: 0x10020000n, count: 512 } } as const;

  it('a helper through the table is a load and a call', () => {
    expect(code([insn('call_helper', 0, 0, 0, 5), EXIT], table)).toEqual([
      'c.addi sp,-16', 'c.sdsp ra,0(sp)', 'lui t1,0x10020', 'ld t1,40(t1)', 'c.jalr t1', 'c.ldsp ra,0(sp)', 'c.addi sp,16', 'c.jr ra',
    ]); // prettier-ignore
    const far = { helperCalls: { kind: 'table', address: 0x7f0012340000n, count: 512 } } as const;
    expect(
      code([insn('call_helper', 0, 0, 0, 5), EXIT], far)
        .slice(2, 4)
        .join(),
    ).toContain('t1');
    expect(() => code([insn('call_helper', 0, 0, 0, 512), EXIT], table)).toThrow(/less than 512/);
  });

  it('a function without calls and stack has no frame', () => {
    expect(code([insn('mov64_imm', 6, 0, 0, 1), insn('mov64_reg', 0, 6), EXIT])).toEqual(['c.li a0,1', 'c.jr ra']);
  });

  it('the largest frame is made and undone', () => {
    const keep = [6, 7, 8, 9].map((register) => insn('mov64_reg', register, 10));
    const use = [6, 7, 8, 9].map((register) => insn('add64_reg', 0, register));
    const text = code([...keep, insn('stxdw', 10, 1, -512), insn('call_helper', 0, 0, 0, 12), insn('may_goto', 0, 0, 0), ...use, EXIT]); // prettier-ignore
    expect(text[0]).toMatch(/^addi sp,sp,-5[67]\d$/);
    expect(text.at(-2)).toMatch(/^addi sp,sp,5[67]\d$/);
  });
});
