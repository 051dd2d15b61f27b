import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode, operandNames } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { encode, pad } from '../src/encoder.ts';
import { modifiedImmediate } from '../src/fields.ts';
import { type ArmForm, INSTRUCTIONS, type InstructionName } from '../src/instructions.ts';
import { hexOf, sampleBytes, samples, sampleSource } from './encoder-samples.ts';

const golden = readFileSync(new URL('./encode.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('//'))
  .map((line) => line.split('//').map((part) => part.trim()) as [string, string]);

function codeOf(name: InstructionName, operands: readonly number[], displacement = 0): string {
  try {
    encode(makeNode(INSTRUCTIONS[name], operands), displacement, new CodeBuffer());
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
}

/** One past what an operand can be. */
const BEYOND: Readonly<Record<string, readonly number[]>> = {
  c: [-1, 16],
  k: [0x101, 0x1fe, 2 ** 32, 0.5],
  off: [4096, -4096, 0.5],
  hoff: [256, -256, 0.5],
  amount: [0, 33, 1.5],
  list: [-1, 2 ** 16],
  count: [0, 33],
};

describe('encoder', () => {
  it('gives the bytes that the GNU assembler gave for every row at its boundaries', () => {
    const ours = samples('few').map((sample): [string, string] => [sampleSource(sample), hexOf(sampleBytes(sample))]);
    expect(ours).toEqual(golden);
    expect(golden.length).toBeGreaterThan(2000);
  });

  it.each(Object.values(INSTRUCTIONS).map((form) => [form.name, form] as const))(
    '%s refuses operands beyond its fields',
    (name, form: ArmForm) => {
      const sample = samples('few').find(({ node }) => node.form === form)!;
      const names = operandNames(form.syntax).filter((operand) => operand !== 'label');
      names.forEach((operand, i) => {
        const field = form.layout.fields.find((candidate) => candidate.name === operand);
        const isRegister = operand.startsWith('R');
        const beyond = BEYOND[operand] ?? (isRegister ? [-1, 16] : [field!.min - 1, field!.max + 1]);
        for (const value of beyond) {
          expect(codeOf(name, sample.node.operands.with(i, value), sample.displacement), `${operand} = ${value}`).toBe('E_JIT_OPERAND'); // prettier-ignore
        }
      });
    },
  );

  it('refuses branches that do not reach, and targets between instructions', () => {
    const { min, max } = INSTRUCTIONS.b.branch!;
    for (const displacement of [min - 4, max + 4, 10]) expect(codeOf('b', [14], displacement)).toBe('E_JIT_OPERAND');
    for (const displacement of [min, max]) expect(codeOf('b', [14], displacement)).toBe('none');
  });

  it('takes doublewords in an even register and the next', () => {
    expect(codeOf('ldrd', [14, 4, 5, 0, 0])).toBe('none');
    expect(codeOf('ldrd', [14, 5, 6, 0, 0])).toBe('E_JIT_OPERAND');
    expect(codeOf('ldrd', [14, 4, 6, 0, 0])).toBe('E_JIT_OPERAND');
    expect(codeOf('strexd', [14, 1, 14, 15, 0])).toBe('E_JIT_OPERAND');
  });

  it('bit fields lie in their register', () => {
    expect(codeOf('bfc', [14, 0, 31, 1])).toBe('none');
    expect(codeOf('bfc', [14, 0, 31, 2])).toBe('E_JIT_OPERAND');
    expect(codeOf('ubfx', [14, 0, 1, 0, 32])).toBe('none');
    expect(codeOf('ubfx', [14, 0, 1, 1, 32])).toBe('E_JIT_OPERAND');
  });

  it('pads with nops and refuses other sizes', () => {
    const out = new CodeBuffer();
    pad(8, out);
    expect(hexOf(out.toUint8Array())).toBe('00f020e300f020e3');
    expect(() => pad(6, out)).toThrow('multiple of 4');
  });
});

describe('modified immediates', () => {
  it.each([
    [0, 0],
    [255, 0xff],
    [256, 0xc01],
    [0xff000000, 0x4ff],
    [0xf000000f, 0x2ff],
    [-0x1000000, 0x4ff],
    [0x3fc, 0xfff],
    [0x80000000, 0x102],
  ])('%i is %i', (value, bits) => expect(modifiedImmediate(value)).toBe(bits));

  it.each([257, 0x1fe, 0xff1, -1, 0x102, 0x12345678])('%i is none', (value) => {
    expect(modifiedImmediate(value)).toBeUndefined();
  });

  it('every pattern of eight bits and rotation decodes to itself', () => {
    for (let rotation = 0; rotation < 16; rotation++) {
      for (let byte = 0; byte < 256; byte++) {
        const value = ((byte >>> (2 * rotation)) | (rotation === 0 ? 0 : byte << (32 - 2 * rotation))) >>> 0;
        const bits = modifiedImmediate(value)!;
        const [shift, low] = [2 * (bits >> 8), bits & 0xff];
        expect(((low >>> shift) | (shift === 0 ? 0 : low << (32 - shift))) >>> 0).toBe(value);
      }
    }
  });
});
