/** Programs whose branches and addresses are farther than the short forms reach, executed. */
import { isBpfError } from '@polybpf/errors';
import { type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { type Machine, openMachine } from '@polybpf/machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loongarch64 } from '../src/index.ts';
import { insn } from '@polybpf-tools/target-tests/insn';

function missingMachine(): string | undefined {
  try {
    openMachine(loongarch64).close();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingMachine();

/** Two instructions each. */
const swaps = (count: number): Insn[] => new Array<Insn>(count).fill(insn('be16', 3));
/** What makes them necessary. */
const use = insn('stxdw', 10, 3, -8);

describe.skipIf(missing !== undefined)(`far code (${missing ?? 'runs'})`, () => {
  let machine: Machine;
  beforeAll(() => {
    machine = openMachine(loongarch64);
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
    ['jeq64_imm', 5, 'bne'],
    ['jne64_imm', 5, 'beq'],
    ['jgt64_imm', 5, 'bgeu'],
    ['jsle32_imm', 5, 'blt'],
  ] as const)('%s %i over 200 KiB, both ways', (name, imm, form) => {
    const distance = 30_000;
    // Forward when the condition holds; from there back to an exit in front, again over all of it.
    const insns = [
      insn('mov64_imm', 3),
      insn('ja', 0, 0, 2),
      insn('mov64_imm', 0, 0, 0, 42),
      insn('exit'),
      insn(name, 1, 0, distance, imm),
      ...swaps(distance - 3),
      use,
      insn('mov64_imm', 0, 0, 0, 7),
      insn('exit'),
      insn(name, 2, 0, -distance - 4, imm),
      insn('mov64_imm', 0, 0, 0, 9),
      insn('exit'),
    ];
    const [taken, not] = name === 'jeq64_imm' || name === 'jsle32_imm' ? [5n, 6n] : [6n, 5n];
    const { r0, size, forms } = run(insns, [taken, taken], [taken, not], [not, taken]);
    expect(size).toBeGreaterThan(200 * 1024);
    expect(forms).toContain(form);
    expect(r0).toEqual([42n, 9n, 7n]);
  });

  it('a function more than two megabytes away: called, and called through its address', () => {
    const count = 280_000;
    const callee = count + 9;
    const insns = [
      insn('call_local', 0, 0, 0, callee - 1),
      insn('mov64_reg', 6, 0),
      makeInsn(0x18, 4, 4, 0, callee - 3),
      makeInsn(0, 0, 0, 0, 0),
      insn('callx', 4),
      insn('add64_reg', 0, 6),
      insn('mov64_imm', 3),
      ...swaps(count),
      use,
      insn('exit'),
      insn('mov64_imm', 0, 0, 0, 21),
      insn('exit'),
    ];
    expect(insns[callee]!.imm).toBe(21);
    const { r0, size, forms } = run(insns);
    expect(size).toBeGreaterThan(2 ** 21);
    expect(forms).toContain('la_pcrel');
    expect(r0).toEqual([42n]);
  });
});
