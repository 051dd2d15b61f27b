import { LABEL, makeNode, type MachineForm, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { print } from '../src/encoder.ts';
import { INSTRUCTIONS as I } from '../src/instructions.ts';
import { peephole } from '../src/peephole.ts';

const node = (form: MachineForm, ...operands: number[]): MachineNode => makeNode(form, operands);
const to = (form: MachineForm, label: number, ...operands: number[]): MachineNode => makeNode(form, operands, label);
const label = (name: number): MachineNode => makeNode(LABEL, [], name);
const [EQ, NE, LT, GE] = [6, 2, 4, 0];

/** What is left, as text; labels by number. */
function after(...nodes: MachineNode[]): string[] {
  return peephole(nodes).map((one) => (one.form === LABEL ? `${one.label}:` : print(one, one.label)));
}

describe('branches', () => {
  it('around a jump become the opposite jump', () => {
    expect(after(to(I.bc, 1, EQ), to(I.b, 2), label(1), node(I.blr), label(2))).toEqual(['bne 0x2', 'blr', '2:']);
    expect(after(to(I.bc, 1, EQ), to(I.b, 2), node(I.sync), label(1), label(2))).toHaveLength(5);
  });

  it('around a return become the opposite return', () => {
    expect(after(to(I.bc, 1, GE), node(I.blr), label(1), node(I.sync))).toEqual(['bltlr', 'sync']);
  });

  it('keep labels that others go to', () => {
    expect(after(to(I.b, 1), to(I.bc, 1, GE), node(I.blr), label(1))).toEqual(['b 0x1', 'bltlr', '1:']);
  });

  it('around one or two copies become selects, by what must hold to keep the register', () => {
    const move = node(I.or, 3, 4, 4);
    expect(after(to(I.bc, 1, EQ), move, label(1))).toEqual(['iseleq r3,r3,r4']);
    expect(after(to(I.bc, 1, NE), move, label(1))).toEqual(['iseleq r3,r4,r3']);
    expect(after(to(I.bc, 1, LT), move, node(I.or, 5, 3, 3), label(1))).toEqual(['isellt r3,r3,r4', 'isellt r5,r5,r3']);
    expect(after(to(I.bc, 1, LT), move, move, move, label(1))).toHaveLength(5);
    expect(after(to(I.bc, 1, LT), node(I.or, 3, 4, 5), label(1))).toHaveLength(3);
    // r0 as the first choice of a select is zero.
    expect(after(to(I.bc, 1, NE), node(I.or, 3, 0, 0), label(1))).toHaveLength(3);
  });

  it('around a zero become a select where that has a zero to give', () => {
    expect(after(to(I.bc, 1, NE), node(I.li, 3, 0), label(1))).toEqual(['iseleq r3,0,r3']);
    expect(after(to(I.bc, 1, EQ), node(I.li, 3, 0), label(1))).toHaveLength(3);
    expect(after(to(I.bc, 1, NE), node(I.li, 3, 1), label(1))).toHaveLength(3);
  });
});

describe('what is returned', () => {
  const move = node(I.or, 3, 8, 8);

  it('is computed in the result register', () => {
    expect(after(node(I.add, 8, 4, 5), move, node(I.blr))).toEqual(['add r3,r4,r5', 'blr']);
    expect(after(to(I.bc, 1, LT), node(I.or, 8, 4, 4), label(1), move, node(I.blr))).toEqual([
      'isellt r3,r8,r4',
      'blr',
    ]);
  });

  it('is copied when something else may read or come in between', () => {
    expect(after(node(I.add, 8, 4, 5), move, node(I.std, 8, 8, 1), node(I.blr))).toHaveLength(4);
    expect(after(to(I.b, 9), node(I.add, 8, 4, 5), label(9), move, node(I.blr))).toHaveLength(5);
    expect(after(node(I.rldimi, 8, 8, 32, 0), move, node(I.blr))).toHaveLength(3);
    expect(after(node(I.add, 7, 4, 5), move, node(I.blr))).toHaveLength(3);
  });
});

describe('comparisons', () => {
  const compare = node(I.cmpd, 3, 4);

  it('are made once while their operands keep their values', () => {
    expect(after(compare, to(I.bc, 9, EQ), compare, to(I.bc, 9, LT), label(9))).toEqual([
      'cmpd r3,r4',
      'beq 0x9',
      'blt 0x9',
      '9:',
    ]);
    expect(after(node(I.cmpdi, 3, 5), node(I.li, 5, 1), node(I.cmpdi, 3, 5))).toHaveLength(2);
  });

  it.each([
    ['an operand', node(I.li, 4, 1)],
    ['the condition field', node(I.and_rc, 6, 7, 8)],
    ['a place to come from', label(9)],
    ['a call', node(I.bctrl)],
    ['another comparison', node(I.cmpld, 3, 4)],
  ])('are made again after %s changed', (_, between) => {
    expect(after(to(I.b, 9), compare, between, compare).filter((text) => text === 'cmpd r3,r4')).toHaveLength(2);
  });
});

describe('constants in scratch registers', () => {
  const [high, low] = [node(I.lis, 0, 18), node(I.ori, 0, 0, 52)];
  const use = node(I.stw, 0, 8, 3);

  it('are made once', () => {
    expect(after(high, low, use, high, low, use)).toEqual([
      'lis r0,18',
      'ori r0,r0,52',
      'stw r0,8(r3)',
      'stw r0,8(r3)',
    ]);
    expect(after(node(I.li, 11, 5), node(I.li, 0, 5), node(I.li, 11, 5))).toEqual(['li r11,5', 'li r0,5']);
    // Part of a longer one is another.
    expect(after(high, low, use, high, use)).toHaveLength(5);
  });

  it('and masked shift counts are made once while the count keeps its value', () => {
    const mask = node(I.rldicl, 0, 5, 0, 58);
    expect(after(mask, node(I.sld, 3, 3, 0), mask, node(I.srd, 4, 4, 0))).toHaveLength(3);
    expect(after(mask, node(I.sld, 5, 5, 0), mask, node(I.srd, 4, 4, 0))).toHaveLength(4);
    expect(after(node(I.rldicl, 0, 0, 0, 58), node(I.rldicl, 0, 0, 0, 58))).toHaveLength(2);
  });

  it.each([
    ['another value', node(I.add, 0, 3, 4)],
    ['a call', node(I.bl_symbol)],
    ['a place to come from', label(9)],
  ])('are made again after %s', (_, between) => {
    expect(after(to(I.b, 9), high, low, between, high, low).filter((text) => text === 'lis r0,18')).toHaveLength(2);
  });

  it('in other registers are left alone', () => {
    expect(after(node(I.li, 3, 5), node(I.li, 3, 5))).toHaveLength(2);
  });
});
