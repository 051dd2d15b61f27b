/**
 * Machine nodes: what `lower` appends. A node is one machine instruction as plain data (row of the target's table plus
 * operand values), or a label, an alignment or literal data. Nothing is encoded yet, so peephole passes can look at
 * operands and layout can still choose between forms.
 */
import type { CodeSymbol } from './op.ts';

/**
 * One row of a target's instruction table. Targets extend this with what their encoder needs.
 */
export interface MachineForm {
  /** Unique in the table. */
  readonly name: string;
  /** Assembler syntax as the manual writes it, with `{field:type}` operands. */
  readonly syntax: string;
  /** Section of the manual. */
  readonly manual: string;
  /** How the form uses `node.label`, when it does. */
  readonly branch?: BranchUse | undefined;
  /** Relocation to record when the node has a symbol. */
  readonly relocation?: RelocationUse | undefined;
}

/** A form whose operand is a code label: its reach, and what to put in its place when the label is farther. */
export interface BranchUse {
  /** Smallest and largest displacement in bytes, counted from the first byte of the node. */
  readonly min: number;
  readonly max: number;
  /**
   * The same effect with a longer reach. May contain labels of its own, made with `newLabel`. Absent: the form has the
   * longest reach there is, and a farther label is `E_JIT_BRANCH_RANGE`.
   */
  readonly widen?: (node: MachineNode, newLabel: () => number) => MachineNode[];
}

export interface RelocationUse {
  /** Key into `Target.relocations`. */
  readonly kind: string;
  /** Byte offset of the patched field from the start of the node. */
  readonly offset: number;
  /** Added to the symbol's addend, e.g. -4 for x86 pc-relative fields. */
  readonly addend: number;
}

export interface MachineNode {
  readonly form: MachineForm;
  /** Values in the order in which the form's syntax names its operands. Registers are hardware numbers. */
  operands: readonly number[];
  /** Label that the form's branch operand goes to, or that a {@link LABEL} node defines; -1 for none. */
  label: number;
  symbol: CodeSymbol | undefined;
  addend: number;
  /** BPF insn index the node belongs to, -1 for prologue and literals. */
  insn: number;
}

/**
 * Pseudo form: defines `node.label` at this place; no bytes. `operands[0]` is 1 where a later node goes back to it; all
 * others are reached by earlier nodes only.
 */
export const LABEL: MachineForm = { name: 'label', syntax: '', manual: '' };
/** Pseudo form: pads with the target's filler to a multiple of `operands[0]` bytes. */
export const ALIGN: MachineForm = { name: 'align', syntax: '', manual: '' };
/** Pseudo form: eight bytes of data in the target's byte order, `operands` = [low word, high word]; may carry a symbol (absolute 64-bit relocation `Target.absolute64`). */
export const DATA64: MachineForm = { name: 'data64', syntax: '', manual: '' };

/** A node with given operands; `insn` is set by the context that appends it. */
export function makeNode(form: MachineForm, operands: readonly number[], label = -1, insn = -1): MachineNode {
  return { form, operands, label, symbol: undefined, addend: 0, insn };
}
