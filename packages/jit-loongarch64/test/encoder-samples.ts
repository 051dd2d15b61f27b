/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { encode, print } from '../src/encoder.ts';
import { INSTRUCTIONS, type Loongarch64Form } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

type Field = Loongarch64Form['layout']['fields'][number];

/** Registers whose numbers exercise each bit of a field. */
const FEW_REGISTERS = [0, 2, 10, 21, 31];

const isRegister = (field: Field): boolean => /^r[djk]$/.test(field.name);

/** Values of one field worth a test, legal for its row. */
export function boundaryValues(form: Loongarch64Form, field: Field, registers: 'all' | 'few' = 'all'): number[] {
  const numbers = Array.from({ length: 2 ** Math.min(field.bits, 6) }, (_, i) => field.min + i * field.scale);
  if (isRegister(field)) {
    return (registers === 'all' ? numbers : FEW_REGISTERS).filter((value) => isLegal(form, field, value));
  }
  const middle = field.min + Math.floor((field.max - field.min) / field.scale / 3) * field.scale;
  const bits = Array.from({ length: field.bits - 1 }, (_, i) => 2 ** i * field.scale);
  const ends = [field.min, field.min + field.scale, 0, -field.scale, middle, ...bits, field.max - field.scale, field.max]; // prettier-ignore
  const all = registers === 'all' && field.bits <= 6 ? numbers : ends;
  return [...new Set(all)].filter((value) => value >= field.min && value <= field.max && isLegal(form, field, value));
}

/** Values that the encoder refuses although the field has room for them. */
function isLegal(form: Loongarch64Form, field: Field, value: number): boolean {
  const values = restingValues(form).map((resting, i) =>
    form.layout.fields[i]!.name === field.name ? value : resting,
  );
  return isEncodable(form, values);
}

function isEncodable(form: Loongarch64Form, values: readonly number[]): boolean {
  try {
    sampleBytes(sampleOf(form, values));
    return true;
  } catch {
    return false;
  }
}

/** Plain values for the fields that are not being varied; bit ranges reach up to bit 62. */
function restingValues({ layout }: Loongarch64Form): number[] {
  return layout.fields.map((field, i) => (isRegister(field) ? 5 + i : field.name === 'msb' ? 62 : field.scale));
}

function sampleOf(form: Loongarch64Form, values: readonly number[]): Sample {
  const { fields } = form.layout;
  const labelAt = fields.findIndex((field) => field.name === 'label');
  const operands = values.filter((_, i) => i !== labelAt);
  return { node: makeNode(form, operands), displacement: labelAt < 0 ? 0 : values[labelAt]! };
}

/** The row of two instructions: registers and distances at the edges of what each of the two holds. */
function pairSamples(form: Loongarch64Form): Sample[] {
  const distances = [0, 4, 2044, 2048, -2048, -2052, 4096, 2 ** 31 - 2052, -(2 ** 31)];
  return [1, 4, 31].flatMap((register) =>
    distances.map((displacement) => ({ node: makeNode(form, [register]), displacement })),
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
      if (seen.has(values.join()) || !isEncodable(form, values)) return;
      seen.add(values.join());
      result.push(sampleOf(form, values));
    };
    if (fields.length === 0) add([]);
    const boundaries = fields.map((field) => boundaryValues(form, field, registers));
    fields.forEach((_, i) => boundaries[i]!.forEach((value) => add(resting.with(i, value))));
    add(boundaries.map((values) => values[0]!));
    add(boundaries.map((values) => values.at(-1)!));
    add(resting.map((value, i) => (isRegister(fields[i]!) ? 9 : value)));
    add(fields.map((field, i) => (field.name === 'rd' ? 0 : isRegister(field) ? 9 : resting[i]!)));
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
  if (name === 'pcalau12i_symbol') return text.replace('symbol', '%pc_hi20(symbol)');
  if (name === 'addi_symbol') return text.replace('symbol', '%pc_lo12(symbol)');
  if (name === 'bl_symbol') return text.replace('symbol', '%b26(symbol)');
  if (!syntax.includes('{label:')) return text;
  // pcaddi counts words in assemblers; the others are written in bytes.
  const distance = name === 'pcaddi' ? sample.displacement / 4 : sample.displacement;
  return text.replace(/0x-?[0-9a-f]+$/, String(distance));
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
