import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleNodes } from './layout.ts';
import { ALIGN, DATA64, LABEL, makeNode, type MachineForm, type MachineNode } from './node.ts';
import type { Target } from './target.ts';

// A paper machine: a one-byte filler, a two-byte jump of +-8 bytes and its five-byte form of +-100.
const far: MachineForm = { name: 'far', syntax: '', manual: '', branch: { min: -100, max: 100 } };
const near: MachineForm = {
  name: 'near',
  syntax: '',
  manual: '',
  branch: { min: -8, max: 8, widen: (node) => [makeNode(far, [], node.label)] },
};
const filler: MachineForm = { name: 'filler', syntax: '', manual: '' };
const sizes = new Map([
  [filler, 1],
  [near, 2],
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
    out.u8(size === 1 ? 0xee : displacement);
    for (let i = 1; i < size; i++) out.u8(0);
  },
  pad: (count: number, out: { u8: (value: number) => void }) => {
    for (let i = 0; i < count; i++) out.u8(0x90);
  },
} as unknown as Target;

const fill = (count: number): MachineNode[] => Array.from({ length: count }, () => makeNode(filler, []));

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
    const nodes = [makeNode(near, [], 0, 3), ...fill(120), makeNode(LABEL, [], 0)];
    expect(() => assembleNodes(paper, nodes)).toThrow(
      expect.objectContaining({ code: 'E_JIT_BRANCH_RANGE', at: { insn: 3 } }),
    );
  });

  it('every branch reaches its label in any mix, and none is wider than it must be alone', () => {
    const item = fc.oneof(
      fc.constant('filler' as const),
      fc.constant('align' as const),
      fc.record({ jump: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ label: fc.integer({ min: 0, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const bound = new Set<number>();
        const nodes: MachineNode[] = [];
        for (const entry of items) {
          if (entry === 'filler') nodes.push(makeNode(filler, []));
          else if (entry === 'align') nodes.push(makeNode(ALIGN, [4]));
          else if ('jump' in entry) nodes.push(makeNode(near, [], entry.jump));
          else if (!bound.has(entry.label)) {
            bound.add(entry.label);
            nodes.push(makeNode(LABEL, [], entry.label));
          }
        }
        for (let label = 0; label <= 5; label++) if (!bound.has(label)) nodes.push(makeNode(LABEL, [], label));
        const { nodes: final, offsets, labelOffsets, code } = assembleNodes(paper, nodes);
        expect(code).toHaveLength(offsets[final.length]!);
        final.forEach((node, i) => {
          const { branch } = node.form;
          if (branch === undefined) return;
          const distance = labelOffsets[node.label]! - offsets[i]!;
          expect(distance).toBeGreaterThanOrEqual(branch.min);
          expect(distance).toBeLessThanOrEqual(branch.max);
          expect((code[offsets[i]!]! << 24) >> 24).toBe(distance);
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
