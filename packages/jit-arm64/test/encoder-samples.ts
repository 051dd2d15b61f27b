/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { encode, encodeMask, print } from '../src/encoder.ts';
import { type Arm64Form, INSTRUCTIONS } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

type Field = Arm64Form['layout']['fields'][number];

/** Logical immediates of every element size, wrapped and not, as pairs of 32-bit words. */
const MASKS64 = [
  [0, 1], [0, 0xff], [0, -2147483648], [1, 0], [-2147483648, 0], [-1, -2], [-1, 0], [0, -1], [-2147483648, 1],
  [0x7fffffff, -1], [-1, -256], [0x00ff00ff, 0x00ff00ff], [0x55555555, 0x55555555], [-0x55555556, -0x55555556],
  [0x33333333, 0x33333333], [-0x0f0f0f10, -0x0f0f0f10], [0x7ffffffe, 0x7ffffffe], [-0x7fff8000, -0x7fff8000], [0x0003ffff, -0x40000000],
] as const; // prettier-ignore
const MASKS32 = [
  1, 0xff, 0x80000000, 0xfffffffe, 0x7fffffff, 0xffff0000, 0x80000001, 0x00ff00ff, 0x55555555, 0xaaaaaaaa, 0xf0f0f0f0,
  0x7ffe7ffe,
];

function validMasks(bits: number): number[] {
  return bits === 13
    ? MASKS64.map(([high, low]) => encodeMask(high, low))
    : MASKS32.map((value) => encodeMask(value | 0, value | 0));
}

function typeOf(form: Arm64Form, field: Field): string {
  return new RegExp(`\\{${field.name}:([^}]*)\\}`).exec(form.syntax)![1]!;
}

/** Registers whose numbers exercise each bit of a field, and both meanings of 31. */
const FEW_REGISTERS = [0, 10, 21, 30, 31];

/** Values of one field worth a test, legal for its row. */
export function boundaryValues(form: Arm64Form, field: Field, registers: 'all' | 'few' = 'all'): number[] {
  const type = typeOf(form, field);
  if (type.startsWith('mask')) return validMasks(field.bits);
  if (type === 'shift') return /^(add|sub|cmp)/.test(form.name) ? [0, 1, 2] : [0, 1, 2, 3];
  if (registers === 'few' && /^(x|w|xsp|wsp)$/.test(type)) return FEW_REGISTERS;
  if (field.bits <= 5) return Array.from({ length: 2 ** field.bits }, (_, i) => field.min + i * field.scale);
  const middle = field.min + Math.floor((field.max - field.min) / field.scale / 3) * field.scale;
  return [...new Set([field.min, field.min + field.scale, 0, field.scale, middle, field.max - field.scale, field.max])];
}

/** A plain value for the fields that are not being varied. */
function restingValue(form: Arm64Form, field: Field, position: number): number {
  const type = typeOf(form, field);
  if (type.startsWith('mask')) return validMasks(field.bits)[1]!;
  return /^(x|w|xsp|wsp)$/.test(type) ? 3 + position : 0;
}

/** Every row with each of its fields at each of its boundary values, then all fields at their extremes together. */
export function samples(registers: 'all' | 'few' = 'all'): Sample[] {
  const result: Sample[] = [];
  for (const form of Object.values(INSTRUCTIONS)) {
    const { fields } = form.layout;
    const resting = fields.map((field, i) => restingValue(form, field, i));
    const seen = new Set<string>();
    const add = (values: readonly number[]): void => {
      if (seen.has(values.join())) return;
      seen.add(values.join());
      if (isUnpredictable(form, values)) return;
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
    // Same register everywhere: aliases such as ror, and results over sources.
    add(resting.map((value, i) => (/^R/.test(fields[i]!.name) ? 9 : value)));
  }
  return result;
}

/** Writeback into a register that is also transferred, and pairs loaded into one register, mean nothing. */
function isUnpredictable(form: Arm64Form, values: readonly number[]): boolean {
  const at = (name: string): number | undefined => {
    const i = form.layout.fields.findIndex((field) => field.name === name);
    return i < 0 ? undefined : values[i];
  };
  const [rt, rt2, rn] = [at('Rt'), at('Rt2'), at('Rn')];
  if (/_(pre|post)_/.test(form.name) && rn !== 31 && (rn === rt || rn === rt2)) return true;
  return /^ldp/.test(form.name) && rt === rt2;
}

/** The text of a sample that lies at code offset `at`. */
export function sampleText({ node, displacement }: Sample, at: number): string {
  return print(node, at + displacement);
}

export function sampleBytes({ node, displacement }: Sample): Uint8Array {
  const out = new CodeBuffer();
  encode(node, displacement, out);
  return out.toUint8Array();
}

export function hexWord(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Says whether two samples are the same. */
export function sampleKey({ node, displacement }: Sample): string {
  return `${node.form.name} ${node.operands.join()} ${displacement}`;
}
