import { describe, expect, test } from 'vitest';
import { groupJited, normaliseX86 } from './jited-code.ts';
import type { ProgramInfo } from './object-info.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// r0 = 42; call 5; exit, as Linux 6.18 compiles it with return thunks
const CODE = hex('0f1f440000 0f1f00 55 4889e5 b82a000000 e811223344 c9 e9aabbcc0d');
const INFO = {
  jited: CODE,
  jitedFunctionLengths: [CODE.length],
  jitedLines: [
    { line: 1, codeOffset: 0 },
    { line: 2, codeOffset: 17 },
    { line: 3, codeOffset: 22 },
  ],
} as unknown as ProgramInfo;
const kindOf = (insn: number): 'exit' | 'call' | 'other' => (['other', 'call', 'exit'] as const)[insn] ?? 'other';

describe('machine code of the kernel', () => {
  test('by instruction', () => {
    const groups = groupJited(INFO).map(({ insn, entry, offset, bytes }) => [insn, entry, offset, show(bytes)]);
    expect(groups).toEqual([
      [0, true, 0, '0f1f4400000f1f00554889e5b82a000000'],
      [1, false, 17, 'e811223344'],
      [2, false, 22, 'c9e9aabbcc0d'],
    ]);
  });

  test('normalised: no entry nops, no distances, ret', () => {
    const groups = normaliseX86(groupJited(INFO), kindOf).map(({ normalised, notes }) => [show(normalised), notes]);
    expect(groups).toEqual([
      ['554889e5b82a000000', ['8 bytes of nop']],
      ['e800000000', ['distance of the call']],
      ['c9c3', ['return thunk']],
    ]);
  });

  test('a jump inside the program is no return thunk', () => {
    const jited = hex('90 e9faffffff');
    const info = { ...INFO, jited, jitedFunctionLengths: [6], jitedLines: [{ line: 3, codeOffset: 0 }] };
    expect(normaliseX86(groupJited(info), kindOf)[0]).toMatchObject({ normalised: jited, notes: [] });
  });

  test('int3 behind ret goes, instructions without code have no group', () => {
    const jited = hex('c9 c3cc');
    const lines = [
      { line: 1, codeOffset: 0 },
      { line: 3, codeOffset: 0 },
    ];
    const groups = normaliseX86(groupJited({ ...INFO, jited, jitedFunctionLengths: [3], jitedLines: lines }), kindOf);
    expect(groups.map(({ insn, normalised }) => [insn, show(normalised)])).toEqual([[2, 'c9c3']]);
  });

  test('nothing to see, nothing to group', () => {
    expect(groupJited({ ...INFO, jited: new Uint8Array(0) })).toEqual([]);
  });
});
