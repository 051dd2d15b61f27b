/**
 * How far branches reach, and what stands in for one that must go farther.
 *
 * `tbz` reaches 32 KiB, `b.cond`, `cbz`, `adr` and `ldr (literal)` 1 MiB, `b` and `bl` 128 MiB (Arm ARM DDI 0487 C6.2).
 * A conditional branch that is too short becomes the opposite condition over a `b`; the kernel's JIT gives up instead.
 * An address that is too far takes a second instruction for the pages in between.
 */
import { type BranchUse, type FormOf, type MachineForm, type MachineNode, makeNode, reachOf, widenOver } from '@polybpf/jit'; // prettier-ignore
import type { InstructionName } from './instructions.ts';

/** Condition field (Arm ARM DDI 0487 C1.2.4). Inverted by flipping bit 0. */
export const CONDITION_CODES = {
  eq: 0, ne: 1, hs: 2, lo: 3, mi: 4, pl: 5, vs: 6, vc: 7, hi: 8, ls: 9, ge: 10, lt: 11, gt: 12, le: 13,
} as const; // prettier-ignore

/** Bits of the displacement in words, and the row that tests for the opposite. */
const SHORT: Readonly<Partial<Record<InstructionName, readonly [bits: number, opposite: InstructionName]>>> = {
  b_cond: [19, 'b_cond'],
  cbz_x: [19, 'cbnz_x'],
  cbz_w: [19, 'cbnz_w'],
  cbnz_x: [19, 'cbz_x'],
  cbnz_w: [19, 'cbz_w'],
  tbz: [14, 'tbnz'],
  tbnz: [14, 'tbz'],
};

/** Largest distance in whole pages of 4 KiB: the 12-bit immediate of the second instruction. */
const FAR_PAGES = 4095;
/** The address of a label within 16 MiB in two instructions, which the encoder makes of `adr` and `add|sub lsl #12`. */
export const ADR_FAR: MachineForm = {
  name: 'adr_far',
  syntax: 'adr {Rd:x}, {label:label}',
  manual: 'ADR',
  branch: { min: -FAR_PAGES * 4096, max: FAR_PAGES * 4096 + 4095 },
};

/**
 * Reach of row `name`, when it has a label.
 *
 * @param formOf - the table; asked only when a branch is widened, so that the table may still be growing
 */
export function branchUse(name: InstructionName, formOf: FormOf<InstructionName>): BranchUse | undefined {
  if (name === 'b' || name === 'bl') return reachOf(26, 4);
  if (name === 'ldr_literal') {
    const widen = ({ operands, label, insn }: MachineNode): MachineNode[] => [
      makeNode(ADR_FAR, operands, label, insn),
      makeNode(formOf('ldr_x'), [operands[0]!, operands[0]!, 0], -1, insn),
    ];
    return { ...reachOf(19, 4), widen };
  }
  if (name === 'adr') {
    // Counts bytes, not words.
    const widen = (node: MachineNode): MachineNode[] => [makeNode(ADR_FAR, node.operands, node.label, node.insn)];
    return { min: -(2 ** 20), max: 2 ** 20 - 1, widen };
  }
  const short = SHORT[name];
  if (short === undefined) return undefined;
  const [bits] = short;
  const widen = widenOver(
    (node, past) => invertBranch(node, past, formOf),
    ({ label, insn }) => [makeNode(formOf('b'), [], label, insn)],
  );
  return { ...reachOf(bits, 4), widen };
}

/** Whether a row is a conditional branch, which can be inverted. */
export function isConditional(name: string): name is InstructionName {
  return name in SHORT;
}

/** The branch to `label` under the opposite condition. */
export function invertBranch(node: MachineNode, label: number, formOf: FormOf<InstructionName>): MachineNode {
  const [, opposite] = SHORT[node.form.name as InstructionName]!;
  const operands = opposite === 'b_cond' ? [node.operands[0]! ^ 1] : node.operands;
  return makeNode(formOf(opposite), operands, label, node.insn);
}
