/** Workloads on the live kernel: accepted, and right. */
import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { expect, it } from 'vitest';
import { loadKernelWorkload } from '../src/kernel-workload.ts';
import { sharedFolder } from '../src/kernel-sizes.ts';
import { loadWorkloads } from '../src/load-workloads.ts';
import { wrongResult } from '../src/workload.ts';

const probe = probeLiveKernel();
if (!probe.available && process.env['CI']) throw probe.reason;
const { origin, workloads } = loadWorkloads(sharedFolder());
const why = !probe.available ? probe.reason.message : origin === 'shared' ? undefined : 'the shared folder is not here';

it.skipIf(why !== undefined)(`the live kernel runs the workloads${why === undefined ? '' : `: ${why}`}`, () => {
  using kernel = openLiveKernel();
  const refused: string[] = [];
  for (const workload of workloads) {
    const loaded = loadKernelWorkload(kernel, workload);
    if (typeof loaded === 'string') {
      refused.push(`${workload.name}: ${loaded}`);
      continue;
    }
    expect(wrongResult(workload.quick, loaded.once(workload.quick.mem)), workload.name).toBeUndefined();
    expect(loaded.time(workload.quick.mem, 2), workload.name).toBeGreaterThan(0);
  }
  // Linux 6.18 has no bitwise atomics in arenas on x86_64.
  expect(refused).toEqual([expect.stringMatching(/^atomics: .*arena is not allowed/)]);
});

it.skipIf(!probe.available)('a workload without bytecode for the verifier is refused with a reason', () => {
  using kernel = openLiveKernel();
  expect(loadKernelWorkload(kernel, { ...workloads[0]!, forKernel: undefined })).toContain('no bytecode');
});
