import { isBpfError } from '@polybpf/errors';
import { createInterpreter } from '@polybpf/interpreter';
import { checkInsns, makeProgram } from '@polybpf/isa';
import { formatListing } from '@polybpf/jit';
import { expect, it } from 'vitest';
import { describeEachMachine } from './each-machine.ts';
import { createRandom, MEM_BYTES, mixArguments, randomProgram } from './random-program.ts';

const PROGRAMS = 400;

describeEachMachine('random programs', (fixture) => {
  const { endian } = fixture.target;
  const helpers = [{ id: 1, call: ({ arg }: { arg: (n: number) => bigint }) => mixArguments(arg) }];

  it('compute what the interpreter computes', () => {
    const cases = Array.from({ length: PROGRAMS }, (_, i) => {
      const random = createRandom(i * 7919 + 12345);
      const program = makeProgram(randomProgram(random, 1 + random(60)), { endian, name: `seed ${i}` });
      checkInsns(program.insns);
      return { program, mem: Uint8Array.from({ length: MEM_BYTES }, () => random(256)) };
    });
    const jobs = cases.map(({ program, mem }) => ({ program: fixture.machine.prepare(program, { helpers }), mem }));
    const outcomes = fixture.machine.runBatch(jobs);
    cases.forEach(({ program, mem }, i) => {
      const outcome = outcomes[i]!;
      const expectedMem = mem.slice();
      const expected = createInterpreter(program, { helpers, clobber: true }).run({ mem: expectedMem });
      const got = outcome.status === 'failed' ? outcome.error.message : outcome.r0;
      const listing = (): string => formatListing(jobs[i]!.program.compiled);
      if (got !== expected.r0) throw new Error(`${program.name}: expected ${expected.r0}, got ${got}\n${listing()}`);
      if (outcome.status === 'done') expect(outcome.mem, program.name).toEqual(expectedMem);
    });
  });
});

it('random programs are legal', () => {
  for (let i = 0; i < 200; i++) {
    const insns = randomProgram(createRandom(i), 80);
    try {
      checkInsns(insns);
    } catch (error) {
      if (!isBpfError(error)) throw error;
      expect.fail(error.message);
    }
  }
});
