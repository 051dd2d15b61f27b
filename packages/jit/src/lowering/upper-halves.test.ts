import { describe, expect, it } from 'vitest';
import type { LowerContext } from '../lower-context.ts';
import { LABEL, makeNode, type MachineNode } from '../node.ts';
import { constantHomes } from './constant-homes.ts';
import type { WritingForm } from './look-back.ts';
import { BOTH, comparesAlike, followHalves, halfOf, halfOfAnd, halfOfShift, SIGN, ZEROS } from './upper-halves.ts';

const form = (name: string, writes: readonly number[], isBranch = false): WritingForm => ({
  name,
  syntax: '',
  manual: '',
  writes,
  ...(isBranch ? { branch: { min: -8, max: 8 } } : {}),
});
/** rd = sign-extended word, rd = zero-extended word, rd = anything, rd = rs. */
const FORMS = {
  sign: form('sign', [0]),
  zeros: form('zeros', [0]),
  any: form('any', [0]),
  copy: form('copy', [0]),
  call: form('call', []),
  branch: form('branch', [], true),
  jump: form('jump', [], true),
};
const PRESERVED = 8;
const { upperHalf, isWritten } = followHalves({
  preserved: [PRESERVED],
  flow: ({ form: { name } }) => (name === 'call' || name === 'jump' ? name : undefined),
  result: ({ form: { name }, operands }, before) => {
    if (name === 'copy') return halfOf(before, operands[1]!);
    return name === 'sign' ? SIGN : name === 'zeros' ? ZEROS : 0;
  },
});

const node = (name: keyof typeof FORMS, ...operands: number[]): MachineNode => makeNode(FORMS[name], operands);
const to = (name: 'branch' | 'jump', label: number): MachineNode => makeNode(FORMS[name], [], label);
const label = (at: number): MachineNode => makeNode(LABEL, [], at);
/** A label that a later node goes back to. */
const loop = (at: number): MachineNode => makeNode(LABEL, [1], at);
const context = (...nodes: MachineNode[]): LowerContext => ({ nodes, notes: new Map() }) as unknown as LowerContext;

describe('upper halves', () => {
  it('are known from the last instruction that wrote the register', () => {
    const cx = context(node('sign', 3), node('zeros', 4), node('copy', 5, 4));
    expect([3, 4, 5, 6, 0].map((register) => upperHalf(cx, register))).toEqual([SIGN, ZEROS, ZEROS, 0, BOTH]);
    cx.nodes.push(node('any', 4));
    expect(upperHalf(cx, 4)).toBe(0);
  });

  it('are known no more when the instruction is taken back or changed', () => {
    const cx = context(node('zeros', 3), node('sign', 3));
    expect(upperHalf(cx, 3)).toBe(SIGN);
    cx.nodes.pop();
    expect(upperHalf(cx, 3)).toBe(ZEROS);
    cx.nodes[0]!.operands = [4];
    expect([upperHalf(cx, 3), upperHalf(cx, 4)]).toEqual([0, ZEROS]);
  });

  it('are at a label what all ways there have in common', () => {
    const cx = context(node('sign', 3), node('sign', 4), to('branch', 1), node('zeros', 4), label(1));
    expect([upperHalf(cx, 3), upperHalf(cx, 4)]).toEqual([SIGN, 0]);
  });

  it('are behind a jump what the branches to that place say', () => {
    const cx = context(to('branch', 1), node('sign', 3), to('branch', 2), node('zeros', 3), to('jump', 3), label(2));
    expect(upperHalf(cx, 3)).toBe(SIGN);
    cx.nodes.push(label(1));
    expect(upperHalf(cx, 3)).toBe(0);
  });

  it('are unknown where a loop comes back', () => {
    const cx = context(node('sign', 3), loop(1));
    expect([upperHalf(cx, 3), isWritten(cx, 3)]).toEqual([0, false]);
  });

  it('outlast a call in registers that it preserves', () => {
    const cx = context(node('sign', 3), node('sign', PRESERVED), node('call'));
    expect([3, PRESERVED, 0].map((register) => upperHalf(cx, register))).toEqual([0, SIGN, BOTH]);
    expect([isWritten(cx, 3), isWritten(cx, PRESERVED)]).toEqual([false, true]);
  });

  it('of a mask and a shift follow from their operands', () => {
    expect([halfOfAnd(SIGN, SIGN), halfOfAnd(SIGN, ZEROS), halfOfAnd(0, BOTH), halfOfAnd(0, SIGN)]).toEqual([SIGN, ZEROS, BOTH, 0]); // prettier-ignore
    expect([halfOfShift(0, 33), halfOfShift(0, 32), halfOfShift(SIGN, 31), halfOfShift(ZEROS, 1), halfOfShift(ZEROS, 0)]).toEqual([BOTH, ZEROS, 0, BOTH, ZEROS]); // prettier-ignore
  });

  it('decide whether whole registers compare like their low halves', () => {
    expect([comparesAlike(SIGN, 'ult'), comparesAlike(SIGN, 'slt', -1), comparesAlike(0, 'eq')]).toEqual([true, true, false]); // prettier-ignore
    expect([comparesAlike(ZEROS, 'ult', 1), comparesAlike(ZEROS, 'ult', -1), comparesAlike(ZEROS, 'slt', 1)]).toEqual([true, false, false]); // prettier-ignore
  });
});

describe('homes of constants', () => {
  const loads: [number, number][] = [];
  const constantRegister = constantHomes({
    candidates: [20, 21],
    isLong: (value) => value > 100,
    load(cx, register, value) {
      loads.push([register, value]);
      cx.nodes.push(node('any', register));
    },
    isWritten,
  });
  const use = (cx: LowerContext, value: number, waits = false): readonly [number, number] => {
    const before = loads.length;
    return [constantRegister(cx, value, 5, waits), loads.length - before];
  };
  const inFunction = (...registers: number[]): LowerContext => ({ nodes: [], notes: new Map(), fn: { registers } }) as unknown as LowerContext; // prettier-ignore

  it('are loaded once, and again behind a call', () => {
    const cx = inFunction(1);
    expect([use(cx, 500), use(cx, 500)]).toEqual([[20, 1], [20, 0]]); // prettier-ignore
    cx.nodes.push(node('call'));
    expect(use(cx, 500)).toEqual([20, 1]);
  });

  it('are no registers of the program, and not for short constants', () => {
    const cx = inFunction(20);
    expect([use(cx, 7), use(cx, 500), use(cx, 501), use(cx, 500)]).toEqual([[5, 1], [21, 1], [5, 1], [21, 0]]); // prettier-ignore
  });

  it('wait for the second use where that is said', () => {
    const cx = inFunction(1);
    expect([use(cx, 500, true), use(cx, 500, true), use(cx, 500, true)]).toEqual([[5, 1], [20, 1], [20, 0]]); // prettier-ignore
  });
});
