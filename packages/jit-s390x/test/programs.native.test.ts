import { assemble } from '@polybpf/asm';
import { createHelperRegistry, runProgram } from '@polybpf/interpreter';
import type { Program } from '@polybpf/isa';
import { formatListing } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALL_BACK_HELPER, compileFor, compileSecond, type Harness, type HarnessJob, MEMORY_ADDRESS, missingTools, mix, MIX_HELPER, openHarness } from './harness.ts'; // prettier-ignore

const missing = missingTools();
const HELPERS = createHelperRegistry([
  { id: MIX_HELPER, call: (cx) => mix([cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5)]) },
  { id: CALL_BACK_HELPER, call: (cx) => cx.call(cx.arg(1), [cx.arg(2)]) + 1n },
]);

function program(text: string): Program {
  return assemble(text, { endian: 'big', name: 'main' });
}

describe.skipIf(missing.length > 0)(`programs on s390x (missing: ${missing.join(', ') || 'nothing'})`, () => {
  let harness: Harness;
  beforeAll(() => {
    harness = openHarness();
  });
  afterAll(() => harness.close());

  function run(text: string, job: Partial<HarnessJob> = {}): bigint {
    const { compiled, code } = compileFor(program(text));
    const { problem, r0 } = harness.run([{ code, ...job }])[0]!;
    if (problem !== '') expect.fail(`${problem}\n${formatListing(compiled).slice(0, 6000)}`);
    return r0;
  }

  /** Runs natively and in the interpreter. */
  function expectAgreement(text: string, mem = new Uint8Array(0)): void {
    expect(run(text, { memory: mem })).toBe(runProgram(program(text), { mem: mem.slice(), helpers: HELPERS }).r0);
  }

  it('gets five arguments', () => {
    const text = 'r0 = r1\nr0 *= 3\nr0 ^= r2\nr0 *= 3\nr0 ^= r3\nr0 *= 3\nr0 ^= r4\nr0 *= 3\nr0 ^= r5\nexit';
    const args = [1n, 2n ** 63n, -3n, 0xffffffffn, 5n];
    expect(run(text, { args })).toBe(
      BigInt.asUintN(
        64,
        args.reduce((sum, arg) => (sum * 3n) ^ arg),
      ),
    );
  });

  it.each([8, 24, 32, 40, 104, 112, 136, 144, 152, 256, 512])(
    'uses %i bytes of stack, with and without calls and saved registers',
    (depth) => {
      const touch = Array.from({ length: depth / 8 }, (_, i) => `*(u64 *)(r10 - ${8 * (i + 1)}) = ${i + 7}`).join('\n');
      const sum = Array.from(
        { length: depth / 8 },
        (_, i) => `r1 = *(u64 *)(r10 - ${8 * (i + 1)})\nr0 *= 3\nr0 += r1`,
      ).join('\n');
      const expected = Array.from({ length: depth / 8 }, (_, i) => BigInt(i + 7)).reduce(
        (total, value) => total * 3n + value,
        0n,
      );
      const modulo = BigInt.asUintN(64, expected);
      const used = 'r5 = 5\nr6 = 6\nr7 = 7\nr8 = 8\nr9 = 9\nr2 = 2\nr3 = 3\nr4 = 4';
      const check = 'r0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nr0 += r5\nr0 += r4\nr0 += r3\nr0 += r2';
      expect(run(`${touch}\nr0 = 0\n${sum}\nexit`)).toBe(modulo);
      expect(run(`${touch}\n${used}\nr0 = 0\n${sum}\n${check}\nexit`)).toBe(BigInt.asUintN(64, modulo + 44n));
      expect(run(`${touch}\nr1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall ${MIX_HELPER}\nr0 = 0\n${sum}\nexit`)).toBe(
        modulo,
      );
      const counted = `r6 = 0\nagain:\nr6 += 1\nif r6 == 5 goto end\nmay_goto end\ngoto again\nend:\n`;
      expect(run(`${touch}\n${counted}r0 = 0\n${sum}\nr0 += r6\nexit`)).toBe(BigInt.asUintN(64, modulo + 5n));
    },
  );

  it('calls helpers through the table and keeps r6 to r9', () => {
    expectAgreement(`r6 = 6\nr7 = 7\nr8 = 8\nr9 = 9\nr1 = 1\nr2 = -2\nr3 = 3\nr4 = -4\nr5 = 5\ncall ${MIX_HELPER}
      r0 += r6\nr0 *= r7\nr0 += r8\nr0 *= r9\nexit`);
    expectAgreement(
      `r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall ${MIX_HELPER}\nr1 = r0\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall ${MIX_HELPER}\nexit`,
    );
  });

  it('calls helpers and functions through a register', () => {
    expectAgreement(`r6 = ${MIX_HELPER}\nr1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncallx r6\nexit`);
    expectAgreement(`r1 = callee ll\nr2 = 41\ncall ${CALL_BACK_HELPER}\nexit\ncallee:\nr0 = r1\nr0 *= 2\nexit`);
  });

  it('calls functions, each with a frame and saved registers of its own, eight deep', () => {
    const depth = 7;
    const bodies = Array.from({ length: depth }, (_, k) => {
      const next = k + 1 < depth ? `r1 += 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall f${k + 1}` : 'r0 = r1';
      return `f${k}:\nr6 = ${k + 10}\nr7 = r1\n*(u64 *)(r10 - 8) = r7\n*(u64 *)(r10 - ${k % 2 === 0 ? 16 : 400}) = r6
        ${next}\nr0 += r6\nr0 *= 3\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nr1 = *(u64 *)(r10 - ${k % 2 === 0 ? 16 : 400})\nr0 += r1\nr0 += r7\nexit`;
    });
    expectAgreement(
      `r6 = 77\n*(u64 *)(r10 - 8) = r6\nr1 = 5\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall f0\nr0 += r6\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit\n${bodies.join('\n')}`,
    );
  });

  it('calls itself', () => {
    expectAgreement(
      'r1 = 6\ncall f\nexit\nf:\nif r1 == 0 goto zero\nr6 = r1\nr1 -= 1\ncall f\nr0 += r6\nexit\nzero:\nr0 = 100\nexit',
    );
  });

  it('may_goto jumps once the budget of 8 Mi rounds is used up, and ever after', () => {
    const text =
      'r0 = 0\nr1 = 0\nagain:\nmay_goto end\nr0 += 1\ngoto again\nend:\nif r1 == 2 goto +2\nr1 += 1\ngoto again\nexit';
    expect(run(text)).toBe(8388608n);
  });

  it('tail calls go to the next program with the context, and on when there is none', () => {
    const text = (index: number): string => `
      r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\n*(u64 *)(r10 - 200) = 5
      r2 = 0\nr3 = ${index}\ncall 12
      r0 += 1000\nr0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nr1 = *(u64 *)(r10 - 200)\nr0 += r1\nexit`;
    const second = compileSecond(
      program('r0 = *(u64 *)(r1 + 0)\nr6 = 6\nr7 = 7\nr8 = 8\nr9 = 9\nr0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nexit'),
    );
    const memory = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0);
    expect(run(text(0), { memory, second })).toBe(256n + 30n);
    expect(run(text(1), { memory, second })).toBe(BigInt.asUintN(64, -2n + 1000n + 10n + 5n));
    expect(run('r2 = 0\nr3 = 0\ncall 12\nexit', { memory, second })).toBe(256n + 30n);
    expect(run('r2 = 0\nr3 = 7\ncall 12\nexit', { memory, second })).toBe(BigInt.asUintN(64, -2n));
  });

  it('branches reach labels beyond 64 KiB, forwards and backwards, with every comparison', () => {
    const values = [0n, 7n, 8n, 300n, -7n, -8n, 0x12345678n, 2n ** 63n];
    const conditions = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'];
    const comparisons = conditions.flatMap((condition) =>
      ['r', 'w'].flatMap((prefix) =>
        [`${prefix}4`, '7', '-7', '300', '0x12345678'].map((right) => `${prefix}1 ${condition} ${right}`),
      ),
    );
    for (const comparison of comparisons) {
      const withFiller = (count: number): Uint8Array => {
        const filler = 'r2 *= r3\n'.repeat(count);
        const text = `r4 = 7\nr2 = 1\nr3 = 1\nif ${comparison} goto yes\n${filler}r0 = r2\nexit\nyes:\nr0 = 2\nexit`;
        return compileFor(program(text)).code;
      };
      const [near, far] = [withFiller(1), withFiller(17000)];
      expect(far.length).toBeGreaterThan(0x10000);
      const jobs = [near, far].flatMap((code) => values.map((value) => ({ code, args: [value, 0n, 0n, 0n, 0n] })));
      const results = harness.run(jobs);
      values.forEach((value, i) => {
        expect(results[i]!.problem).toBe('');
        expect([1n, 2n]).toContain(results[i]!.r0);
        expect(results[values.length + i], `${comparison} for ${value}`).toEqual(results[i]);
      });
    }
    const filler = 'r2 *= r3\n'.repeat(17000);
    expect(
      run(
        `r0 = 0\nr2 = 1\nr3 = 1\nagain:\nr0 += 1\n${filler}if r0 < 3 goto again\nif r2 & 8 goto again\nr0 += r2\nexit`,
      ),
    ).toBe(4n);
  });

  it('jumps just within and just beyond the short reach', () => {
    const lengths = new Set<number>();
    for (let count = 16375; count <= 16386; count++) {
      // The branch goes over the filler, 4 bytes each, and the second jump back over it.
      const text = `r3 = 1\nr2 = 1\nr0 = 0\nif r1 == 5 goto yes\nagain:\n${'r2 *= r3\n'.repeat(count)}yes:\nr0 += r2\nif r0 == 1 goto again\nexit`;
      const { code } = compileFor(program(text));
      lengths.add(code.length - 4 * count);
      const results = harness.run([5n, 4n].map((value) => ({ code, args: [value, 0n, 0n, 0n, 0n] })));
      for (const { problem, r0 } of results) expect([problem, r0]).toEqual(['', 2n]);
    }
    // Neither, one, and both branches in their long form.
    expect(lengths.size).toBe(3);
  });

  it('loads every kind of constant', () => {
    const halves = ['0000', '0001', '7fff', '8000', 'ffff', '1234'];
    const words = halves.flatMap((high) => halves.map((low) => high + low));
    const constants = words.flatMap((high, i) => words.filter((_, k) => (i + k) % 3 === 0 || high === '00000000' || high === 'ffffffff').map((low) => `0x${high}${low}`)); // prettier-ignore
    const jobs = constants.map((constant) => ({ code: compileFor(program(`r0 = ${constant} ll\nexit`)).code }));
    harness.run(jobs).forEach(({ r0 }, i) => expect(r0).toBe(BigInt(constants[i]!)));
  });

  it('reads memory at displacements on both sides of the short and long fields', () => {
    const memory = Uint8Array.from({ length: 60000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
    for (const offset of [0, 4088, 4095, 4096, 4097, 32760]) {
      expectAgreement(`r0 = *(u64 *)(r1 + ${offset})\nexit`, memory);
      expectAgreement(`r0 = *(u32 *)(r1 + ${offset})\nexit`, memory);
      expectAgreement(`r1 += 32768\nr0 = *(s16 *)(r1 - ${Math.min(offset, 32768)})\nexit`, memory);
      const back = `*(u64 *)(r1 + ${offset}) = 0x1234567\nr0 = *(u64 *)(r1 + ${offset})\n`;
      expectAgreement(`${back}*(u32 *)(r1 + ${offset}) = 300\nr2 = *(u64 *)(r1 + ${offset})\nr0 ^= r2\nexit`, memory);
      expectAgreement(
        `*(u16 *)(r1 + ${offset}) = -2\n*(u8 *)(r1 + ${offset}) = 77\nr0 = *(u64 *)(r1 + ${offset})\nexit`,
        memory,
      );
    }
    expect(run(`r0 = r1\nexit`, { memory })).toBe(MEMORY_ADDRESS);
  });
});
