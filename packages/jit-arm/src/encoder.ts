/** arm machine nodes as bytes and as text, both from the rows of `instructions.ts`. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import {
  type CodeBuffer,
  encodeLayout,
  type LayoutForm,
  type MachineNode,
  type OperandPrinter,
  printLayout,
} from '@polybpf/jit';
import { REGISTERS } from './registers.ts';

/** Byte order of data and, here, of instructions; a CPU whose instructions have another order says so below. */
export const ENDIAN: Endian = 'little';

/** How operands of each type are printed, by the type after the colon in a row's syntax. */
const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  reg: (value) => REGISTERS.names[value] ?? `?${value}`,
  imm: (value) => String(value),
  label: (value) => `0x${value.toString(16)}`,
};

export function sizeOf(node: MachineNode): number {
  return layoutForm(node).layout.size;
}

export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  encodeLayout(layoutForm(node), node, displacement, out, ENDIAN === 'big');
}

export function print(node: MachineNode, target: number): string {
  return printLayout(node.form, node, target, PRINTERS);
}

/** Padding between functions is executed by nobody, yet it should be an instruction: the manual's no-operation. */
export function pad(count: number, _out: CodeBuffer): void {
  if (count > 0) throw new BpfError('E_UNSUPPORTED', `arm: ${count} bytes of padding: the no-operation has no row yet`);
}

/** Every node is made from a row of `instructions.ts`, and those have layouts. */
function layoutForm(node: MachineNode): LayoutForm {
  return node.form as LayoutForm;
}
