import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { JUMP_FAR } from '../src/branches.ts';
import { encode, pad, print, sizeOf } from '../src/encoder.ts';
import { INSTRUCTIONS, type SparcForm } from '../src/instructions.ts';
import { ALL_FORMS, boundaryValues, distanceOf, sampleBytes, samples, sampleSource, toHex } from './encoder-samples.ts';

const golden = readFileSync(new URL('./encode.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('//'))
  .map((line) => line.split('//').map((part) => part.trim()) as [string, string]);

describe('encoder', () => {
  it('gives the bytes that GNU as gave for every row at its boundaries', () => {
    const ours = samples('few').map((sample): [string, string] => [sampleSource(sample), toHex(sampleBytes(sample))]);
    expect(ours).toEqual(golden);
  });

  it('announces the size of every row', () => {
    for (const sample of samples('few')) expect(sizeOf(sample.node)).toBe(sampleBytes(sample).length);
  });

  it.each(ALL_FORMS.map((form) => [form.name, form] as const))('%s refuses operands beyond its fields', (_, form) => {
    for (const [position, field] of form.layout.fields.entries()) {
      const beyond = [field.least - field.scale, field.max + field.scale, field.min + 0.5];
      if (field.scale > 1) beyond.push(field.min + 1);
      for (const value of beyond)
        expect(codeOf(form, position, value), `${field.name} = ${value}`).toBe('E_JIT_OPERAND');
    }
  });

  it('refuses reserved conditions', () => {
    for (const cc of [1, 3]) expect(codeOfNode(makeNode(INSTRUCTIONS.bpcc, [1, cc], 0))).toBe('E_JIT_OPERAND');
    for (const rcond of [0, 4]) expect(codeOfNode(makeNode(INSTRUCTIONS.movr, [rcond, 1, 2, 3]))).toBe('E_JIT_OPERAND');
    expect(codeOfNode(makeNode(INSTRUCTIONS.movr, [1, 1, 2, 3]))).toBe('none');
  });

  it('pads with no-operations and refuses sizes that are not of whole instructions', () => {
    const out = new CodeBuffer();
    pad(8, out);
    expect(toHex(out.toUint8Array())).toBe('0100000001000000');
    expect(() => pad(6, out)).toThrow('padding');
  });

  it.each([
    [0, '0b000000', '8a116000'],
    [0x12345678, '0b048d15', '8a116278'],
    [-8, '0b000000', '8a197ff8'],
    [-0x12345678, '0b048d15', '8a197d88'],
  ])('reaches any distance: %i', (distance, high, low) => {
    // rd %pc, %g1; sethi; or, or xor where the upper half must be ones; jmp %g1 + %g5
    const out = new CodeBuffer();
    encode(makeNode(JUMP_FAR, [], 0), distance, out);
    expect(toHex(out.toUint8Array())).toBe(`83414000${high}${low}81c04005`);
    expect(sizeOf(makeNode(JUMP_FAR, [], 0))).toBe(16);
  });
});

describe('printer', () => {
  it('leaves out displacements and registers that are none', () => {
    expect(print(makeNode(INSTRUCTIONS.ldx, [8, 0, 9]), 0)).toBe('ldx [ %o0 ], %o1');
    expect(print(makeNode(INSTRUCTIONS.ldx, [8, -8, 9]), 0)).toBe('ldx [ %o0 + -8 ], %o1');
    expect(print(makeNode(INSTRUCTIONS.ldx_reg, [8, 0, 9]), 0)).toBe('ldx [ %o0 ], %o1');
    expect(print(makeNode(INSTRUCTIONS.ldx_reg, [8, 1, 9]), 0)).toBe('ldx [ %o0 + %g1 ], %o1');
  });

  it('names the symbol of a relocation', () => {
    const node = makeNode(INSTRUCTIONS.call_symbol, []);
    node.symbol = { kind: 'helper', id: 7 };
    expect(print(node, 0)).toBe('call bpf_helper_7');
  });
});

function codeOf(form: SparcForm, position: number, value: number): string {
  const values = form.layout.fields.map((field, i) => (i === position ? value : boundaryValues(form, field)[0]!));
  const labelAt = form.layout.fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  return codeOfNode(makeNode(form, operands), labelAt < 0 ? 0 : values[labelAt]! - distanceOf(form));
}

function codeOfNode(node: MachineNode, displacement = 0): string {
  try {
    encode(node, displacement, new CodeBuffer());
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
}
