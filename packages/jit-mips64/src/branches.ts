/**
 * How far branches reach, and what stands in for one that must go farther.
 *
 * Conditional branches, `b` and `bal` reach 128 KiB from their delay slot (MD00087, "BEQ"). `j` and `jal` are absolute
 * within 256 MiB, so position-independent code cannot use them: a farther label is computed from the program counter,
 * which only a linking branch tells. A far jump keeps the return address in $v1 meanwhile and goes through $t9; neither
 * may occur in a delay slot that the peephole pass has filled.
 *
 * A widened branch ends in the jump whose delay slot is the node after it, the one that was the short branch's own. A
 * conditional one binds the label of its other path right before that node, so that it is executed once on both paths.
 */
import { type BranchUse, type FormOf, type MachineForm, type MachineNode, makeNode, widenOver } from '@polybpf/jit';
import type { InstructionName } from './instructions.ts';
import { RA, T9, V1 } from './registers.ts';

/** Labels that a 16-bit count of instructions reaches. */
export const NEAR: BranchUse = { min: -0x8000 * 4 + 4, max: 0x7fff * 4 + 4 };

const FAR: BranchUse = { min: -0x7fff0000, max: 0x7fff0000 };
const MANUAL = 'BAL';

/** rd = address of a label within 2 GiB: `bal` to the next but one instruction, then lui, daddiu, daddu. */
export const LA_FAR: MachineForm = { name: 'la_far', syntax: 'la {rd:r}, {label:label}', manual: MANUAL, branch: FAR };

/** rd = address of a label within 32 KiB: `bal` to the next but one instruction, daddiu. */
export const LA_NEAR: MachineForm = {
  name: 'la_near',
  syntax: 'la {rd:r}, {label:label}',
  manual: MANUAL,
  branch: {
    min: -0x8000 + 8,
    max: 0x7fff + 8,
    widen: ({ operands, label, insn }) => [makeNode(LA_FAR, operands, label, insn)],
  },
};

/** rd = address of a symbol within 2 GiB, from a 32-bit distance that `bal` jumps over. */
export const LA_SYMBOL: MachineForm = {
  name: 'la_symbol',
  syntax: 'la {rd:r}, symbol',
  manual: MANUAL,
  relocation: { kind: 'R_MIPS_PC32', offset: 8, addend: 0 },
};

/**
 * A call of a symbol before the peephole pass, which decides whether it computes the address itself or branches to code
 * that several calls share: its label. A delay slot follows.
 */
export const CALL_SYMBOL: MachineForm = { name: 'call_symbol', syntax: 'bal symbol', manual: MANUAL };

/** Bytes of the forms that are several instructions. */
export const SEQUENCE_BYTES: ReadonlyMap<MachineForm, number> = /* @__PURE__ */ new Map<MachineForm, number>([
  [LA_NEAR, 12],
  [LA_FAR, 16],
  [LA_SYMBOL, 16],
]);

const OPPOSITES: Readonly<Partial<Record<InstructionName, InstructionName>>> = {
  beq: 'bne', bne: 'beq', beqz: 'bnez', bnez: 'beqz', blez: 'bgtz', bgtz: 'blez', bltz: 'bgez', bgez: 'bltz',
}; // prettier-ignore

/**
 * Reach of row `name`, when it has a label.
 *
 * @param formOf - the table; asked only when a branch is widened, so that the table may still be growing
 */
export function branchUse(name: InstructionName, formOf: FormOf<InstructionName>): BranchUse | undefined {
  if (name === 'b') return { ...NEAR, widen: ({ label, insn }) => farJump(label, insn, formOf) };
  if (name === 'bal') {
    const widen = ({ label, insn }: MachineNode): MachineNode[] => [
      makeNode(LA_FAR, [T9], label, insn),
      makeNode(formOf('jalr'), [T9], -1, insn),
    ];
    return { ...NEAR, widen };
  }
  if (OPPOSITES[name] === undefined) return undefined;
  const widen = widenOver(
    (node, past) => invertBranch(node, past, formOf),
    ({ label, insn }) => [makeNode(formOf('nop'), [], -1, insn), ...farJump(label, insn, formOf)],
  );
  return { ...NEAR, widen };
}

function farJump(label: number, insn: number, formOf: FormOf<InstructionName>): MachineNode[] {
  return [
    makeNode(formOf('move'), [V1, RA], -1, insn),
    makeNode(LA_FAR, [T9], label, insn),
    makeNode(formOf('move'), [RA, V1], -1, insn),
    makeNode(formOf('jr'), [T9], -1, insn),
  ];
}

/** Whether a row is a conditional branch, which can be inverted. */
export function isConditional(name: string): name is InstructionName {
  return Object.hasOwn(OPPOSITES, name);
}

/** The branch to `label` under the opposite condition. */
export function invertBranch(node: MachineNode, label: number, formOf: FormOf<InstructionName>): MachineNode {
  return makeNode(formOf(OPPOSITES[node.form.name as InstructionName]!), node.operands, label, node.insn);
}
