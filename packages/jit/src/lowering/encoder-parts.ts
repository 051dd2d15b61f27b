/** Parts of encoders and printers that do not depend on what the instructions are. */
import { BpfError } from '@polybpf/errors';
import { type LayoutForm, type OperandPrinter, printLayout } from '../bit-layout.ts';
import type { CodeBuffer } from '../code-buffer.ts';
import { describeSymbol } from '../link.ts';
import type { BranchUse, MachineNode } from '../node.ts';
import type { Target } from '../target.ts';

/** `Target.sizeOf` where every form has a layout. */
export function layoutSize(node: MachineNode): number {
  return (node.form as LayoutForm).layout.size;
}

/**
 * `Target.pad` with no-operations of `unit` bytes.
 *
 * @returns a function that throws `E_JIT_OPERAND` for a number of bytes that is no multiple of that
 */
export function padWith(unit: 2 | 4, append: (out: CodeBuffer) => void): Target['pad'] {
  return (count, out) => {
    checkPadding(count, unit);
    for (let i = 0; i < count; i += unit) append(out);
  };
}

/** @throws BpfError `E_JIT_OPERAND` */
export function checkPadding(count: number, unit: number): void {
  if (count % unit === 0) return;
  throw new BpfError('E_JIT_OPERAND', 'padding', { expected: `a multiple of ${unit}`, got: String(count) });
}

/**
 * Checks a node whose instructions the encoder makes itself, of a register and a distance.
 *
 * @throws BpfError `E_JIT_OPERAND`
 */
export function checkPair({ form }: MachineNode, rd: number, displacement: number, { min, max }: BranchUse): void {
  if (!(displacement >= min && displacement <= max) || !Number.isInteger(displacement)) {
    throw new BpfError('E_JIT_OPERAND', `operand label of ${form.name}`, { expected: `${min} to ${max}`, got: String(displacement) }); // prettier-ignore
  }
  if (!(rd >= 0 && rd <= 31)) throw new BpfError('E_JIT_OPERAND', `operand rd of ${form.name}`, { expected: '0 to 31', got: String(rd) }); // prettier-ignore
}

/** A node in the syntax of its row, with the symbol that it has in place of the word. */
export function printRow(
  node: MachineNode,
  target: number,
  printers: Readonly<Record<string, OperandPrinter>>,
  text: string = printLayout(node.form, node, target, printers),
): string {
  return node.symbol === undefined ? text : text.replace(/\bsymbol\b/, describeSymbol(node.symbol));
}
