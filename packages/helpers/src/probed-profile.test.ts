import { describe, expect, it } from 'vitest';
import { type ProbedKernel, profileFromProbe } from './probed-profile.ts';
import { createRegistry } from './registry.ts';

const PROBED: ProbedKernel = {
  kernel: { release: '6.12.9' },
  limits: { stackBytesSingleFrame: 512, usedMaps: 32, callFrames: null },
  isa: { 'v3: jmp32': { ok: true }, 'may_goto (jcond)': { ok: false } },
  mapTypes: { HASH: { id: 1, available: true }, ARENA: { id: 33, available: false } },
  programVariants: {
    XDP: {
      progType: 'BPF_PROG_TYPE_XDP',
      progTypeId: 6,
      expectedAttachType: 'BPF_XDP',
      expectedAttachTypeId: 37,
      sleepable: false,
      loadable: true,
      returnValue: { accepted: [0, 1], rule: '[0, 1]' },
      ctxAccess: [[0, 4, 'pkt', false]],
      helperSet: 'H0',
      kfuncSet: 'K0',
    },
    'XDP/BPF_XDP_CPUMAP': {
      progType: 'BPF_PROG_TYPE_XDP',
      progTypeId: 6,
      expectedAttachType: 'BPF_XDP_CPUMAP',
      expectedAttachTypeId: 35,
      sleepable: false,
      loadable: true,
      returnValue: { accepted: [0], rule: 'any scalar' },
      ctxAccess: { sameAs: 'XDP' },
    },
  },
  helpers: {
    bpf_map_lookup_elem: { id: 1, gplOnly: false },
    bpf_something_new: { id: 900, gplOnly: true },
  },
  kfuncs: {
    bpf_task_release: { ret: 'void', params: [{ name: 'p', type: 'struct task_struct *' }], fastcall: false },
    new_kfunc: { ret: 'int', params: [], fastcall: true },
  },
  enums: { bpf_prog_type: { BPF_PROG_TYPE_UNSPEC: 0, BPF_PROG_TYPE_XDP: 6 }, bpf_attach_type: { BPF_XDP: 37 } },
  helperSets: { H0: ['bpf_map_lookup_elem', 'bpf_something_new'] },
  kfuncSets: { K0: ['bpf_task_release'] },
};

describe('profileFromProbe', () => {
  const registry = createRegistry(profileFromProbe(PROBED));
  const xdp = registry.variant({ type: 'xdp' })!;

  it('has what the probe found, and prototypes of what is known', () => {
    expect(registry.profile).toMatchObject({ name: '6.12.9', release: '6.12', basis: 'probed' });
    expect(registry.helpersOf(xdp).map(({ name }) => name)).toEqual(['bpf_map_lookup_elem', 'bpf_something_new']);
    expect(registry.prototypeOf(xdp, registry.helper(1)!).args).toHaveLength(2);
    expect(() => registry.prototypeOf(xdp, registry.helper(900)!)).toThrow(/no prototype/);
    expect(registry.kfunc('bpf_task_release')).toMatchObject({ flags: ['RELEASE'], flagsKnown: true });
    expect(registry.kfunc('new_kfunc')).toMatchObject({ flags: ['FASTCALL'], flagsKnown: false, since: null });
    expect(registry.mapType('arena')).toMatchObject({ available: false, since: '6.9' });
  });

  it('takes limits that were found, and the usual ones of the release otherwise', () => {
    expect(registry.profile.limits).toMatchObject({ usedMaps: 32, callFrames: 8, insns: 1_000_000 });
  });

  it('believes the kernel about instructions, and the release about the rest', () => {
    const { jmp32, may_goto: mayGoto, cpu_v4: cpuV4, gotox } = registry.profile.features;
    expect(jmp32).toMatchObject({ available: true, basis: 'probed' });
    expect(mayGoto).toMatchObject({ available: false, since: '6.9', basis: 'probed' });
    expect(cpuV4).toMatchObject({ available: true, basis: 'certain' });
    expect(gotox).toMatchObject({ available: false, since: null, basis: 'derived' });
  });

  it('follows tables that are the same as another', () => {
    const cpumap = registry.variant({ type: 'xdp', attachType: 'BPF_XDP_CPUMAP' })!;
    expect(cpumap.context.access).toEqual(xdp.context.access);
    expect(xdp.returns).toEqual({ range: [0, 1], known: true });
    expect(cpumap.returns).toEqual({ range: null, known: true });
    expect(xdp.context.fields.map(({ name }) => name)).toContain('data_end');
  });

  it('refuses a release that is none', () => {
    expect(() => profileFromProbe({ ...PROBED, kernel: { release: 'rolling' } })).toThrow(
      /release of the kernel profile/,
    );
  });
});
