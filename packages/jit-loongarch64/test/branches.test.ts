import { isBpfError } from '@polybpf/errors';
import { ALIGN, assembleNodes, LABEL, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { loongarch64 } from '../src/index.ts';
import { type InstructionName, INSTRUCTIONS } from '../src/instructions.ts';
import { RELOCATIONS } from '../src/relocations.ts';

const NOP = makeNode(INSTRUCTIONS.andi, [0, 0, 0]);
const KIB = 1024;
const nops = (bytes: number): MachineNode[] => new Array<MachineNode>(bytes / 4).fill(NOP);
const label = (name: number): MachineNode => makeNode(LABEL, [], name);

const codeOf = (action: () => unknown): string => {
  try {
    action();
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
};

/**
 * Names of the instructions that a branch becomes when its label is `distance` bytes behind its start. Padding stands for a
 * million instructions: `distance` is a power of two, or 4 less.
 */
function formsAt(name: InstructionName, operands: readonly number[], distance: number): string[] {
  const branch = makeNode(INSTRUCTIONS[name], operands, 0);
  return shortNames([...nops(-distance & 7), branch, makeNode(ALIGN, [distance + (-distance & 7)]), label(0)]);
}

/** The same with the label in front: `distance` is a power of two, or 4 more. */
function formsBack(name: InstructionName, operands: readonly number[], distance: number): string[] {
  const gap = [NOP, makeNode(ALIGN, [distance - (distance & 7)]), ...nops(distance & 7)];
  return shortNames([label(0), ...gap, makeNode(INSTRUCTIONS[name], operands, 0)]);
}

function shortNames(nodes: readonly MachineNode[]): string[] {
  const { nodes: laidOut } = assembleNodes(loongarch64, nodes);
  return laidOut.map(({ form }) => form.name).filter((form) => !['andi', 'label', 'align'].includes(form));
}

const REACHES: readonly (readonly [InstructionName, readonly number[], limit: number, far: readonly string[]])[] = [
  ['beq', [4, 5], 128 * KIB, ['bne', 'b']],
  ['bne', [4, 5], 128 * KIB, ['beq', 'b']],
  ['blt', [4, 5], 128 * KIB, ['bge', 'b']],
  ['bge', [4, 5], 128 * KIB, ['blt', 'b']],
  ['bltu', [4, 5], 128 * KIB, ['bgeu', 'b']],
  ['bgeu', [4, 5], 128 * KIB, ['bltu', 'b']],
  ['beqz', [4], 4096 * KIB, ['bnez', 'b']],
  ['bnez', [4], 4096 * KIB, ['beqz', 'b']],
  ['pcaddi', [4], 2048 * KIB, ['la_pcrel']],
];

describe('branches', () => {
  it.each(REACHES)('%s %j stays short up to its reach and becomes long beyond', (name, operands, limit, far) => {
    expect(formsAt(name, operands, limit - 4)).toEqual([name]);
    expect(formsAt(name, operands, limit)).toEqual(far);
    expect(formsBack(name, operands, limit)).toEqual([name]);
    expect(formsBack(name, operands, limit + 4)).toEqual(far);
  });

  it('the far form goes to the label: bytes of both instructions', () => {
    const nodes = [makeNode(INSTRUCTIONS.bltu, [4, 5], 0), makeNode(ALIGN, [1024 * KIB]), label(0)];
    const { code } = assembleNodes(loongarch64, nodes);
    // bgeu $a0, $a1, 8; b 0xffffc: 1 MiB from the start, 4 bytes behind it.
    expect(Buffer.from(code.subarray(0, 8)).toString('hex')).toBe('8508006c' + '03fcff53');
  });

  it('grows branches that other long branches push out of reach', () => {
    const outer = makeNode(INSTRUCTIONS.beq, [4, 5], 0);
    const inner = makeNode(INSTRUCTIONS.bne, [4, 6], 1);
    const names = (between: number): string[] =>
      shortNames([outer, inner, ...nops(128 * KIB - 12), label(0), ...nops(between), label(1)]);
    expect(names(4)).toEqual(['beq', 'bne']);
    // The inner one grows, which moves the outer one's label out of reach.
    expect(names(8)).toEqual(['bne', 'b', 'beq', 'b']);
  });

  it('nothing goes beyond what a jump reaches', () => {
    const { branch } = INSTRUCTIONS.b;
    expect(branch).toEqual({ min: -(2 ** 27), max: 2 ** 27 - 4 });
    const far = [makeNode(INSTRUCTIONS.b, [], 0), makeNode(ALIGN, [2 ** 27]), label(0)];
    expect(codeOf(() => assembleNodes(loongarch64, far))).toBe('E_JIT_BRANCH_RANGE');
  });
});

describe('relocations', () => {
  const apply = (kind: string, words: readonly number[], value: bigint, place: bigint): number[] => {
    const code = new Uint8Array(4 + words.length * 4);
    const view = new DataView(code.buffer);
    words.forEach((word, i) => view.setUint32(4 + 4 * i, word, true));
    RELOCATIONS[kind]!.apply(code, 4, value, place);
    return words.map((_, i) => view.getUint32(4 + 4 * i, true));
  };
  const BL = 0x54000000;

  it('calls reach 128 MiB', () => {
    expect(apply('R_LARCH_B26', [BL], 0x2000n, 0x1000n)).toEqual([0x54100000]);
    expect(apply('R_LARCH_B26', [BL], 0xffcn, 0x1000n)).toEqual([0x57ffffff]);
    expect(apply('R_LARCH_B26', [BL], 0x9000ffcn, 0x1001000n)).toEqual([0x57fffdff]);
    expect(apply('R_LARCH_B26', [BL], 0x1000n, 0x8001000n)).toEqual([0x54000200]);
    expect(codeOf(() => apply('R_LARCH_B26', [BL], 0x9001000n, 0x1001000n))).toBe('E_JIT_LINK');
    expect(codeOf(() => apply('R_LARCH_B26', [BL], 0xffcn, 0x8001000n))).toBe('E_JIT_LINK');
    expect(codeOf(() => apply('R_LARCH_B26', [BL], 0x2002n, 0x1000n))).toBe('E_JIT_LINK');
  });

  it('a call of nothing is a nop', () => {
    expect(apply('R_LARCH_B26', [BL], 0n, 0x7f0000000000n)).toEqual([0x03400000]);
  });

  it('an address is made of pages and the rest', () => {
    expect(apply('R_LARCH_PCALA_HI20', [0x1a000004], 0x12345678n, 0x10ffcn)).toEqual([0x1a2466a4]);
    expect(apply('R_LARCH_PCALA_LO12', [0x02c00084], 0x12345678n, 0x11000n)).toEqual([0x02d9e084]);
    // The rest is signed: one page more.
    expect(apply('R_LARCH_PCALA_HI20', [0x1a000004], 0x1800n, 0x1000n)).toEqual([0x1a000024]);
    expect(apply('R_LARCH_PCALA_HI20', [0x1a000004], 0x17ffn, 0x2000n)).toEqual([0x1bffffe4]);
    expect(codeOf(() => apply('R_LARCH_PCALA_HI20', [0x1a000004], 2n ** 40n, 0n))).toBe('E_JIT_LINK');
  });

  it('absolute addresses have 64 bits', () => {
    expect(apply('R_LARCH_64', [0, 0], 0xfedcba9876543210n, 0n)).toEqual([0x76543210, 0xfedcba98]);
    expect(codeOf(() => apply('R_LARCH_64', [0, 0], 2n ** 64n, 0n))).toBe('E_JIT_LINK');
  });
});
