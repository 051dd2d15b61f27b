import { assembleNodes, LABEL, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { BRANCHES } from '../src/branches.ts';
import { print } from '../src/encoder.ts';
import { s390x } from '../src/index.ts';
import { FORMS } from '../src/instructions.ts';
import { peephole } from '../src/peephole.ts';
import { toHex } from './encoder-samples.ts';

const LGR = FORMS.lgr;
const fillers = (bytes: number): MachineNode[] => Array.from({ length: bytes / 4 }, () => makeNode(LGR, [1, 2]));
const label = (number: number): MachineNode => makeNode(LABEL, [], number);

/** The first instructions of a branch over `bytes` bytes, as hex. */
function over(branch: MachineNode, bytes: number): string {
  const { code } = assembleNodes(s390x, [branch, ...fillers(bytes), label(0)]);
  return toHex(code.subarray(0, code.length - bytes));
}

/** The last instructions of a branch back over `bytes` bytes. */
function back(branch: MachineNode, bytes: number): string {
  const { code } = assembleNodes(s390x, [label(0), ...fillers(bytes), branch]);
  return toHex(code.subarray(bytes));
}

describe('branches', () => {
  it('reach 65534 bytes forwards and 65536 back in their short form', () => {
    const jump = makeNode(BRANCHES.brc, [15], 0);
    expect(over(jump, 65528)).toBe('a7f47ffe');
    expect(over(jump, 65532)).toBe('c0f400008001');
    expect(back(jump, 65536)).toBe('a7f48000');
    expect(back(jump, 65540)).toBe('c0f4ffff7ffe');
  });

  it.each([
    [BRANCHES.crj, [8, 2, 3], '1923c084'],
    [BRANCHES.cgrj, [6, 2, 3], 'b9200023c074'],
    [BRANCHES.clrj, [4, 2, 3], '1523c044'],
    [BRANCHES.clgrj, [12, 2, 3], 'b9210023c0d4'],
    [BRANCHES.cij, [10, 2, -128], 'a72eff80c0b4'],
    [BRANCHES.cgij, [2, 2, 127], 'a72f007fc024'],
    [BRANCHES.clij, [8, 2, 255], 'c22f000000ffc084'],
    [BRANCHES.clgij, [6, 2, 0], 'c22e00000000c074'],
  ] as const)('becomes a comparison and a long branch: %#', (form, operands, expected) => {
    const branch = makeNode(form, operands, 0);
    expect(over(branch, 65528).length).toBe(12);
    expect(over(branch, 65536)).toMatch(new RegExp(`^${expected}0000800[3]$`));
    expect(back(branch, 65536).length).toBe(12);
    expect(back(branch, 65540).startsWith(expected)).toBe(true);
  });

  it('of the longest form say so when they do not reach', () => {
    const { branch } = BRANCHES.brasl;
    expect(branch).toEqual({ min: -(2 ** 32), max: 2 ** 32 - 2 });
    expect(BRANCHES.lgrl.branch).toEqual(branch);
  });
});

describe('peephole', () => {
  const texts = (nodes: MachineNode[]): string[] =>
    peephole(nodes).map((node) => (node.form === LABEL ? `L${node.label}:` : print(node, 0)));

  it('makes a branch over a copy a load on condition', () => {
    const nodes = [makeNode(BRANCHES.clgrj, [2, 3, 4], 0), makeNode(LGR, [5, 6]), label(0)];
    expect(texts(nodes)).toEqual(['clgr %r3,%r4', 'locgrnh %r5,%r6', 'L0:']);
    const tested = [makeNode(FORMS.tmll, [3, 1]), makeNode(BRANCHES.brc, [7], 0), makeNode(FORMS.lr, [5, 6]), label(0)];
    expect(texts(tested)).toEqual(['tmll %r3,1', 'locre %r5,%r6', 'L0:']);
  });

  it('does not when something else is branched over, or the label is elsewhere', () => {
    const two = [makeNode(BRANCHES.cgij, [8, 3, 0], 0), makeNode(LGR, [5, 6]), makeNode(LGR, [7, 6]), label(0)];
    expect(texts(two)).toEqual(['cgije %r3,0,0x0', 'lgr %r5,%r6', 'lgr %r7,%r6', 'L0:']);
    const other = [makeNode(BRANCHES.cgij, [8, 3, 0], 1), makeNode(LGR, [5, 6]), label(0), label(1)];
    expect(texts(other)).toEqual(['cghi %r3,0', 'locgrne %r5,%r6', 'L0:', 'L1:']);
    const jump = [makeNode(BRANCHES.brc, [15], 0), makeNode(LGR, [5, 6]), label(0)];
    expect(texts(jump)).toEqual(['j 0x0', 'lgr %r5,%r6', 'L0:']);
  });

  it('compares once when the operands are the same and unchanged', () => {
    const pair = (to: number): MachineNode[] => [
      makeNode(BRANCHES.clrj, [2, 3, 4], 0), makeNode(FORMS.lr, [to, 6]), label(0),
      makeNode(BRANCHES.clrj, [2, 3, 4], 1), makeNode(FORMS.lr, [7, 6]), label(1),
    ]; // prettier-ignore
    expect(texts(pair(5))).toEqual(['clr %r3,%r4', 'locrnh %r5,%r6', 'L0:', 'locrnh %r7,%r6', 'L1:']);
    expect(texts(pair(4)).filter((text) => text.startsWith('clr'))).toHaveLength(2);
    // Where another branch arrives, the condition code is unknown.
    const joined = [makeNode(BRANCHES.brc, [4], 0), ...pair(5)];
    expect(texts(joined).filter((text) => text.startsWith('clr'))).toHaveLength(2);
  });

  it('gives a scratch register the same value once', () => {
    const load = makeNode(FORMS.llilf, [0, 99999]);
    const use = makeNode(FORMS.ngr, [3, 0]);
    expect(texts([load, use, load, use])).toEqual(['llilf %r0,99999', 'ngr %r3,%r0', 'ngr %r3,%r0']);
    for (const between of [
      makeNode(FORMS.lghi, [0, 1]),
      makeNode(FORMS.dlgr, [0, 3]),
      makeNode(FORMS.lgr, [0, 3]),
      makeNode(FORMS.oilf, [0, 3]),
      makeNode(FORMS.basr, [14, 1]),
      makeNode(BRANCHES.brasl, [14], 5),
    ]) {
      expect(texts([load, use, between, load]).at(-1)).toBe('llilf %r0,99999');
    }
    expect(texts([load, label(3), load, makeNode(BRANCHES.brc, [8], 3)])).toHaveLength(4);
    expect(texts([load, label(3), load])).toHaveLength(2);
  });

  it('knows what a masked count depends on, and who reads the condition code', () => {
    const mask = makeNode(FORMS.risbg, [1, 3, 59, 191, 0]);
    expect(texts([mask, mask])).toHaveLength(1);
    expect(texts([mask, makeNode(FORMS.lgr, [3, 4]), mask])).toHaveLength(3);
    expect(texts([mask, mask, makeNode(BRANCHES.brc, [7], 5)])).toHaveLength(3);
    // A rotation into itself, and one that keeps what was there, are other values each time.
    const itself = makeNode(FORMS.risbg, [1, 1, 59, 191, 3]);
    expect(texts([itself, itself])).toHaveLength(2);
    const keeping = makeNode(FORMS.risbg, [1, 3, 59, 63, 3]);
    expect(texts([keeping, keeping])).toHaveLength(2);
  });
});
