import { isBpfError } from '@polybpf/errors';
import { ALIGN, assembleNodes, LABEL, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { conditionOf, LABEL_FAR } from '../src/branches.ts';
import { ppc64 } from '../src/index.ts';
import { INSTRUCTIONS as I } from '../src/instructions.ts';
import { makeRelocations } from '../src/relocations.ts';

const nops = (count: number): MachineNode[] => new Array<MachineNode>(count).fill(makeNode(I.nop, []));
const label = (name: number): MachineNode => makeNode(LABEL, [], name);

/** Names of what is neither filler nor label. */
function shortNames(nodes: readonly MachineNode[]): string[] {
  return assembleNodes(ppc64, nodes)
    .nodes.map(({ form }) => form.name)
    .filter((name) => !['nop', 'label', 'align'].includes(name));
}

describe('branches', () => {
  const bc = makeNode(I.bc, [conditionOf('eq')], 0);

  it('reach 32 KiB and are inverted over a jump beyond', () => {
    expect(shortNames([bc, ...nops(8190), label(0)])).toEqual(['bc']);
    expect(shortNames([bc, ...nops(8191), label(0)])).toEqual(['bc', 'b']);
    expect(shortNames([label(0), ...nops(8192), bc])).toEqual(['bc']);
    expect(shortNames([label(0), ...nops(8193), bc])).toEqual(['bc', 'b']);
  });

  it('keep their meaning when they are inverted', () => {
    const { code } = assembleNodes(ppc64, [bc, ...nops(8191), label(0)]);
    // bne .+8; b .+32768
    expect(Buffer.from(code.subarray(0, 8)).toString('hex')).toBe('4082000848008000');
  });

  it('have opposites', () => {
    const pairs = [['eq', 'ne'], ['ult', 'uge'], ['ugt', 'ule'], ['slt', 'sge'], ['sgt', 'sle'], ['nset', 'set']] as const; // prettier-ignore
    for (const [one, other] of pairs) expect(conditionOf(one) ^ conditionOf(other)).toBe(4);
  });

  it('addresses of labels take a second addition beyond 32 KiB from the instruction before', () => {
    const address = makeNode(I.addi_label, [3, 3], 0);
    expect(shortNames([address, ...nops(8189), label(0)])).toEqual(['addi_label']);
    expect(shortNames([address, ...nops(8190), label(0)])).toEqual(['label_far']);
    expect(shortNames([label(0), ...nops(8193), address])).toEqual(['addi_label']);
    expect(shortNames([label(0), ...nops(8194), address])).toEqual(['label_far']);
    expect(LABEL_FAR.branch!.max).toBeLessThan(2 ** 31);
  });

  it('jumps beyond 32 MiB are refused', () => {
    const nodes = (align: number): MachineNode[] => [makeNode(I.b, [], 0), ...nops(1), makeNode(ALIGN, [align]), label(0)]; // prettier-ignore
    expect(shortNames(nodes(2 ** 24))).toEqual(['b']);
    expect(() => assembleNodes(ppc64, nodes(2 ** 25))).toThrow(expect.objectContaining({ code: 'E_JIT_BRANCH_RANGE' }));
  });
});

describe('relocations', () => {
  const patched = (
    endian: 'little' | 'big',
    kind: string,
    word: number,
    at: number,
    value: bigint,
    place: bigint,
  ): number => {
    const code = new Uint8Array(16);
    const view = new DataView(code.buffer);
    view.setUint32(4, word, endian === 'little');
    makeRelocations(endian)[kind]!.apply(code, 4 + at, value, place);
    return view.getUint32(4, endian === 'little');
  };
  const codeOf = (action: () => unknown): string => {
    try {
      action();
      return 'none';
    } catch (error) {
      return isBpfError(error) ? error.code : String(error);
    }
  };

  it.each(['little', 'big'] as const)('calls reach 32 MiB, in words (%s-endian)', (endian) => {
    const call = (value: bigint, place: bigint): number =>
      patched(endian, 'rel24_p9notoc', 0x48000001, 0, value, place);
    expect(call(0x1000n, 0x2000n)).toBe(0x4bfff001);
    expect(call(0x2000040n - 4n, 0x40n)).toBe(0x49fffffd);
    expect(call(0x40n, 0x2000040n)).toBe(0x4a000001);
    expect(codeOf(() => call(0x2000040n, 0x40n))).toBe('E_JIT_LINK');
    expect(codeOf(() => call(0x3cn, 0x2000040n))).toBe('E_JIT_LINK');
    expect(codeOf(() => call(0x1002n, 0x2000n))).toBe('E_JIT_LINK');
    // A missing weak function: nothing is called.
    expect(call(0n, 0x7f0000000000n)).toBe(0x60000000);
  });

  it.each([['little', 0], ['big', 2]] as const)('distances reach 2 GiB, in two halves (%s-endian)', (endian, at) => {
    const high = (value: bigint, place: bigint): number => patched(endian, 'rel16_ha', 0x3c630000, at, value, place);
    const low = (value: bigint, place: bigint): number => patched(endian, 'rel16_lo', 0x38630000, at, value, place);
    expect(high(0x12347fffn, 0n)).toBe(0x3c631234);
    expect(high(0x12348000n, 0n)).toBe(0x3c631235);
    expect(low(0x12348000n, 0n)).toBe(0x38638000);
    expect(high(0n, 0x10000n)).toBe(0x3c63ffff);
    expect(low(0x1234n, 0x10000n)).toBe(0x38631234);
    expect(high(0x7fff7fffn, 0n)).toBe(0x3c637fff);
    expect(codeOf(() => high(0x7fff8000n, 0n))).toBe('E_JIT_LINK');
    expect(high(0n, 0x80008000n)).toBe(0x3c638000);
    expect(codeOf(() => high(0n, 0x80008001n))).toBe('E_JIT_LINK');
  }); // prettier-ignore

  it('absolute addresses have 64 bits in the order of the CPU', () => {
    const bytes = (endian: 'little' | 'big'): number[] => {
      const code = new Uint8Array(12);
      makeRelocations(endian)['addr64']!.apply(code, 4, 0xfedcba9876543210n, 0n);
      return [...code.subarray(4)];
    };
    expect(bytes('big')).toEqual([0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10]);
    expect(bytes('little')).toEqual(bytes('big').reverse());
  });
});
