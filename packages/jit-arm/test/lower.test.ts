/** What becomes of small programs: the code of every kind of lowering, as text. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Insn, makeProgram } from '@polybpf/isa';
import { compile, type CompileOptions, listCode, makeOp, type Target, withOptions } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { arm, armeb } from '../src/index.ts';
import { reciprocalOf } from '../src/lower-divide.ts';
import { imm64, insn } from '@polybpf-tools/target-tests/insn';

const GOLDEN = new URL('./lower.txt', import.meta.url);
const EXIT = insn('exit');

/** Text of the machine code. */
function code(insns: readonly Insn[], target: Target = arm, options: CompileOptions = {}): string[] {
  const program = makeProgram(insns, { endian: target.endian });
  return listCode(compile(program, target, options)).map((line) => line.text.replace(/ {3};.*/, ''));
}

/** Code of instructions whose result is in r0. */
const body = (target: Target, ...insns: Insn[]): string => code([...insns, EXIT], target).join('; ');

const CONSTANTS = [
  [0, 0], [0, 255], [0, 256], [0, 257], [0, 0xffff], [0, 0x10000], [0, 0x12345678], [-1, -1], [-1, -256], [0, -1], [1, 1],
  [0x12340000, 0], [0xffff8881 | 0, 0x12345678], [0x12345678, 0x12345678], [-1, 0x7fffffff],
] as const; // prettier-ignore
const IMMEDIATES = [
  ['add64', 1], ['add64', -1], ['add64', 257], ['add64', 0x10001], ['add64', 0x12345678], ['add32', -5], ['add32', 0x10001], ['and64', 0xff],
  ['and64', 0xffff], ['and64', -256], ['and32', 0x12345678], ['or64', -65536], ['or64', 0x10001], ['xor64', -1], ['xor64', -5], ['mul64', 7],
  ['mul64', -3], ['mul32', 9], ['mul32', 7], ['mul32', 100], ['lsh32', 3], ['rsh64', 1], ['arsh64', 1], ['lsh64', 1], ['lsh64', 3],
  ['lsh64', 32], ['lsh64', 40], ['rsh64', 3], ['rsh64', 32], ['arsh64', 40], ['div64', 10], ['mod64', 10], ['div32', 10],
  ['sdiv64', -3], ['sub64', -0x80000000],
] as const; // prettier-ignore
const REGISTERS = [
  'add64', 'sub64', 'and64', 'mul64', 'div64', 'smod64', 'div32', 'mod32', 'lsh64', 'rsh64', 'arsh64', 'lsh32', 'arsh32', 'add32', 'mul32',
]; // prettier-ignore
const JUMPS = [
  ['jeq64', 0], ['jeq64', 5], ['jeq64', -5], ['jne64', 0x12345678], ['jgt64', 5], ['jlt64', -5], ['jsgt64', -1], ['jsgt64', 5], ['jsle64', -7],
  ['jslt64', 0], ['jset64', 1], ['jset64', -1], ['jset64', -65536], ['jeq32', 0], ['jeq32', -5], ['jset32', 0x12345678], ['jsgt32', 5],
] as const; // prettier-ignore

/** Each lowering by name. */
function lowerings(target: Target): string[] {
  const lines: string[] = [];
  const show = (name: string, ...insns: Insn[]): void => void lines.push(`${name}: ${body(target, ...insns)}`);
  for (const [high, low] of CONSTANTS) show(`${(BigInt(high) << 32n) + BigInt(low >>> 0)} ll`, ...imm64(0, high, low));
  for (const [name, imm] of IMMEDIATES) show(`${name} ${imm}`, insn('mov64_reg', 0, 1), insn(`${name}_imm`, 0, 0, 0, imm)); // prettier-ignore
  for (const name of REGISTERS) show(`${name} r2`, insn('mov64_reg', 0, 1), insn(`${name}_reg`, 0, 2));
  for (const name of ['be16', 'be32', 'be64', 'le16', 'le32', 'neg32', 'neg64']) show(name, insn('mov64_reg', 0, 1), insn(name, 0)); // prettier-ignore
  for (const name of ['movsx64_8', 'movsx64_16', 'movsx64_32', 'movsx32_8']) show(name, insn(name, 0, 1));
  for (const [name, imm] of JUMPS) show(`${name} ${imm}`, insn('mov64_imm', 0), insn(`${name}_imm`, 1, 0, 1, imm), insn('mov64_imm', 0, 0, 0, 1)); // prettier-ignore
  for (const name of ['jeq64', 'jgt64', 'jsgt64', 'jsle64', 'jset64', 'jgt32', 'jset32']) show(`${name} r2`, insn('mov64_imm', 0), insn(`${name}_reg`, 1, 2, 1), insn('mov64_imm', 0, 0, 0, 1)); // prettier-ignore
  for (const name of ['ldxb', 'ldxh', 'ldxw', 'ldxdw', 'ldxsb', 'ldxsh', 'ldxsw', 'load_acquire64', 'load_acquire8']) show(`${name} 8`, insn(name, 0, 1, 8)); // prettier-ignore
  for (const offset of [-300, 4092, 4096, 32767]) for (const name of ['ldxb', 'ldxh', 'ldxdw']) show(`${name} ${offset}`, insn(name, 0, 1, offset)); // prettier-ignore
  for (const name of ['stxb', 'stxh', 'stxw', 'stxdw', 'store_release64']) show(`${name} 8`, insn('mov64_imm', 0), insn(name, 1, 2, 8)); // prettier-ignore
  for (const imm of [0, 5, -1]) for (const name of ['stb', 'sth', 'stw', 'stdw']) show(`${name} ${imm}`, insn('mov64_imm', 0), insn(name, 1, 0, 8, imm)); // prettier-ignore
  for (const width of [32, 64]) {
    for (const name of ['add', 'fetch_add', 'fetch_or', 'xchg']) show(`atomic_${name}${width}`, insn(`atomic_${name}${width}`, 1, 2, 8), insn('mov64_reg', 0, 2)); // prettier-ignore
    show(`atomic_cmpxchg${width}`, insn('mov64_imm', 0), insn(`atomic_cmpxchg${width}`, 1, 2));
  }
  show('stack', insn('stxdw', 10, 1, -8), insn('ldxdw', 0, 10, -16));
  show('frame address', insn('mov64_reg', 0, 10), insn('add64_imm', 0, 0, 0, -16));
  show('helper', insn('call_helper', 0, 0, 0, 7));
  show('helper with arguments', insn('mov64_imm', 3, 0, 0, 1), insn('mov64_imm', 4), insn('mov64_imm', 5), insn('call_helper', 0, 0, 0, 7)); // prettier-ignore
  show('kept over a call', insn('mov64_reg', 6, 1), insn('call_helper', 0, 0, 0, 7), insn('add64_reg', 0, 6));
  show('tail call', insn('call_helper', 0, 0, 0, 12));
  return lines;
}

