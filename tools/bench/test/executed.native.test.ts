/** Counting under QEMU: exact, and of every target. */
import { makeInsn, makeProgram, type Program } from '@polybpf/isa';
import { openMachine, probeMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';
import { afterAll, describe, expect, it } from 'vitest';
import { withEndian } from '../src/concatenate.ts';
import { benchExecuted } from '../src/executed/bench-executed.ts';
import { openQemuCounter } from '../src/executed/qemu-counter.ts';
import { readKernelSizes } from '../src/kernel-sizes.ts';
import { findCompiler } from '../src/native-c.ts';
import { loadWorkloads } from '../src/load-workloads.ts';

/** r0 = 0; do { r0 += r2; r2 -= 1 } while (r2 != 0), with r2 the length of the memory. */
const LOOP: Program = makeProgram([
  makeInsn(0xb7, 0, 0, 0, 0),
  makeInsn(0x0f, 0, 2, 0, 0),
  makeInsn(0x07, 2, 0, 0, -1),
  makeInsn(0x55, 2, 0, -3, 0),
  makeInsn(0x95, 0, 0, 0, 0),
]);

describe('instructions under QEMU', () => {
  if (findCompiler('gcc') === undefined) {
    if (process.env['CI']) throw new Error('there is no gcc');
    it.skip('there is no gcc', () => undefined);
    return;
  }
  const counter = openQemuCounter();
  afterAll(() => counter[Symbol.dispose]());
  const usable = ALL_TARGETS.filter((target) => {
    const probe = probeMachine(target);
    if (!probe.available && process.env['CI']) throw probe.error;
    return probe.available;
  });
  it.skipIf(usable.length === 0).each(usable.map((target) => [target.name, target] as const))(
    'on %s grow with the turns of a loop, by as many in each',
    (_, target) => {
      using machine = openMachine(target, { via: 'qemu' });
      const program = machine.prepare(withEndian(LOOP, target.endian));
      const count = (turns: number): number => {
        const before = counter.read();
        const { r0 } = program.run({ args: [0n, BigInt(turns), 0n, 0n, 0n] });
        expect(r0).toBe((BigInt(turns) * BigInt(turns + 1)) / 2n);
        return counter.read() - before;
      };
      count(1);
      // What is around the loop may differ by the few instructions in which the runner waits.
      const perTurn = (count(200_000) - count(100_000)) / 100_000;
      expect(Math.abs(perTurn - Math.round(perTurn))).toBeLessThan(0.01);
      expect(Math.round(perTurn)).toBeGreaterThanOrEqual(target.wordBits === 32 ? 3 : 2);
      expect(Math.round(perTurn)).toBeLessThanOrEqual(8);
    },
  );

  it.skipIf(usable.length === 0)('are counted for the workloads of a clone', () => {
    const { workloads } = loadWorkloads(undefined);
    const chosen = usable.filter(({ name }) => ['arm64', 's390x', 'loongarch64'].includes(name));
    const found = benchExecuted(chosen, workloads, readKernelSizes(), counter);
    expect(found).toHaveLength(chosen.length);
    for (const { target, kernel, rows, ratio } of found) {
      expect(rows.map(({ wrong }) => wrong), target).toEqual(rows.map(() => undefined)); // prettier-ignore
      const counted = rows.filter(({ ours }) => ours !== undefined);
      expect(counted.length, target).toBeGreaterThan(2);
      for (const { name, ours, insns } of counted) expect(ours! / insns, `${name} on ${target}`).toBeGreaterThan(0.2);
      expect(kernel, target).toBe(target);
      expect(ratio, target).toBeGreaterThan(0);
    }
  });
});
