import { readFileSync, writeFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { CodeBuffer, makeNode } from '@polybpf/jit';
import { describe, expect, test } from 'vitest';
import { encode, sizeOf } from '../src/encoder.ts';
import { INSTRUCTIONS as I } from '../src/instructions.ts';
import { pad } from '../src/pad.ts';
import { allCases, casesOf, encodeCase } from './encoder-cases.ts';

const GOLDEN = new URL('encode.txt', import.meta.url);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function codeOf(operation: () => void): string {
  try {
    operation();
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
  return 'no error';
}

/** A sample of the cases that encoder.native.test.ts compares with GNU as: of each row the first and every 37th. */
function goldenLines(): string[] {
  const lines: string[] = [];
  for (const form of Object.values(I)) {
    casesOf(form).forEach((one, i) => {
      if (i % 37 !== 0) return;
      const { text, bytes } = encodeCase(one, 0x200000);
      lines.push(`${form.name.padEnd(20)} ${text} // ${hex(bytes)}`);
    });
  }
  return lines;
}

describe('encoder', () => {
  test('encodes a sample of every row as GNU as did when the golden file was written', () => {
    const lines = goldenLines();
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(GOLDEN, `${lines.join('\n')}\n`);
    const frozen = readFileSync(GOLDEN, 'utf8').trimEnd().split('\n');
    for (let i = 0; i < frozen.length; i++) expect(lines[i]).toBe(frozen[i]);
    expect(lines.length).toBe(frozen.length);
    expect(new Set(frozen.map((line) => line.split(' ')[0])).size).toBe(Object.keys(I).length);
  });

  test('announces the size of every case before encoding it', () => {
    for (const one of allCases()) {
      const node = makeNode(one.form, one.operands, one.form.branch === undefined ? -1 : 0);
      const out = new CodeBuffer();
      encode(node, one.displacement, out);
      if (sizeOf(node) !== out.length)
        expect(`${one.form.name} ${one.operands}: ${sizeOf(node)}`).toBe(String(out.length));
    }
  });

  test.each([
    ['a register above 15', I.add_rm_r64, [16, 0]],
    ['a negative register', I.add_rm_r64, [0, -1]],
    ['a fractional register', I.push_r64, [1.5]],
    ['rsp as index', I.lea_r64_index, [0, 1, 4, 1, 0]],
    ['a scale of 3', I.lea_r64_index, [0, 1, 2, 3, 0]],
    ['a displacement of 2^31', I.mov_r64_m, [0, 1, 2 ** 31]],
    ['a displacement below -2^31', I.mov_r64_m, [0, 1, -(2 ** 31) - 1]],
    ['imm8 of 128', I.add_rm64_imm8, [0, 128]],
    ['imm8 of -129', I.add_rm64_imm8, [0, -129]],
    ['imm16 of 32768', I.mov_m16_imm16, [0, 0, 32768]],
    ['imm32 of 2^31', I.mov_rm64_imm32, [0, 2 ** 31]],
    ['imm32 below -2^31', I.mov_rm64_imm32, [0, -(2 ** 31) - 1]],
    ['unsigned imm32 below -2^31', I.mov_r32_imm32, [0, -(2 ** 31) - 1]],
    ['unsigned imm32 of 2^32', I.mov_r32_imm32, [0, 2 ** 32]],
    ['half of 2^32', I.movabs_r64_imm64, [0, 2 ** 32, 0]],
    ['shift count of 256', I.shl_rm64_imm8, [0, 256]],
    ['shift count of -1', I.shl_rm64_imm8, [0, -1]],
    ['an operand too few', I.add_rm_r64, [0]],
    ['an operand too many', I.ret, [0]],
    ['NaN', I.add_rm64_imm8, [0, Number.NaN]],
  ])('refuses %s', (_, form, operands) => {
    expect(codeOf(() => encode(makeNode(form, operands), 0, new CodeBuffer()))).toBe('E_JIT_OPERAND');
  });

  test('branches reach exactly as far as their rows say', () => {
    for (const form of Object.values(I)) {
      if (form.branch === undefined) continue;
      const { min, max } = form.branch;
      const node = makeNode(
        form,
        form.code.operands.map(() => 1),
        0,
      );
      for (const distance of [min, max])
        expect(codeOf(() => encode(node, distance, new CodeBuffer()))).toBe('no error');
      for (const distance of [min - 1, max + 1]) {
        expect(codeOf(() => encode(node, distance, new CodeBuffer()))).toBe('E_JIT_BRANCH_RANGE');
      }
    }
  });

  test.each([
    ['je_rel8', -126, '7480'],
    ['je_rel8', 129, '747f'],
    ['je_rel32', 2 ** 31 + 5, '0f84ffffff7f'],
    ['je_rel32', -(2 ** 31) + 6, '0f8400000080'],
    ['jmp_rel32', 5, 'e900000000'],
    ['call_rel32', 0, 'e8fbffffff'],
  ] as const)('%s at distance %i', (name, distance, bytes) => {
    const out = new CodeBuffer();
    encode(makeNode(I[name], [], 0), distance, out);
    expect(hex(out.toUint8Array())).toBe(bytes);
  });

  test('every rel8 row widens to its rel32 row', () => {
    for (const form of Object.values(I)) {
      if (!form.name.endsWith('rel8')) continue;
      const [wide] = form.branch!.widen!(makeNode(form, [], 7, 3), () => 0);
      expect(wide).toMatchObject({ label: 7, insn: 3 });
      expect(wide!.form.name).toBe(form.name.replace('rel8', 'rel32'));
    }
  });

  test('padding has the length asked for', () => {
    for (let count = 0; count < 40; count++) {
      const out = new CodeBuffer();
      pad(count, out);
      expect(out.length).toBe(count);
    }
  });
});
