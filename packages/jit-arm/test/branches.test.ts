import { LABEL, layOut, makeNode, type MachineNode, type Target } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { arm } from '../src/index.ts';
import { INSTRUCTIONS as I } from '../src/instructions.ts';
import { peephole } from '../src/peephole.ts';
import { makeRelocations } from '../src/relocations.ts';

const AL = 14;
const [EQ, NE] = [0, 1];
const branch = (condition: number, label: number): MachineNode => makeNode(I.b, [condition], label);
const bind = (label: number): MachineNode => makeNode(LABEL, [], label);
const nop = makeNode(I.nop, [AL]);

describe('branches', () => {
  it('count from two instructions ahead', () => {
    const { code } = layOut(arm, [bind(0), nop, branch(AL, 0), branch(EQ, 1), nop, bind(1)], 2);
    const words = new Uint32Array(code.buffer, 0, code.length / 4);
    expect([words[1], words[2]]).toEqual([0xeafffffd, 0x0a000000]);
  });

  it('beyond 32 MiB are refused', () => {
    const far = { ...nop, form: { ...nop.form, name: 'far' } };
    const encode: Target['encode'] = (node, displacement, out) =>
      node.form === far.form ? out.skip(2 ** 25 + 8) : arm.encode(node, displacement, out);
    const target = { ...arm, encode };
    expect(() => layOut(target, [branch(AL, 0), far, bind(0)], 1)).toThrow(
      expect.objectContaining({ code: 'E_JIT_BRANCH_RANGE' }),
    );
  });
});

describe('peephole', () => {
  it('a branch around a jump is the opposite branch', () => {
    const short = peephole([branch(EQ, 0), branch(AL, 1), bind(0), nop, bind(1)]);
    expect(short.map(({ form, operands, label }) => [form.name, operands[0], label])).toEqual([
      ['b', NE, 1],
      ['nop', AL, -1],
      ['label', undefined, 1],
    ]);
  });

  it('leaves other branches alone', () => {
    const nodes = [branch(EQ, 1), branch(AL, 1), bind(0), nop, bind(1), branch(AL, 0), branch(AL, 0)];
    expect(peephole(nodes)).toEqual(nodes);
  });
});

describe('relocations', () => {
  const word = (code: Uint8Array, little = true): number => new DataView(code.buffer).getUint32(0, little);
  const little = makeRelocations('little');
  const big = makeRelocations('big');

  it('calls reach 32 MiB, and nothing when a weak function is missing', () => {
    const apply = (value: bigint): number => {
      const code = Uint8Array.from([0, 0, 0, 0xeb]);
      little['R_ARM_CALL']!.apply(code, 0, value - 8n, 0x1000n);
      return word(code);
    };
    expect(apply(0x1008n)).toBe(0xeb000000);
    expect(apply(0x1000n)).toBe(0xebfffffe);
    expect(apply(0n)).toBe(0xe320f000);
    expect(apply(0x1008n + 2n ** 25n - 4n)).toBe(0xeb7fffff);
    expect(() => apply(0x1008n + 2n ** 25n)).toThrow(expect.objectContaining({ code: 'E_JIT_LINK' }));
    expect(() => apply(0x100an)).toThrow('multiple of 4');
  });

  it('distances are in two halves', () => {
    const code = new Uint8Array(4);
    little['R_ARM_MOVW_PREL_NC']!.apply(code, 0, 0x12345678n, 0n);
    expect(word(code)).toBe(0x50678);
    const high = new Uint8Array(4);
    little['R_ARM_MOVT_PREL']!.apply(high, 0, 0n, 0x10000n);
    expect(word(high)).toBe(0xf0fff);
  });

  it('addresses take a doubleword, the low one by byte order', () => {
    for (const [kinds, offset] of [
      [little, 0],
      [big, 4],
    ] as const) {
      // prettier-ignore
      const code = new Uint8Array(8);
      kinds['R_ARM_ABS32']!.apply(code, 0, 0x12345678n, 0n);
      expect(new DataView(code.buffer).getUint32(offset, offset === 0)).toBe(0x12345678);
      expect(kinds['R_ARM_ABS32']!.objectOffset).toBe(offset);
      expect(() => kinds['R_ARM_ABS32']!.apply(code, 0, 2n ** 32n, 0n)).toThrow('does not reach');
    }
  });

  it('addends are in the fields of objects, whose instructions have the order of data', () => {
    for (const [kinds, isLittle] of [
      [little, true],
      [big, false],
    ] as const) {
      // prettier-ignore
      const call = new Uint8Array(4);
      kinds['R_ARM_CALL']!.putAddend!(call, 0, -8);
      expect(word(call, isLittle)).toBe(0xfffffe);
      const half = new Uint8Array(4);
      kinds['R_ARM_MOVT_PREL']!.putAddend!(half, 0, -12);
      expect(word(half, isLittle)).toBe(0xf0ff4);
    }
  });
});
