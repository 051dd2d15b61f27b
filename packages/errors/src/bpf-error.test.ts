import { describe, expect, test } from 'vitest';
import { BpfError, formatError, formatPlace, isBpfError } from './bpf-error.ts';
import { ERROR_CODES } from './codes.ts';

describe('BpfError', () => {
  test('the message says where, what, expected and got, in this order', () => {
    const error = new BpfError('E_DECODE_RESERVED', 'offset must be 0 or 1 for div', {
      at: { file: 'a.o', section: 'xdp', symbol: 'main', insn: 7, offset: 56 },
      expected: '0 or 1',
      got: '2',
    });
    expect(error.message).toBe(
      'a.o: section xdp: main: insn 7: offset 0x38: offset must be 0 or 1 for div, expected 0 or 1, got 2',
    );
    expect(error).toMatchObject({ name: 'BpfError', code: 'E_DECODE_RESERVED', expected: '0 or 1', got: '2' });
  });

  test('details may be left out, and then nothing stands for them', () => {
    const error = new BpfError('E_RUN_BUDGET', 'the budget of 10 instructions is used up');
    expect(error.message).toBe('the budget of 10 instructions is used up');
    expect(error.at).toEqual({});
    expect(error.expected).toBeUndefined();
    expect('cause' in error).toBe(false);
  });

  test('a cause is kept, even one that is undefined', () => {
    const cause = new RangeError('deep');
    expect(new BpfError('E_INPUT', 'x', { cause }).cause).toBe(cause);
    expect('cause' in new BpfError('E_INPUT', 'x', { cause: undefined })).toBe(true);
  });
});

describe('formatPlace', () => {
  test('a line stands alone, a column only with its line', () => {
    expect(formatPlace({ line: 3 })).toBe('line 3');
    expect(formatPlace({ line: 3, column: 6 })).toBe('line 3, column 6');
    expect(formatPlace({ column: 6 })).toBe('');
    expect(formatPlace({ insn: 0, offset: 0 })).toBe('insn 0: offset 0x0');
  });
});

describe('formatError', () => {
  const shown = (text: string, column?: number): string[] =>
    formatError(new BpfError('E_ASM_SYNTAX', 'bad', { at: column === undefined ? { text } : { text, column } })).split(
      '\n',
    );

  test('puts the caret under the column, also behind tabs', () => {
    expect(shown('r1 = r11', 6)).toEqual(['E_ASM_SYNTAX: bad', '    r1 = r11', '         ^']);
    expect(shown('\tr1 = r11', 7)[2]).toBe('    \t     ^');
    expect(shown('x', 1)[2]).toBe('    ^');
  });

  test('shows the source line alone when the column is unknown, and nothing when there is no line', () => {
    expect(shown('r1 = r11')).toEqual(['E_ASM_SYNTAX: bad', '    r1 = r11']);
    expect(formatError(new BpfError('E_INPUT', 'bad'))).toBe('E_INPUT: bad');
  });
});

describe('isBpfError', () => {
  test('takes an error of another copy of this class, and refuses the rest', () => {
    const foreign = Object.assign(new Error('x'), { name: 'BpfError', code: 'E_INPUT' });
    expect(isBpfError(foreign)).toBe(true);
    expect(isBpfError(new BpfError('E_INPUT', 'x'))).toBe(true);
    for (const value of [new Error('x'), { name: 'BpfError', code: 'E_INPUT' }, 'E_INPUT', null, undefined]) {
      expect(isBpfError(value)).toBe(false);
    }
  });
});

test('every code has its layer as a prefix and a meaning of one line', () => {
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^E(_[A-Z]+)+$/);
    expect(meaning).toMatch(/^[^\n]{10,}[^.\n]$/);
  }
});
