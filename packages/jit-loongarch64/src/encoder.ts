/**
 * Nodes to bytes and to text.
 *
 * Bytes come from the layouts of the table; which combinations of operands an instruction does not allow is checked here.
 * Text is what llvm-objdump prints, with code offsets in place of distances; `la.pcrel` has the name that assemblers know.
 */
import { BpfError } from '@polybpf/errors';
import { type CodeBuffer, describeSymbol, encodeLayout, type MachineNode, type OperandPrinter, printLayout } from '@polybpf/jit'; // prettier-ignore
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
function encodePair({ form, operands }: MachineNode, displacement: number, out: CodeBuffer): void {
  const { min, max } = INSTRUCTIONS.la_pcrel.branch!;
  if (displacement < min || displacement > max || !Number.isInteger(displacement)) {
    throw new BpfError('E_JIT_OPERAND', `operand label of ${form.name}`, { expected: `${min} to ${max}`, got: String(displacement) }); // prettier-ignore
  }
  const rd = operands[0]!;
  if (!(rd >= 0 && rd <= 31)) throw new BpfError('E_JIT_OPERAND', `operand rd of ${form.name}`, { expected: '0 to 31', got: String(rd) }); // prettier-ignore
  const [high, low] = splitPair(displacement);
  out.u32le(PCADDU12I | ((high & 0xfffff) << 5) | rd);
  out.u32le(ADDI_D | ((low & 0xfff) << 10) | (rd << 5) | rd);
}

/** Bytes of a node. */
export function sizeOf(node: MachineNode): number {
  return (node.form as Loongarch64Form).layout.size;
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
  r: (value) => NAMES[value]!,
  d: String,
  label: (value) => `0x${value.toString(16)}`,
};

/** A node as llvm-objdump prints it; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  const text = printLayout(node.form, node, target, PRINTERS);
  return node.symbol === undefined ? text : text.replace(/\bsymbol$/, describeSymbol(node.symbol));
}
