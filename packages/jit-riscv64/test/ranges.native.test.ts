/** Programs whose branches, literals and addresses are farther than the short forms reach, executed. */
import { isBpfError } from '@polybpf/errors';
import { BPF_MAX_LOOPS, type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { type Machine, openMachine } from '@polybpf/machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { riscv64 } from '../src/index.ts';
import { imm64, insn } from '@polybpf-tools/target-tests/insn';

function missingMachine(): string | undefined {
  try {
    openMachine(riscv64).close();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingMachine();

/** Byte swaps are the longest instruction there is: about 50 bytes here, so that 25000 of them are more than a megabyte. */
const swaps = (count: number, register = 3): Insn[] => new Array<Insn>(count).fill(insn('bswap64', register));
/** What makes them necessary. */
const use = (register = 3): Insn => insn('stxdw', 10, register, -8);
const literal = (dst: number): Insn[] => imm64(dst, 0x12345678, 0x9abcdef1 | 0);

describe.skipIf(missing !== undefined)(`far code (${missing ?? 'runs'})`, () => {
  let machine: Machine;
  beforeAll(() => {
    machine = openMachine(riscv64);
  });
  afterAll(() => machine.close());

  interface Outcome {
    readonly r0: readonly bigint[];
    readonly size: number;
    readonly forms: ReadonlySet<string>;
  }

  /** Compiles once and runs with each of the arguments. */
  function run(insns: readonly Insn[], ...args: readonly (readonly bigint[])[]): Outcome {
    const prepared = machine.prepare(makeProgram(insns));
    try {
      const r0 = (args.length === 0 ? [[]] : args).map((each) => prepared.run({ args: each }).r0);
      const forms = new Set(prepared.compiled.nodes.map(({ form }) => form.name));
      return { r0, size: prepared.compiled.code.length, forms };
    } finally {
      prepared.dispose();
    }
  }

  it.each([
    ['jeq64_imm', 0, 100, 'bne'],
    ['jne64_imm', 7, 100, 'beq'],
    ['jset64_imm', 4, 100, 'beq'],
    ['jsgt32_imm', -1, 100, 'blt'],
    ['jset64_imm', 4, 30_000, 'jump_far'],
  ] as const)('%s %i over %i instructions, both ways', (name, imm, distance, form) => {
    // Forward when the condition holds; from there back to an exit in front, again over all of it.
    const insns = [
      insn('mov64_imm', 3),
      insn('ja', 0, 0, 2),
      insn('mov64_imm', 0, 0, 0, 42),
      insn('exit'),
      insn(name, 1, 0, distance, imm),
      ...swaps(distance - 3),
      use(),
      insn('mov64_imm', 0, 0, 0, 7),
      insn('exit'),
      insn(name, 2, 0, -distance - 4, imm),
      insn('mov64_imm', 0, 0, 0, 9),
      insn('exit'),
    ];
    const [taken, not] = imm === 0 ? [0n, 1n] : imm === 7 ? [0n, 7n] : imm === 4 ? [4n, 3n] : [5n, 0xffffffffn];
    const { r0, size, forms } = run(insns, [taken, taken], [taken, not], [not, taken]);
    expect(size).toBeGreaterThan(distance === 100 ? 4096 : 2 ** 20);
    expect(forms).toContain(form);
    expect(r0).toEqual([42n, 9n, 7n]);
  });

  it('a literal more than a megabyte away', () => {
    const insns = [insn('mov64_imm', 3), ...literal(0), ...swaps(25_000), use(), insn('exit')];
    const { r0, size, forms } = run(insns);
    expect(size).toBeGreaterThan(2 ** 20);
    expect(r0).toEqual([0x12345678_9abcdef1n]);
    expect(forms).toContain('ld_literal');
  });

  it('calls and the address of a function more than a megabyte away', () => {
    const count = 25_000;
    const callee = count + 7;
    const insns = [
      insn('mov64_imm', 7),
      insn('call_local', 0, 0, 0, callee - 2),
      makeInsn(0x18, 6, 4, 0, callee - 3),
      makeInsn(0, 0, 0, 0, 0),
      ...swaps(count, 7),
      use(7),
      insn('callx', 6),
      insn('exit'),
      insn('mov64_imm', 0, 0, 0, 77),
      insn('exit'),
    ];
    expect(insns[callee]!.imm).toBe(77);
    const { r0, size, forms } = run(insns);
    expect(size).toBeGreaterThan(2 ** 20);
    expect(r0).toEqual([77n]);
    expect(forms).toContain('lla');
    expect(forms).toContain('call_far');
  });

  it('may_goto allows as many rounds as the kernel does', () => {
    const insns = [
      insn('mov64_imm'),
      insn('add64_imm', 0, 0, 0, 1),
      insn('may_goto', 0, 0, 1),
      insn('ja', 0, 0, -3),
      insn('exit'),
    ];
    expect(run(insns).r0).toEqual([BigInt(BPF_MAX_LOOPS) + 1n]);
  });
});
