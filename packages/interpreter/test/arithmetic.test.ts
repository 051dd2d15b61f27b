/** Every alu, end and jmp row against the bigint oracle: edge values in pairs, random values, both orders, dst = src. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Endian, INSN_TABLE, type InsnRow } from '@polybpf/isa';
import { createInterpreter, type Interpreter } from '../src/index.ts';
import { aluResult, EDGES, endResult, IMMEDIATES, jumps } from './oracle.ts';
import { exit, imm64, program, row } from './rows.ts';

const rowsOf = (kind: InsnRow['kind'], source?: InsnRow['source']): InsnRow[] =>
  INSN_TABLE.filter((candidate) => candidate.kind === kind && (source === undefined || candidate.source === source));
const ENDIANS: readonly Endian[] = ['little', 'big'];

/** r0 = r1 op r2, with the operation in the middle. */
function binary(instruction: InsnRow, endian: Endian = 'little'): Interpreter {
  return createInterpreter(
    program([row('mov64_reg', { dst: 0, src: 1 }), row(instruction.name, { dst: 0, src: 2 }), exit], endian),
  );
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

describe('alu', () => {
  test.each(rowsOf('alu', 'reg'))('$name: every pair of edge values', (instruction) => {
    for (const endian of ENDIANS) {
      const engine = binary(instruction, endian);
      for (const a of EDGES) {
        for (const b of EDGES) {
          const { r0 } = engine.run({ args: [a, b] });
          if (r0 !== aluResult(instruction, a, b)) {
            expect(`${hex(a)} ${instruction.name} ${hex(b)} = ${hex(r0)}`).toBe(hex(aluResult(instruction, a, b)));
          }
        }
      }
    }
  });

  test.each(rowsOf('alu', 'reg'))('$name: random values', (instruction) => {
    const engine = binary(instruction);
    const value = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 64 }).chain((bits) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - (bits === 0 ? 0n : 1n) }))); // prettier-ignore
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [x, y] = [BigInt.asUintN(64, a), BigInt.asUintN(64, b)];
        expect(engine.run({ args: [x, y] }).r0).toBe(aluResult(instruction, x, y));
      }),
      { numRuns: 400, seed: instruction.id },
    );
  });

  test.each(rowsOf('alu', 'reg').filter(({ op }) => /div|mod/.test(op)))(
    '$name: around multiples of the divisor',
    (instruction) => {
      const engine = binary(instruction);
      fc.assert(
        fc.property(
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          fc.integer({ min: 0, max: 63 }),
          fc.bigInt({ min: 0n, max: 2n ** 32n }),
          (bits, shift, k) => {
            const b = bits >> BigInt(shift);
            const quotient = b === 0n ? k : k % ((2n ** 64n - 1n) / b + 1n);
            for (const near of [-1n, 0n, 1n]) {
              const a = BigInt.asUintN(64, quotient * b + near);
              expect(engine.run({ args: [a, b] }).r0).toBe(aluResult(instruction, a, b));
            }
          },
        ),
        { numRuns: 2000, seed: instruction.id },
      );
      // Doubles of these round the quotient below the right one.
      for (let k = 1n; k < 1024n; k++) {
        const b = 2n ** 54n + 3n;
        expect(engine.run({ args: [k * b, b] }).r0).toBe(aluResult(instruction, k * b, b));
      }
    },
  );

  test.each(rowsOf('alu', 'reg'))('$name: dst is src', (instruction) => {
    const engine = createInterpreter(program([row('mov64_reg', { dst: 0, src: 1 }), row(instruction.name), exit]));
    for (const a of EDGES) expect(engine.run({ args: [a] }).r0).toBe(aluResult(instruction, a, a));
  });

  test.each(rowsOf('alu', 'imm'))('$name: edge values and immediates', (instruction) => {
    for (const imm of IMMEDIATES) {
      const engine = createInterpreter(
        program([row('mov64_reg', { dst: 0, src: 1 }), row(instruction.name, { dst: 0, imm }), exit]),
      );
      const b = BigInt.asUintN(64, BigInt(imm));
      for (const a of EDGES) expect(engine.run({ args: [a] }).r0).toBe(aluResult(instruction, a, b));
    }
  });

  test.each(rowsOf('alu', 'none'))('$name: edge values', (instruction) => {
    const engine = createInterpreter(program([row('mov64_reg', { dst: 0, src: 1 }), row(instruction.name), exit]));
    for (const a of EDGES) expect(engine.run({ args: [a] }).r0).toBe(aluResult(instruction, a, 0n));
  });

  test.each(rowsOf('alu', 'reg'))('$name leaves every other register alone', (instruction) => {
    const marks = [6, 7, 8, 9].map((n) => imm64(n, 0x1111111111111111n * BigInt(n)));
    const engine = createInterpreter(program([...marks, row(instruction.name, { dst: 3, src: 4 }), exit]));
    const execution = engine.start({ args: [1, 2, -3, 5, 6] });
    while (execution.step() === 'paused');
    const { registers } = execution.state();
    const expected = aluResult(instruction, 2n ** 64n - 3n, 5n);
    expect(registers.slice(0, 10)).toEqual([0n, 1n, 2n, expected, 5n, 6n, ...[6n, 7n, 8n, 9n].map((n) => 0x1111111111111111n * n)]); // prettier-ignore
  });
});

