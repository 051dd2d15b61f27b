import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, type MachineForm, makeNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { LA_FAR, LA_NEAR, LA_SYMBOL } from '../src/branches.ts';
import { makeEncoder, print, sizeOf } from '../src/encoder.ts';
import { INSTRUCTIONS, type MipsForm } from '../src/instructions.ts';
import { boundaryValues, hexWord, sampleBytes, samples, sampleSource } from './encoder-samples.ts';

const golden = (name: string): [string, string][] =>
  readFileSync(new URL(name, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('#').map((part) => part.trim()) as [string, string]);
const { encode, pad } = makeEncoder(true);

describe('encoder', () => {
  it.each([
    [2, './encode.txt'],
    [6, './encode-r6.txt'],
  ] as const)('gives the words that GNU as gave for every row of release %i at its boundaries', (release, file) => {
    const ours = samples('few', release).map((sample): [string, string] => [sampleSource(sample), hexWord(sampleBytes(sample, 'big'))]); // prettier-ignore
    expect(ours).toEqual(golden(file));
  });

  it('reverses the bytes of a word for the other byte order', () => {
    for (const sample of samples('few').filter((_, k) => k % 7 === 0)) {
      expect([...sampleBytes(sample, 'little')].reverse()).toEqual([...sampleBytes(sample, 'big')]);
      expect(sizeOf(sample.node)).toBe(4);
    }
  });

  it.each(Object.values(INSTRUCTIONS).map((form) => [form.name, form] as const))(
    '%s refuses operands beyond its fields',
    (_, form) => {
      for (const [position, field] of form.layout.fields.entries()) {
        const shift = field.name === 'label' ? 4 : 0;
        const beyond = [field.min - field.scale, field.max + field.scale, field.min + 0.5];
        if (field.scale > 1) beyond.push(field.min + field.scale / 2);
        for (const value of beyond)
          expect(codeOf(form, position, value + shift), `${field.name} = ${value}`).toBe('E_JIT_OPERAND');
      }
    },
  );

  it.each([
    ['dins', [2, 3, 5, 4]],
    ['dinsu', [2, 3, 5, 4]],
    ['dextm', [2, 3, 2, 30]],
    ['dextu', [2, 3, 1, 31]],
  ] as const)('%s refuses a field that is not in the register', (name, operands) => {
    const write = (): void => encode(makeNode(INSTRUCTIONS[name], operands), 0, new CodeBuffer());
    expect(write).toThrow(expect.objectContaining({ code: 'E_JIT_OPERAND' }));
  });

  it('pads with nops and refuses odd sizes', () => {
    const out = new CodeBuffer();
    pad(8, out);
    expect(hexWord(out.toUint8Array())).toBe('0000000000000000');
    expect(() => pad(2, out)).toThrow('multiple of 4');
  });
});

describe('addresses from the program counter', () => {
  // bal .+8, which makes $ra the address of the third instruction
  const BAL8 = '04110001';
  it.each<[string, MachineForm, number, string]>([
    ['near, 8 bytes on', LA_NEAR, 8, BAL8 + '00000000' + '67e20000'],
    ['near, the farthest', LA_NEAR, 0x7fff + 8, BAL8 + '00000000' + '67e27fff'],
    ['near, backward', LA_NEAR, -0x8000 + 8, BAL8 + '00000000' + '67e28000'],
    ['far, 8 bytes on', LA_FAR, 8, BAL8 + '3c020000' + '64420000' + '005f102d'],
    ['far, low half with a sign', LA_FAR, 0x12348000 + 8, BAL8 + '3c021235' + '64428000' + '005f102d'],
    ['far, backward', LA_FAR, -0x12345678 + 8, BAL8 + '3c02edcc' + '6442a988' + '005f102d'],
    ['of a symbol', LA_SYMBOL, 0, '04110002' + '8fe20000' + '00000000' + '005f102d'],
  ])('%s', (_, form, displacement, hex) => {
    const out = new CodeBuffer();
    const node = makeNode(form, [2]);
    encode(node, displacement, out);
    expect(hexWord(out.toUint8Array())).toBe(hex);
    expect(sizeOf(node)).toBe(hex.length / 2);
    node.symbol = form === LA_SYMBOL ? { kind: 'helper', id: 7 } : undefined;
    expect(print(node, 64)).toBe(form === LA_SYMBOL ? 'la $v0, bpf_helper_7' : 'la $v0, 0x40');
  });
});

function codeOf(form: MipsForm, position: number, value: number): string {
  const values = form.layout.fields.map((field, i) => (i === position ? value : boundaryValues(field)[0]!));
  const labelAt = form.layout.fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  try {
    encode(makeNode(form, operands), labelAt < 0 ? 0 : values[labelAt]!, new CodeBuffer());
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
}
