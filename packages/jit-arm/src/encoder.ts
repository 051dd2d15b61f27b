/**
 * Nodes to bytes and to text.
 *
 * Instructions are little-endian in memory in both byte orders of data: ARMv7 has no other (DDI 0406C, A3.3.1, "BE-8").
 * Text is what the GNU assembler reads, with code offsets in place of distances.
 */
import { BpfError } from '@polybpf/errors';
import { type CodeBuffer, encodeLayout, type MachineNode, operandNames, type OperandPrinter, padWith, printRow, type Target } from '@polybpf/jit'; // prettier-ignore
import type { ArmForm } from './instructions.ts';
import { CONDITIONS, NAMES } from './registers.ts';

const NOP = 0xe320f000;

/**
 * Appends the bytes of a node.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const form = node.form as ArmForm;
  const { layout, packed, secondAt, isBitField, ahead } = form;
  let { operands } = node;
  if (packed !== undefined || secondAt >= 0 || isBitField) operands = packedOperands(form, operands);
  if (ahead !== 0) {
    const distance = displacement - ahead;
    displacement = form.name === 'movw_label' ? distance & 0xffff : distance >>> 16;
  }
  encodeLayout(layout, operands, displacement, out, false);
}

/** The operands as the layout has them. */
function packedOperands(form: ArmForm, values: readonly number[]): number[] {
  const { packed, secondAt, isBitField } = form;
  const operands: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (i === secondAt) {
      checkPair(form, values[i - 1]!, value);
      continue;
    }
    const packing = packed?.[i];
    const bits = packing === undefined ? value : packing(value);
    if (bits === undefined) throw misfit(form, packedName(form, i), 'a number that its field can hold', value);
    operands.push(bits);
  }
  if (isBitField) checkField(form, operands);
  return operands;
}

/** Name of the operand at a position. */
function packedName({ syntax }: ArmForm, position: number): string {
  return operandNames(syntax).filter((name) => name !== 'label')[position]!;
}

/** A doubleword takes an even register and the next (DDI 0406C, A8.8.72). */
function checkPair(form: ArmForm, first: number, second: number): void {
  if (first % 2 === 0 && second === first + 1 && first < 14) return;
  throw misfit(form, 'Rt2', 'an even register and the next', second);
}

/** A bit field lies in its register. `bfc` is written with a count and encoded with the last bit. */
function checkField(form: ArmForm, operands: number[]): void {
  const [lsb, count] = operands.slice(-2) as [number, number];
  if (!(count >= 1 && lsb + count <= 32)) throw misfit(form, 'count', `1 to ${32 - lsb}`, count);
  if (form.name === 'bfc') operands[operands.length - 1] = lsb + count - 1;
}

function misfit({ name }: ArmForm, operand: string, expected: string, got: number): BpfError {
  return new BpfError('E_JIT_OPERAND', `operand ${operand} of ${name}`, { expected, got: String(got) });
}

/** Bytes of a node. */
export function sizeOf(): number {
  return 4;
}

/** Padding that may be executed: a multiple of 4 bytes. */
export const pad: Target['pad'] = padWith(4, (out) => out.u32le(NOP));

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  c: (value) => CONDITIONS[value] ?? `?${value}`,
  r: (value) => NAMES[value] ?? `?${value}`,
  i: (value) => `#${value}`,
  k: (value) => `#${value >>> 0}`,
  list: (value) => `{${NAMES.filter((_, register) => (value & (1 << register)) !== 0).join(', ')}}`,
  label: (value) => `0x${value.toString(16)}`,
};

/** A node as the GNU assembler reads it; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  return printRow(node, target, PRINTERS);
}
