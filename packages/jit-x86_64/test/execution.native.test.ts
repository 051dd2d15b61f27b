import { createHelperRegistry, runProgram } from '@polybpf/interpreter';
import { type Insn, makeProgram } from '@polybpf/isa';
import { type Machine, openMachine } from '@polybpf/machine';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { formatListing } from '@polybpf/jit';
import { x86_64 } from '../src/index.ts';
import {
  makeRandom,
  mix,
  MIX_HELPER,
  randomProgram,
  type Trial,
  trialMemory,
  trialProgram,
  triableRows,
} from './program-generator.ts';

const HELPERS = createHelperRegistry([
  { id: MIX_HELPER, call: (cx) => mix([cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5)]) },
]);
const IMMEDIATES = [0, 1, -1, 2, -2, 3, 5, 7, 8, 9, 10, 31, 32, 33, 63, 64, 127, 128, -128, -129, 129, 255, 256, 0x7fff, 0xffff, 0x10000, 1000, 641, 0x12345678, 0x40000000, 0x7fffffff, -0x80000000, -0x12345678]; // prettier-ignore
const ALL = 0x3ff;

/** Runs a program natively and in the interpreter on several memories and compares r0 and memory. */
function compare(machine: Machine, name: string, insns: readonly Insn[], memories: readonly Uint8Array[]): void {
  const program = makeProgram(insns);
  const prepared = machine.prepare(program, { helpers: HELPERS });
  try {
    const outcomes = machine.runBatch(memories.map((mem) => ({ program: prepared, mem })));
    outcomes.forEach((outcome, i) => {
      if (outcome.status === 'failed')
        throw new Error(`${name}: ${outcome.error.message}\n${formatListing(prepared.compiled)}`);
      const mem = memories[i]!.slice();
      const { r0 } = runProgram(program, { mem, helpers: HELPERS });
      const differs = outcome.mem.findIndex((byte, at) => byte !== mem[at]);
      if (outcome.r0 !== r0 || differs >= 0) {
        const seen = `r0 ${outcome.r0}, expected ${r0}; memory differs at ${differs}`;
        throw new Error(`${name}: ${seen}\n${formatListing(prepared.compiled).slice(0, 6000)}`);
      }
    });
  } finally {
    prepared.dispose();
  }
}

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
  'native code against the interpreter (skipped off x86_64 Linux)',
  () => {
    let machine: Machine;
    beforeAll(() => {
      machine = openMachine(x86_64);
    });
    afterAll(() => machine.close());

    test.each(triableRows())('$name', (row) => {
      const { name } = row;
      const random = makeRandom(row.id + 1);
      const trials: Trial[] = [];
      const hasSrc = row.src === 'read' || row.src === 'readwrite';
      const memory = !['alu', 'end', 'jmp'].includes(row.kind);
      const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
      const dsts = memory && !isLoad ? 11 : 10;
      const srcs = hasSrc ? (isLoad ? 11 : 10) : 1;
      const imms = row.immUse === 'imm' ? IMMEDIATES : [0];
      for (let dst = 0; dst < dsts; dst++) {
        for (let src = 0; src < srcs; src++) {
          for (const imm of imms) {
            const masks = [ALL, (1 << dst) | (row.src === 'readwrite' ? 1 << src : 0), random.int(1024)];
            for (const live of masks) trials.push({ row, dst, src, imm, live: live & ALL });
          }
        }
      }
      // offsets reach 32 KiB
      for (let from = 0; from < trials.length; from += 350) {
        const { insns, memory: length } = trialProgram(trials.slice(from, from + 350));
        compare(
          machine,
          name,
          insns,
          Array.from({ length: 8 }, () => trialMemory(random, length)),
        );
      }
    });

    test('random programs', () => {
      for (let seed = 1; seed <= 1500; seed++) {
        const { insns, memory } = randomProgram(seed);
        const random = makeRandom(seed);
        compare(
          machine,
          `seed ${seed}`,
          insns,
          Array.from({ length: 4 }, () => trialMemory(random, memory)),
        );
      }
    });
  },
);
