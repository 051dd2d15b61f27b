/** The registry against the running kernel; `npm run check:registry` asks more. Nothing is attached. */
import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { checkArguments } from '../../../tools/facts/check-arguments.ts';
import { checkCalls } from '../../../tools/facts/check-calls.ts';
import { checkKfuncs } from '../../../tools/facts/check-kfuncs.ts';
import { checkMaps } from '../../../tools/facts/check-maps.ts';
import { checkResults } from '../../../tools/facts/check-results.ts';
import { contextStructs } from '../../../tools/facts/context-structs.ts';
import { programVariants } from '../../kernel/src/probe/variants.ts';
import { profileByName, PROFILE_NAMES } from '../src/kernel-profiles.ts';
import type { HelperPrototype, RegistryProfile } from '../src/profile.ts';
import { createRegistry, type Registry } from '../src/registry.ts';

const probe = probeLiveKernel();
const isCi = !['', 'false', undefined].includes(process.env['CI']);
const mustWork = isCi && process.platform === 'linux' && process.getuid?.() === 0;
const VARIANTS = programVariants();

describe.skipIf(!probe.available && !mustWork)('the running kernel', () => {
  let kernel: ReturnType<typeof openLiveKernel>;
  let registry: Registry | undefined;
  beforeAll(() => {
    kernel = openLiveKernel();
    const release = /^\d+\.\d+/.exec(kernel.host.release)![0];
    // Only what was probed is compared: older profiles do not know what a build leaves out.
    registry = release === PROFILE_NAMES.at(-1) ? createRegistry(profileByName(release)) : undefined;
  });
  afterAll(() => kernel[Symbol.dispose]());

  it('lets each variant call what the registry says', ({ skip }) => {
    if (registry === undefined) return skip(`no probed profile of ${kernel.host.release}`);
    const { asked, differences } = checkCalls(kernel, registry, VARIANTS);
    expect(differences).toEqual([]);
    expect(asked).toBeGreaterThan(60 * 211);
  });

  it('wants the arguments that the registry says', ({ skip }) => {
    if (registry === undefined) return skip(`no probed profile of ${kernel.host.release}`);
    const report = checkArguments(kernel, registry, VARIANTS);
    expect(report.problems).toEqual([]);
    expect(report.arguments).toBeGreaterThan(10_000);
  });

  it('gives back, releases and pairs with maps what the registry says', ({ skip }) => {
    if (registry === undefined) return skip(`no probed profile of ${kernel.host.release}`);
    const some = VARIANTS.filter(({ name }) => ['SCHED_CLS', 'XDP', 'KPROBE', 'SYSCALL', 'SK_MSG'].includes(name));
    const results = checkResults(kernel, registry, some);
    const maps = checkMaps(kernel, registry, some);
    const kfuncs = checkKfuncs(kernel, registry, some);
    expect([...results.differences, ...maps.differences, ...kfuncs.differences]).toEqual([]);
    expect(results.results).toBeGreaterThan(200);
    expect(results.packets).toBeGreaterThan(100);
    expect(maps.asked).toBeGreaterThan(500);
    expect(kfuncs.flags).toBeGreaterThan(80);
  });

  it('disagrees with a registry that is wrong', ({ skip }) => {
    if (registry === undefined) return skip(`no probed profile of ${kernel.host.release}`);
    const xdp = VARIANTS.filter(({ name }) => name === 'XDP');
    const wrong = createRegistry(withPrototype(registry.profile, 'bpf_map_update_elem', (prototype) => ({ ...prototype, args: [...prototype.args.slice(0, 2), { base: 'PTR_TO_CTX', flags: [] }, ...prototype.args.slice(3)] }))); // prettier-ignore
    expect(checkArguments(kernel, wrong, xdp).problems.join('\n')).toContain('bpf_map_update_elem argument 3 in XDP: registry has PTR_TO_CTX'); // prettier-ignore
    const sets = { ...registry.profile.helperSets };
    const name = registry.profile.variants['XDP']!.helperSet!;
    sets[name] = sets[name]!.filter((helper) => helper !== 'bpf_redirect_map');
    expect(checkCalls(kernel, createRegistry({ ...registry.profile, helperSets: sets }), xdp).differences).toEqual([
      'bpf_redirect_map in XDP: registry refuses, kernel allows',
    ]);
    const pull = registry.profile.helpers['bpf_skb_pull_data']!;
    const acquire = registry.profile.kfuncs['bpf_task_from_pid']!;
    const helpers = { ...registry.profile.helpers, bpf_skb_pull_data: { ...pull, changesPacket: false } };
    const kfuncs = { ...registry.profile.kfuncs, bpf_task_from_pid: { ...acquire, flags: [] } };
    const blind = createRegistry({ ...registry.profile, helpers, kfuncs });
    const tc = VARIANTS.filter(({ name }) => name === 'SCHED_CLS');
    expect(checkResults(kernel, blind, tc).differences).toEqual(['bpf_skb_pull_data in SCHED_CLS: the kernel ends packet pointers']); // prettier-ignore
    expect(checkKfuncs(kernel, blind, tc).differences).toHaveLength(2);
    const slow = createRegistry(withPrototype(registry.profile, 'bpf_get_smp_processor_id', (prototype) => ({ ...prototype, fastcall: false }))); // prettier-ignore
    if (process.arch === 'x64') expect(checkResults(kernel, slow, xdp).differences).toEqual(['bpf_get_smp_processor_id in XDP: registry has fastcall false, kernel true']); // prettier-ignore
  });

  it('has the context structs of the registry', ({ skip }) => {
    if (registry === undefined) return skip(`no probed profile of ${kernel.host.release}`);
    const live = contextStructs();
    for (const { context } of Object.values(registry.profile.variants)) {
      if (context.struct === null || (context.struct === 'pt_regs' && process.arch !== 'x64')) continue;
      const fields = context.fields.map(({ name, type, offset, size }) => [name, type, offset, size]);
      expect([context.struct, fields]).toEqual([context.struct, live[context.struct]]);
    }
  });
});

if (!probe.available && !mustWork) test.skip(`bpf(2): ${probe.reason.message}`, () => undefined);

function withPrototype(
  profile: RegistryProfile,
  name: string,
  change: (prototype: HelperPrototype) => HelperPrototype,
): RegistryProfile {
  const helper = profile.helpers[name]!;
  return {
    ...profile,
    helpers: { ...profile.helpers, [name]: { ...helper, prototypes: helper.prototypes.map(change) } },
  };
}
