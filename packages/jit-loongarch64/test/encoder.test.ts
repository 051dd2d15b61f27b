import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { encode, pad, print } from '../src/encoder.ts';
import { INSTRUCTIONS, type Loongarch64Form } from '../src/instructions.ts';
import { boundaryValues, hexOf, sampleBytes, samples, sampleSource } from './encoder-samples.ts';

const golden = readFileSync(new URL('./encode.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('//'))
  .map((line) => line.split('//').map((part) => part.trim()) as [string, string]);

const rows = Object.values(INSTRUCTIONS);

describe('encoder', () => {
  it('gives the bytes that llvm-mc gave for every row at its boundaries', () => {
    const ours = samples('few')
      .filter(({ node }) => (node.form as Loongarch64Form).layout.size < 8)
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

  it('refuses an old value in the register of an operand, and bit ranges upside down', () => {
    const codeOfNode = (name: keyof typeof INSTRUCTIONS, operands: readonly number[]): string =>
      codeOfAction(() => encode(makeNode(INSTRUCTIONS[name], operands), 0, new CodeBuffer()));
    expect(codeOfNode('amadd_db_d', [4, 4, 5])).toBe('E_JIT_OPERAND');
    expect(codeOfNode('amadd_db_d', [4, 5, 4])).toBe('E_JIT_OPERAND');
    expect(codeOfNode('amadd_db_d', [0, 5, 5])).toBe('none');
    expect(codeOfNode('bstrpick_d', [4, 4, 3, 4])).toBe('E_JIT_OPERAND');
    expect(codeOfNode('bstrpick_d', [4, 4, 4, 4])).toBe('none');
  });

  it('pads with nops and refuses other sizes', () => {
    const out = new CodeBuffer();
    pad(8, out);
    expect(hexOf(out.toUint8Array())).toBe('0000400300004003');
    expect(() => pad(6, out)).toThrow('multiple of 4');
  });
});

describe('la.pcrel', () => {
  it.each([
    [4, 0, '0400001c8400c002'],
    [4, 2044, '0400001c84f0df02'],
    [4, 2048, '2400001c8400e002'],
    [4, -2052, 'e4ffff1d84f0df02'],
    [31, 2 ** 31 - 2052, 'ffffff1cfff3df02'],
    [31, -(2 ** 31), '1f00001dff03c002'],
  ] as const)('register %i to %i', (register, displacement, bytes) => {
    const out = new CodeBuffer();
    encode(makeNode(INSTRUCTIONS.la_pcrel, [register]), displacement, out);
    expect(hexOf(out.toUint8Array())).toBe(bytes);
  });

  it('refuses what it does not reach, and registers that do not exist', () => {
    const codeFor = (register: number, displacement: number): string =>
      codeOfAction(() => encode(makeNode(INSTRUCTIONS.la_pcrel, [register]), displacement, new CodeBuffer()));
    expect(codeFor(4, 2 ** 31 - 2048)).toBe('E_JIT_OPERAND');
    expect(codeFor(4, -(2 ** 31) - 4)).toBe('E_JIT_OPERAND');
    expect(codeFor(32, 0)).toBe('E_JIT_OPERAND');
    expect(codeFor(4, 2 ** 31 - 2052)).toBe('none');
  });

  it('is printed by the name that assemblers know', () => {
    expect(print(makeNode(INSTRUCTIONS.la_pcrel, [4]), 64)).toBe('la.pcrel $a0, 0x40');
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

function codeOf(form: Loongarch64Form, position: number, value: number): string {
  const values = form.layout.fields.map((field, i) => (i === position ? value : boundaryValues(form, field)[0]!));
  const labelAt = form.layout.fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  return codeOfAction(() => encode(makeNode(form, operands), labelAt < 0 ? 0 : values[labelAt]!, new CodeBuffer()));
}
