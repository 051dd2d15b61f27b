/**
 * Nodes to bytes and to text.
 *
 * Instructions are little-endian in memory in both byte orders of data: ARMv7 has no other (DDI 0406C, A3.3.1, "BE-8").
 * Text is what the GNU assembler reads, with code offsets in place of distances.
 */
import { BpfError } from '@polybpf/errors';
import {
  type CodeBuffer,
  describeSymbol,
  encodeLayout,
  type MachineNode,
  operandNames,
  type OperandPrinter,
  printLayout,
} from '@polybpf/jit';
import { FIELDS } from './fields.ts';
import type { ArmForm } from './instructions.ts';
import { CONDITIONS, NAMES } from './registers.ts';

const NOP = 0xe320f000;

/** What the program counter is ahead of the instruction that adds it, from each half of its constant. */
const AHEAD: Readonly<Record<string, number>> = { movw_label: 16, movt_label: 12 };

/** By row: operands that need work, as [position, its place in the layout, field, whether it is left out]. */
const plans = new Map<ArmForm, readonly string[]>();

function planOf(form: ArmForm): readonly string[] {
  let plan = plans.get(form);
  if (plan === undefined) {
    plan = operandNames(form.syntax).filter((name) => name !== 'label');
    plans.set(form, plan);
  }
  return plan;
}

/**
 * Appends the bytes of a node.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const form = node.form as ArmForm;
  const operands: number[] = [];
  planOf(form).forEach((name, i) => {
    const value = node.operands[i]!;
    if (name === 'Rt2') return checkPair(node, node.operands[i - 1]!, value);
    const bits = FIELDS[name]?.(value);
    if (bits === undefined && name in FIELDS) throw misfit(form, name, 'a number that its field can hold', value);
    operands.push(bits ?? value);
  });
  if (form.name === 'bfc' || form.name === 'ubfx') checkField(form, operands);
  if (form.name === 'movw_label' || form.name === 'movt_label') {
    const distance = displacement - AHEAD[form.name]!;
    displacement = form.name === 'movw_label' ? distance & 0xffff : distance >>> 16;
  }
  encodeLayout(form, { ...node, operands }, displacement, out, false);
}

/** A doubleword takes an even register and the next (DDI 0406C, A8.8.72). */
function checkPair({ form }: MachineNode, first: number, second: number): void {
  if (first % 2 === 0 && second === first + 1 && first < 14) return;
  throw misfit(form as ArmForm, 'Rt2', 'an even register and the next', second);
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

/**
 * Padding that may be executed.
 *
 * @throws BpfError `E_JIT_OPERAND` when `count` is no multiple of 4
 */
export function pad(count: number, out: CodeBuffer): void {
  if (count % 4 !== 0)
    throw new BpfError('E_JIT_OPERAND', 'padding', { expected: 'a multiple of 4', got: String(count) });
  for (let i = 0; i < count; i += 4) out.u32le(NOP);
}

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  c: (value) => CONDITIONS[value] ?? `?${value}`,
  r: (value) => NAMES[value] ?? `?${value}`,
  i: (value) => `#${value}`,
  list: (value) => `{${NAMES.filter((_, register) => (value & (1 << register)) !== 0).join(', ')}}`,
  label: (value) => `0x${value.toString(16)}`,
};

/** A node as the GNU assembler reads it; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  const text = printLayout(node.form, node, target, PRINTERS);
  return node.symbol === undefined ? text : text.replace(/\bsymbol\b/, describeSymbol(node.symbol));
}
