import { isBpfError } from '@polybpf/errors';
import { ALIGN, assembleNodes, LABEL, makeNode, type MachineNode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { riscv64 } from '../src/index.ts';
import { type InstructionName, INSTRUCTIONS } from '../src/instructions.ts';
import { RELOCATIONS } from '../src/relocations.ts';

const MIB = 2 ** 20;
const nops = (count: number): MachineNode[] => new Array<MachineNode>(count).fill(makeNode(INSTRUCTIONS.c_nop, []));
const label = (name: number): MachineNode => makeNode(LABEL, [], name);

/** Names of the instructions that a branch becomes when its label is `distance` bytes behind its start. */
function formsAt(name: InstructionName, operands: readonly number[], distance: number): string[] {
  const branch = makeNode(INSTRUCTIONS[name], operands, 0);
  const { size } = INSTRUCTIONS[name].layout;
  return shortNames([branch, ...nops((distance - size) / 2), label(0)]);
}

function formsBack(name: InstructionName, operands: readonly number[], distance: number): string[] {
  const branch = makeNode(INSTRUCTIONS[name], operands, 0);
  return shortNames([label(0), ...nops(distance / 2), branch]);
}

function shortNames(nodes: readonly MachineNode[]): string[] {
  const { nodes: laidOut } = assembleNodes(riscv64, nodes);
  return laidOut.map(({ form }) => form.name).filter((form) => !['c_nop', 'label', 'align'].includes(form));
}

const SHORT: readonly (readonly [InstructionName, readonly number[], limit: number, far: readonly string[]])[] = [
  ['c_beqz', [10], 256, ['beq']],
  ['c_bnez', [8], 256, ['bne']],
  ['beq', [10, 11], 4096, ['bne', 'jal']],
  ['bne', [10, 11], 4096, ['beq', 'jal']],
  ['beq', [10, 0], 4096, ['bne', 'jal']],
  ['bne', [6, 0], 4096, ['beq', 'jal']],
  ['blt', [10, 11], 4096, ['bge', 'jal']],
  ['bge', [10, 11], 4096, ['blt', 'jal']],
  ['bltu', [10, 11], 4096, ['bgeu', 'jal']],
  ['bgeu', [10, 11], 4096, ['bltu', 'jal']],
  ['c_j', [], 2048, ['jal']],
];

describe('branches', () => {
  it.each(SHORT)('%s %j stays short up to its reach and becomes long beyond', (name, operands, limit, far) => {
    expect(formsAt(name, operands, limit - 2)).toEqual([name]);
    expect(formsAt(name, operands, limit)).toEqual(far);
    expect(formsBack(name, operands, limit)).toEqual([name]);
    expect(formsBack(name, operands, limit + 2)).toEqual(far);
  });

  it('a jump or call beyond a megabyte takes two instructions', () => {
    for (const [rd, far] of [
      [0, 'jump_far'],
      [1, 'call_far'],
    ] as const) {
      expect(formsBack('jal', [rd], MIB)).toEqual(['jal']);
      expect(formsBack('jal', [rd], MIB + 2)).toEqual([far]);
    }
  });

  it('grows step by step to the longest form', () => {
    expect(formsBack('c_beqz', [10], 5000)).toEqual(['bne', 'jal']);
    expect(formsBack('c_beqz', [10], MIB + 8)).toEqual(['bne', 'jump_far']);
    expect(formsBack('c_j', [], MIB + 8)).toEqual(['jump_far']);
  });

  it('the far form goes to the label: bytes of both instructions', () => {
    const { code } = assembleNodes(riscv64, [
      makeNode(INSTRUCTIONS.bltu, [10, 11], 0),
      makeNode(ALIGN, [4 * MIB]),
      label(0),
    ]);
    // bgeu a0,a1,.+12; auipc t1,1024; jr -4(t1): 4 MiB from the start, 4 bytes behind it.
    expect(Buffer.from(code.subarray(0, 12)).toString('hex')).toBe('6376b500' + '17034000' + '6700c3ff');
  });

  it('grows branches that other long branches push out of reach', () => {
    const outer = makeNode(INSTRUCTIONS.c_beqz, [10], 0);
    const inner = makeNode(INSTRUCTIONS.c_bnez, [11], 1);
    const names = (between: number): string[] =>
      shortNames([outer, inner, ...nops(125), label(0), ...nops(between), label(1)]);
    expect(names(1)).toEqual(['c_beqz', 'c_bnez']);
    // The inner one grows, which moves the outer one's label out of reach.
    expect(names(2)).toEqual(['beq', 'bne']);
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
  const codeOf = (action: () => unknown): string => {
    try {
      action();
      return 'none';
    } catch (error) {
      return isBpfError(error) ? error.code : String(error);
    }
  };
  /** auipc ra; jalr ra,0(ra) */
  const CALL = [0x00000097, 0x000080e7];

  it('calls reach 2 GiB in both instructions', () => {
    expect(apply('R_RISCV_CALL_PLT', CALL, 0x2000n, 0x1000n)).toEqual([0x00001097, 0x000080e7]);
    expect(apply('R_RISCV_CALL_PLT', CALL, 0x1ffen, 0x1000n)).toEqual([0x00001097, 0xffe080e7]);
    expect(apply('R_RISCV_CALL_PLT', CALL, 0x1000n, 0x80001000n)).toEqual([0x80000097, 0x000080e7]);
    expect(apply('R_RISCV_CALL_PLT', CALL, 0x1000n + 0x7ffff7fen, 0x1000n)).toEqual([0x7ffff097, 0x7fe080e7]);
    expect(codeOf(() => apply('R_RISCV_CALL_PLT', CALL, 0x1000n + 0x7ffff800n, 0x1000n))).toBe('E_JIT_LINK');
    expect(codeOf(() => apply('R_RISCV_CALL_PLT', CALL, 0x1000n, 0x1001n + 0x80000800n))).toBe('E_JIT_LINK');
    expect(codeOf(() => apply('R_RISCV_CALL_PLT', CALL, 0x2001n, 0x1000n))).toBe('E_JIT_LINK');
  });

  it('a call of nothing is two nops', () => {
    expect(apply('R_RISCV_CALL_PLT', CALL, 0n, 0x7f0000000000n)).toEqual([0x13, 0x13]);
  });

  it('an address is completed from where its auipc lies', () => {
    const [symbol, place] = [0x12345fffn, 0x10000n];
    expect(apply('R_RISCV_PCREL_HI20', [0x00000517], symbol, place)).toEqual([0x12336517]);
    expect(apply('R_RISCV_PCREL_LO12_I', [0x00050513], symbol, place + 4n)).toEqual([0xfff50513]);
    expect(RELOCATIONS['R_RISCV_PCREL_LO12_I']!.anchor).toBe(-4);
    expect(codeOf(() => apply('R_RISCV_PCREL_HI20', [0x517], 2n ** 40n, 0n))).toBe('E_JIT_LINK');
  });

  it('absolute addresses have 64 bits', () => {
    expect(apply('R_RISCV_64', [0, 0], 0xfedcba9876543210n, 0n)).toEqual([0x76543210, 0xfedcba98]);
    expect(codeOf(() => apply('R_RISCV_64', [0, 0], 2n ** 64n, 0n))).toBe('E_JIT_LINK');
  });
});
