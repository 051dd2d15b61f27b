import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { ADR_FAR } from '../src/branches.ts';
import { decodeMask, encode, encodeMask, pad, print } from '../src/encoder.ts';
import { type Arm64Form, INSTRUCTIONS } from '../src/instructions.ts';
import { boundaryValues, hexWord, sampleBytes, samples, sampleText } from './encoder-samples.ts';

const golden = readFileSync(new URL('./encode.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('//'))
  .map((line) => line.split('//').map((part) => part.trim()) as [string, string]);

describe('encoder', () => {
  it('gives the bytes that GNU as gave for every row at its boundaries', () => {
    const ours = samples('few').map((sample): [string, string] => {
      const text = sampleText(sample, 0);
      const hasLabel = sample.node.form.syntax.includes('{label:');
      const source = hasLabel ? text.replace(/0x-?[0-9a-f]+$/, `. + (${sample.displacement})`) : text;
      return [source, hexWord(sampleBytes(sample))];
    });
    expect(ours).toEqual(golden);
  });

  it.each(Object.values(INSTRUCTIONS).map((form) => [form.name, form] as const))(
    '%s refuses operands beyond its fields',
    (_, form) => {
      for (const [position, field] of form.layout.fields.entries()) {
        const beyond = [field.min - field.scale, field.max + field.scale, field.min + 0.5];
        if (field.scale > 1) beyond.push(field.min + field.scale / 2);
        for (const value of beyond)
          expect(codeOf(form, position, value), `${field.name} = ${value}`).toBe('E_JIT_OPERAND');
      }
    },
  );

  it('refuses logical immediates that do not exist', () => {
    // All ones, sizes below 2, and rotations beyond the element.
    for (const mask of [0x103f, 0x003f, 0x003e, 0x001f, 0x002f, 0x0420, 0x00bc]) {
      expect(codeOf(INSTRUCTIONS.and_imm_x, 2, mask), mask.toString(16)).toBe('E_JIT_OPERAND');
    }
  });

  it('refuses a rotation as shift of an addition', () => {
    expect(codeOf(INSTRUCTIONS.add_shift_x, 3, 3)).toBe('E_JIT_OPERAND');
    expect(codeOf(INSTRUCTIONS.cmp_shift_w, 2, 3)).toBe('E_JIT_OPERAND');
    expect(codeOf(INSTRUCTIONS.eor_shift_x, 3, 3)).toBe('none');
  });

  it('pads with nops and refuses odd sizes', () => {
    const out = new CodeBuffer();
    pad(8, out);
    expect(hexWord(out.toUint8Array())).toBe('1f2003d51f2003d5');
    expect(() => pad(2, out)).toThrow('multiple of 4');
  });
});

describe('logical immediates', () => {
  it('are the 5334 rotated runs of ones in 64 bits, each with one encoding', () => {
    const seen = new Set<string>();
    for (let size = 2; size <= 64; size *= 2) {
      for (let ones = 1; ones < size; ones++) {
        for (let rotation = 0; rotation < size; rotation++) {
          const run = (1n << BigInt(ones)) - 1n;
          const element = ((run >> BigInt(rotation)) | (run << BigInt(size - rotation))) & ((1n << BigInt(size)) - 1n);
          let value = 0n;
          for (let at = 0; at < 64; at += size) value |= element << BigInt(at);
          const [high, low] = [Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value))];
          const encoded = encodeMask(high, low);
          expect(encoded).not.toBe(-1);
          expect(decodeMask(encoded)).toEqual([high, low]);
          seen.add(value.toString(16));
        }
      }
    }
    expect(seen.size).toBe(5334);
    expect([...Array(8192).keys()].filter((encoded) => decodeMask(encoded) !== undefined).length).toBe(5334);
  });

  it('are nothing else', () => {
    for (const [high, low] of [
      [0, 0],
      [-1, -1],
      [0, 5],
      [0x12345678, 0x12345678],
      [1, 1 << 30],
      [-2, 0x7ffffffd],
      [0x10001, 0x10003],
    ] as const) {
      expect(encodeMask(high, low)).toBe(-1);
    }
  });
});

describe('far addresses', () => {
  it.each([
    [0, '00000010', '00004091'],
    [4095, 'e07f0070', '00004091'],
    [2 ** 20, '00000010', '00004491'],
    [-1, 'e07f0070', '000440d1'],
    [4095 * 4096 + 4095, 'e07f0070', '00fc7f91'],
    [-4095 * 4096, '00000010', '00fc7fd1'],
  ])('%i bytes away', (displacement, first, second) => {
    const out = new CodeBuffer();
    encode(makeNode(ADR_FAR, [0]), displacement, out);
    expect(hexWord(out.toUint8Array())).toBe(first + second);
    expect(print(makeNode(ADR_FAR, [0]), 64)).toBe('adr x0, 0x40');
  });
});

function codeOf(form: Arm64Form, position: number, value: number): string {
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
