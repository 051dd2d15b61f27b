import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { INSN_TABLE } from '@polybpf/isa';
import { BIG_OPS, LITTLE_OPS, MICRO_OPS, microOpOf } from '../src/dispatch.ts';

describe('dispatch', () => {
  test('the numbers of the execution loop are positions in the list', () => {
    const source = readFileSync(new URL('../src/execute.ts', import.meta.url), 'utf8');
    const cases = [...source.matchAll(/case (\d+):(?: \{)?\s*\/\/ (\w+)\n/g)].map(([, number, name]) => [Number(number), name]); // prettier-ignore
    // A second slot is never reached: jumps to it are decoded as `bad_jump`, and ld_imm64 steps over it.
    const expected = MICRO_OPS.map((name, number) => [number, name]).filter(([, name]) => name !== 'second_slot');
    expect(cases).toEqual(expected);
  });

  test('every row has a micro-op in both byte orders', () => {
    for (const row of INSN_TABLE) {
      expect(MICRO_OPS[LITTLE_OPS[row.id]!]).toBe(microOpOf(row, 'little'));
      expect(MICRO_OPS[BIG_OPS[row.id]!]).toBe(microOpOf(row, 'big'));
    }
  });

  test('every micro-op but the states of a slot belongs to a row', () => {
    const used = new Set(INSN_TABLE.flatMap((row) => [microOpOf(row, 'little'), microOpOf(row, 'big')]));
    expect(MICRO_OPS.filter((name) => !used.has(name))).toEqual(['undecoded', 'second_slot', 'bad_jump', 'end', 'breakpoint']); // prettier-ignore
  });
});
