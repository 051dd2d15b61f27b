import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { BRANCHES } from '../src/branches.ts';
import { layoutSize as sizeOf } from '@polybpf/jit';
import { encode, pad, print } from '../src/encoder.ts';
import { FORMS, type S390xForm } from '../src/instructions.ts';
import { ALL_FORMS, boundaryValues, sampleBytes, samples, sampleSource, toHex } from './encoder-samples.ts';

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

  it('pads with no-operations and refuses odd sizes', () => {
    const out = new CodeBuffer();
    pad(6, out);
    expect(toHex(out.toUint8Array())).toBe('070707070707');
    expect(() => pad(3, out)).toThrow('padding');
  });
});

describe('printer', () => {
  it('leaves out registers of an address that are none', () => {
    expect(print(makeNode(FORMS.lg, [1, 8, 0, 0]), 0)).toBe('lg %r1,8');
    expect(print(makeNode(FORMS.lg, [1, 8, 0, 2]), 0)).toBe('lg %r1,8(%r2)');
    expect(print(makeNode(FORMS.lg, [1, 8, 3, 0]), 0)).toBe('lg %r1,8(%r3,%r0)');
    expect(print(makeNode(FORMS.lg, [1, -8, 3, 2]), 0)).toBe('lg %r1,-8(%r3,%r2)');
  });

  it('names the symbol of a relocation', () => {
    const node = makeNode(BRANCHES.brasl, [14]);
    node.symbol = { kind: 'helper', id: 7 };
    expect(print(node, 0)).toBe('brasl %r14,bpf_helper_7');
  });
});

function codeOf(form: S390xForm, position: number, value: number): string {
  const values = form.layout.fields.map((field, i) => (i === position ? value : boundaryValues(form, field)[0]!));
  const labelAt = form.layout.fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  try {
    encode(makeNode(form, operands), labelAt < 0 ? 0 : values[labelAt]!, new CodeBuffer());
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
}
