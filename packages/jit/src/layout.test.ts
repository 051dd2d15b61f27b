import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleNodes } from './layout.ts';
import { ALIGN, DATA64, LABEL, makeNode, type MachineForm, type MachineNode } from './node.ts';
import type { Target } from './target.ts';

// A paper machine: a one-byte filler, a two-byte jump of +-8 bytes and its five-byte form of +-1000.
const far: MachineForm = { name: 'far', syntax: '', manual: '', branch: { min: -1000, max: 1000 } };
const near: MachineForm = {
  name: 'near',
  syntax: '',
  manual: '',
  branch: { min: -8, max: 8, widen: (node) => [makeNode(far, [], node.label)] },
};
// A two-byte jump as well, whose longer form is a jump around another.
const around: MachineForm = {
  name: 'around',
  syntax: '',
  manual: '',
  branch: {
    min: -8,
    max: 8,
    widen: (node, newLabel) => {
      const skip = newLabel();
      return [makeNode(near, [], skip), makeNode(far, [], node.label), makeNode(LABEL, [], skip)];
    },
  },
};
const filler: MachineForm = { name: 'filler', syntax: '', manual: '' };
const sizes = new Map([
  [filler, 1],
  [near, 2],
  [around, 2],
  [far, 5],
]);
const paper = {
  name: 'paper',
  endian: 'little',
  absolute64: 'abs',
  relocations: {},
  sizeOf: (node: MachineNode) => sizes.get(node.form)!,
  encode: (node: MachineNode, displacement: number, out: { u8: (value: number) => void }) => {
    const size = sizes.get(node.form)!;
    out.u8(size === 1 ? (node.operands[0] ?? 0xee) : displacement);
    for (let i = 1; i < size; i++) out.u8(0);
  },
  pad: (count: number, out: { u8: (value: number) => void }) => {
    for (let i = 0; i < count; i++) out.u8(0x90);
  },
} as unknown as Target;

const fill = (count: number): MachineNode[] => Array.from({ length: count }, () => makeNode(filler, []));

/** What the paper machine has between two offsets. */
function bytesOf(node: MachineNode, start: number, end: number, labelOffsets: Int32Array): number[] {
  const { form, operands } = node;
  if (form === LABEL) return [];
  if (form === ALIGN) return new Array<number>(end - start).fill(0x90);
  if (form === DATA64) return [operands[0]!, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
  if (form === filler) return [operands[0] ?? 0xee];
  return [(labelOffsets[node.label]! - start) & 0xff, ...new Array<number>(sizes.get(form)! - 1).fill(0)];
}

describe('layout', () => {
  it('keeps a branch short when it just reaches and widens it one byte later', () => {
    const forward = (gap: number): MachineNode[] => [makeNode(near, [], 0), ...fill(gap), makeNode(LABEL, [], 0)];
    expect(assembleNodes(paper, forward(6)).code).toHaveLength(8);
    expect(assembleNodes(paper, forward(7)).code).toHaveLength(12);
    const backward = (gap: number): MachineNode[] => [makeNode(LABEL, [], 0), ...fill(gap), makeNode(near, [], 0)];
    expect(assembleNodes(paper, backward(8)).code).toHaveLength(10);
    expect(assembleNodes(paper, backward(9)).code).toHaveLength(14);
  });

  it('throws when the longest form does not reach', () => {
    const nodes = [makeNode(near, [], 0, 3), ...fill(1000), makeNode(LABEL, [], 0)];
    expect(() => assembleNodes(paper, nodes)).toThrow(
      expect.objectContaining({ code: 'E_JIT_BRANCH_RANGE', at: { insn: 3 } }),
    );
  });

  it('every branch reaches its label in any mix, and none is wider than it must be alone', () => {
    const item = fc.oneof(
      fc.constant('filler' as const),
      fc.constant('align' as const),
      fc.constant('data' as const),
      fc.record({ jump: fc.integer({ min: 0, max: 5 }), form: fc.constantFrom(near, around) }),
      fc.record({ label: fc.integer({ min: 0, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const bound = new Set<number>();
        const nodes: MachineNode[] = [];
        for (const entry of items) {
          if (entry === 'filler') nodes.push(makeNode(filler, [nodes.length]));
          else if (entry === 'data') nodes.push(makeNode(DATA64, [nodes.length, -1]));
          else if (entry === 'align') nodes.push(makeNode(ALIGN, [4]));
          else if ('jump' in entry) nodes.push(makeNode(entry.form, [], entry.jump));
          else if (!bound.has(entry.label)) {
            bound.add(entry.label);
            nodes.push(makeNode(LABEL, [], entry.label));
          }
        }
        for (let label = 0; label <= 5; label++) if (!bound.has(label)) nodes.push(makeNode(LABEL, [], label));
        const { nodes: final, offsets, labelOffsets, code } = assembleNodes(paper, nodes);
        expect(code).toHaveLength(offsets[final.length]!);
        expect([...code]).toEqual(
          final.flatMap((node, i) => bytesOf(node, offsets[i]!, offsets[i + 1]!, labelOffsets)),
        );
        final.forEach((node, i) => {
          const { branch } = node.form;
          if (branch === undefined) return;
          const distance = labelOffsets[node.label]! - offsets[i]!;
          expect(distance).toBeGreaterThanOrEqual(branch.min);
          expect(distance).toBeLessThanOrEqual(branch.max);
          expect(code[offsets[i]!]).toBe(distance & 0xff);
        });
      }),
    );
  });

  it('writes literals in the byte order of the target, aligned', () => {
    const nodes = [...fill(3), makeNode(ALIGN, [8]), makeNode(LABEL, [], 0), makeNode(DATA64, [1, 2])];
    expect([...assembleNodes(paper, nodes).code]).toEqual([0xee, 0xee, 0xee, 0x90, 0x90, 0x90, 0x90, 0x90, 1, 0, 0, 0, 2, 0, 0, 0]); // prettier-ignore
    const big = { ...paper, endian: 'big' } as Target;
    expect([...assembleNodes(big, nodes.slice(3)).code]).toEqual([0, 0, 0, 2, 0, 0, 0, 1]);
  });
});
