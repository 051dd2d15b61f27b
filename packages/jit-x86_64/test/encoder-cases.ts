/** Instructions at the boundaries of their operands, for the encoder's tests. */
import { CodeBuffer, type MachineForm, makeNode } from '@polybpf/jit';
import { encode, print, sizeOf, type X64Form } from '../src/encoder.ts';
import { INSTRUCTIONS } from '../src/instructions.ts';

/** One instruction: a row, its operands, and for rows with a label how far away that is. */
export interface EncoderCase {
  readonly form: X64Form;
  readonly operands: readonly number[];
  readonly displacement: number;
}

const REGISTERS = Array.from({ length: 16 }, (_, i) => i);
const DISPLACEMENTS = [0, 1, -1, 8, 127, -128, 128, -129, 2 ** 31 - 1, -(2 ** 31)];
const VALUES: Readonly<Record<string, readonly number[]>> = {
  scale: [1, 2, 4, 8],
  disp: DISPLACEMENTS,
  i8: [-128, -1, 0, 1, 77, 127],
  u8: [0, 1, 2, 31, 63, 127, 128, 255],
  i16: [-32768, -129, -1, 0, 1, 0x1234, 32767],
  i32: [-(2 ** 31), -0x12345678, -32769, -129, -128, -1, 0, 1, 127, 128, 0x12345678, 2 ** 31 - 1],
  u32: [0, 1, 0x7fffffff, 0x80000000, 0x12345678, 0xffffffff],
  half: [0, 1, -1, 0x7fffffff, -(2 ** 31), 0x12345678, 0xdeadbeef],
};

function operandTypes(form: MachineForm): { name: string; type: string }[] {
  return [...form.syntax.matchAll(/\{([a-z]+):([a-z0-9]+)\}/g)]
    .map(([, name, type]) => ({ name: name!, type: type! }))
    .filter(({ name }) => name !== 'label' && name !== 'symbol');
}

function valuesOf({ name, type }: { name: string; type: string }): readonly number[] {
  if (name === 'index') return REGISTERS.filter((register) => register !== 4);
  return /^r\d/.test(type) ? REGISTERS : VALUES[type]!;
}

/**
 * Every value of each operand with the others at two settings, and every base with every displacement.
 */
export function casesOf(form: X64Form): EncoderCase[] {
  const operands = operandTypes(form);
  const displacements =
    form.branch === undefined
      ? [0]
      : form.branch.min > -1000
        ? [form.branch.min, -1, 0, 2, 100, form.branch.max]
        : [-0x100000, 0, 127, 0x123456];
  const lists: number[][] = [];
  const settings = [
    operands.map((operand) => valuesOf(operand)[Math.min(7, valuesOf(operand).length - 1)]!),
    operands.map(
      (operand) =>
        valuesOf(operand)[operand.name === 'base' ? 13 : operand.name === 'disp' ? 0 : valuesOf(operand).length >> 1]!,
    ),
  ];
  for (const setting of settings) {
    operands.forEach((operand, at) => {
      for (const value of valuesOf(operand)) lists.push(setting.map((other, i) => (i === at ? value : other)));
    });
  }
  const base = operands.findIndex(({ name }) => name === 'base');
  const disp = operands.findIndex(({ name }) => name === 'disp');
  if (base >= 0) {
    for (const register of REGISTERS) {
      for (const offset of DISPLACEMENTS) {
        lists.push(settings[0]!.map((other, i) => (i === base ? register : i === disp ? offset : other)));
      }
    }
  }
  if (operands.length === 0) lists.push([]);
  const seen = new Set<string>();
  const cases: EncoderCase[] = [];
  for (const list of lists) {
    for (const displacement of displacements) {
      const key = `${list.join(',')}/${displacement}`;
      if (seen.has(key)) continue;
      seen.add(key);
      cases.push({ form, operands: list, displacement });
    }
  }
  return cases;
}

/** All cases of all rows. */
export function allCases(): EncoderCase[] {
  return Object.values(INSTRUCTIONS).flatMap(casesOf);
}

/** A case encoded behind `offset` bytes of other code: its text and its bytes. */
export function encodeCase(
  { form, operands, displacement }: EncoderCase,
  offset: number,
): { text: string; bytes: Uint8Array } {
  const node = makeNode(form, operands, form.branch === undefined ? -1 : 0);
  const out = new CodeBuffer();
  encode(node, displacement, out);
  if (sizeOf(node) !== out.length) throw new Error(`${form.name}: size ${sizeOf(node)}, encoded ${out.length}`);
  return { text: print(node, offset + displacement), bytes: out.toUint8Array() };
}

/**
 * Whether GNU as has a shorter row of the table for this text: the row still is a valid instruction, but its text alone
 * does not lead to it.
 */
export function hasShorterRow({ form, operands }: EncoderCase): boolean {
  const { name } = form;
  const imm = operands.at(-1)!;
  const isByte = imm >= -128 && imm <= 127;
  if (/^(add|or|and|sub|xor|cmp)_(rm\d+|m\d+|eax|rax)_imm32$/.test(name) && isByte) return true;
  if (/^imul_.*_imm32$/.test(name) && isByte) return true;
  if (/^(add|or|and|sub|xor|cmp|test)_rm(64|32)_imm32$|^test_rm8_imm8$/.test(name) && operands[0] === 0) return true;
  if (/^(shl|shr|sar|rol|ror)_rm\d+_imm8$/.test(name) && imm === 1) return true;
  if (name === 'xchg_rm_r64' && operands.includes(0)) return true;
  // as takes exchanging rax with itself for nop
  return name === 'xchg_rax_r64' && operands[0] === 0;
}
