/** Reach of branches, what they become beyond it, and what stands in delay slots. */
import { type Insn, makeProgram } from '@polybpf/isa';
import { compile, LABEL, layOut, listCode, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { ICC, invertBranch, isConditional, JUMP_FAR, LITERAL_FAR, XCC } from '../src/branches.ts';
import { type InstructionName, INSTRUCTIONS as I } from '../src/instructions.ts';
import { sparc64 } from '../src/index.ts';
import { peephole } from '../src/peephole.ts';
import { G1, G4, G5, O0, O7, SP } from '../src/registers.ts';
import { insn } from '@polybpf-tools/target-tests/insn';

const [O1, O2] = [O0 + 1, O0 + 2];
const nop = (): MachineNode => makeNode(I.nop, []);
const add = (rs1: number, rd: number, imm = 1): MachineNode => makeNode(I.add_imm, [rs1, imm, rd]);
const label = (number: number): MachineNode => makeNode(LABEL, [], number);
const fillers = (count: number): MachineNode[] => Array.from({ length: count }, nop);
const names = (nodes: readonly MachineNode[]): string[] => layOut(sparc64, nodes, 1).nodes.filter(({ form }) => form !== LABEL).map(({ form }) => form.name); // prettier-ignore
/** A branch, its slot, filler, and the label, which is `distance` bytes from the branch. */
const over = (branch: MachineNode, distance: number): MachineNode[] => [branch, add(O1, O1), ...fillers(distance / 4 - 2), label(0), nop()]; // prettier-ignore

describe('branches', () => {
  it.each([
    ['bpcc', [1, XCC], 0x100000],
    ['bpcc_pn', [9, ICC], 0x100000],
    ['bpr', [1, O0], 0x20000],
    ['bpr_pn', [5, O0], 0x20000],
  ] as const)('%s goes around a longer one beyond its reach', (name, operands, reach) => {
    const branch = makeNode(I[name], operands, 0);
    expect(names(over(branch, reach - 4)).slice(0, 2)).toEqual([name, 'add_imm']);
    expect(names(over(branch, reach)).slice(0, 4)).toEqual([name, 'nop', 'ba', 'add_imm']);
    const backward = (distance: number): string[] => names([label(0), ...fillers(distance / 4), branch, add(O1, O1)]);
    expect(backward(reach).slice(-2)).toEqual([name, 'add_imm']);
    expect(backward(reach + 4).slice(-4)).toEqual([name, 'nop', 'ba', 'add_imm']);
  });

  it('executes the slot of a far branch once on either path', () => {
    const { nodes } = layOut(sparc64, over(makeNode(I.bpcc, [1, XCC], 0), 0x100000), 1);
    const slot = nodes.findIndex(({ form }) => form === I.add_imm);
    // Taken: the slot of the jump. Not taken: the opposite branch goes to the label right before it.
    expect(nodes[slot - 1]!.form).toBe(LABEL);
    expect(nodes[slot - 2]!.form).toBe(I.ba);
    expect(nodes[0]).toMatchObject({ form: I.bpcc, operands: [9, XCC], label: nodes[slot - 1]!.label });
  });

  it('jumps beyond 8 MiB through registers', () => {
    const jump = (distance: number): string[] => names([makeNode(I.ba_a, [], 0), ...fillers(distance / 4 - 1), label(0), nop()]); // prettier-ignore
    expect(jump(0x7ffffc)[0]).toBe('ba_a');
    expect(jump(0x800000).slice(0, 2)).toEqual([JUMP_FAR.name, 'nop']);
    const branch = names(over(makeNode(I.bpcc, [1, XCC], 0), 0x800000 + 64));
    expect(branch.slice(0, 4)).toEqual(['bpcc', 'nop', JUMP_FAR.name, 'add_imm']);
  });

  it('loads literals farther than 4 KiB with their distance in a register', () => {
    const load = (count: number): string[] => names([makeNode(I.rd_pc, [O1]), makeNode(I.ldx_literal, [O1, O1], 0), ...fillers(count), label(0), nop()]); // prettier-ignore
    // 4095 counts from the rd %pc, and literals are aligned.
    expect(load(1021)[1]).toBe('ldx_literal');
    expect(load(1022)[1]).toBe(LITERAL_FAR.name);
  });

  it('refuses to widen annulled branches, whose slot would be executed on both paths', () => {
    expect(() => names(over(makeNode(I.bpr_a, [1, O0], 0), 0x20000))).toThrow('does not reach');
    expect(names(over(makeNode(I.bpr_a, [1, O0], 0), 0x1fffc))[0]).toBe('bpr_a');
  });

  it('opposites are opposites', () => {
    const conditional = (Object.keys(I) as InstructionName[]).filter(isConditional);
    expect(conditional.sort()).toEqual(['bpcc', 'bpcc_pn', 'bpr', 'bpr_pn']);
    expect(invertBranch(makeNode(I.bpcc, [12, ICC], 3), 4)).toMatchObject({ operands: [4, ICC], label: 4 });
    expect(invertBranch(makeNode(I.bpr, [1, O0], 3), 4)).toMatchObject({ operands: [5, O0], label: 4 });
  });
});

/** Text of what the pass makes of nodes. */
const text = (nodes: MachineNode[]): string[] => peephole(nodes).map((node) => (node.form === LABEL ? `L${node.label}:` : sparc64.print(node, 0))); // prettier-ignore

describe('delay slots', () => {
  const branch = (): MachineNode[] => [makeNode(I.bpr, [1, O0], 0), nop()];
  const filled = (...nodes: MachineNode[]): string[] => text([...nodes, label(0), label(1)]).filter((line) => !line.startsWith('L')); // prettier-ignore

  it('take the instruction before the branch', () => {
    expect(filled(add(O1, O1), ...branch())).toEqual(['brz %o0, 0x0', 'add %o1, 1, %o1']);
  });

  it('take an earlier one across others that it does not touch', () => {
    const compare = makeNode(I.cmp_imm, [O0, 5]);
    const equal = [makeNode(I.bpcc, [1, XCC], 0), nop()];
    expect(filled(add(O1, O1), compare, ...equal)).toEqual(['cmp %o0, 5', 'be %xcc, 0x0', 'add %o1, 1, %o1']);
  });

  it.each<[string, MachineNode[]]>([
    ['what the branch reads', [add(O0, O0)]],
    ['a comparison', [makeNode(I.cmp_imm, [O1, 1])]],
    ['an atomic access', [makeNode(I.casxa, [O1, O1, O2])]],
    ['a store before a load', [makeNode(I.stx, [O1, O2, 0]), makeNode(I.ldx, [O2, 8, O0])]],
    ['what comes before a label', [add(O1, O1), label(1), makeNode(I.cmp_imm, [O0, 1]), makeNode(I.bpcc, [1, XCC], 1), nop()]],
    ['the slot of another branch', [makeNode(I.bpr_a_pn, [1, O1], 1), makeNode(I.mov, [0, O2])]],
  ])('do not take %s', (_, nodes) => {
    expect(filled(...nodes, ...branch())).toEqual([...filled(...nodes), 'brz %o0, 0x0', 'nop']);
  }); // prettier-ignore

  it('of calls and returns take nothing that has to do with the return address', () => {
    const touching = makeNode(I.mov, [O7, O1]);
    expect(filled(touching, makeNode(I.call, [], 0), nop()).at(-1)).toBe('nop');
    expect(filled(touching, makeNode(I.retl, []), nop()).at(-1)).toBe('nop');
    expect(filled(add(O1, O1), makeNode(I.call, [], 0), nop()).at(-1)).toBe('add %o1, 1, %o1');
  });

  it('take the first instruction of a place that only the branch goes to', () => {
    const nodes = [...branch(), add(O2, O2), makeNode(I.retl, []), makeNode(I.nop, []), label(0), makeNode(I.cmp, [O1, O2]), add(O1, O1)]; // prettier-ignore
    expect(text(nodes)).toEqual([
      'brz,a %o0, 0x0',
      'cmp %o1, %o2',
      'retl',
      'add %o2, 1, %o2',
      'L0:',
      'add %o1, 1, %o1',
    ]);
    // Another way to get there keeps it where it is.
    const other = [makeNode(I.bpr, [5, O1], 0), nop(), ...nodes];
    expect(text(other)).toContain('cmp %o1, %o2');
    expect(text(other).indexOf('cmp %o1, %o2')).toBeGreaterThan(text(other).indexOf('L0:'));
  });

  it('return instead of jumping to the return', () => {
    const body = [...branch(), add(O1, O0), makeNode(I.ba_a, [], 1), label(0), add(O2, O0)];
    const leaf = [...body, label(1), makeNode(I.retl, []), nop()];
    expect(text(leaf).filter((line) => line === 'retl')).toHaveLength(2);
    const window = [...body, label(1), makeNode(I.ret, []), makeNode(I.restore, [O0, 0, O0])];
    expect(text(window)).toContain('restore %o1, 1, %o0');
    // The stack pointer comes back in the slot.
    const frame = [...body, label(1), makeNode(I.retl, []), add(SP, SP, 64)];
    expect(text(frame).filter((line) => line === 'retl')).toHaveLength(1);
  });

  it('say which insn they belong to, for reports of faults', () => {
    const body: Insn[] = [insn('ldxdw', 2, 1, 8), insn('stxdw', 1, 2), insn('mov64_imm', 0, 0, 0, 7), insn('exit')];
    const { nodes } = compile(makeProgram(body, { endian: 'big' }), sparc64);
    const slot = nodes.findIndex(({ form }) => form === I.retl) + 1;
    expect(nodes[slot]).toMatchObject({ form: I.mov_imm, insn: 2 });
  });
});

describe('peephole', () => {
  it('moves on a condition instead of branching around moves', () => {
    const moves = [makeNode(I.mov, [O1, O2]), makeNode(I.mov_imm, [-1, O1])];
    expect(text([makeNode(I.bpcc, [1, ICC], 0), nop(), ...moves, label(0)])).toEqual(['movne %icc, %o1, %o2', 'movne %icc, -1, %o1']); // prettier-ignore
    expect(text([makeNode(I.bpr, [3, O0], 0), nop(), moves[0]!, label(0)])).toEqual(['movrgez %o0, %o1, %o2']);
  });

  it.each<[string, MachineNode, MachineNode[]]>([
    ['the first changes what is asked', makeNode(I.bpr, [1, O0], 0), [makeNode(I.mov, [O1, O0]), makeNode(I.mov, [O1, O2])]],
    ['an immediate has more than 11 bits', makeNode(I.bpcc, [1, ICC], 0), [makeNode(I.mov_imm, [1024, O1])]],
    ['an immediate has more than 10 bits', makeNode(I.bpr, [1, O0], 0), [makeNode(I.mov_imm, [-513, O1])]],
    ['there are three', makeNode(I.bpcc, [1, ICC], 0), [O0, O1, O2].map((d) => makeNode(I.mov, [20, d]))],
  ])('does not when %s', (_, branch, moves) => {
    expect(text([branch, nop(), ...moves, label(0)]).some((line) => line.startsWith('b'))).toBe(true);
  }); // prettier-ignore

  it('inverts a branch around a jump', () => {
    const nodes = [makeNode(I.bpcc, [3, XCC], 0), nop(), makeNode(I.ba_a, [], 1), label(0), add(O0, O0), label(1)];
    expect(text(nodes)).toEqual(['bge %xcc, 0x0', 'nop', 'add %o0, 1, %o0', 'L1:']);
  });

  it('keeps constants in scratch registers until something changes them', () => {
    const constant = [makeNode(I.sethi, [0x12345400, G1]), makeNode(I.or_imm, [G1, 0x278, G1])];
    const use = makeNode(I.and, [O0, G1, O0]);
    expect(text([...constant, use, ...constant, use])).toHaveLength(4);
    const swap = makeNode(I.mov_imm, [2175, G4]);
    expect(text([swap, add(O0, O0), swap])).toHaveLength(2);
    expect(text([...constant, use, add(O1, G1), ...constant])).toHaveLength(6);
    expect(text([...constant, makeNode(I.call, [], 0), nop(), ...constant, label(0)])).toHaveLength(6);
    // Where the literal is far, its distance goes through %g4.
    expect(text([swap, makeNode(I.rd_pc, [O0]), makeNode(I.ldx_literal, [O0, O0], 0), swap, label(0)])).toHaveLength(5);
    const other = [makeNode(I.sethi, [0x12345400, G5])];
    expect(text([...other, ...other])).toHaveLength(2);
  });

  it('makes the last instruction of a listing readable', () => {
    const lines = listCode(
      compile(makeProgram([insn('mov64_imm', 0, 0, 0, 7), insn('exit')], { endian: 'big' }), sparc64),
    );
    expect(lines.map((line) => line.text)).toEqual(['retl', 'mov 7, %o0']);
  });
});
