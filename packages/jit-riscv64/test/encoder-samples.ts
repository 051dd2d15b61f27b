/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { encode, print } from '../src/encoder.ts';
import { INSTRUCTIONS, type Riscv64Form } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

type Field = Riscv64Form['layout']['fields'][number];

/** Registers whose numbers exercise each bit of a field. */
const FEW_REGISTERS = [0, 2, 10, 21, 31];
const FEW_SHORT_REGISTERS = [8, 10, 13, 15];

const isRegister = (field: Field): boolean => /^r[ds]/.test(field.name);

/** Values of one field worth a test, legal for its row. */
export function boundaryValues(form: Riscv64Form, field: Field, registers: 'all' | 'few' = 'all'): number[] {
  const numbers = Array.from({ length: 2 ** Math.min(field.bits, 6) }, (_, i) => field.min + i * field.scale);
  if (isRegister(field)) {
    const few = field.bits === 3 ? FEW_SHORT_REGISTERS : FEW_REGISTERS;
    return (registers === 'all' ? numbers : few).filter((value) => isLegal(form, field, value));
  }
  const middle = field.min + Math.floor((field.max - field.min) / field.scale / 3) * field.scale;
  const bits = Array.from({ length: field.bits - 1 }, (_, i) => 2 ** i * field.scale);
  const ends = [field.min, field.min + field.scale, 0, -field.scale, middle, ...bits, field.max - field.scale, field.max]; // prettier-ignore
  const all = registers === 'all' && field.bits <= 6 ? numbers : ends;
  return [...new Set(all)].filter((value) => value >= field.min && value <= field.max && isLegal(form, field, value));
}

/** Values that the encoder refuses although the field has room for them. */
function isLegal(form: Riscv64Form, field: Field, value: number): boolean {
  const operands = restingValues(form).map((resting, i) => (form.layout.fields[i]!.name === field.name ? value : resting)); // prettier-ignore
  try {
    sampleBytes(sampleOf(form, operands));
    return true;
  } catch {
    return false;
  }
}

/** Plain values for the fields that are not being varied. */
function restingValues({ layout }: Riscv64Form): number[] {
  return layout.fields.map((field, i) => (isRegister(field) ? (field.bits === 3 ? 9 : 3) + i : field.scale));
}

function sampleOf(form: Riscv64Form, values: readonly number[]): Sample {
  const { fields } = form.layout;
  const labelAt = fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  return { node: makeNode(form, operands), displacement: labelAt < 0 ? 0 : values[labelAt]! };
}

/** Rows of two instructions: registers and distances at the edges of what each of the two holds. */
function pairSamples(form: Riscv64Form): Sample[] {
  const registers = form.syntax.includes('{rd') ? [1, 10, 31] : [undefined];
  const distances = form.syntax.includes('{label') ? [0, 2047, 2048, -2048, -2049, 4096, 2 ** 31 - 2050, -(2 ** 31)] : [0]; // prettier-ignore
  const isJump = /^(call|jump)/.test(form.name);
  return registers.flatMap((register) =>
    distances.map((distance) => ({
      node: makeNode(form, register === undefined ? [] : [register]),
      displacement: isJump ? distance - (distance & 1) : distance,
    })),
  );
}

/** Every row with each of its fields at each of its boundary values, then all fields at their extremes together. */
export function samples(registers: 'all' | 'few' = 'all'): Sample[] {
  const result = rowSamples(registers);
  if (registers === 'few') return result;
  const keys = new Set(result.map(sampleKey));
  return [...result, ...rowSamples('few').filter((sample) => !keys.has(sampleKey(sample)))];
}

function rowSamples(registers: 'all' | 'few'): Sample[] {
  const result: Sample[] = [];
  for (const form of Object.values(INSTRUCTIONS)) {
    if (form.layout.size === 8) {
      result.push(...pairSamples(form));
      continue;
    }
    const { fields } = form.layout;
    const resting = restingValues(form);
    const seen = new Set<string>();
    const add = (values: readonly number[]): void => {
      if (seen.has(values.join())) return;
      seen.add(values.join());
      result.push(sampleOf(form, values));
    };
    if (fields.length === 0) add([]);
    const boundaries = fields.map((field) => boundaryValues(form, field, registers));
    fields.forEach((_, i) => boundaries[i]!.forEach((value) => add(resting.with(i, value))));
    add(boundaries.map((values) => values[0]!));
    add(boundaries.map((values) => values.at(-1)!));
    add(resting.map((value, i) => (isRegister(fields[i]!) ? 9 : value)));
  }
  return result;
}

/** The text of a sample that lies at code offset `at`. */
export function sampleText({ node, displacement }: Sample, at: number): string {
  return print(node, at + displacement);
}

/** The same for an assembler: labels as distances, symbols in the operators that make their relocations. */
export function sampleSource(sample: Sample): string {
  const { name, syntax } = sample.node.form;
  const text = sampleText(sample, 0);
  if (name === 'auipc_symbol') return text.replace('symbol', '%pcrel_hi(symbol)');
  if (name === 'addi_symbol') return text.replace('symbol', '%pcrel_lo(anchor)');
  if (!syntax.includes('{label:')) return text;
  return text.replace(/0x-?[0-9a-f]+(,t1)?$/, `. + (${sample.displacement})$1`);
}

export function sampleBytes({ node, displacement }: Sample): Uint8Array {
  const out = new CodeBuffer();
  encode(node, displacement, out);
  return out.toUint8Array();
}

export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Says whether two samples are the same. */
export function sampleKey({ node, displacement }: Sample): string {
  return `${node.form.name} ${node.operands.join()} ${displacement}`;
}
