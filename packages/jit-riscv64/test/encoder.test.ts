import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { encode, pad, print } from '../src/encoder.ts';
import { INSTRUCTIONS, type Riscv64Form } from '../src/instructions.ts';
import { boundaryValues, hexOf, sampleBytes, samples, sampleSource } from './encoder-samples.ts';

const golden = readFileSync(new URL('./encode.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('//'))
  .map((line) => line.split('//').map((part) => part.trim()) as [string, string]);

const rows = Object.values(INSTRUCTIONS);

describe('encoder', () => {
  it('gives the bytes that GNU as gave for every row at its boundaries', () => {
    const ours = samples('few')
      .filter(({ node }) => (node.form as Riscv64Form).layout.size < 8)
      .map((sample): [string, string] => [sampleSource(sample), hexOf(sampleBytes(sample))]);
    expect(ours).toEqual(golden);
    expect(golden.length).toBeGreaterThan(1000);
  });

  it.each(rows.map((form) => [form.name, form] as const))('%s refuses operands beyond its fields', (_, form) => {
    for (const [position, field] of form.layout.fields.entries()) {
      const beyond = [field.min - field.scale, field.max + field.scale, field.min + 0.5];
      if (field.scale > 1) beyond.push(field.min + field.scale / 2);
      for (const value of beyond)
        expect(codeOf(form, position, value), `${field.name} = ${value}`).toBe('E_JIT_OPERAND');
    }
  });

  it.each([
    ['c_li', 0, 0],
    ['c_lui', 0, 2],
    ['c_lui', 1, 0],
    ['c_addi', 1, 0],
    ['c_addiw', 0, 0],
    ['c_addi16sp', 0, 0],
    ['c_addi4spn', 1, 0],
    ['c_slli', 1, 0],
    ['c_srai', 1, 0],
    ['c_mv', 1, 0],
    ['c_add', 1, 0],
    ['c_jr', 0, 0],
    ['c_jalr', 0, 0],
    ['c_ldsp', 0, 0],
  ] as const)('%s refuses what means something else there: operand %i = %i', (name, position, value) => {
    expect(codeOf(INSTRUCTIONS[name], position, value)).toBe('E_JIT_OPERAND');
  });

  it('pads with nops and refuses odd sizes', () => {
    const out = new CodeBuffer();
    pad(6, out);
    expect(hexOf(out.toUint8Array())).toBe('010013000000');
    expect(() => pad(3, out)).toThrow('multiple of 2');
  });
});

describe('pairs', () => {
  it.each([
    ['lla', [10], 0, '1705000013050500'],
    ['lla', [10], 2047, '170500001305f57f'],
    ['lla', [10], 2048, '1715000013050580'],
    ['lla', [10], -2049, '17f5ffff1305f57f'],
    ['lla', [31], 2 ** 31 - 2049, '97ffff7f938fff7f'],
    ['lla', [31], -(2 ** 31), '970f0080938f0f00'],
    ['ld_literal', [10], 16, '1705000003350501'],
    ['call_far', [], 2 ** 20, '97001000e7800000'],
    ['jump_far', [], -(2 ** 20) - 2, '1703f0ff6700e3ff'],
  ] as const)('%s %j to %i', (name, operands, displacement, bytes) => {
    const out = new CodeBuffer();
    encode(makeNode(INSTRUCTIONS[name], operands), displacement, out);
    expect(hexOf(out.toUint8Array())).toBe(bytes);
  });

  it('refuse what they do not reach, and registers that do not exist', () => {
    const codeFor = (register: number, displacement: number): string =>
      codeOfAction(() => encode(makeNode(INSTRUCTIONS.lla, [register]), displacement, new CodeBuffer()));
    expect(codeFor(10, 2 ** 31 - 2048)).toBe('E_JIT_OPERAND');
    expect(codeFor(10, -(2 ** 31) - 1)).toBe('E_JIT_OPERAND');
    expect(codeFor(32, 0)).toBe('E_JIT_OPERAND');
    expect(codeFor(10, 2 ** 31 - 2049)).toBe('none');
  });

  it('are printed by the names that assemblers know', () => {
    expect(print(makeNode(INSTRUCTIONS.lla, [10]), 64)).toBe('lla a0,0x40');
    expect(print(makeNode(INSTRUCTIONS.jump_far, []), 64)).toBe('jump 0x40,t1');
  });
});

function codeOfAction(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
}

function codeOf(form: Riscv64Form, position: number, value: number): string {
  const values = form.layout.fields.map((field, i) => (i === position ? value : boundaryValues(form, field)[0]!));
  const labelAt = form.layout.fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  return codeOfAction(() => encode(makeNode(form, operands), labelAt < 0 ? 0 : values[labelAt]!, new CodeBuffer()));
}
