/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { encode, print } from '../src/encoder.ts';
import { INSTRUCTIONS, type Ppc64Form, SYMBOL_FORMS } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

type Field = Ppc64Form['layout']['fields'][number];

/** Every row of the table; those with a symbol differ between byte orders in their relocation only. */
export const ALL_FORMS: readonly Ppc64Form[] = [...Object.values(INSTRUCTIONS), ...Object.values(SYMBOL_FORMS.little)];

/** Registers whose numbers exercise each bit of a field. */
const FEW_REGISTERS = [0, 1, 10, 21, 31];

function typeOf(form: Ppc64Form, field: Field): string {
  return new RegExp(`\\{${field.name}:([^}]*)\\}`).exec(form.syntax)![1]!;
}

function isRegister(type: string): boolean {
  return /^(w|r|n|nw|rw|z)$/.test(type);
}

/** Values of one field worth a test, legal for its row. */
export function boundaryValues(form: Ppc64Form, field: Field, registers: 'all' | 'few' = 'all'): number[] {
  const type = typeOf(form, field);
  if (isRegister(type)) {
    const numbers = registers === 'few' ? FEW_REGISTERS : Array.from({ length: 32 }, (_, i) => i);
    return type.startsWith('n') ? numbers.filter((number) => number !== 0) : numbers;
  }
  // The fourth bit of a condition field has a spelling in branches only.
  if (type === 'b') return [0, 1, 2];
  if (field.bits <= 3) return Array.from({ length: 2 ** field.bits }, (_, i) => i);
  // The distance of addi_label counts from the instruction before.
  const shift = form === INSTRUCTIONS.addi_label ? -4 : 0;
  const middle = field.min + Math.floor((field.max - field.min) / field.scale / 3) * field.scale;
  const values = [field.min, field.min + field.scale, 0, field.scale, middle, field.max - field.scale, field.max];
  return [...new Set(values)].sort((a, b) => a - b).map((value) => value + shift);
}

/** A plain value for the fields that are not being varied. */
function restingValue(form: Ppc64Form, field: Field, position: number): number {
  const type = typeOf(form, field);
  if (type === 'c') return 4;
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
      if (seen.has(values.join()) || isInvalid(form, values)) return;
      seen.add(values.join());
      const operands = values.filter((_, i) => fields[i]!.name !== 'label');
      const labelAt = fields.findIndex((field) => field.name === 'label');
      result.push({ node: makeNode(form, operands), displacement: labelAt < 0 ? 0 : values[labelAt]! });
    };
    if (fields.length === 0) add([]);
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

/** `ori 0,0,0` is the no-operation. */
function isInvalid(form: Ppc64Form, values: readonly number[]): boolean {
  return form === INSTRUCTIONS.ori && values.every((value) => value === 0);
}

/** The text of a sample that lies at code offset `at`. */
export function sampleText({ node, displacement }: Sample, at: number): string {
  return print(node, at + displacement);
}

/** The text of a sample as assembler input: labels as distances. */
export function sampleSource(sample: Sample): string {
  return sampleText(sample, 0).replace(/0x(-?[0-9a-f]+)(-\.\+4)?$/, (_, digits: string, rest = '') => `(. + ${Number.parseInt(digits, 16)})${rest}`); // prettier-ignore
}

export function sampleBytes({ node, displacement }: Sample, bigEndian: boolean): Uint8Array {
  const out = new CodeBuffer();
  encode(node, displacement, out, bigEndian);
  return out.toUint8Array();
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Says whether two samples are the same. */
export function sampleKey({ node, displacement }: Sample): string {
  return `${node.form.name} ${node.operands.join()} ${displacement}`;
}
