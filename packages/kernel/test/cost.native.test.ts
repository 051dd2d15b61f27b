// What this package adds to the kernel's own work: CPU time in user mode, without that in the kernel.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKernelRunner, type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import { makeInsn } from '@polybpf/isa';
import { accepted, assembled, describeKernel } from './with-kernel.ts';

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

const LIMIT_US = 50;
const BATCHES = 8;
const PER_BATCH = 1000;

/** Microseconds of user time for one call: the best of some batches, since other processes disturb. */
function userMicroseconds(call: () => void): number {
  let best = Infinity;
  for (let batch = 0; batch < BATCHES; batch++) {
    const start = process.cpuUsage();
    for (let i = 0; i < PER_BATCH; i++) call();
    best = Math.min(best, process.cpuUsage(start).user / PER_BATCH);
  }
  return best;
}

describeKernel('our own share', () => {
  const body = Array.from({ length: 100 }, (_, i) => `r0 = ${i}`);
  const hundred = assembled(...body, 'exit');

  test.each([0, 4] as const)('loading a program of 100 insns at log level %i takes less than 50 us', (logLevel) => {
    const cost = userMicroseconds(() => kernel.close(accepted(kernel.load(hundred, { logLevel }))));
    console.log(`load, level ${logLevel}: ${cost.toFixed(1)} us of our own`);
    expect(cost).toBeLessThan(LIMIT_US);
  });

  test('so does loading, running and reading the result', () => {
    const insns = [makeInsn(0xb7, 0, 0, 0, 1), makeInsn(0x95, 0, 0, 0, 0)];
    using runner = createKernelRunner(kernel);
    const mem = new Uint8Array(16);
    const cost = userMicroseconds(() => void runner.run(insns, { mem }));
    console.log(`run with memory: ${cost.toFixed(1)} us of our own`);
    expect(cost).toBeLessThan(LIMIT_US);
  });
});
