/** Branches, calls and addresses beyond the reach of one instruction, executed. */
import { isBpfError } from '@polybpf/errors';
import { type NativeEngine, nativeEngine } from '@polybpf/conformance/node';
import { runProgram } from '@polybpf/interpreter';
import { type Insn, makeProgram } from '@polybpf/isa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mips64, mips64le } from '../src/index.ts';
import { insn } from '@polybpf-tools/target-tests/insn';

function missingTool(): string | undefined {
  try {
    nativeEngine(mips64)[Symbol.dispose]();
    nativeEngine(mips64le)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingTool();

/** The longest jump of 16 bits; 128 KiB of instructions that cannot be fused. */
const REACH = 32767;
const filler = (count: number): Insn[] =>
  Array.from({ length: count }, (_, i) => (i % 2 === 0 ? insn('add64_reg', 0, 3) : insn('xor64_reg', 0, 2)));
const START = [insn('mov64_imm', 0, 0, 0, 9), insn('mov64_imm', 2, 0, 0, 5), insn('mov64_imm', 3, 0, 0, 7)];
const END = [insn('add64_imm', 0, 0, 0, 1), insn('exit')];
/** Work that may stand in delay slots on both sides. */
const AROUND = [insn('add64_imm', 0, 0, 0, 100), insn('lsh64_imm', 0, 0, 0, 1)];

const CONDITIONS = ['jeq64_imm', 'jne64_imm', 'jgt64_imm', 'jslt64_imm', 'jsge64_imm', 'jsle64_imm', 'jeq32_imm', 'jsgt32_imm'] as const; // prettier-ignore
/** Three instructions of the CPU. */
const LONG = insn('add64_imm', 0, 0, 0, 0x12345678);

const CASES: readonly (readonly [string, readonly Insn[]])[] = [
  ...CONDITIONS.flatMap((name, k) =>
    (k < 2 ? [5, 0] : [5]).map((imm): [string, Insn[]] => [`${name} ${imm}`, [...START, ...AROUND, insn(name, 2, 0, REACH, imm), LONG, ...filler(REACH + 4000), ...END]]),
  ),
  ['jset64_imm', [...START, ...AROUND, insn('jset64_imm', 2, 0, REACH, 4), LONG, ...filler(REACH + 4000), ...END]],
  ['jeq64_reg', [...START, ...AROUND, insn('jeq64_reg', 2, 3, REACH), LONG, ...filler(REACH + 4000), ...END]],
  ['a loop', [...START, insn('mov64_imm', 4, 0, 0, 3), ...AROUND, LONG, ...filler(REACH - 2), insn('add64_imm', 4, 0, 0, -1), insn('jne64_imm', 4, 0, -REACH - 1), ...END]],
  // What the jump skips is reached as well, as far as the compiler knows.
  ['a jump', [...START, ...AROUND, insn('jeq64_imm', 3, 0, 2, 9), AROUND[0]!, insn('ja', 0, 0, REACH), LONG, ...filler(REACH + 4000), ...END]],
  ['a call', [...START, ...AROUND, insn('mov64_reg', 6, 0), insn('call_local', 0, 0, 0, 40_000 + END.length), insn('add64_reg', 0, 6), ...filler(39_999), ...END, insn('mov64_imm', 0, 0, 0, 77), insn('exit')]],
]; // prettier-ignore

describe.skipIf(missing !== undefined).each([mips64, mips64le])(`$name far away (${missing ?? 'runs'})`, (target) => {
  let engine: NativeEngine;
  beforeAll(() => {
    engine = nativeEngine(target);
  });
  afterAll(() => engine[Symbol.dispose]());

  it.each(CASES)('%s', (_, insns) => {
    const program = makeProgram(insns, { endian: target.endian });
    const prepared = engine.machine.prepare(program);
    expect(prepared.compiled.nodes.some(({ form }) => form.name === 'la_far')).toBe(true);
    const { r0 } = prepared.run({ mem: new Uint8Array(8) });
    prepared.dispose();
    expect(r0).toBe(runProgram(program, { mem: new Uint8Array(8) }).r0);
  });
});
