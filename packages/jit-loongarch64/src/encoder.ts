/**
 * Nodes to bytes and to text.
 *
 * Bytes come from the layouts of the table; which combinations of operands an instruction does not allow is checked here.
 * Text is what llvm-objdump prints, with code offsets in place of distances; `la.pcrel` has the name that assemblers know.
 */
import { BpfError } from '@polybpf/errors';
import { checkPair, type CodeBuffer, encodeLayout, type MachineNode, type OperandPrinter, padWith, printRow, type Target } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS, type Loongarch64Form } from './instructions.ts';
import { NAMES, ZERO } from './registers.ts';
import { NOP, splitPair } from './relocations.ts';

const PCADDU12I = 0x1c000000;
const ADDI_D = 0x02c00000;

/**
 * Appends the bytes of a node.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const form = node.form as Loongarch64Form;
  if (form.layout.size === 8) return encodePair(node, displacement, out);
  if (form.name.startsWith('am')) checkAtomic(node);
  else if (form.name.startsWith('bstr')) checkBitRange(node);
  encodeLayout(form.layout, node.operands, displacement, out, false);
}

/** The old value cannot go where an operand is (LoongArch Reference Manual, section 2.2.7). */
function checkAtomic({ form, operands }: MachineNode): void {
  const [rd, rk, rj] = operands;
  if (rd === ZERO || (rd !== rk && rd !== rj)) return;
  throw new BpfError('E_JIT_OPERAND', `operand rd of ${form.name}`, { expected: 'another register than rj and rk', got: String(rd) }); // prettier-ignore
}

function checkBitRange({ form, operands }: MachineNode): void {
  const [, , msb, lsb] = operands as [number, number, number, number];
  if (msb >= lsb) return;
  throw new BpfError('E_JIT_OPERAND', `operand msb of ${form.name}`, { expected: `at least ${lsb}`, got: String(msb) });
}

/** `pcaddu12i` and `addi.d`. */
function encodePair(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const rd = node.operands[0]!;
  checkPair(node, rd, displacement, INSTRUCTIONS.la_pcrel.branch!);
  const [high, low] = splitPair(displacement);
  out.u32le(PCADDU12I | ((high & 0xfffff) << 5) | rd);
  out.u32le(ADDI_D | ((low & 0xfff) << 10) | (rd << 5) | rd);
}

/** Padding that may be executed: a multiple of 4 bytes. */
export const pad: Target['pad'] = padWith(4, (out) => out.u32le(NOP));

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  r: (value) => NAMES[value]!,
  d: String,
  label: (value) => `0x${value.toString(16)}`,
};

/** A node as llvm-objdump prints it; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  return printRow(node, target, PRINTERS);
}
