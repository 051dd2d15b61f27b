import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { LABEL_FAR } from '../src/branches.ts';
import { encode, padFor, print, sizeOf } from '../src/encoder.ts';
import { INSTRUCTIONS as I, type Ppc64Form } from '../src/instructions.ts';
import { ALL_FORMS, boundaryValues, sampleBytes, samples, sampleSource, toHex } from './encoder-samples.ts';

const golden = readFileSync(new URL('./encode.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('//'))
  .map((line) => line.split('//').map((part) => part.trim()) as [string, string]);

describe('encoder', () => {
  it('gives the words that GNU as gave for every row at its boundaries', () => {
    const ours = samples('few').map((sample): [string, string] => [
      sampleSource(sample),
      toHex(sampleBytes(sample, true)),
    ]);
    expect(ours).toEqual(golden);
  });

  it('reverses the bytes of a word for the other byte order', () => {
    for (const sample of samples('few').filter((_, k) => k % 7 === 0)) {
      expect([...sampleBytes(sample, false)].reverse()).toEqual([...sampleBytes(sample, true)]);
      expect(sizeOf(sample.node)).toBe(4);
    }
  });

  it.each(ALL_FORMS.map((form) => [form.name, form] as const))('%s refuses operands beyond its fields', (_, form) => {
    for (const [position, field] of form.layout.fields.entries()) {
      const values = boundaryValues(form, field);
      const [low, high] = [values[0]!, values.at(-1)!];
      const isBit = field.name === 'bit';
      const beyond = [low - field.scale, (isBit ? 3 : high) + field.scale, low + 0.5];
      if (field.scale > 1) beyond.push(low + 1);
      for (const value of beyond)
        expect(codeOf(form, position, value), `${field.name} = ${value}`).toBe('E_JIT_OPERAND');
    }
  });

  it('refuses register 0 where it would be read as zero', () => {
    expect(codeOf(I.addi, 1, 0)).toBe('E_JIT_OPERAND');
    expect(codeOf(I.addis, 1, 0)).toBe('E_JIT_OPERAND');
    expect(codeOf(I.add, 1, 0)).toBe('none');
  });

  it('pads with no-operations and refuses odd sizes', () => {
    const out = new CodeBuffer();
    padFor('big')(8, out);
    padFor('little')(4, out);
    expect(toHex(out.toUint8Array())).toBe('600000006000000000000060');
    expect(() => padFor('big')(2, out)).toThrow('padding');
  });

  it.each([
    // Distances count from the instruction before: 4 more.
    [0x12340000, '3c6412343863' + '0004'],
    [0x12347ffb, '3c6412343863' + '7fff'],
    [0x12347ffc, '3c6412353863' + '8000'],
    [-0x8010, '3c64ffff3863' + '7ff4'],
  ])('adds up a far distance of %i bytes', (displacement, hex) => {
    const out = new CodeBuffer();
    const node = makeNode(LABEL_FAR, [3, 4]);
    encode(node, displacement, out, true);
    expect(toHex(out.toUint8Array())).toBe(hex);
    expect(sizeOf(node)).toBe(8);
  });
});

describe('printer', () => {
  it('has a mnemonic for copies', () => {
    expect(print(makeNode(I.or, [3, 4, 4]), 0)).toBe('mr r3,r4');
    expect(print(makeNode(I.or, [3, 4, 5]), 0)).toBe('or r3,r4,r5');
  });

  it('puts conditions and bits into mnemonics', () => {
    expect([0, 1, 2, 4, 5, 6].map((cond) => print(makeNode(I.bc, [cond]), 16))).toEqual([
      'bge 0x10', 'ble 0x10', 'bne 0x10', 'blt 0x10', 'bgt 0x10', 'beq 0x10',
    ]); // prettier-ignore
    expect(print(makeNode(I.bclr, [2]), 0)).toBe('bnelr');
    expect(print(makeNode(I.isel, [2, 3, 0, 4]), 0)).toBe('iseleq r3,0,r4');
  });

  it('names the symbol of a relocation', () => {
    const node = makeNode(I.bl_symbol, []);
    node.symbol = { kind: 'helper', id: 7 };
    expect(print(node, 0)).toBe('bl bpf_helper_7@notoc');
  });
});

function codeOf(form: Ppc64Form, position: number, value: number): string {
  const values = form.layout.fields.map((field, i) => (i === position ? value : boundaryValues(form, field)[0]!));
  const labelAt = form.layout.fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  try {
    encode(makeNode(form, operands), labelAt < 0 ? 0 : values[labelAt]!, new CodeBuffer(), true);
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
}
