/** Nodes at the operand boundaries of every row, for the encoder tests: what the golden file and the native test share. */
import { CodeBuffer, makeNode, type MachineNode, operandNames } from '@polybpf/jit';
import { encode, print } from '../src/encoder.ts';
import { type ArmForm, INSTRUCTIONS } from '../src/instructions.ts';

export interface Sample {
  readonly node: MachineNode;
  /** Distance to the label in bytes, 0 without one. */
  readonly displacement: number;
}

/** Registers whose numbers exercise each bit of a field; sp and pc mean other things in many rows. */
const FEW_REGISTERS = [0, 2, 5, 10, 14];
const ALL_REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14];

const isRegister = (name: string): boolean => /^R/.test(name);

/** Constants of eight bits at every even place, and their neighbours' places. */
const MODIFIED = Array.from({ length: 16 }, (_, i) => [0xff, 0x81, 0x01].map((byte) => ((byte << (2 * i)) | (i === 0 ? 0 : byte >>> (32 - 2 * i))) >>> 0)).flat(); // prettier-ignore

/** Values of one operand worth a test. */
function valuesOf(form: ArmForm, name: string, registers: 'all' | 'few'): number[] {
  if (name === 'c') return registers === 'all' ? Array.from({ length: 15 }, (_, i) => i) : [0, 9, 14];
  if (isRegister(name)) return registers === 'all' ? ALL_REGISTERS : FEW_REGISTERS;
  if (name === 'k') return [0, ...MODIFIED];
  if (name === 'off') return [0, 1, -1, 4, 2047, 2048, -2048, 4094, 4095, -4095];
  if (name === 'hoff') return [0, 1, -1, 15, 16, -16, 127, 128, 254, 255, -255];
  if (name === 'amount') return [1, 2, 15, 16, 31, 32];
  if (name === 'list') return [1 << 4 | 1 << 14, 0x8010, 0x5ff0, 0xff0, 0x9fff, 0b11]; // prettier-ignore
  if (name === 'count' || name === 'width') return [1, 2, 8, 16, 31, 32];
  const field = form.layout.fields.find((candidate) => candidate.name === name)!;
  const bits = Array.from({ length: field.bits - 1 }, (_, i) => 2 ** i);
  return [...new Set([field.min, ...bits, field.max - field.scale, field.max])];
}

/** Distances of the rows with a label. */
function distancesOf(form: ArmForm): number[] {
  const { min, max } = form.branch!;
  if (form.name.startsWith('mov')) return [16, 12, 0, 4096, 0x12345678, -0x12345678];
  return [min, min + 4, -4, 0, 4, 8, 12, 0x1234, max - 4, max];
}

function isEncodable(sample: Sample): boolean {
  try {
    sampleBytes(sample);
    return isAssembled(sample);
  } catch {
    return false;
  }
}

/** What the assembler refuses or warns of: registers that a row must not have twice. */
function isAssembled({ node }: Sample): boolean {
  const { form, operands } = node;
  const names = operandNames(form.syntax).filter((name) => name !== 'label');
  const value = (name: string): number => operands[names.indexOf(name)] ?? -1;
  const differ = (...which: string[]): boolean => {
    const values = which.filter((name) => names.includes(name)).map(value);
    return new Set(values).size === values.length;
  };
  if (form.name === 'umull') return differ('RdLo', 'RdHi') && differ('RdLo', 'Rn') && differ('RdHi', 'Rn');
  if (form.name.startsWith('strex')) return differ('Rd', 'Rn') && differ('Rd', 'Rt') && differ('Rd', 'Rt2');
  if (/_(pre|post)$/.test(form.name)) return differ('Rt', 'Rn') && differ('Rt2', 'Rn');
  if (form.name === 'mul' || form.name === 'mla') return differ('Rd', 'Rn');
  return true;
}

/** Plain values for the operands that are not being varied. */
function restingOf(name: string, i: number): number {
  if (name === 'c') return 14;
  if (name === 'Rt') return 4;
  if (name === 'Rt2') return 5;
  if (isRegister(name)) return 6 + i;
  return name === 'list' ? 0x10 | 0x4000 : name === 'amount' || name === 'count' || name === 'width' ? 4 : 0;
}

/** Every row with each of its operands at each of its boundary values, then all registers alike. */
export function samples(registers: 'all' | 'few' = 'all'): Sample[] {
  const result: Sample[] = [];
  for (const form of Object.values(INSTRUCTIONS)) {
    const names = operandNames(form.syntax).filter((name) => name !== 'label');
    const resting = names.map(restingOf);
    const seen = new Set<string>();
    const add = (operands: readonly number[], displacement = form.branch === undefined ? 0 : 16): void => {
      const key = `${operands.join()} ${displacement}`;
      const pairAt = names.indexOf('Rt2');
      const fixed = pairAt < 0 ? operands : operands.with(pairAt, operands[pairAt - 1]! + 1);
      const sample = { node: makeNode(form, fixed), displacement };
      if (seen.has(key) || !isEncodable(sample)) return;
      seen.add(key);
      result.push(sample);
    };
    add(resting);
    names.forEach((name, i) => valuesOf(form, name, registers).forEach((value) => add(resting.with(i, value))));
    if (form.branch !== undefined) for (const distance of distancesOf(form)) add(resting, distance);
    add(resting.map((value, i) => (isRegister(names[i]!) ? 8 : value)));
    add(names.map((name) => valuesOf(form, name, registers).at(-1)!));
  }
  return result;
}

/** The text of a sample that lies at code offset `at`. */
export function sampleText({ node, displacement }: Sample, at: number): string {
  return print(node, at + displacement);
}

/** The text as assembler input: labels as distances. */
export function sampleSource(sample: Sample): string {
  const { name, syntax } = sample.node.form;
  const text = sampleText(sample, 0);
  if (name.endsWith('_symbol')) return text.replace(/:symbol-\.-\d+/, ':symbol').replace(/(:\w+:)symbol/, '#0 @ $1');
  if (!syntax.includes('{label:')) return text;
  const { displacement } = sample;
  if (name === 'movw_label') return text.replace(/:lower16:.*$/, `#${(displacement - 16) & 0xffff}`);
  if (name === 'movt_label') return text.replace(/:upper16:.*$/, `#${(displacement - 12) >>> 16}`);
  return text.replace(/0x-?[0-9a-f]+$/, `.+(${displacement})`);
}

export function sampleBytes({ node, displacement }: Sample): Uint8Array {
  const out = new CodeBuffer();
  encode(node, displacement, out);
  return out.toUint8Array();
}

export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