describe('end', () => {
  test.each(rowsOf('end').flatMap((instruction) => ENDIANS.map((endian) => ({ instruction, endian, name: instruction.name }))))(
    '$name on a $endian-endian machine',
    ({ instruction, endian }) => {
      const engine = createInterpreter(
        program([row('mov64_reg', { src: 1 }), row(instruction.name), exit], endian),
      );
      for (const a of EDGES) expect(engine.run({ args: [a] }).r0).toBe(endResult(instruction, a, endian));
    },
  ); // prettier-ignore
});

describe('jmp', () => {
  const taken = (condition: ReturnType<typeof row>): Interpreter =>
    createInterpreter(program([row('mov64_imm', { imm: 1 }), condition, row('mov64_imm', { imm: 0 }), exit]));

  test.each(rowsOf('jmp', 'reg'))('$name: every pair of edge values', (instruction) => {
    const engine = taken(row(instruction.name, { dst: 1, src: 2, offset: 1 }));
    for (const a of EDGES) {
      for (const b of EDGES) {
        const expected = jumps(instruction, a, b) ? 1n : 0n;
        const { r0 } = engine.run({ args: [a, b] });
        if (r0 !== expected) expect(`${hex(a)} ${instruction.name} ${hex(b)}: ${r0}`).toBe(String(expected));
      }
    }
  });

  test.each(rowsOf('jmp', 'imm'))('$name: edge values and immediates', (instruction) => {
    for (const imm of IMMEDIATES) {
      const engine = taken(row(instruction.name, { dst: 1, imm, offset: 1 }));
      const b = BigInt.asUintN(64, BigInt(imm));
      for (const a of EDGES) expect(engine.run({ args: [a] }).r0).toBe(jumps(instruction, a, b) ? 1n : 0n);
    }
  });

  test.each(rowsOf('jmp', 'reg'))('$name compares a register with itself', (instruction) => {
    const engine = taken(row(instruction.name, { dst: 1, src: 1, offset: 1 }));
    for (const a of EDGES) expect(engine.run({ args: [a] }).r0).toBe(jumps(instruction, a, a) ? 1n : 0n);
  });

  test('ja and ja32 go forward, backward and to themselves', () => {
    expect(createInterpreter(program([row('ja', { offset: 1 }), exit, row('mov64_imm', { imm: 7 }), row('ja32', { imm: -3 })])).run().r0).toBe(7n); // prettier-ignore
    expect(createInterpreter(program([row('ja', { offset: -1 })]), { budget: 100 }).tryRun().fault?.kind).toBe(
      'budget',
    );
    expect(createInterpreter(program([row('ja32', { imm: -1 })]), { budget: 100 }).tryRun().insnsExecuted).toBe(100);
  });

  test('ld_imm64 keeps every bit in both orders', () => {
    for (const endian of ENDIANS) {
      for (const value of EDGES) {
        expect(createInterpreter(program([imm64(0, value), exit], endian)).run().r0).toBe(value);
      }
    }
  });
});
