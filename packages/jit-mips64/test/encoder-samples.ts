/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { makeEncoder, print } from '../src/encoder.ts';
import { INSTRUCTIONS, type MipsForm, RELEASE6 } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

type Field = MipsForm['layout']['fields'][number];

const isRegister = (field: Field): boolean => /^(r[dst]|base)$/.test(field.name);
/** Registers whose numbers exercise each bit of a field. */
const FEW_REGISTERS = [0, 10, 21, 31];

/** Values of one field worth a test; a label's counts from the branch, its field from the delay slot. */
export function boundaryValues(field: Field, registers: 'all' | 'few' = 'all'): number[] {
  if (registers === 'few' && isRegister(field)) return FEW_REGISTERS;
  if (field.bits <= 5) return Array.from({ length: 2 ** field.bits }, (_, i) => field.min + i * field.scale);
  const middle = field.min + Math.floor((field.max - field.min) / field.scale / 3) * field.scale;
  const values = [field.min, field.min + field.scale, 0, field.scale, middle, field.max - field.scale, field.max];
  return [...new Set(values)].map((value) => (field.name === 'label' ? value + 4 : value));
}

/** Every row of a release's own table with each of its fields at each of its boundary values, then all fields at their extremes together. */
export function samples(registers: 'all' | 'few' = 'all', release: 2 | 6 = 2): Sample[] {
  const result: Sample[] = [];
  for (const form of Object.values<MipsForm>(release === 2 ? INSTRUCTIONS : RELEASE6)) {
    const { fields } = form.layout;
    // A bit field of bits 3 to 9, or 3 to 41.
    const resting = fields.map((field, i) => (isRegister(field) ? 3 + i : field.name === 'lsb' ? 3 : field.name === 'msb' || field.name === 'msbd' ? 9 : 0)); // prettier-ignore
    const seen = new Set<string>();
    const add = (values: readonly number[]): void => {
      if (seen.has(values.join())) return;
      seen.add(values.join());
      const labelAt = fields.findIndex((field) => field.name === 'label');
      const operands = values.filter((_, i) => i !== labelAt);
      const node = makeNode(form, operands);
      if (isField(form, operands)) result.push({ node, displacement: labelAt < 0 ? 0 : values[labelAt]! });
    };
    if (fields.length === 0) add([]);
    fields.forEach((field, i) => boundaryValues(field, registers).forEach((value) => add(resting.with(i, value))));
    add(fields.map((field) => boundaryValues(field, registers)[0]!));
    add(fields.map((field) => boundaryValues(field, registers).at(-1)!));
    add(resting.map((value, i) => (isRegister(fields[i]!) ? 9 : value)));
  }
  return result;
}

/** Whether a bit field lies in the register, and a call's register is not $ra; true for anything else. */
function isField({ name }: MipsForm, [first, , lsb, msb]: readonly number[]): boolean {
  if (name === 'jalr') return first !== 31;
  if (name === 'dextm') return lsb! + msb! + 33 <= 64;
  if (name === 'dextu') return lsb! + msb! + 1 <= 32;
  return (name !== 'dins' && name !== 'dinsu') || msb! >= lsb!;
}

/** The text of a sample that lies at code offset `at`. */
export function sampleText({ node, displacement }: Sample, at: number): string {
  return print(node, at + displacement);
}

const ENCODERS = { big: makeEncoder(true), little: makeEncoder(false) };

export function sampleBytes({ node, displacement }: Sample, endian: 'big' | 'little'): Uint8Array {
  const out = new CodeBuffer();
  ENCODERS[endian].encode(node, displacement, out);
  return out.toUint8Array();
}

/** The text as assembler input: labels as distances. */
export function sampleSource(sample: Sample): string {
  const text = sampleText(sample, 0);
  const hasLabel = sample.node.form.syntax.includes('{label:');
  return hasLabel ? text.replace(/0x-?[0-9a-f]+$/, `. + (${sample.displacement})`) : text;
}

export function hexWord(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
