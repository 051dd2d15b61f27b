/** Branches, calls and literals beyond the reach of one instruction, executed. */
import { isBpfError } from '@polybpf/errors';
import { type NativeEngine, nativeEngine } from '@polybpf/conformance/node';
import { runProgram } from '@polybpf/interpreter';
import { type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sparc64 } from '../src/index.ts';
import { imm64, insn } from '@polybpf-tools/target-tests/insn';

function missingTool(): string | undefined {
  try {
    nativeEngine(sparc64)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingTool();

/** The longest jump of 16 bits: 128 KiB of instructions that cannot be fused, and one that is longer. */
const REACH = 32767;
const filler = (count: number): Insn[] =>
  Array.from({ length: count }, (_, i) => (i % 2 === 0 ? insn('add64_reg', 0, 3) : insn('xor64_reg', 0, 2)));
const LONG = insn('add64_imm', 0, 0, 0, 0x12345678);
const START = [insn('mov64_imm', 0, 0, 0, 9), insn('mov64_imm', 2, 0, 0, 5), insn('mov64_imm', 3, 0, 0, 7)];
const END = [insn('add64_imm', 0, 0, 0, 1), insn('exit')];
/** Work that may stand in delay slots on both sides. */
const AROUND = [insn('add64_imm', 0, 0, 0, 100), insn('lsh64_imm', 0, 0, 0, 1)];
/** A jump of 32 bits around more than a branch on condition codes reaches: 1 MiB of instructions. */
const VERY_FAR = 262_200;

const CASES: readonly (readonly [string, marker: string, readonly Insn[]])[] = [
  ...['jeq64', 'jne64', 'jslt64', 'jsge64'].map((name): [string, string, Insn[]] => [`${name} 0`, 'ba', [...START, ...AROUND, insn(`${name}_imm`, 2, 0, REACH), LONG, ...filler(REACH + 4000), ...END]]),
  ['a loop', 'ba', [...START, insn('mov64_imm', 4, 0, 0, 3), ...AROUND, LONG, insn('xor64_imm', 0, 0, 0, 0x23456789), ...filler(REACH - 3), insn('add64_imm', 4, 0, 0, -1), insn('jne64_imm', 4, 0, -REACH - 1), ...END]],
  ...[9].map((imm): [string, string, Insn[]] => [`a comparison with ${imm} around a long jump`, 'ba', [...START, ...AROUND, insn('jeq64_imm', 2, 0, 1, imm), insn('ja32', 0, 0, 0, VERY_FAR), ...filler(VERY_FAR), ...END]]),
  ['a call', 'call', [...START, ...AROUND, insn('mov64_reg', 6, 0), insn('call_local', 0, 0, 0, 40_000 + END.length), insn('add64_reg', 0, 6), ...filler(39_999), ...END, insn('mov64_imm', 0, 0, 0, 77), insn('exit')]],
  ['a literal', 'ldx_literal_far', [...START, insn('mov64_imm', 4, 0, 0, 4), insn('be64', 4), insn('le32', 4), ...imm64(5, 0x12345678, 0x1abcdef0), insn('le32', 4), insn('xor64_reg', 0, 4), insn('xor64_reg', 0, 5), ...filler(2000), ...END]],
  ['a literal behind, and one before it', 'ldx_literal_far', [...START, ...imm64(4, 0x12345678, 0x1abcdef0), ...filler(1100), ...imm64(5, 0x12345678, 0x1abcdef0), insn('add64_reg', 0, 4), insn('xor64_reg', 0, 5), ...END]],
]; // prettier-ignore

describe.skipIf(missing !== undefined)(`sparc64 far away (${missing ?? 'runs'})`, () => {
  let engine: NativeEngine;
  beforeAll(() => {
    engine = nativeEngine(sparc64);
  });
  afterAll(() => engine[Symbol.dispose]());

  it.each(CASES)('%s', (_, marker, insns) => {
    const program = makeProgram(insns, { endian: 'big' });
    const prepared = engine.machine.prepare(program);
    expect(prepared.compiled.nodes.some(({ form }) => form.name === marker)).toBe(true);
    const { r0 } = prepared.run({ mem: new Uint8Array(8) });
    prepared.dispose();
    expect(r0).toBe(runProgram(program, { mem: new Uint8Array(8) }).r0);
  });

  it('the address of a function far away', () => {
    const numbers = [insn('mov64_imm', 3, 0, 0, 1), insn('mov64_imm', 2)];
    const body = [insn('ld_imm64', 6, 4), makeInsn(0, 0, 0, 0, 0), ...numbers, insn('callx', 6), ...numbers];
    // The address counts from the slot behind the first one.
    const at = body.length + 3000 + END.length;
    body[0] = makeInsn(body[0]!.opcode, 6, 4, 0, at - 1);
    const insns = [...body, ...filler(3000), ...END, insn('mov64_imm', 0, 0, 0, 70), insn('exit')];
    const program = makeProgram(insns, { endian: 'big' });
    const prepared = engine.machine.prepare(program);
    expect(prepared.compiled.nodes.some(({ form }) => form.name === 'add_label_far')).toBe(true);
    expect(prepared.run({ mem: new Uint8Array(8) }).r0).toBe(runProgram(program).r0);
    prepared.dispose();
  });
});
