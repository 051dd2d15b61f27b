/** Reach of branches, what they become beyond it, and what stands in delay slots. */
import { type Insn, makeProgram } from '@polybpf/isa';
import { compile, LABEL, layOut, listCode, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { invertBranch, isConditional, NEAR } from '../src/branches.ts';
import { type InstructionName, INSTRUCTIONS as I, type MipsForm } from '../src/instructions.ts';
import { mips64le } from '../src/index.ts';
import { peephole } from '../src/peephole.ts';
import { A0, AT, RA, T8, T9, V0, V1 } from '../src/registers.ts';
import { insn } from '@polybpf-tools/target-tests/insn';

const nop = (): MachineNode => makeNode(I.nop, []);
/** A branch, its slot, filler, and the label. */
const forward = (branch: MachineNode, filler: number): MachineNode[] => [
  branch,
  makeNode(I.li, [V0, 1]),
  ...Array.from({ length: filler }, nop),
  makeNode(LABEL, [], 0),
  nop(),
];
const texts = (nodes: readonly MachineNode[]): string[] => layOut(mips64le, nodes, 1).nodes.filter(({ form }) => form !== LABEL).map((node) => node.form.name); // prettier-ignore
const BRANCHES = Object.values(I).filter(({ name, branch }) => branch !== undefined && name !== 'bal');

describe('branches', () => {
  it.each(BRANCHES.map((form) => [form.name, form] as const))('%s reaches 128 KiB, and any distance widened', (name, form) => {
    const operands = form.reads.map((_, i) => A0 + i);
    // The slot and `filler` instructions lie between the branch and its label.
    const filler = NEAR.max / 4 - 2;
    expect(texts(forward(makeNode(form, operands, 0), filler))[0]).toBe(name);
    const far = texts(forward(makeNode(form, operands, 0), filler + 1)).slice(0, 7);
    const jump = ['move', 'la_far', 'move', 'jr'];
    if (name === 'b') expect(far).toEqual([...jump, 'li', 'nop', 'nop']);
    else expect(far).toEqual([invertBranch(makeNode(form, operands, 0), 0, (other) => I[other]).form.name, 'nop', ...jump, 'li']); // prettier-ignore
  }); // prettier-ignore

  it('backward they reach as far as the field, and not an instruction more', () => {
    const backward = (filler: number): string[] => texts([makeNode(LABEL, [], 0), ...Array.from({ length: filler }, nop), makeNode(I.b, [], 0), nop()]); // prettier-ignore
    expect(backward(-NEAR.min / 4).at(-2)).toBe('b');
    expect(backward(-NEAR.min / 4 + 1).at(-2)).toBe('jr');
  });

  it('a far conditional branch executes its slot once on either path', () => {
    const { nodes } = layOut(mips64le, forward(makeNode(I.bne, [A0, V0], 0), 40_000), 1);
    const slot = nodes.findIndex(({ form }) => form === I.li);
    // Taken: the jump's slot. Not taken: the inverted branch goes to the label right before it.
    expect(nodes[slot - 2]!.form).toBe(I.jr);
    expect(nodes[slot - 1]!.form).toBe(LABEL);
    expect(nodes[0]!.form).toBe(I.beq);
    expect(nodes[0]!.label).toBe(nodes[slot - 1]!.label);
  });

  it('a far call goes through $t9', () => {
    expect(texts(forward(makeNode(I.bal, [], 0), 40_000)).slice(0, 3)).toEqual(['la_far', 'jalr', 'li']);
  });

  it('opposites are opposites', () => {
    const conditional = (Object.keys(I) as InstructionName[]).filter(isConditional);
    expect(conditional.length).toBe(8);
    for (const name of conditional) {
      const node = makeNode(I[name], [A0, V0].slice(0, I[name].reads.length), 3);
      const once = invertBranch(node, 4, (other) => I[other]);
      expect(once.form).not.toBe(node.form);
      expect(invertBranch(once, 3, (other) => I[other])).toMatchObject({ form: node.form, operands: node.operands, label: 3 }); // prettier-ignore
    }
  });
});

describe('delay slots', () => {
  const branch = (): MachineNode[] => [makeNode(I.bnez, [A0], 0), nop()];
  const filled = (...nodes: MachineNode[]): string[] => {
    const all = peephole([...nodes, makeNode(LABEL, [], 0)]);
    return all.filter(({ form }) => form !== LABEL).map((node) => mips64le.print(node, 0));
  };

  it('take the instruction before the branch', () => {
    expect(filled(makeNode(I.daddiu, [V0, V0, 1]), ...branch())).toEqual(['bnez $a0, 0x0', 'daddiu $v0, $v0, 1']);
  });

  it('take an earlier one across others that it does not touch', () => {
    const nodes = [makeNode(I.daddiu, [V0, V0, 1]), makeNode(I.daddiu, [A0, A0, -1])];
    expect(filled(...nodes, ...branch())).toEqual(['daddiu $a0, $a0, -1', 'bnez $a0, 0x0', 'daddiu $v0, $v0, 1']);
  });

  it.each<[string, MachineNode[]]>([
    ['what the branch reads', [makeNode(I.daddiu, [A0, A0, -1])]],
    ['registers of far jumps', [makeNode(I.daddiu, [V0, T9, 1])]],
    ['registers of far jumps, written', [makeNode(I.daddiu, [V1, V0, 1])]],
    ['the return address', [makeNode(I.move, [V0, RA])]],
    ['a barrier', [makeNode(I.sync, [])]],
    ['a store before a load', [makeNode(I.sd, [V0, 0, 5]), makeNode(I.ld, [A0, 0, 6])]],
    ['a division before its result', [makeNode(I.ddivu, [V0, V0]), makeNode(I.mflo, [A0])]],
    ['the slot of another branch', [makeNode(I.beqz, [A0], 0), makeNode(I.empty_slot, [])]],
  ])('do not take %s', (_, nodes) => {
    expect(filled(...nodes, ...branch())).toEqual([...filled(...nodes), 'bnez $a0, 0x0', 'nop']);
  });

  it('take work on a scratch register from behind a conditional branch', () => {
    const behind = [makeNode(I.li, [V0, 1]), makeNode(I.li, [AT, 7]), makeNode(I.sltu, [T8, A0, AT])];
    expect(filled(...branch(), ...behind)).toEqual(['bnez $a0, 0x0', 'li $at, 7', 'li $v0, 1', 'sltu $t8, $a0, $at']);
  });

  it('do not take it from behind a jump or a label', () => {
    expect(filled(makeNode(I.b, [], 0), nop(), makeNode(I.li, [AT, 7]))[1]).toBe('nop');
    expect(filled(...branch(), makeNode(LABEL, [], 0), makeNode(I.li, [AT, 7]))[1]).toBe('nop');
  });

  it('count as part of the instruction whose access they hold, for reports of faults', () => {
    const body: Insn[] = [insn('mov64_imm', 0), insn('ldxdw', 2, 1, 8), insn('stxdw', 1, 2), insn('exit')];
    const lines = listCode(compile(makeProgram(body), mips64le));
    const jump = lines.findIndex(({ text }) => text === 'jr $ra');
    expect(lines[jump + 1]).toMatchObject({ text: 'sd $a1, 0($a0)', insn: 2 });
    expect(lines[jump]!.insn).toBe(2);
  });
});

describe('peephole', () => {
  const print = (nodes: readonly MachineNode[]): string[] => peephole([...nodes]).map((node) => (node.form === LABEL ? 'label' : mips64le.print(node, 0))); // prettier-ignore

  it('moves on a condition instead of branching around moves', () => {
    const nodes = [makeNode(I.beqz, [AT], 0), nop(), makeNode(I.move, [V0, A0]), makeNode(LABEL, [], 0)];
    expect(print(nodes)).toEqual(['movn $v0, $a0, $at']);
    expect(print(nodes.with(0, makeNode(I.bnez, [AT], 0)))).toEqual(['movz $v0, $a0, $at']);
  });

  it('does not when a move changes what is asked', () => {
    const moves = [makeNode(I.move, [AT, A0]), makeNode(I.move, [V0, A0])];
    expect(print([makeNode(I.beqz, [AT], 0), nop(), ...moves, makeNode(LABEL, [], 0)])[0]).toContain('beqz');
  });

  it('inverts a branch around a jump', () => {
    const nodes = [makeNode(I.bltz, [A0], 0), nop(), makeNode(I.b, [], 1), nop(), makeNode(LABEL, [], 0), nop(), makeNode(LABEL, [], 1)]; // prettier-ignore
    expect(print(nodes)).toEqual(['bgez $a0, 0x0', 'nop', 'nop', 'label']);
  });

  it('keeps a constant in $at until something changes it', () => {
    const constant = [makeNode(I.lui, [AT, 0x1234]), makeNode(I.ori, [AT, AT, 0x5678])];
    const use = makeNode(I.and, [V0, V0, AT]);
    expect(print([...constant, use, ...constant, use])).toHaveLength(4);
    expect(print([...constant, use, makeNode(I.slt, [AT, V0, A0]), ...constant, use])).toHaveLength(7);
    expect(
      print([...constant, use, makeNode(LABEL, [], 0), ...constant, use, makeNode(I.b, [], 0), nop()]),
    ).toHaveLength(8);
  });

  it('every instruction that reads or writes a register says so', () => {
    for (const { name, reads, writes, layout } of mips64le.forms as readonly MipsForm[]) {
      if (layout === undefined) continue;
      const fields = layout.fields.filter((field) => field.name !== 'label');
      const registers = fields.flatMap((field, i) => (/^(r[dst]|base)$/.test(field.name) ? [i] : []));
      expect([...new Set([...reads, ...writes])].sort(), name).toEqual(registers);
    }
  });
});
