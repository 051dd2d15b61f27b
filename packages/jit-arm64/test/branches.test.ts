import { isBpfError } from '@polybpf/errors';
import { ALIGN, assembleNodes, LABEL, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { ADR_FAR, CONDITION_CODES } from '../src/branches.ts';
import { arm64 } from '../src/index.ts';
import { type InstructionName, INSTRUCTIONS } from '../src/instructions.ts';
import { makeRelocations, NOP } from '../src/relocations.ts';

const MIB = 2 ** 20;
const nops = (count: number): MachineNode[] => new Array<MachineNode>(count).fill(makeNode(INSTRUCTIONS.nop, []));
const label = (name: number): MachineNode => makeNode(LABEL, [], name);

/** Names of the instructions that a branch becomes; `limit` is a power of two, the distance is that plus `more`. */
function formsAt(name: InstructionName, operands: readonly number[], limit: number, more: 0 | -4): string[] {
  const branch = makeNode(INSTRUCTIONS[name], operands, 0);
  const nodes = [...nops(-more / 4), branch, makeNode(ALIGN, [limit]), label(0)];
  return shortNames(nodes);
}

/** The same backward: the distance is `-limit - more`. */
function formsBack(name: InstructionName, operands: readonly number[], limit: number, more: 0 | 4): string[] {
  const branch = makeNode(INSTRUCTIONS[name], operands, 0);
  return shortNames([label(0), ...nops(1), makeNode(ALIGN, [limit]), ...nops(more / 4), branch]);
}

function shortNames(nodes: readonly MachineNode[]): string[] {
  const { nodes: laidOut } = assembleNodes(arm64, nodes);
  return laidOut.map(({ form }) => form.name).filter((form) => !['nop', 'label', 'align'].includes(form));
}

const SHORT: readonly (readonly [InstructionName, readonly number[], limit: number, far: readonly string[]])[] = [
  ['tbz', [3, 5], 32768, ['tbnz', 'b']],
  ['tbnz', [3, 63], 32768, ['tbz', 'b']],
  ['b_cond', [CONDITION_CODES.lo], MIB, ['b_cond', 'b']],
  ['cbz_x', [3], MIB, ['cbnz_x', 'b']],
  ['cbz_w', [3], MIB, ['cbnz_w', 'b']],
  ['cbnz_x', [3], MIB, ['cbz_x', 'b']],
  ['cbnz_w', [3], MIB, ['cbz_w', 'b']],
  ['ldr_literal', [3], MIB, ['adr_far', 'ldr_x']],
  ['adr', [3], MIB, ['adr_far']],
];

describe('branches', () => {
  it.each(SHORT)('%s stays short up to its reach and becomes long beyond', (name, operands, limit, far) => {
    expect(formsAt(name, operands, limit, -4)).toEqual([name]);
    expect(formsAt(name, operands, limit, 0)).toEqual(far);
    expect(formsBack(name, operands, limit, 0)).toEqual([name]);
    expect(formsBack(name, operands, limit, 4)).toEqual(far);
  });

  it('inverts the condition of a long branch and keeps its register', () => {
    const { nodes } = assembleNodes(arm64, [
      makeNode(INSTRUCTIONS.b_cond, [CONDITION_CODES.gt], 0),
      makeNode(ALIGN, [MIB]),
      label(0),
    ]);
    expect(nodes[0]!.operands).toEqual([CONDITION_CODES.le]);
    const bits = assembleNodes(arm64, [makeNode(INSTRUCTIONS.tbz, [7, 33], 0), ...nops(8192), label(0)]);
    expect(bits.nodes[0]!.operands).toEqual([7, 33]);
    // Over the b, which then goes to the label.
    expect([...bits.code.subarray(0, 8)]).toEqual([0x47, 0x00, 0x08, 0xb7, 0x01, 0x20, 0x00, 0x14]);
  });

  it('grows branches that other long branches push out of reach', () => {
    const outer = makeNode(INSTRUCTIONS.tbz, [0, 0], 0);
    const inner = makeNode(INSTRUCTIONS.tbz, [1, 1], 1);
    const longOnes = (between: number): number =>
      shortNames([outer, inner, ...nops(8189), label(0), ...nops(between), label(1)]).filter((name) => name === 'b')
        .length;
    expect(longOnes(1)).toBe(0);
    // The inner one grows, which moves the outer one's label out of reach.
    expect(longOnes(2)).toBe(2);
  });

  it('refuses addresses beyond 16 MiB', () => {
    expect(ADR_FAR.branch!.max).toBe(4095 * 4096 + 4095);
    const nodes = [makeNode(INSTRUCTIONS.adr, [0], 0), makeNode(ALIGN, [16 * MIB]), label(0)];
    expect(() => assembleNodes(arm64, nodes)).toThrow(expect.objectContaining({ code: 'E_JIT_BRANCH_RANGE' }));
  });
});

describe('relocations', () => {
  const apply = (kind: string, word: number, value: bigint, place: bigint): number => {
    const code = new Uint8Array(16);
    const view = new DataView(code.buffer);
    view.setUint32(4, word, true);
    makeRelocations('little')[kind]!.apply(code, 4, value, place);
    return view.getUint32(4, true);
  };
  const codeOf = (action: () => unknown): string => {
    try {
      action();
      return 'none';
    } catch (error) {
      return isBpfError(error) ? error.code : String(error);
    }
  };

  it('calls reach 128 MiB, in words', () => {
    expect(apply('R_AARCH64_CALL26', 0x94000000, 0x1000n, 0x2000n)).toBe(0x97fffc00);
    expect(apply('R_AARCH64_CALL26', 0x94000000, 0x8000000n - 4n + 0x40n, 0x40n)).toBe(0x95ffffff);
    expect(apply('R_AARCH64_CALL26', 0x94000000, 0x40n, 0x8000040n)).toBe(0x96000000);
    expect(codeOf(() => apply('R_AARCH64_CALL26', 0x94000000, 0x8000040n, 0x40n))).toBe('E_JIT_LINK');
    expect(codeOf(() => apply('R_AARCH64_CALL26', 0x94000000, 0x3cn, 0x8000040n))).toBe('E_JIT_LINK');
    expect(codeOf(() => apply('R_AARCH64_CALL26', 0x94000000, 0x1002n, 0x2000n))).toBe('E_JIT_LINK');
  });

  it('a call of nothing is a nop', () => {
    expect(apply('R_AARCH64_CALL26', 0x94000000, 0n, 0x7f0000000000n)).toBe(NOP);
  });

  it('pages reach 4 GiB', () => {
    const adrp = 0x90000003;
    expect(apply('R_AARCH64_ADR_PREL_PG_HI21', adrp, 0x5fffn, 0x4001n)).toBe(0xb0000003);
    expect(apply('R_AARCH64_ADR_PREL_PG_HI21', adrp, 0x100003fffn, 0x4ffcn)).toBe(0xf07fffe3);
    expect(apply('R_AARCH64_ADR_PREL_PG_HI21', adrp, 0n, 0x100000000n)).toBe(0x90800003);
    expect(codeOf(() => apply('R_AARCH64_ADR_PREL_PG_HI21', adrp, 0x100004000n, 0x4ffcn))).toBe('E_JIT_LINK');
    expect(codeOf(() => apply('R_AARCH64_ADR_PREL_PG_HI21', adrp, 0n, 0x100001000n))).toBe('E_JIT_LINK');
  });

  it('the rest of an address goes into an addition', () => {
    expect(apply('R_AARCH64_ADD_ABS_LO12_NC', 0x91000063, 0x12345fffn, 0n)).toBe(0x913ffc63);
  });

  it('absolute addresses have 64 bits', () => {
    const code = new Uint8Array(12);
    makeRelocations('little')['R_AARCH64_ABS64']!.apply(code, 4, 0xfedcba9876543210n, 0n);
    expect([...code]).toEqual([0, 0, 0, 0, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe]);
    expect(codeOf(() => makeRelocations('little')['R_AARCH64_ABS64']!.apply(code, 0, 2n ** 64n, 0n))).toBe(
      'E_JIT_LINK',
    );
  });
});
