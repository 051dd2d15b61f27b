// The probed profile is valid, complete, quick to get, and equal to the facts where these are of the same kernel.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareProfiles, kernelProfileSchema, type LiveKernel, openLiveKernel, parseKernelProfile, probeKernel } from '@polybpf/kernel'; // prettier-ignore
import { describeKernel } from './with-kernel.ts';

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

const FACTS = join(process.env['POLYBPF_SHARED'] ?? '', 'facts/kernel-features-6.18.json');

describeKernel('probing the kernel', () => {
  const started = process.cpuUsage();
  const progress: string[] = [];
  const profile = (() => {
    using own = openLiveKernel();
    const probed = probeKernel(own, { onProgress: (done, total, what) => progress.push(`${done}/${total} ${what}`) });
    expect(own.openCount).toBe(0);
    return probed;
  })();
  const { user, system } = process.cpuUsage(started);

  test('takes less than 60 s', () => {
    console.log(`probe: ${((user + system) / 1e6).toFixed(1)} s of CPU`);
    expect((user + system) / 1e6).toBeLessThan(60);
    expect(progress.length).toBeGreaterThan(70);
    expect(progress[progress.length - 1]).toMatch(/^(\d+)\/\1 done$/);
  });

  test('follows its schema, also after a round trip through JSON', () => {
    const again = parseKernelProfile(JSON.parse(JSON.stringify(profile)), 'profile.json');
    expect(again).toEqual(JSON.parse(JSON.stringify(profile)));
    expect(kernelProfileSchema.safeParse(profile).error?.issues ?? []).toEqual([]);
  });

  test('knows what every kernel of today has', () => {
    expect(profile.programVariants['XDP']).toMatchObject({ loadable: true, testRun: true, returnValue: { rule: 'any scalar' } }); // prettier-ignore
    expect(profile.programVariants['XDP']!.ctxAccess).toEqual(expect.arrayContaining([[0, 4, 'pkt', false], [4, 4, 'pkt_end', false]])); // prettier-ignore
    expect(profile.programVariants['CGROUP_SKB/BPF_CGROUP_INET_INGRESS']!.returnValue.rule).toBe('[0, 1]');
    expect(profile.mapTypes['HASH']).toMatchObject({ id: 1, available: true });
    expect(profile.helpers['bpf_map_lookup_elem']).toMatchObject({ id: 1, gplOnly: false, arg1Expected: 'map_ptr' });
    expect(profile.helpers['bpf_trace_printk']).toMatchObject({ gplOnly: true });
    expect(profile.limits).toMatchObject({ stackBytesSingleFrame: 512, callFrames: 8, usedMaps: 64 });
    expect(profile.isa['v3: jmp32']).toEqual({ ok: true });
    expect(profile.isa['div by imm 0']).toEqual({ ok: false, errno: 'EINVAL', log: 'div by zero' });
  });

  const known = existsSync(FACTS) ? parseKernelProfile(JSON.parse(readFileSync(FACTS, 'utf8')), FACTS) : undefined;
  const same = known?.kernel.release === profile.kernel.release && known.kernel.machine === profile.kernel.machine;
  const why = known === undefined ? 'the shared facts are not here' : `this is not Linux ${known.kernel.release}`;

  test.skipIf(!same)(`agrees with the facts of the same kernel${same ? '' : ` (skipped: ${why})`}`, () => {
    const differences = compareProfiles(profile, known!);
    expect(differences.filter(({ explanation }) => explanation === undefined)).toEqual([]);
    expect(differences.length).toBeLessThan(10);
  });
});
