/**
 * Nodes to bytes and to text. Every SPARC instruction is one big-endian word.
 */
import { BpfError } from '@polybpf/errors';
import { type CodeBuffer, encodeLayout, type MachineNode, makeNode, type OperandPrinter, padWith, printRow, type Target } from '@polybpf/jit'; // prettier-ignore
import { ADD_FAR, JUMP_FAR, LITERAL_FAR, PC_DISTANCE } from './branches.ts';
import { INSTRUCTIONS, type SparcForm } from './instructions.ts';
import { G0, G1, G4, G5, NAMES } from './registers.ts';

/** `nop` as an instruction word. */
const NOP = 0x01000000;

/** Bytes of a node. */
export function sizeOf(node: MachineNode): number {
  const { form } = node;
  return form === JUMP_FAR ? 16 : form === LITERAL_FAR || form === ADD_FAR ? 12 : 4;
}

/**
 * Appends the bytes of a node; `displacement` is the label's offset minus the node's.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit its field
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const { form, operands } = node;
  if (form === JUMP_FAR) {
    encodeRow(makeNode(INSTRUCTIONS.rd_pc, [G1]), 0, out);
    encodeDistance(G5, displacement, out);
    encodeRow(makeNode(INSTRUCTIONS.jmp_reg, [G1, G5]), 0, out);
  } else if (form === LITERAL_FAR || form === ADD_FAR) {
    const [pc, rd] = operands as [number, number];
    encodeDistance(G4, displacement + PC_DISTANCE, out);
    const last = form === ADD_FAR ? INSTRUCTIONS.add : INSTRUCTIONS.ldx_reg;
    encodeRow(makeNode(last, [pc, G4, rd]), 0, out);
  } else {
    const isRelative = form === INSTRUCTIONS.ldx_literal || form === INSTRUCTIONS.add_label;
    encodeRow(node, isRelative ? displacement + PC_DISTANCE : displacement, out);
  }
}

function encodeRow(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const form = node.form as SparcForm;
  const { ccAt, rcondAt } = form;
  // 1 and 3 are reserved, as are 0 and 4: the layouts know widths, not gaps.
  if (ccAt >= 0 && (node.operands[ccAt]! & 1) !== 0) throw reserved(form, 'cc', '0 (%icc) or 2 (%xcc)', node.operands[ccAt]!); // prettier-ignore
  if (rcondAt >= 0 && (node.operands[rcondAt]! & 3) === 0) throw reserved(form, 'rcond', '1 to 3 or 5 to 7', node.operands[rcondAt]!); // prettier-ignore
  encodeLayout(form.layout, node.operands, displacement, out, true);
}

function reserved(form: SparcForm, operand: string, expected: string, got: number): BpfError {
  return new BpfError('E_JIT_OPERAND', `operand ${operand} of ${form.name}`, { expected, got: String(got) });
}

/** rd = a distance of 32 bits in two instructions: `sethi` and `or`, or `xor` where the upper half must be ones. */
function encodeDistance(rd: number, distance: number, out: CodeBuffer): void {
  const isNegative = distance < 0;
  const high = (isNegative ? ~distance : distance) & ~0x3ff;
  encodeRow(makeNode(INSTRUCTIONS.sethi, [high, rd]), 0, out);
  const low = distance & 0x3ff;
  if (isNegative) encodeRow(makeNode(INSTRUCTIONS.xor_imm, [rd, low | ~0x3ff, rd]), 0, out);
  else encodeRow(makeNode(INSTRUCTIONS.or_imm, [rd, low, rd]), 0, out);
}

/** Padding that may be executed: a multiple of 4 bytes. */
export const pad: Target['pad'] = padWith(4, (out) => out.u32be(NOP));

const CONDITIONS = ['n', 'e', 'le', 'l', 'leu', 'cs', 'neg', 'vs', 'a', 'ne', 'g', 'ge', 'gu', 'cc', 'pos', 'vc'];
const REGISTER_CONDITIONS = ['', 'z', 'lez', 'lz', '', 'nz', 'gz', 'gez'];
/** As in the mnemonics of MOVR. */
const MOVE_CONDITIONS = ['', 'e', 'lez', 'lz', '', 'ne', 'gz', 'gez'];

const hex: OperandPrinter = (value) => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);
/** objdump prints small and negative numbers in decimal. */
const number: OperandPrinter = (value) => (value <= 9 ? String(value) : hex(value));

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  r: (value) => NAMES[value]!,
  n: number,
  h: (value) => number(value >>> 0),
  cond: (value) => CONDITIONS[value]!,
  rcond: (value) => REGISTER_CONDITIONS[value] ?? '',
  mrcond: (value) => MOVE_CONDITIONS[value] ?? '',
  cc: (value) => (value === 2 ? '%xcc' : '%icc'),
  label: hex,
  distance: hex,
};

/** The node in GNU as syntax; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  const { symbol, form } = node;
  const text = printRow(node, target, PRINTERS);
  if (symbol !== undefined) return text;
  return form.name.endsWith('_reg') ? text.replace(` + ${NAMES[G0]!} ]`, ' ]') : text.replace(' + 0 ]', ' ]');
}
