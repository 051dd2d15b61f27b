/** Programs whose branches, literals and addresses are farther than the short forms reach, executed. */
import { isBpfError } from '@polybpf/errors';
import { BPF_MAX_LOOPS, type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { type Machine, openMachine } from '@polybpf/machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arm64 } from '../src/index.ts';
import { imm64, insn } from '@polybpf-tools/target-tests/insn';

function missingMachine(): string | undefined {
  try {
    openMachine(arm64).close();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingMachine();

/** Tail calls are the longest instruction there is: 48 bytes here, so that 32767 of them are more than a megabyte. */
const tailCalls = (count: number): Insn[] => new Array<Insn>(count).fill(insn('call_helper', 0, 0, 0, 12));
const literal = (dst: number): Insn[] => imm64(dst, 0x12345678, 0x9abcdef1 | 0);

describe.skipIf(missing !== undefined)(`far code (${missing ?? 'runs'})`, () => {
  let machine: Machine;
  beforeAll(() => {
    machine = openMachine(arm64);
  });
  afterAll(() => machine.close());

  function run(insns: readonly Insn[], args: readonly bigint[] = []): { r0: bigint; size: number; forms: Set<string> } {
    const prepared = machine.prepare(makeProgram(insns));
    try {
      const { r0 } = prepared.run({ args });
      const forms = new Set(prepared.compiled.nodes.map(({ form }) => form.name));
      return { r0, size: prepared.compiled.code.length, forms };
    } finally {
      prepared.dispose();
    }
  }

  it.each([
    ['jeq64_imm', 0, 'cbnz_x'],
    ['jne64_imm', 7, 'b_cond'],
    ['jset64_imm', 4, 'tbz'],
    ['jsgt32_imm', -1, 'tbnz'],
  ] as const)('%s %i over more than a megabyte, both ways', (name, imm, inverted) => {
    const distance = 32000;
    // Forward when the condition holds; from there back to an exit in front, again over all of it.
    const insns = [
      insn('ja', 0, 0, 2),
      insn('mov64_imm', 0, 0, 0, 42),
      insn('exit'),
      insn(name, 1, 0, distance, imm),
      ...tailCalls(distance - 2),
      insn('mov64_imm', 0, 0, 0, 7),
      insn('exit'),
      insn(name, 2, 0, -distance - 4, imm),
      insn('mov64_imm', 0, 0, 0, 9),
      insn('exit'),
    ];
    const [taken, not] = imm === 0 ? [0n, 1n] : imm === 7 ? [0n, 7n] : imm === 4 ? [4n, 3n] : [5n, 0xffffffffn];
    const both = run(insns, [taken, taken]);
    expect(both.size).toBeGreaterThan(2 ** 20);
    expect(both.forms).toContain(inverted);
    expect(both.r0).toBe(42n);
    expect(run(insns, [taken, not]).r0).toBe(9n);
  });

  it('a literal more than a megabyte away', () => {
    const insns = [...literal(0), insn('jeq64_imm', 1, 0, 1, 1), insn('exit'), ...tailCalls(32000), insn('exit')];
    const { r0, forms } = run(insns, [0n]);
    expect(r0).toBe(0x12345678_9abcdef1n);
    expect(forms).toContain('adr_far');
  });

  it('the address of a function more than a megabyte away', () => {
    const callee = 32006;
    const insns = [
      makeInsn(0x18, 6, 4, 0, callee - 1),
      makeInsn(0, 0, 0, 0, 0),
      insn('callx', 6),
      insn('jeq64_imm', 0, 0, 1, 1),
      insn('exit'),
      ...tailCalls(32000),
      insn('exit'),
      insn('mov64_imm', 0, 0, 0, 77),
      insn('exit'),
    ];
    expect(insns[callee]!.imm).toBe(77);
    const { r0, forms } = run(insns);
    expect(r0).toBe(77n);
    expect(forms).toContain('adr_far');
  });

  it('a local call over megabytes', () => {
    const insns = [
      insn('call_local', 0, 0, 0, 90_001),
      insn('exit'),
      ...tailCalls(90_000),
      insn('mov64_imm', 0, 0, 0, 5),
      insn('exit'),
    ];
    // The part in between belongs to the first function, which must end.
    insns[90_001] = insn('exit');
    expect(run(insns).r0).toBe(5n);
  });

  it('may_goto allows as many rounds as the kernel does', () => {
    const insns = [
      insn('mov64_imm'),
      insn('add64_imm', 0, 0, 0, 1),
      insn('may_goto', 0, 0, 1),
      insn('ja', 0, 0, -3),
      insn('exit'),
    ];
    expect(run(insns).r0).toBe(BigInt(BPF_MAX_LOOPS) + 1n);
  });
});
