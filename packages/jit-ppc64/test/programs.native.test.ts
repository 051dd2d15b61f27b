/** Programs of shapes that random ones do not have: far branches and addresses, every kind of constant, budgets. */
import { assemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import { runProgram } from '@polybpf/interpreter';
import { BPF_MAX_LOOPS, type Program } from '@polybpf/isa';
import { type Machine, openMachine } from '@polybpf/machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ppc64, ppc64le } from '../src/index.ts';

function missingMachine(): string | undefined {
  try {
    for (const target of [ppc64, ppc64le]) openMachine(target).close();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingMachine();

interface Outcome {
  readonly r0: bigint;
  readonly size: number;
  readonly forms: ReadonlySet<string>;
}

describe.skipIf(missing !== undefined).each([ppc64le, ppc64])(`programs on $name (${missing ?? 'runs'})`, (target) => {
  const { endian } = target;
  let machine: Machine;
  beforeAll(() => {
    machine = openMachine(target);
  });
  afterAll(() => machine.close());

  function runIt(program: Program, args: readonly bigint[] = []): Outcome {
    const prepared = machine.prepare(program);
    try {
      const { r0 } = prepared.run({ args });
      const forms = new Set(prepared.compiled.nodes.map(({ form }) => form.name));
      return { r0, size: prepared.compiled.code.length, forms };
    } finally {
      prepared.dispose();
    }
  }
  const run = (text: string, args?: readonly bigint[]): Outcome =>
    runIt(assemble(text, { endian, name: 'main' }), args);

  // The byte orders share all lowerings, so that the second one has fewer conditions to try.
  const conditions = endian === 'little' ? ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'] : ['==', 's<']; // prettier-ignore
  const VALUES = [0n, 7n, 8n, 300n, -7n, -8n, 0x12345678n, 0x10000n, 2n ** 63n, 2n ** 31n];

  it.each(conditions)('%s jumps beyond 32 KiB, forwards and back', (condition) => {
    for (const right of ['r4', '-7', '0', '0x12345678']) {
      for (const prefix of ['r', 'w']) {
        const comparison = `${prefix}1 ${condition} ${right.replace('r', prefix)}`;
        const outcomes = [1, 8200].map((count) => {
          // Back to an exit in front when the condition still holds, which it does.
          const text = `r4 = 7\nr2 = 1\nr3 = 1\ngoto start\nback:\nr0 = 3\nexit\nstart:\nif ${comparison} goto yes
            ${'r2 *= r3\n'.repeat(count)}r0 = r2\nexit\nyes:\nif ${comparison} goto back\nr0 = 2\nexit`;
          const program = assemble(text, { endian, name: 'main' });
          const prepared = machine.prepare(program);
          const jobs = VALUES.map((value) => ({ program: prepared, args: [BigInt.asUintN(64, value)] }));
          const results = machine.runBatch(jobs).map((outcome) => (outcome.status === 'failed' ? -1n : outcome.r0));
          const size = prepared.compiled.code.length;
          prepared.dispose();
          return { size, results, program };
        });
        const [near, far] = outcomes as [(typeof outcomes)[0], (typeof outcomes)[0]];
        expect(far.size).toBeGreaterThan(0x8000);
        const expected = VALUES.map((value) => runProgram(near.program, { args: [BigInt.asUintN(64, value)] }).r0);
        expect(near.results, comparison).toEqual(expected);
        expect(far.results, comparison).toEqual(expected);
      }
    }
  });

  it('branches are short up to 32 KiB and long beyond', () => {
    const sizes = new Set<number>();
    for (let count = 8186; count <= 8193; count++) {
      const text = `r3 = 1\nr2 = 1\nr0 = 0\nif r1 == 5 goto yes\nagain:\n${'r2 *= r3\n'.repeat(count)}yes:\nr0 += r2\nr2 ^= r0\nr2 ^= r0\nif r0 == 1 goto again\nexit`;
      const { size } = run(text, [5n]);
      sizes.add(size - 4 * count);
      for (const value of [5n, 4n]) expect(run(text, [value]).r0, `${count}`).toBe(2n);
    }
    // Neither, one, and both branches in their long form.
    expect(sizes.size).toBe(3);
  });

  it('addresses of functions near and far', () => {
    const text = (count: number): string => `r7 = 1\nr6 = func callee ll\ncallx r6\nif r0 == 1 goto body\nexit\nbody:
      ${'r7 *= r7\n'.repeat(count)}r0 = r7\nexit\n.function callee\nr0 = 77\nexit`;
    const near = run(text(3));
    expect([near.r0, near.forms.has('addi_label')]).toEqual([77n, true]);
    const far = run(text(8200));
    expect([far.r0, far.forms.has('label_far')]).toEqual([77n, true]);
  });

  it('loads every kind of constant', () => {
    const halves = ['0000', '0001', '7fff', '8000', 'ffff', '1234'];
    const words = halves.flatMap((high) => halves.map((low) => high + low));
    const pairs = words.flatMap((high) => words.map((low) => high + low));
    // Runs of ones at every place, which rotations make.
    const runs = Array.from({ length: 64 }, (_, at) => [1, 5, 17, 33, 63].map((length) => {
      const ones = (1n << BigInt(length)) - 1n;
      return BigInt.asUintN(64, (ones << BigInt(at)) | (ones >> BigInt(64 - at))).toString(16).padStart(16, '0');
    })).flat(); // prettier-ignore
    const odd = Array.from({ length: 50 }, (_, at) => BigInt.asUintN(64, 0x2f13n << BigInt(at)).toString(16).padStart(16, '0')); // prettier-ignore
    const negative = Array.from({ length: 60 }, (_, at) => BigInt.asUintN(64, (-0x2f13n << BigInt(at)) >> 2n).toString(16).padStart(16, '0')); // prettier-ignore
    const constants = [...pairs, ...runs, ...odd, ...negative];
    for (let from = 0; from < constants.length; from += 256) {
      const some = constants.slice(from, from + 256);
      const text = `${some.map((hex, i) => `r2 = 0x${hex} ll\n*(u64 *)(r1 + ${8 * i}) = r2`).join('\n')}\nr0 = 0\nexit`;
      const prepared = machine.prepare(assemble(text, { endian, name: 'main' }));
      const { mem } = prepared.run({ mem: new Uint8Array(8 * some.length) });
      prepared.dispose();
      const view = new DataView(mem.buffer, mem.byteOffset);
      const got = some.map((_, i) =>
        view
          .getBigUint64(8 * i, endian === 'little')
          .toString(16)
          .padStart(16, '0'),
      );
      expect(got).toEqual(some);
    }
  });

  it('accesses memory at displacements on both sides of its fields', () => {
    const memory = Uint8Array.from({ length: 70000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
    for (const offset of [0, 1, 2, 3, 4, 32760, 32763, 32764, 32765]) {
      const loads = ['u64', 'u32', 's32', 'u16', 's16', 'u8', 's8'].filter((type) => offset + Number(type.slice(1)) / 8 <= 32773); // prettier-ignore
      const text = `r0 = 0\nr3 = r1\nr3 += 32768\n${loads
        .map(
          (type) => `r2 = *(${type} *)(r1 + ${offset})\nr0 *= 3\nr0 ^= r2\nr2 = *(${type} *)(r3 - ${offset})\nr0 += r2`,
        )
        .join('\n')}
        *(u64 *)(r1 + ${offset}) = r0\n*(u64 *)(r3 - ${offset}) = 0x1234567\n*(u32 *)(r1 + ${offset}) = -3
        r2 = *(u64 *)(r1 + ${offset})\nr0 ^= r2\nr2 = *(u64 *)(r3 - ${offset})\nr0 += r2\nexit`;
      const program = assemble(text, { endian, name: 'main' });
      const prepared = machine.prepare(program);
      const mem = memory.slice();
      expect(prepared.run({ mem: memory }).r0, `offset ${offset}`).toBe(runProgram(program, { mem }).r0);
      prepared.dispose();
    }
  });

  it('frames of every depth hold the stack, the counter and saved registers', () => {
    for (const depth of [8, 16, 240, 248, 256, 280, 288, 296, 504, 512]) {
      const slots = Array.from({ length: depth / 8 }, (_, i) => 8 * (i + 1));
      const touch = slots.map((at) => `*(u64 *)(r10 - ${at}) = ${at + 7}`).join('\n');
      const sum = slots.map((at) => `r1 = *(u64 *)(r10 - ${at})\nr0 *= 3\nr0 += r1`).join('\n');
      const keep = 'r6 = 6\nr7 = 7\nr8 = 8\nr9 = 9\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\n';
      const check = [2, 3, 4, 5, 6, 7, 8, 9].map((register) => `r0 += r${register}`).join('\n');
      const counted = 'r0 = 0\nagain:\nr0 += 1\nif r0 == 5 goto end\nmay_goto end\ngoto again\nend:\n';
      for (const text of [
        `${touch}\nr0 = 0\n${sum}\nexit`,
        `${keep}${touch}\nr0 = 0\n${sum}\n${check}\nexit`,
        `${keep}${touch}\n${counted}${sum}\n${check}\nexit`,
        `${keep}${touch}\ncall f\n${sum}\nr0 += r6\nr0 += r9\nexit\nf:\nr6 = 1\nr9 = 2\n*(u64 *)(r10 - ${depth}) = 5\nr0 = r6\nr0 += r9\nexit`,
      ]) {
        const program = assemble(text, { endian, name: 'main' });
        expect(runIt(program).r0, text).toBe(runProgram(program).r0);
      }
    }
  });

  it('may_goto allows as many rounds as the kernel does, and none ever after', () => {
    const text = 'r0 = 0\nr1 = 0\nagain:\nmay_goto end\nr0 += 1\ngoto again\nend:\nif r1 == 2 goto +2\nr1 += 1\ngoto again\nexit'; // prettier-ignore
    expect(run(text).r0).toBe(BigInt(BPF_MAX_LOOPS));
  });
});
