/** Nodes to bytes and to text. Every instruction is a word, in the byte order of the target. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { type CodeBuffer, encodeLayout, type MachineNode, type OperandPrinter, padWith, printRow, type Target } from '@polybpf/jit'; // prettier-ignore
import { LABEL_FAR } from './branches.ts';
import { INSTRUCTIONS, type Ppc64Form } from './instructions.ts';

const { addi, addi_label, addis, or } = INSTRUCTIONS;

/** Bytes of a node. */
export function sizeOf({ form }: MachineNode): number {
  return form === LABEL_FAR ? 8 : 4;
}

/**
 * Appends the bytes of a node; `displacement` is the label's offset minus the node's.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit its field
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer, bigEndian: boolean): void {
  const { form, operands } = node;
  if (form === LABEL_FAR) {
    const distance = displacement + 4;
    const low = (distance << 16) >> 16;
    const [rt, ra] = operands as [number, number];
    encodeLayout(addis.layout, [rt, ra, (distance - low) / 0x10000], 0, out, bigEndian);
    encodeLayout(addi.layout, [rt, rt, low], 0, out, bigEndian);
    return;
  }
  const { nonZero } = form as Ppc64Form;
  if (nonZero >= 0 && operands[nonZero] === 0)
    throw new BpfError('E_JIT_OPERAND', `base register of ${form.name}`, { expected: '1 to 31', got: '0' });
  // The label's distance counts from the instruction before, whose address is in the register.
  const from = form === addi_label ? displacement + 4 : displacement;
  encodeLayout((form as Ppc64Form).layout, operands, from, out, bigEndian);
}

const NOP = 0x60000000;

/** Padding that may be executed: a multiple of 4 bytes. */
export function padFor(endian: Endian): Target['pad'] {
  return padWith(4, endian === 'big' ? (out) => out.u32be(NOP) : (out) => out.u32le(NOP));
}

const CONDITION_NAMES = ['ge', 'le', 'ne', 'ns', 'lt', 'gt', 'eq', 'so'];
const BIT_NAMES = ['lt', 'gt', 'eq', 'so'];

const register: OperandPrinter = (value) => `r${value}`;

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  w: register,
  r: register,
  n: register,
  nw: register,
  rw: register,
  z: (value) => (value === 0 ? '0' : `r${value}`),
  i: String,
  u: String,
  c: (value) => CONDITION_NAMES[value]!,
  b: (value) => BIT_NAMES[value]!,
  l: (value) => `0x${value.toString(16)}`,
};

/** The node in GNU as syntax with register names; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  const { form, operands } = node;
  if (form === or && operands[1] === operands[2]) return `mr r${operands[0]},r${operands[1]}`;
  return printRow(node, target, PRINTERS);
}
