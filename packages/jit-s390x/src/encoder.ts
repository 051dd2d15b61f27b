/**
 * Nodes to bytes and to text. The z/Architecture is big-endian and its instructions are 2, 4 or 6 bytes long.
 */
import { type CodeBuffer, describeSymbol, encodeLayout, type MachineNode, type OperandPrinter, padWith, printLayout, type Target } from '@polybpf/jit'; // prettier-ignore
import type { S390xForm } from './instructions.ts';

/**
 * Appends the bytes of a node; `displacement` is the label's offset minus the node's.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit its field
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  encodeLayout((node.form as S390xForm).layout, node.operands, displacement, out, true);
}

/** Two-byte no-operation: BRANCH ON CONDITION with an empty mask, as GNU as pads. */
const NOPR = 0x0707;

/** Padding that may be executed: an even number of bytes. */
export const pad: Target['pad'] = padWith(2, (out) => out.u16be(NOPR));

/** Suffixes of the extended mnemonics by mask (PoP appendix C); a fused comparison knows only the even ones. */
const MASK_SUFFIXES = ['nop', 'o', 'h', 'nle', 'l', 'nhe', 'lh', 'ne', 'e', 'nlh', 'he', 'nl', 'le', 'nh', 'no', ''];
const FUSED_SUFFIXES: Readonly<Record<number, string>> = { 2: 'h', 4: 'l', 6: 'ne', 8: 'e', 10: 'nl', 12: 'nh' };

const register: OperandPrinter = (value) => `%r${value}`;

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  w: register,
  r: register,
  rw: register,
  p: register,
  x: (value) => (value === 0 ? '' : `%r${value},`),
  b: (value) => (value === 0 ? '' : `%r${value}`),
  d: String,
  i: String,
  u: (value) => String(value >>> 0),
  c: (value) => MASK_SUFFIXES[value]!,
  k: (value) => MASK_SUFFIXES[value]!,
  f: (value) => FUSED_SUFFIXES[value] ?? `<${value}>`,
  l: (value) => `0x${value.toString(16)}`,
};

/** The node in GNU as syntax; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  const { symbol } = node;
  const printers = symbol === undefined ? PRINTERS : { ...PRINTERS, l: () => describeSymbol(symbol) };
  return printLayout(node.form, node, target, printers).replace('()', '').replace(',)', ',%r0)');
}