const TARGETS = [arm, armeb, withOptions(arm, ['idiv'])];

describe('lowering', () => {
  it('is as it was', () => {
    const text = TARGETS.map((target) => `== ${target.name}\n${lowerings(target).join('\n')}\n`).join('\n');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(GOLDEN, text);
    expect(text).toBe(readFileSync(GOLDEN, 'utf8'));
  });

  it('a dead upper half costs nothing', () => {
    // Only the low half of r2 goes to memory.
    const insns = [insn('ldxw', 2, 1), insn('add64_imm', 2, 0, 0, 1), insn('stxw', 1, 2), insn('mov64_imm', 0), EXIT];
    expect(code(insns).slice(0, 3)).toEqual(['ldr r2, [r0, #0]', 'add r2, r2, #1', 'str r2, [r0, #0]']);
  });

  it('a function without calls saves nothing it does not use', () => {
    expect(code([insn('mov64_imm', 0), EXIT])).toEqual(['mov r0, #0', 'mov r1, #0', 'bx lr']);
  });

  it('the words of a doubleword are in the order of its bytes', () => {
    const insns = [insn('ldxdw', 0, 1), insn('add64_imm', 0, 0, 0, 1), EXIT];
    expect(code(insns, arm).slice(1, 3)).toEqual(['adds r0, r0, #1', 'adc r1, r1, #0']);
    expect(code(insns, armeb).slice(1, 3)).toEqual(['adds r1, r1, #1', 'adc r0, r0, #0']);
  });

  it('ten registers of 64 bits that are alive together do not all fit: the coldest are in the frame', () => {
    const load = Array.from({ length: 9 }, (_, i) => insn('ldxdw', i === 8 ? 0 : i + 2, 1, 8 * i));
    const sum = Array.from({ length: 8 }, (_, i) => insn('add64_reg', 0, i + 2));
    const text = code([...load, ...sum, ...sum, insn('stxdw', 1), EXIT]).join('\n');
    expect(text).toMatch(/^push \{r4, r5, r6, r7, r8, r9, r10, r11\}/);
    expect(text).toMatch(/str \w+, \[sp, #\d+\]/);
  });

  it('a helper whose id is beyond the table is refused', () => {
    const helperCalls = { kind: 'table', address: 0x10000n, count: 8 } as const;
    expect(code([insn('call_helper', 0, 0, 0, 7), EXIT], arm, { helperCalls }).join()).toContain('ldr ip, [ip, #56]');
    expect(code([insn('call_helper', 0, 0, 0, 7), EXIT], armeb, { helperCalls: { ...helperCalls } }).join()).toMatch(
      /#60\]/,
    );
    expect(() => code([insn('call_helper', 0, 0, 0, 8), EXIT], arm, { helperCalls })).toThrow('helper id');
  });
});

describe('division by constants', () => {
  it('multiplies with a reciprocal that is exact for all dividends, or there is none', () => {
    const divisors = [3, 5, 6, 7, 9, 10, 11, 17, 100, 641, 1000, 0xffff, 0x10001, 0x7fffffff, 0x80000001, 0xfffffffe, 0xffffffff]; // prettier-ignore
    let found = 0;
    for (const divisor of divisors) {
      const reciprocal = reciprocalOf(makeOp('udiv', 0, { width: 32, imm: divisor | 0 }));
      if (reciprocal === undefined) continue;
      found++;
      const [m, s, d] = [BigInt(reciprocal.multiplier), BigInt(32 + reciprocal.shift), BigInt(divisor)];
      // Where the quotient changes.
      for (let k = 1n; k < 2n ** 32n / d && k < 5000n; k++) {
        for (const n of [k * d - 1n, k * d]) expect((n * m) >> s).toBe(n / d);
      }
      for (const n of [0n, 2n ** 31n, 2n ** 32n - 1n, (2n ** 32n / d) * d - 1n]) expect((n * m) >> s).toBe(n / d);
    }
    expect(found).toBeGreaterThan(8);
    expect(reciprocalOf(makeOp('udiv', 0, { width: 32, imm: 7 }))).toBeUndefined();
    expect(reciprocalOf(makeOp('udiv', 0, { width: 32, imm: 0 }))).toBeUndefined();
    expect(reciprocalOf(makeOp('sdiv', 0, { width: 32, imm: 10 }))).toBeUndefined();
  });
});
