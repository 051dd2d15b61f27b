/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode } from '@polybpf/jit';
import { PC_DISTANCE } from '../src/branches.ts';
import { encode, print } from '../src/encoder.ts';
import { INSTRUCTIONS, type SparcForm } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

type Field = SparcForm['layout']['fields'][number];

/** Every row of the table. */
export const ALL_FORMS: readonly SparcForm[] = Object.values(INSTRUCTIONS);

/** Registers whose numbers exercise each bit of a field. */
const FEW_REGISTERS = [0, 5, 10, 14, 21, 31];

function typeOf(form: SparcForm, field: Field): string {
  return new RegExp(`\\{${field.name}:([^}]*)\\}`).exec(form.syntax)![1]!;
}

function isRegister(type: string): boolean {
  return type === 'r';
}

/** Values of one field worth a test, legal for its row. */
export function boundaryValues(form: SparcForm, field: Field, registers: 'all' | 'few' = 'all'): number[] {
  const type = typeOf(form, field);
  if (type === 'cc') return [0, 2];
  if (type === 'rcond' || type === 'mrcond') return [1, 2, 3, 5, 6, 7];
  if (isRegister(type)) {
    const numbers = registers === 'few' ? FEW_REGISTERS : Array.from({ length: 32 }, (_, i) => i);
    return numbers;
  }
  if (field.bits <= 4) return Array.from({ length: 2 ** field.bits }, (_, i) => i);
  const middle = field.min + Math.floor((field.max - field.min) / field.scale / 3) * field.scale;
  const values = [field.min, field.min + field.scale, 0, field.scale, middle, field.max - field.scale, field.max];
  return [...new Set(values)].sort((a, b) => a - b);
}

/** A plain value for the fields that are not being varied. */
function restingValue(form: SparcForm, field: Field, position: number): number {
  const type = typeOf(form, field);
  if (type === 'cond') return 9;
  if (type === 'cc') return 2;
  if (type === 'rcond' || type === 'mrcond') return 1;
  return isRegister(type) ? 9 + position : 0;
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
      result.push({
        node: makeNode(form, operands),
        displacement: labelAt < 0 ? 0 : values[labelAt]! - distanceOf(form),
      });
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

/** What the label of a row counts from, before the instruction. */
export function distanceOf(form: SparcForm): number {
  return form.syntax.includes('{label:distance}') ? PC_DISTANCE : 0;
}

/** The text of a sample that lies at code offset `at`. */
export function sampleText({ node, displacement }: Sample, at: number): string {
  return print(node, at + displacement);
}

/** The text of a sample as assembler input: labels as distances, relocations without symbol, our shorthand spelled out. */
export function sampleSource(sample: Sample): string {
  const { node, displacement } = sample;
  const form = node.form as SparcForm;
  const distance = displacement + distanceOf(form);
  const text = sampleText(sample, 0).replace(' #ASI_P_L', ' 0x88').replace(/%pc(22|10)\(symbol\)/, '0').replace('sethi 0', 'sethi %hi(0)'); // prettier-ignore
  // Without a displacement, GNU as takes the form with two registers.
  if (form.syntax.includes('{imm:n} ]')) return text.replace(/\[ (%\w+) \]/, '[ $1 + 0 ]');
  if (form.name === 'call_symbol') return 'call . + 0';
  if (!form.syntax.includes('{label:')) return text;
  if (distanceOf(form) > 0) return text.replace(/(\+|,) -?0x[0-9a-f]+/, `$1 ${distance}`);
  return text.replace(/-?0x[0-9a-f]+$/, `. + (${distance})`);
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
