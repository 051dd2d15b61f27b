/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { BRANCHES } from '../src/branches.ts';
import { encode, print } from '../src/encoder.ts';
import { FORMS, type S390xForm } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

type Field = S390xForm['layout']['fields'][number];

/** Every row of the table. */
export const ALL_FORMS: readonly S390xForm[] = [...Object.values(FORMS), ...Object.values(BRANCHES)];

/** Registers whose numbers exercise each bit of a field. */
const FEW_REGISTERS = [0, 5, 10, 14, 15];

function typeOf(form: S390xForm, field: Field): string {
  return new RegExp(`\\{${field.name}:([^}]*)\\}`).exec(form.syntax)![1]!;
}

function isRegister(type: string): boolean {
  return /^(w|r|rw|p|x|b)$/.test(type);
}

/** Values of one field worth a test, legal for its row. */
export function boundaryValues(form: S390xForm, field: Field, registers: 'all' | 'few' = 'all'): number[] {
  const type = typeOf(form, field);
  if (type === 'f') return [2, 4, 6, 8, 10, 12];
  // Masks 0 and 15 of a load on condition have no mnemonic.
  if (type === 'k') return Array.from({ length: 14 }, (_, i) => i + 1);
  if (isRegister(type)) {
    const numbers = registers === 'few' ? FEW_REGISTERS : Array.from({ length: 16 }, (_, i) => i);
    return type === 'p' ? numbers.filter((number) => number % 2 === 0) : numbers;
  }
  if (field.bits <= 4) return Array.from({ length: 2 ** field.bits }, (_, i) => i);
  const middle = field.min + Math.floor((field.max - field.min) / field.scale / 3) * field.scale;
  const values = [field.min, field.min + field.scale, 0, field.scale, middle, field.max - field.scale, field.max];
  return [...new Set(values)].sort((a, b) => a - b);
}

/** A plain value for the fields that are not being varied. */
function restingValue(form: S390xForm, field: Field, position: number): number {
  const type = typeOf(form, field);
  if (type === 'f') return 8;
  if (type === 'c' || type === 'k') return 4;
  if (type === 'p') return 4;
  return isRegister(type) ? 3 + position : 0;
}

/** Every row with each of its fields at each of its boundary values, then all fields at their extremes together. */
export function samples(registers: 'all' | 'few' = 'all'): Sample[] {
  const result: Sample[] = [];
  for (const form of ALL_FORMS) {
    const { fields } = form.layout;
    const resting = fields.map((field, i) => restingValue(form, field, i));
    const seen = new Set<string>();
    const add = (values: readonly number[]): void => {
      if (seen.has(values.join())) return;
      seen.add(values.join());
      const operands = values.filter((_, i) => fields[i]!.name !== 'label');
      const labelAt = fields.findIndex((field) => field.name === 'label');
      result.push({ node: makeNode(form, operands), displacement: labelAt < 0 ? 0 : values[labelAt]! });
    };
    fields.forEach((field, i) =>
      boundaryValues(form, field, registers).forEach((value) => add(resting.with(i, value))),
    );
    add(fields.map((field) => boundaryValues(form, field, registers)[0]!));
    add(fields.map((field) => boundaryValues(form, field, registers).at(-1)!));
    // One register everywhere.
    add(resting.map((value, i) => (isRegister(typeOf(form, fields[i]!)) ? 8 : value)));
  }
  return result;
}

/** The text of a sample that lies at code offset `at`. */
export function sampleText({ node, displacement }: Sample, at: number): string {
  return print(node, at + displacement);
}

/** The text of a sample as assembler input: labels as distances. */
export function sampleSource(sample: Sample): string {
  const text = sampleText(sample, 0);
  return hasLabel(sample) ? text.replace(/0x-?[0-9a-f]+$/, `. + (${sample.displacement})`) : text;
}

function hasLabel({ node }: Sample): boolean {
  return node.form.syntax.includes('{label:');
}

export function sampleBytes({ node, displacement }: Sample): Uint8Array {
  const out = new CodeBuffer();
  encode(node, displacement, out);
  return out.toUint8Array();
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Says whether two samples are the same. */
export function sampleKey({ node, displacement }: Sample): string {
  return `${node.form.name} ${node.operands.join()} ${displacement}`;
}
