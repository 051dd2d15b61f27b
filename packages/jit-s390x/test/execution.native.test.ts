import { assemble } from '@polybpf/asm';
import { createHelperRegistry, createInterpreter } from '@polybpf/interpreter';
import { type Insn, makeProgram } from '@polybpf/isa';
import { formatListing } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileFor, type Harness, missingTools, mix, MIX_HELPER, openHarness } from './harness.ts';
import { EDGES32, EDGES64, makeRandom, type Random } from './random.ts';
import { randomProgram } from './random-program.ts';
import { CALLER_AREA_SNIPPETS as SNIPPETS } from '@polybpf-tools/target-tests/snippets';
import { FIRST_RESULT, TRIABLE_ROWS, trialProgram, trialsOf } from './trials.ts';

const HELPERS = createHelperRegistry([
  { id: MIX_HELPER, call: (cx) => mix([cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5)]) },
]);
/** Other programs than usual: POLYBPF_FUZZ_SEED=100000. */
const FIRST_SEED = Number(process.env['POLYBPF_FUZZ_SEED'] ?? 1);
const missing = missingTools();

interface Case {
  readonly name: string;
  readonly insns: readonly Insn[];
  readonly memories: readonly Uint8Array[];
}

describe.skipIf(missing.length > 0)(
  `native code against the interpreter (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    let harness: Harness;
    beforeAll(() => {
      harness = openHarness();
    });
    afterAll(() => harness.close());

    /** Runs programs on both engines and compares r0 and memory. */
    function compare(cases: readonly Case[]): void {
      const prepared = cases.map(({ insns }) => {
        const program = makeProgram(insns, { endian: 'big' });
        return { program, ...compileFor(program) };
      });
      const results = harness.run(cases.flatMap(({ memories }, k) => memories.map((memory) => ({ code: prepared[k]!.code, memory })))); // prettier-ignore
      let next = 0;
      cases.forEach(({ name, memories }, k) => {
        const { program, compiled } = prepared[k]!;
        const interpreter = createInterpreter(program, { helpers: HELPERS });
        for (const memory of memories) {
          const mem = memory.slice();
          const { r0 } = interpreter.run({ mem });
          const result = results[next++]!;
          const differs = result.memory.findIndex((byte, at) => byte !== mem[at]);
          if (result.problem === '' && result.r0 === r0 && differs < 0) continue;
          const seen = `${name}: ${result.problem}, r0 ${result.r0}, expected ${r0}; memory differs at ${differs}`;
          expect.fail(`${seen}\n${formatListing(compiled).slice(0, 8000)}`);
        }
      });
    }

    it.each(TRIABLE_ROWS.map((row) => [row.name, row] as const))('%s', (name, row) => {
      const random = makeRandom(row.id + 1);
      const trials = trialsOf(row, EDGES32);
      const cases: Case[] = [];
      for (let from = 0; from < trials.length; from += 300) {
        const { insns, memory } = trialProgram(trials.slice(from, from + 300));
        cases.push({ name, insns, memories: Array.from({ length: 4 }, () => inputs(random, memory)) });
      }
      // All pairs of edge values on a few register pairs.
      const few = trials.filter(({ dst, src, imm }) => dst === 1 && (src === 0 || src === 1 || src === 6) && (imm & 0x37) === (imm & 7)); // prettier-ignore
      const { insns, memory } = trialProgram(few.slice(0, 40));
      const pairs = EDGES64.flatMap((a) => EDGES64.map((b) => inputs(random, memory, [a, b])));
      cases.push({ name: `${name} on edges`, insns, memories: pairs });
      compare(cases);
    });

    it('snippets of the golden file that need no memory, on edge values', () => {
      const random = makeRandom(7);
      const texts = SNIPPETS.map(([, text]) => text).filter((text) => !/[rw]10|\*\(|_\d\d\(|atomic|acquire|release|call|f ll|goto -|may_goto/.test(text)); // prettier-ignore
      expect(texts.length).toBeGreaterThan(200);
      const runs = texts.flatMap((text) => {
        const program = assemble(`${text}\nexit`, { endian: 'big', name: 'main' });
        const { code } = compileFor(program);
        const interpreter = createInterpreter(program);
        return Array.from({ length: 60 }, () => {
          const args = Array.from({ length: 5 }, () => random.u64());
          if (random.int(3) === 0) args[1] = args[0]!;
          return { text, code, args, expected: interpreter.run({ args }).r0 };
        });
      });
      harness.run(runs).forEach(({ problem, r0 }, k) => {
        const { text, args, expected } = runs[k]!;
        expect([problem, r0], `${text} on ${args.join()}`).toEqual(['', expected]);
      });
    });

    it('random programs', () => {
      for (let group = 0; group < 10; group++) {
        const cases = Array.from({ length: 200 }, (_, k): Case => {
          const seed = FIRST_SEED + group * 200 + k;
          const random = makeRandom(seed);
          const { insns, memory } = randomProgram(seed);
          const memories = Array.from({ length: 3 }, () => {
            const bytes = new Uint8Array(memory);
            for (let at = 0; at < 80; at += 8) new DataView(bytes.buffer).setBigUint64(at, random.u64());
            return bytes;
          });
          return { name: `seed ${seed}`, insns, memories };
        });
        compare(cases);
      }
    });
  },
);

/** Memory of a trial program: dst, src, r0 and the word in memory; equal values now and then. */
function inputs(random: Random, length: number, [dst, src] = [random.u64(), random.u64()]): Uint8Array {
  const memory = new Uint8Array(length);
  const view = new DataView(memory.buffer);
  const r0 = random.int(2) === 0 ? dst : random.u64();
  [dst, src, r0, random.int(3) > 0 ? r0 : random.u64()].forEach((value, k) => view.setBigUint64(8 * k, value));
  if (random.int(4) === 0) view.setBigUint64(24, (r0 & 0xffffffffn) | (random.u64() & 0xffffffff_00000000n));
  memory.fill(0xa5, FIRST_RESULT);
  return memory;
}
