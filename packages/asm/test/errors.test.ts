import { assemble } from '@polybpf/asm';
import { formatError, isBpfError, type BpfError } from '@polybpf/errors';
import { describe, expect, test } from 'vitest';

function errorOf(text: string, syntax: 'kernel' | 'ubpf' = 'kernel', file?: string): BpfError {
  try {
    assemble(text, { syntax, ...(file !== undefined && { file }) });
  } catch (error) {
    if (isBpfError(error)) return error;
    throw error;
  }
  throw new Error(`it assembles: ${text}`);
}

describe('an error says where, what was expected and what was found', () => {
  test('with file, line, column, and a caret under the text', () => {
    const error = errorOf('r0 = 0\n\tr1 = r11\nexit', 'kernel', 'prog.s');
    expect(error.code).toBe('E_ASM_OPERAND');
    expect(error.at).toEqual({ file: 'prog.s', line: 2, column: 7, text: '\tr1 = r11' });
    expect(error).toMatchObject({ expected: 'r0 to r10', got: '"r11"' });
    expect(formatError(error)).toBe(
      [
        'E_ASM_OPERAND: prog.s: line 2, column 7: register out of range, expected r0 to r10, got "r11"',
        '    \tr1 = r11',
        '    \t     ^',
      ].join('\n'),
    );
  });

  // prettier-ignore
  test.each<[string, string, number, number, string]>([
    ['r0 = 0\nr1 == 5', 'E_ASM_SYNTAX', 2, 5, 'operand, expected a register, number or name, got "="'],
    ['r0 ** 5', 'E_ASM_SYNTAX', 1, 4, 'unknown operator, expected = +='],
    ['r0 = w1 + 2', 'E_ASM_SYNTAX', 1, 9, 'unexpected text, expected the end of the statement, got "+"'],
    ['w0 = r1', 'E_ASM_OPERAND', 1, 6, 'registers of different width, expected w1, as wide as the destination, got "r1"'],
    ['if r0 == w1 goto +1', 'E_ASM_OPERAND', 1, 10, 'expected r1, as wide as the destination'],
    ['r0 = 5000000000', 'E_ASM_OPERAND', 1, 6, 'immediate out of range, expected 32 bits, or "ll" after the number, got 5000000000'],
    ['r0 += 0x100000000', 'E_ASM_OPERAND', 1, 7, 'expected -2147483648 to 4294967295, got 0x100000000'],
    ['r0 = 0x10000000000000000 ll', 'E_ASM_OPERAND', 1, 6, 'expected -2^63 to 2^64 - 1'],
    ['w0 = 5 ll', 'E_ASM_OPERAND', 1, 6, 'wide immediate in a 32-bit register, expected r0'],
    ['r0 = *(u32 *)(r1 + 32768)', 'E_ASM_OPERAND', 1, 18, 'offset out of range, expected -32768 to 32767, got + 32768'],
    ['r0 = *(u24 *)(r1 + 0)', 'E_ASM_SYNTAX', 1, 8, 'access type, expected u8, u16'],
    ['r0 = *(s64 *)(r1 + 0)', 'E_ASM_OPERAND', 1, 7, 'expected s8, s16 or s32'],
    ['w0 = *(u64 *)(r1 + 0)', 'E_ASM_OPERAND', 1, 7, 'load into a 32-bit register'],
    ['*(s8 *)(r1 + 0) = r2', 'E_ASM_OPERAND', 1, 2, 'expected u8, u16, u32 or u64'],
    ['*(u64 *)(r1 + 0) = w2', 'E_ASM_OPERAND', 1, 20, '64-bit operand, expected r2, got "w2"'],
    ['*(u64 *)(r1 + 0) += r2', 'E_ASM_SYNTAX', 1, 18, 'lock before the statement'],
    ['lock *(u16 *)(r1 + 0) += r2', 'E_ASM_OPERAND', 1, 7, 'expected u32 or u64'],
    ['lock *(u64 *)(r1 + 0) -= r2', 'E_ASM_SYNTAX', 1, 23, 'expected += |= &= or ^='],
    ['r3 = xchg_64(r1 + 0, r2)', 'E_ASM_OPERAND', 1, 6, 'result of xchg, expected r2, the register of the operand, got r3'],
    ['r1 = cmpxchg_64(r1 + 0, r0, r2)', 'E_ASM_OPERAND', 1, 6, 'result of cmpxchg, expected r0, got r1'],
    ['r0 = cmpxchg_64(r1 + 0, r1, r2)', 'E_ASM_OPERAND', 1, 25, 'compared register, expected r0'],
    ['r0 = atomic_fetch_ad((u64 *)(r1 + 0), r0)', 'E_ASM_SYNTAX', 1, 6, 'expected atomic_fetch_add?'],
    ['r1 = -r2', 'E_ASM_OPERAND', 1, 7, 'negation of another register, expected r1'],
    ['r1 = be16 r2', 'E_ASM_OPERAND', 1, 11, 'byte swap of another register, expected r1'],
    ['r1 = (s64)r2', 'E_ASM_OPERAND', 1, 7, 'cast, expected s8, s16 or s32'],
    ['w1 = (s32)w2', 'E_ASM_OPERAND', 1, 7, 'cast, expected s8 or s16'],
    ['goto +32768', 'E_ASM_OPERAND', 1, 6, 'jump distance out of range'],
    ['goto', 'E_ASM_SYNTAX', 1, 5, 'jump target, expected a distance or a label, got end of text'],
    ['goto nowhere', 'E_ASM_LABEL', 1, 6, 'undefined name nowhere, expected a label'],
    ['goto lopo\nloop: exit', 'E_ASM_LABEL', 1, 6, 'expected a label; did you mean loop?'],
    ['goto 3f', 'E_ASM_LABEL', 1, 6, 'undefined name 3'],
    ['a: exit\na: exit', 'E_ASM_LABEL', 2, 1, 'label a is defined twice'],
    ['if r1 = 5 goto +1', 'E_ASM_SYNTAX', 1, 7, 'unknown comparison, expected == !='],
    ['if r1 == 5 got +1', 'E_ASM_SYNTAX', 1, 12, 'expected "goto", got "got"'],
    ['if 5 == r1 goto +1', 'E_ASM_SYNTAX', 1, 4, 'condition, expected a register, got "5"'],
    ['retrun', 'E_ASM_SYNTAX', 1, 1, 'unknown instruction, expected an instruction, got "retrun"'],
    ['exti', 'E_ASM_SYNTAX', 1, 1, 'expected exit?'],
    ['exit ; done', 'E_ASM_SYNTAX', 1, 8, 'expected an instruction after ";", or "#" before a comment, got "done"'],
    ['mov %r0, 1', 'E_ASM_SYNTAX', 1, 1, 'unknown instruction, expected an instruction, got "mov"'],
    ['exit exit', 'E_ASM_SYNTAX', 1, 6, 'expected the end of the statement, got "exit"'],
    ['r1 = 12z', 'E_ASM_SYNTAX', 1, 6, 'number, expected a number, got "12z"'],
    ['r1 = 09', 'E_ASM_SYNTAX', 1, 6, 'number, expected a number, got "09"'],
    ["r1 = 'ab'", 'E_ASM_SYNTAX', 1, 6, 'character without end'],
    ['r1 = 5 /* no end', 'E_ASM_SYNTAX', 1, 8, 'comment without end, expected "*/"'],
    ['goto "a', 'E_ASM_SYNTAX', 1, 6, 'string without end'],
    ['r0 = *(u8 *)pkt[5]', 'E_ASM_SYNTAX', 1, 13, 'load, expected "("'],
    ['r1 = *(u8 *)skb[5]', 'E_ASM_SYNTAX', 1, 13, 'load'],
    ['r1 = addr_space_cast(r2, 65536, 0)', 'E_ASM_OPERAND', 1, 26, 'address space out of range'],
    ['callx 5', 'E_ASM_SYNTAX', 1, 7, 'callee, expected a register'],
    ['@', 'E_ASM_SYNTAX', 1, 1, 'got "@"'],
    ['5', 'E_ASM_SYNTAX', 1, 1, 'unexpected number'],
  ])('%j', (text, code, line, column, message) => {
    const error = errorOf(text);
    expect(error.message).toContain(message);
    expect([error.code, error.at.line, error.at.column]).toEqual([code, line, column]);
    expect(error.at.text).toBe(text.split('\n')[line - 1]);
  });

  test('too far for a 16-bit jump', () => {
    const far = 'r0 = 0\n'.repeat(32768);
    expect(assemble(`goto end\n${far.slice(7)}end: exit`).insns[0]!.offset).toBe(32767);
    const error = errorOf(`goto end\n${far}end: exit`);
    expect(error.message).toBe(
      'line 1, column 6: label end is too far for a 16-bit jump, expected a distance of -32768 to 32767, or gotol, got 32768',
    );
    expect(assemble(`gotol end\n${far}end: exit`).insns[0]!.imm).toBe(32768);
  });

  test.each<[string, string]>([
    ['movv %r0, 1', 'expected mov?, got "movv"'],
    ['lock fetch ad [%r1], %r2', 'expected lock fetch add?'],
    ['ldxdw %r0, %r1', 'expected "[", got "%r1"'],
    ['mov %r0', 'expected ",", got end of text'],
    ['mov %r0, foo', 'operand, expected a register or a number, got "foo"'],
    ['mov %w0, 1', 'destination, expected r0, got "%w0"'],
    ['mov %r12, 1', 'expected r0 to r10, got "%r12"'],
    ['movsx832 %r0, 1', 'operand, expected a register, got "1"'],
    ['jeq %r1, 5', 'expected ",", got end of text'],
    ['stb [%r1+40000], 1', 'offset out of range'],
    ['neg %r0, %r1', 'expected the end of the statement, got ","'],
    ['r0 = 1', 'unknown instruction'],
  ])('in ubpf syntax: %j', (text, message) => {
    const error = errorOf(text, 'ubpf');
    expect(error.message).toContain(message);
    expect(error.at.line).toBe(1);
  });

  test('long lines are left out of errors, the place is not', () => {
    const error = errorOf(`${'r0 = 0;'.repeat(1000)} r0 = @`);
    expect(error.at.text).toBeUndefined();
    expect(error.at.column).toBe(7007);
    expect(error.message.length).toBeLessThan(200);
  });
});
