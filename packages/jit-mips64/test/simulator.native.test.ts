/** Compiled code under the manual's rules, where QEMU would forgive: see simulator.ts. */
import { runProgram } from '@polybpf/interpreter';
import { type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { compile, formatListing } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { fusionProgram } from '@polybpf-tools/target-tests/fusion-programs';
import { makeRandom, randomProgram, triableRows, type Trial, trialMemory, trialProgram } from '../../jit-x86_64/test/program-generator.ts'; // prettier-ignore
import { mips64, mips64le } from '../src/index.ts';
import { insn } from '@polybpf-tools/target-tests/insn';
import { simulate } from './simulator.ts';

const IMMEDIATES = [0, 1, -1, 2, 3, 7, 8, -8, 10, 31, 32, 63, 255, 0x7fff, 0x8000, -0x8000, -0x8001, 0xffff, 0x10000, -0x10000, 0xff0000, 0x12345678, 0x7fffffff, -0x80000000]; // prettier-ignore
const isCall = ({ opcode }: Insn): boolean => opcode === 0x85 || opcode === 0x8d;

function compare(insns: readonly Insn[], memories: readonly Uint8Array[], target = mips64le): void {
  const program = makeProgram(insns, { endian: target.endian });
  const compiled = compile(program, target);
  for (const input of memories) {
    const [mem, expected] = [input.slice(), input.slice()];
    const { r0 } = runProgram(program, { mem: expected });
    try {
      expect(simulate(compiled, mem)).toBe(r0);
      expect(mem).toEqual(expected);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${formatListing(compiled).slice(0, 6000)}`);
    }
  }
}

describe('code under the rules of the manual', () => {
  it.each(triableRows().map((row) => [row.name, row] as const))('%s', (_, row) => {
    const random = makeRandom(row.id + 77);
    const trials: Trial[] = [];
    const isMemory = !['alu', 'end', 'jmp'].includes(row.kind);
    const hasSrc = row.src === 'read' || row.src === 'readwrite';
    for (let k = 0; k < 24; k++) {
      const [dst, src] = [random.int(10), hasSrc ? random.int(10) : 0];
      const live = random.pick([0x3ff, 1 << dst, random.int(1024)]);
      if (!isMemory || dst !== src)
        trials.push({ row, dst, src, imm: row.immUse === 'imm' ? IMMEDIATES[k]! : 0, live });
    }
    const { insns, memory } = trialProgram(trials);
    compare(insns, [trialMemory(random, memory), trialMemory(random, memory)], row.id % 2 === 0 ? mips64le : mips64);
  });

  it('random programs', () => {
    let programs = 0;
    for (let seed = 1; programs < 150; seed++) {
      const { insns, memory } = randomProgram(seed);
      if (insns.some(isCall)) continue;
      programs++;
      compare([makeInsn(0xb7, 0, 0, 0, 0), ...insns], [trialMemory(makeRandom(seed), memory)]);
    }
  });

  it('sequences that are fused', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = makeRandom(seed);
      const { insns, memory } = fusionProgram(random, 30);
      compare(insns, [trialMemory(random, memory)]);
    }
  });

  it('notices a word instruction on what is no word', () => {
    const program = makeProgram([insn('ldxw', 0, 1), insn('arsh32_imm', 0, 0, 0, 3), insn('exit')]);
    const compiled = compile(program, mips64le);
    const mem = Uint8Array.of(0, 0, 0, 0x80);
    expect(simulate(compiled, mem)).toBe(0xf0000000n);
    const lwu = mips64le.forms.find(({ name }) => name === 'lwu')!;
    const nodes = compiled.nodes.map((node) => (node.form.name === 'lw' ? { ...node, form: lwu } : node));
    expect(() => simulate({ ...compiled, nodes }, mem)).toThrow('is no word');
  });

  it('notices that a division by zero is believed', () => {
    const program = makeProgram([insn('mov64_imm', 0, 0, 0, 5), insn('mov64_imm', 2), insn('div64_reg', 0, 2), insn('exit')]); // prettier-ignore
    const compiled = compile(program, mips64le);
    expect(simulate(compiled, new Uint8Array(0))).toBe(0n);
    const nop = mips64le.forms.find(({ name }) => name === 'nop')!;
    const nodes = compiled.nodes.map((node) => (/^mov[zn]$/.test(node.form.name) ? { ...node, form: nop } : node));
    expect(simulate({ ...compiled, nodes }, new Uint8Array(0))).not.toBe(0n);
  });
});
